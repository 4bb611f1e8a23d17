"""Walks over contacts, page by page: all of an owner, or those modified in a span of any length."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from ..api.codec import write
from ..api.contact_details import ContactDetails
from ..api.contact_lists import ListContactsPage, ListedContact, ListModifiedContacts, ListModifiedContactsPage
from ..connection.connection import Connection
from ._walk import Ask, Page, Walk, windows

WINDOW_MS = 30 * 86_400_000
"""The longest span of contact/paginatedModifiedContacts."""


def all_contacts(connection: Connection, *, size: int, owner: str | None) -> Walk[ContactDetails]:
    """Return a walk over all contacts of an owner."""

    async def ask(page: int) -> Page[ContactDetails]:
        answer = await connection.send(ListContactsPage(page, size=size, owner=owner))
        return answer.contacts, _may_go_on(answer.contacts, answer.has_more)

    return Walk([ask])


def modified_contacts(
    connection: Connection, start: datetime | int, end: datetime | int, *, size: int, owner: str | None
) -> Walk[ListedContact]:
    """Return a walk over the contacts that were last modified in a span."""
    span = write(ListModifiedContacts(start, end))

    def modified(begin: int, finish: int) -> Ask[ListedContact]:
        async def ask(page: int) -> Page[ListedContact]:
            request = ListModifiedContactsPage(begin, finish, page=page, size=size, owner=owner)
            answer = await connection.send(request)
            return answer.modified_contacts, _may_go_on(answer.modified_contacts, answer.has_more)

        return ask

    # The reference does not say whether a span includes its own edges. Windows that share an edge miss no contact;
    # contacts exactly on a shared edge are requested beforehand, and left out of the second window.
    (first, *others) = windows(span["from"], span["to"], WINDOW_MS)
    seamless = (_without(modified(begin - 1, begin), modified(begin, finish)) for begin, finish in others)
    return Walk(chain([modified(*first)], seamless))


def _may_go_on(contacts: Sequence[object], has_more: bool | None) -> bool:
    """Return whether a next page may exist: not after an empty page, nor after one marked as the last."""
    return bool(contacts) and has_more is not False


def _without(excluded: Ask[ListedContact], ask: Ask[ListedContact]) -> Ask[ListedContact]:
    """Return `ask` without the contacts of `excluded`."""
    known: set[str | None] | None = None

    async def ask_for_others(page: int) -> Page[ListedContact]:
        nonlocal known
        if known is None:
            known = {contact.id async for contact in Walk([excluded])}
        contacts, more = await ask(page)
        return [contact for contact in contacts if contact.id not in known], more

    return ask_for_others
