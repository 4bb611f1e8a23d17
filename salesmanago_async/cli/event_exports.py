"""`salesmanago export events`."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from ..errors import Invalid
from ..file_imports.account import ClientOptions
from ._client import client_options, open_client
from ._examples import examples
from ._run import run
from ._saving import (
    checked_destination,
    print_saved,
    save_job,
    save_records,
    saving_options,
    showing_progress,
    stoppable,
)
from .exports import milliseconds_of, selectors

if TYPE_CHECKING:
    from ..client import SalesManago
    from ..exports.sinks import Destination

PAGE = 200
"""How many contacts are read at a time for --all: each comes with all its data, and an answer may have 64 MB."""


@frozen(kw_only=True)
class EventChoice:
    """The contacts whose events are exported."""

    tags: Sequence[str]
    emails: Sequence[str]
    contact_ids: Sequence[str]
    everyone: bool
    modified_since: str | None
    strict: bool

    def check(self) -> None:
        """Raise `Invalid` unless exactly one kind of selection is given."""
        some = bool(self.tags or self.emails or self.contact_ids)
        if some + self.everyone + bool(self.modified_since) != 1:
            raise Invalid(
                "say whose events: those of some contacts (--tag, --email, --contact-id), of all contacts (--all), or"
                " of modified contacts (--modified-since); only one of these at a time"
            )
        if self.strict and not some:
            raise Invalid("goes with --tag, --email and --contact-id only: the others read no files", field="--strict")


@click.command(
    short_help="Export events, one in each row.",
    epilog=examples(
        "salesmanago export events --tag VIP --out events.csv",
        "salesmanago export events --email ann@example.com --out -",
    ),
)
@click.option("--tag", "tags", multiple=True, help="Events of the contacts with this tag.")
@click.option("--email", "emails", multiple=True, help="Events of the contact with this address.")
@click.option("--contact-id", "contact_ids", multiple=True, help="Events of the contact with this id.")
@click.option("--all", "everyone", is_flag=True, help="Events of all contacts.")
@click.option(
    "--modified-since",
    metavar="TIME",
    help="All events, old ones too, of contacts modified since this time: ISO 8601 (UTC unless it has an offset), or"
    " UNIX milliseconds.",
)
@saving_options
@client_options
def events(out: Path, format: str | None, raw_cells: bool, client: ClientOptions, **options: Any) -> None:  # noqa: A002
    """Export external events to a file: one event in each row or line, with the address and the id of its contact.

    \b
    --tag, --email, --contact-id   events of the chosen contacts (contact/export/data)
    --all                          events of all contacts; this reads every contact with all its data
                                   (contact/paginatedListById)
    --modified-since               all events of the contacts that were modified (contact/paginatedModifiedContacts,
                                   contact/listById)

    The columns are the API's names: email, contactId, eventId, date, contactExtEventType, value, products, …

    'salesmanago import events FILE' takes the file as it is. It passes over eventId, and over contactId if there is an
    email, because ids belong to one account. An import always adds: importing the file into the account that it comes
    from doubles the events.
    """  # noqa: D301 - \b is click's
    run(_export, client=client, choice=EventChoice(**options), target_options=(out, format, raw_cells))


async def _export(*, client: ClientOptions, choice: EventChoice, target_options: tuple[Path, str | None, bool]) -> None:
    choice.check()
    since = milliseconds_of(choice.modified_since)
    target = checked_destination(*target_options)
    async with open_client(client) as sm:
        if choice.everyone:
            await stoppable(lambda: _save_events(sm.contacts.walk(size=PAGE), target))
        elif since is not None:
            await stoppable(lambda: _modified(sm, since, target))
        else:
            await stoppable(lambda: _chosen(sm, choice, target))


async def _chosen(sm: "SalesManago", choice: EventChoice, target: "Destination") -> None:
    job = await sm.contacts.export_events(selectors(choice.tags, choice.emails, choice.contact_ids))
    click.echo(f"job {job.request_id} was started", err=True)
    await save_job(job, target, "events", strict=choice.strict)


async def _modified(sm: "SalesManago", since: int, target: "Destination") -> None:
    async with sm.contacts.export_modified(since, raw=True) as contacts:
        await _save_events(contacts, target)
    click.echo(f"contacts modified from {contacts.begin.isoformat()} to {contacts.end.isoformat()}", err=True)


async def _save_events(contacts: AsyncIterator[Any], target: "Destination") -> None:
    with showing_progress("events") as show:
        async with aclosing(_events_of(contacts)) as found:
            saved = await save_records(found, target, show)
    print_saved(saved, target, "events")


async def _events_of(contacts: AsyncIterator[Any]) -> AsyncGenerator[Any]:
    from ..exports.events import contact_events

    async for contact in contacts:
        for event in contact_events(contact):
            yield event
