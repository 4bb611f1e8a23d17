"""Modified contacts: first their ids, from spans that fit into one page, and then their details.

A paged list of modified contacts has a trap: a contact that is modified again while the list is read leaves the span.
All contacts behind it move up by one, and the first of the next page moves to the page that was already read. That
contact would be missed without a sign. So a span whose contacts fill more than a page is halved until they fit: an
answer of one page shows a single moment, and a contact that has left the span since has a later time, and comes then.
Only a span that cannot be halved is read by pages, again and again, until no contact that was seen has left the span:
then none can have moved.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any, TypeAlias

from attrs import frozen

from ..api.contact_lists import MOST_ROWS, ListModifiedContactsPage
from ..connection.connection import Connection
from ..errors import Unreadable
from ..exports.changes import id_of
from ._walk import windows

MOST_NAMED = 50
"""The most addresses in one contact/list, and the most ids in one contact/listById."""

LONGEST_MS = 29 * 86_400_000
"""The longest span of one request; 30 days are documented as the maximum."""

SHORTEST_MS = 1000
"""The shortest span: the server may store times in whole seconds."""

EDGE_MS = 1000
"""How far a span extends into the next one: the reference does not say whether a span includes its own edges."""

MOST_REPEATED = 20
"""How many pages in a row may hold no new contact."""

MOST_READINGS = 20
"""How often a span that cannot be halved is read until its contacts stay the same."""


ListedPage: TypeAlias = tuple[list[str], bool | None]
"""The ids on a page, and whether there is a next page (None: the server does not say)."""


@frozen
class Details:
    """The contacts that the server returned, and the ids it did not return; `read_at` is its clock (ms) before that."""

    contacts: Sequence[Mapping[str, Any]]
    unavailable: Sequence[str]
    read_at: int


@frozen
class ModifiedContactReader:
    """Reads the modified contacts of one owner: lists pages of `size`, then reads the details of `named` at a time."""

    connection: Connection
    owner: str | None
    size: int = MOST_ROWS
    named: int = MOST_NAMED

    async def server_time(self) -> int:
        """Return the server's time (ms), or slightly less; return our own time if the server's answer has none."""
        ours = int(self.connection.clock() * 1000)
        await self._page(ours - SHORTEST_MS, ours, 1, size=1)  # for the Date header of the answer
        return self._server_time()

    def _server_time(self) -> int:
        return int((self.connection.clock() + (self.connection.server_clock_offset or 0.0)) * 1000)

    async def ids(self, begin: int, end: int) -> AsyncGenerator[list[str]]:
        """Yield the ids of contacts last modified from `begin` to `end` (ms), the earliest first, each once."""
        spans = list(windows(begin, end, LONGEST_MS))[::-1]
        before: set[str] = set()
        while spans:
            start, finish = spans.pop()
            found, is_all = await self._first_page(start, finish + EDGE_MS)
            if not is_all and finish - start > SHORTEST_MS:
                middle = (start + finish) // 2
                spans += [(middle, finish), (start, middle)]
                continue
            if not is_all:
                found = await self._all_pages(start, finish + EDGE_MS)
            yield [id_ for id_ in found if id_ not in before]
            before = set(found)

    async def details(self, ids: Sequence[str]) -> Details:
        """Read the details of some contacts, at most 50."""
        read_at = self._server_time()
        body = {"contactId": list(ids), **({"owner": self.owner} if self.owner else {})}
        answer = await self.connection.call("contact/listById", body)
        contacts = answer.get("contacts") or []
        if not isinstance(contacts, list) or not all(isinstance(contact, Mapping) for contact in contacts):
            raise Unreadable("the server's answer has no list of contacts")
        returned = {id_of(contact) for contact in contacts}
        return Details(contacts, [id_ for id_ in ids if id_ not in returned], read_at)

    async def _first_page(self, start: int, finish: int) -> tuple[list[str], bool]:
        """Return the contacts on the first page of a span, and whether these are all."""
        found, more = await self._page(start, finish, 1)
        if more is None:
            more = bool(found) and await self._has_more(start, finish, found)
        return found, not more

    async def _has_more(self, start: int, finish: int, found: list[str]) -> bool:
        """Return whether there are more pages, if the server does not say so: this is undocumented, but possible.

        The next page shows it. If the next page is empty, its contacts may have moved to the first page meanwhile, so
        the first page is read again.
        """
        after, _ = await self._page(start, finish, 2)
        again, _ = await self._page(start, finish, 1)
        return bool(after) or not set(again) <= set(found)

    async def _all_pages(self, start: int, finish: int) -> list[str]:
        """Return all contacts of a span that is read by pages; raise `Unreadable` if they never stay the same."""
        everyone = last = await self._reading(start, finish)
        for _ in range(MOST_READINGS):
            now = await self._reading(start, finish)
            everyone = everyone | now
            if last.keys() <= now.keys():
                return list(everyone)
            last = now
        raise Unreadable(
            f"more than {self.size} contacts of one second, {start} ms, keep being modified: none may be missed"
        )

    async def _reading(self, start: int, finish: int) -> dict[str, None]:
        """Return the contacts on all pages of a span, in order."""
        everyone: dict[str, None] = {}
        repeated = 0
        for page in count(1):
            found, more = await self._page(start, finish, page)
            repeated = 0 if found and not everyone.keys() >= set(found) else repeated + 1
            everyone.update(dict.fromkeys(found))
            if not found or more is False:
                break
            if repeated == MOST_REPEATED:
                raise Unreadable("the list of modified contacts has no end: its pages repeat themselves")
        return everyone

    async def _page(self, start: int, finish: int, page: int, *, size: int | None = None) -> ListedPage:
        request = ListModifiedContactsPage(start, finish, page=page, size=size or self.size, owner=self.owner)
        answer = await self.connection.send(request)
        ids = [contact.id for contact in answer.modified_contacts if contact.id]
        if len(ids) < len(answer.modified_contacts) or "modifiedContacts" in answer.extra:
            raise Unreadable("the list of modified contacts has one without an id", request=request)
        return ids, answer.has_more


async def in_chunks(lists: AsyncGenerator[list[str]], size: int) -> AsyncGenerator[list[str]]:
    """Yield the ids of all lists, `size` at a time."""
    waiting: list[str] = []
    async with aclosing(lists):
        async for ids in lists:
            waiting += ids
            while len(waiting) >= size:
                yield waiting[:size]
                del waiting[:size]
    if waiting:
        yield waiting
