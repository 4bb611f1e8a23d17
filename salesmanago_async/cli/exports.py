"""`salesmanago export contacts`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from attrs import frozen
from click.shell_completion import CompletionItem

from ..errors import Invalid
from ._client import ClientOptions, client_options, open_client
from ._file_path import FilePath
from ._run import run
from ._saving import (
    checked_target,
    save_job,
    save_records,
    saving_options,
    shape_option,
    showing_progress,
    stoppable,
    tell_damaged,
    tell_saved,
)

if TYPE_CHECKING:
    from ..api.selectors import Selector
    from ..client import SalesManago
    from ..exports.sinks import Destination

SHOWN_UNAVAILABLE = 10


def _parts() -> tuple[str, ...]:
    """Return the documented parts of a contact."""
    from ..api.contact_exports import DataType

    documented = next(part for part in get_args(DataType) if get_origin(part) is Literal)
    return get_args(documented)


def _complete_part(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{part}") for part in _parts() if part.startswith(last.upper())]


def _check_part(part: str) -> None:
    """Refuse a part that is not documented: an export of it would be refused, or lack it."""
    from ..api.nearest import nearest

    if part not in _parts():
        near = nearest(part, _parts())
        question = f"did you mean {near}?" if near else f"they are {', '.join(_parts())}"
        raise Invalid(f"{part!r} is not a documented part; {question}", field="--data")


@click.group()
def export() -> None:
    """Export contacts and their events."""


@export.command()
@click.option("--tag", "tags", multiple=True, help="Contacts with this tag.")
@click.option("--email", "emails", multiple=True, help="The contact with this address.")
@click.option("--contact-id", "contact_ids", multiple=True, help="The contact with this id.")
@click.option(
    "--data",
    "parts",
    multiple=True,
    shell_complete=_complete_part,
    help="A part, or several with commas: CONTACT, TAG, EXT_EVENT, VISITS, EMAILS, FUNNELS, NOTES, TASKS, COUPONS,"
    " SMS, CONSENTS, PROPERTIES, DICTIONARY_PROPERTIES.  [default: CONTACT]",
)
@click.option("--all", "everyone", is_flag=True, help="All contacts: id, address, name, country and phone.")
@click.option(
    "--outstanding", type=click.IntRange(1), default=64, show_default=True, help="Server jobs under way, for --all."
)
@click.option(
    "--modified-since",
    metavar="TIME",
    help="Everything about who was modified since: ISO 8601 (UTC where it names no offset) or UNIX milliseconds.",
)
@click.option(
    "--state",
    type=FilePath(written=True, dir_okay=False),
    help="Go on where the run before ended, which this file knows; --modified-since is for the first one.",
)
@click.option("--unordered", is_flag=True, help="Modified contacts as they come, not by the time of modification.")
@saving_options
@shape_option
@client_options
def contacts(
    out: Path,
    format: str | None,  # noqa: A002 - as the option is called
    raw_cells: bool,
    shape: str | None,
    client: ClientOptions,
    **options: Any,
) -> None:
    """Export contacts to a file: the chosen parts of some, all of them, or everything about those that changed.

    \b
    --tag, --email, --contact-id   the chosen parts of the chosen contacts (contact/export/data)
    --all                          a line for every contact (contact/paginatedContactList/export): a server job for
                                   each 1000 contacts, --outstanding of them side by side
    --modified-since, --state      everything about those that changed; run it every night with the same --state, and
                                   each change comes once (contact/paginatedModifiedContacts, contact/listById)

    The file appears under its name when it is complete. It has a row or a line for each contact, with its id: details
    are named properties.X and dictionary.X. In CSV and Parquet, tags stand in one cell with commas, events and other
    lists as JSON; in JSON and JSONL they are lists. --shape documented writes the form of the server's file instead. A
    cell of CSV that a spreadsheet would run as a formula gets an apostrophe. A damaged character is replaced by U+FFFD,
    counted and named with its record.

    'salesmanago import contacts FILE' takes the file as it is (a CSV file if it was written with --raw-cells). It
    passes over what only the server fills, such as id, score, modifiedOn and events. A contact that had opted out is
    opted out. An opt-in to mobile marketing is not imported: add a column forcePhoneOptIn for that.
    """  # noqa: D301 - \b is click's
    run(_export, client=client, choice=Choice(**options), target_options=(out, format, raw_cells, shape))


@frozen(kw_only=True)
class Choice:
    """Which contacts, and what of them."""

    tags: Sequence[str]
    emails: Sequence[str]
    contact_ids: Sequence[str]
    parts: Sequence[str]
    everyone: bool
    outstanding: int
    modified_since: str | None
    state: Path | None
    unordered: bool
    strict: bool

    def data(self) -> list[str]:
        """Return the parts of each contact, without those that are given twice; raise `Invalid` for an unknown one."""
        given = [part.strip().upper() for text in self.parts for part in text.split(",") if part.strip()]
        for part in given:
            _check_part(part)
        return list(dict.fromkeys(given)) or ["CONTACT"]

    def check(self) -> None:
        """Raise `Invalid` unless exactly one way is chosen."""
        some = bool(self.tags or self.emails or self.contact_ids)
        changed = bool(self.modified_since or self.state)
        if some + self.everyone + changed != 1:
            raise Invalid(
                "say which contacts: either some (--tag, --email, --contact-id), or all of them (--all), or those that "
                "changed (--modified-since, --state); only one of these at a time"
            )
        if self.parts and not some:
            raise Invalid("goes with --tag, --email and --contact-id only", field="--data")
        if self.state and not self.modified_since and not self.state.exists():
            raise Invalid(
                f"{self.state} is not there yet: give --modified-since TIME for the first run", field="--state"
            )
        if self.unordered and not changed:
            raise Invalid("goes with --modified-since only", field="--unordered")
        if self.strict and changed:
            raise Invalid("does not go with --modified-since, which reads no files", field="--strict")


async def _export(
    *, client: ClientOptions, choice: Choice, target_options: tuple[Path, str | None, bool, str | None]
) -> None:
    choice.check()
    choice.data()
    since = milliseconds_of(choice.modified_since)
    target = checked_target(*target_options)
    async with open_client(client) as sm:
        if choice.everyone:
            await stoppable(lambda: _all(sm, choice, target))
        elif choice.modified_since or choice.state:
            await stoppable(lambda: _modified(sm, since, choice, target))
        else:
            await stoppable(lambda: _chosen(sm, choice, target, client))


async def _chosen(sm: "SalesManago", choice: Choice, target: "Destination", client: ClientOptions) -> None:
    job = await sm.contacts.export(selectors(choice.tags, choice.emails, choice.contact_ids), choice.data())
    again = f"; to fetch it once more: {_fetching(job.request_id, target, client)}"
    is_gone = client.simulate  # a simulated account ends with this command
    click.echo(f"job {job.request_id} is started{'' if is_gone else again}", err=True)
    await save_job(job, target, "contacts", strict=choice.strict)


def selectors(tags: Sequence[str], emails: Sequence[str], contact_ids: Sequence[str]) -> "list[Selector]":
    """Return the selectors of the chosen contacts."""
    from ..api.selectors import ContactId, Email, Tag

    return [*map(Tag, tags), *map(Email, emails), *map(ContactId, contact_ids)]


def _fetching(request_id: int, target: "Destination", client: ClientOptions) -> str:
    """Return the command that saves the file of a job as this one does."""
    from ..exports.sinks import SUFFIXES

    words = ["salesmanago", "job", "save", str(request_id), "--out", str(target.path or "-")]
    if target.path is None or SUFFIXES.get(target.path.suffix.lower()) != target.format:
        words += ["--format", target.format]
    words += [] if target.safe_cells else ["--raw-cells"]
    words += ["--shape", target.shape] if target.shape == "documented" else []
    return shlex.join([*words, *client.arguments()])


async def _all(sm: "SalesManago", choice: Choice, target: "Destination") -> None:
    with showing_progress("contacts") as show:
        making = sm.contacts.export_all(raw=True, outstanding=choice.outstanding, strict=choice.strict)
        async with making as contacts:
            saved = await save_records(contacts, target, show)
    tell_saved(saved, target, "contacts")
    tell_damaged(contacts.damaged)


async def _modified(sm: "SalesManago", since: int | None, choice: Choice, target: "Destination") -> None:
    making = sm.contacts.export_modified(since, raw=True, state=choice.state, ordered=not choice.unordered)
    with showing_progress("contacts") as show:
        async with making as contacts:
            saved = await save_records(contacts, target, show)
    tell_saved(saved, target, "contacts")
    click.echo(f"modified from {contacts.begin.isoformat()} to {contacts.end.isoformat()}", err=True)
    _tell_unavailable(contacts.unavailable, choice.state)


def _tell_unavailable(ids: Sequence[str], state: Path | None) -> None:
    for contact_id in ids[:SHOWN_UNAVAILABLE]:
        click.echo(f"{contact_id}: was modified, and is not available: deleted, or not the owner's", err=True)
    if len(ids) > SHOWN_UNAVAILABLE:
        where = f"{state} names all" if state else "--state FILE names all"
        click.echo(f"… and {len(ids) - SHOWN_UNAVAILABLE:,} more; {where}", err=True)


def milliseconds_of(given: str | None) -> int | None:
    """Return the time of --modified-since; raise `Invalid` if it is no time."""
    from ..api.fields import milliseconds

    if given is None:
        return None
    try:
        return milliseconds(given)
    except ValueError as error:
        raise Invalid(str(error), field="--modified-since") from None
