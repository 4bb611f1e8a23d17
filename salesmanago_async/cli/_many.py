"""What a request does to many contacts at once: mail them, delete them, unsubscribe them. Pure."""

from collections.abc import Iterable
from typing import Any

from ..api import BatchUpsertContacts, Request
from ..api.codec import dumps, write
from ..api.email_addressees import Personalized
from ..api.selectors import Addressee, ContactId, Email, InternalId
from ..imports.confirmations import Confirmations
from ..support.wording import counted

_NAMED = (Email, ContactId, InternalId)
"""Addressees of which each value is one contact; how many have a tag, or are in a funnel, only the server knows."""


def what_it_does_to_many(request: Request[Any]) -> str | None:
    """Say what a request does, and to how many; None where it is nothing of this kind, or to one contact at most."""
    if isinstance(request, BatchUpsertContacts):
        return _bulk_upsert(request)
    to_whom = _chosen(getattr(request, "contacts", ())) if request.effect else None
    return f"{request.effect} {to_whom}" if to_whom else None


def _chosen(contacts: Iterable[Addressee | Personalized]) -> str | None:
    """Say how many contacts are chosen; None where it is one, by its address or id."""
    chosen = [each.selector if isinstance(each, Personalized) else each for each in contacts]
    named = sum(len(each.values) for each in chosen if isinstance(each, _NAMED))
    groups = sum(not isinstance(each, _NAMED) for each in chosen)
    if not groups:
        return counted(named, "contact") if named > 1 else None
    every = f"every contact that {counted(groups, 'selector')} by tag, funnel, stage or state may pick"
    return f"{every}, and {counted(named, 'contact')}" if named else every


def _bulk_upsert(request: BatchUpsertContacts) -> str | None:
    """Say how many contacts a bulk upsert has mailed, and how many it unsubscribes."""
    confirmations = Confirmations()
    confirmations.add(dumps(write(contact)) for contact in request.upsert_details)
    mailed = 0 if request.use_api_double_opt_in is False else confirmations.asked + confirmations.if_new
    out = sum(contact.force_opt_out is True for contact in request.upsert_details)
    effects = [
        f"has the server send up to {counted(mailed, 'confirmation e-mail')}" if mailed > 1 else "",
        f"unsubscribes {counted(out, 'contact')}" if out > 1 else "",
    ]
    return ", and ".join(filter(None, effects)) or None
