"""What a single request does to many contacts: it mails, deletes or unsubscribes them. Nothing here does I/O."""

from collections.abc import Iterable
from typing import Any

from ..api import BatchUpsertContacts, Request
from ..api.codec import dumps, write
from ..api.email_addressees import Personalized
from ..api.selectors import Addressee, ContactId, Email, InternalId
from ..imports.confirmations import Confirmations
from ..support.wording import counted

_SINGLE = (Email, ContactId, InternalId)
"""Selectors whose values are one contact each; only the server knows how many contacts have a tag, for example."""


def effect_on_many(request: Request[Any]) -> str | None:
    """Return what a request does, and to how many contacts; None if it has no such effect, or only on one contact."""
    if isinstance(request, BatchUpsertContacts):
        return _bulk_upsert(request)
    to_whom = _selected(getattr(request, "contacts", ())) if request.effect else None
    return f"{request.effect} {to_whom}" if to_whom else None


def _selected(contacts: Iterable[Addressee | Personalized]) -> str | None:
    """Return how many contacts are selected; None if it is one, by its address or id."""
    selected = [each.selector if isinstance(each, Personalized) else each for each in contacts]
    single = sum(len(each.values) for each in selected if isinstance(each, _SINGLE))
    groups = sum(not isinstance(each, _SINGLE) for each in selected)
    if not groups:
        return counted(single, "contact") if single > 1 else None
    every = f"every contact that matches {counted(groups, 'selector')} by tag, funnel, stage or state"
    return f"{every}, and {counted(single, 'contact')}" if single else every


def _bulk_upsert(request: BatchUpsertContacts) -> str | None:
    """Return how many contacts the server mails after a bulk upsert, and how many it unsubscribes."""
    confirmations = Confirmations()
    confirmations.add(dumps(write(contact)) for contact in request.upsert_details)
    mailed = 0 if request.use_api_double_opt_in is False else confirmations.asked + confirmations.if_new
    out = sum(contact.force_opt_out is True for contact in request.upsert_details)
    effects = [
        f"makes the server send up to {counted(mailed, 'confirmation e-mail')}" if mailed > 1 else "",
        f"unsubscribes {counted(out, 'contact')}" if out > 1 else "",
    ]
    return ", and ".join(filter(None, effects)) or None
