"""`salesmanago export contacts`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from attrs import frozen
from click.shell_completion import CompletionItem

from ..errors import Invalid
from ..file_imports.account import ClientOptions
from ..stores.addresses import JournalPlace
from ._client import client_options, open_client
from ._examples import examples
from ._journal_place import JournalParam
from ._run import run
from ._saving import (
    checked_destination,
    print_damaged,
    print_saved,
    save_job,
    save_records,
    saving_options,
    shape_option,
    showing_progress,
    stoppable,
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
    """Raise `Invalid` for a part that is not documented: the server would refuse it, or leave it out."""
    from ..support.nearest import nearest

    if part not in _parts():
        near = nearest(part, _parts())
        question = f"did you mean {near}?" if near else f"use one of {', '.join(_parts())}"
        raise Invalid(f"{part!r} is not a documented part; {question}", field="--data")


@click.group()
def export() -> None:
    """Export contacts and their events."""


@export.command(
    short_help="Export chosen, all or changed contacts.",
    epilog=examples(
        "salesmanago export contacts --tag VIP --data CONTACT,TAG,EXT_EVENT --out vip.jsonl",
        "salesmanago export contacts --all --out everyone.csv",
        "salesmanago export contacts --modified-since 2026-01-01 --state nightly.json --out changes-$(date +%F).jsonl",
    ),
)
@click.option("--tag", "tags", multiple=True, help="Contacts with this tag.")
@click.option("--email", "emails", multiple=True, help="The contact with this address.")
@click.option("--contact-id", "contact_ids", multiple=True, help="The contact with this id.")
@click.option(
    "--data",
    "parts",
    multiple=True,
    shell_complete=_complete_part,
    help="A part of the contact, or several, separated by commas: CONTACT, TAG, EXT_EVENT, VISITS, EMAILS, FUNNELS,"
    " NOTES, TASKS, COUPONS, SMS, CONSENTS, PROPERTIES, DICTIONARY_PROPERTIES.  [default: CONTACT]",
)
@click.option("--all", "everyone", is_flag=True, help="All contacts: id, address, name, country and phone.")
@click.option(
    "--outstanding",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="With --all: the most server jobs at the same time.",
)
@click.option(
    "--modified-since",
    metavar="TIME",
    help="Everything about contacts modified since this time: ISO 8601 (UTC unless it has an offset), or UNIX"
    " milliseconds.",
)
@click.option(
    "--state",
    type=JournalParam(written=True, dir_okay=False),
    metavar="FILE",
    help="Continue where the previous run with this file ended; --modified-since is needed for the first run only. FILE"
    " may also be postgresql://host/database?run=NAME.",
)
@click.option(
    "--unordered", is_flag=True, help="Write modified contacts as they arrive, not in the order of their modification."
)
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
    """Export contacts to a file: chosen parts of some contacts, all contacts, or everything about changed ones.

    \b
    --tag, --email, --contact-id   chosen parts of the chosen contacts (contact/export/data)
    --all                          a line for every contact (contact/paginatedContactList/export): a server job for
                                   each 1000 contacts, at most --outstanding at the same time
    --modified-since, --state      everything about changed contacts; run it every night with the same --state to get
                                   each change once (contact/paginatedModifiedContacts, contact/listById)

    With --state, give the file of each night its own name. A file that has the name already is replaced, and --state
    has moved on: what was in the old file does not come again. If there is nothing new, an old file stays as it is.

    The file appears under its name when it is complete. It has a row or a line for each contact, with its id: details
    are named properties.X and dictionary.X. In CSV and Parquet, tags stand in one cell with commas, events and other
    lists as JSON; in JSON and JSONL they are lists. --shape documented writes the form of the server's file instead. A
    cell of CSV that a spreadsheet would run as a formula gets an apostrophe. A damaged character is replaced by U+FFFD,
    counted and named with its record.

    'salesmanago import contacts FILE' takes the file as it is, and removes the apostrophes. It passes over what only
    the server fills, such as id, score, modifiedOn and events. A contact that had opted out is opted out. An opt-in to
    mobile marketing is not imported: add a column forcePhoneOptIn for that. Consents that were given need
    --accept-consents.
    """  # noqa: D301 - \b is click's
    run(_export, client=client, choice=Choice(**options), target_options=(out, format, raw_cells, shape))


@frozen(kw_only=True)
class Choice:
    """Which contacts are exported, and which parts of them."""

    tags: Sequence[str]
    emails: Sequence[str]
    contact_ids: Sequence[str]
    parts: Sequence[str]
    everyone: bool
    outstanding: int
    modified_since: str | None
    state: JournalPlace | None
    unordered: bool
    strict: bool

    def data(self) -> list[str]:
        """Return the parts of each contact, without duplicates; raise `Invalid` for an unknown part."""
        given = [part.strip().upper() for text in self.parts for part in text.split(",") if part.strip()]
        for part in given:
            _check_part(part)
        return list(dict.fromkeys(given)) or ["CONTACT"]

    def check(self) -> None:
        """Raise `Invalid` unless the options choose the contacts in exactly one way."""
        some = bool(self.tags or self.emails or self.contact_ids)
        changed = bool(self.modified_since or self.state)
        if some + self.everyone + changed != 1:
            raise Invalid(
                "choose the contacts in one way: some (--tag, --email, --contact-id), all (--all), or changed ones "
                "(--modified-since, --state)"
            )
        if self.parts and not some:
            raise Invalid("can be used only with --tag, --email and --contact-id", field="--data")
        if isinstance(self.state, Path) and not self.modified_since and not self.state.exists():
            raise Invalid(
                f"there is no file {self.state} yet; give --modified-since TIME for the first run", field="--state"
            )
        if self.unordered and not changed:
            raise Invalid("can be used only with --modified-since and --state", field="--unordered")
        if self.strict and changed:
            raise Invalid("cannot be used with --modified-since and --state, which read no files", field="--strict")


async def _export(
    *, client: ClientOptions, choice: Choice, target_options: tuple[Path, str | None, bool, str | None]
) -> None:
    choice.check()
    choice.data()
    since = milliseconds_of(choice.modified_since)
    target = checked_destination(*target_options)
    async with open_client(client) as sm:
        if choice.everyone:
            await stoppable(lambda: _all(sm, choice, target))
        elif choice.modified_since or choice.state:
            await stoppable(lambda: _modified(sm, since, choice, target))
        else:
            await stoppable(lambda: _chosen(sm, choice, target, client))


async def _chosen(sm: "SalesManago", choice: Choice, target: "Destination", client: ClientOptions) -> None:
    job = await sm.contacts.export(selectors(choice.tags, choice.emails, choice.contact_ids), choice.data())
    again = f"; to fetch its file again: {_saving_command(job.request_id, target, client)}"
    is_gone = client.simulate  # a simulated account ends with the command
    click.echo(f"job {job.request_id} was started{'' if is_gone else again}", err=True)
    await save_job(job, target, "contacts", strict=choice.strict)


def selectors(tags: Sequence[str], emails: Sequence[str], contact_ids: Sequence[str]) -> "list[Selector]":
    """Return the selectors of the chosen contacts."""
    from ..api.selectors import ContactId, Email, Tag

    return [*map(Tag, tags), *map(Email, emails), *map(ContactId, contact_ids)]


def _saving_command(request_id: int, target: "Destination", client: ClientOptions) -> str:
    """Return the command that saves the file of a job in the same way."""
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
    print_saved(saved, target, "contacts")
    print_damaged(contacts.damaged)


async def _modified(sm: "SalesManago", since: int | None, choice: Choice, target: "Destination") -> None:
    making = sm.contacts.export_modified(since, raw=True, state=choice.state, ordered=not choice.unordered)
    has_old = choice.state is not None and target.path is not None and target.path.exists()
    with showing_progress("contacts") as show:
        async with making as contacts:
            saved = await save_records(contacts, target, show, keeps_old=has_old)
    if has_old and not saved:  # it may hold changes that were not loaded yet, and no later run gives these again
        click.echo(f"nothing new since the last run; {target.path} is as it was, with older changes", err=True)
    else:
        print_saved(saved, target, "contacts")
    click.echo(f"modified from {contacts.begin.isoformat()} to {contacts.end.isoformat()}", err=True)
    _print_unavailable(contacts.unavailable, choice.state)


def _print_unavailable(ids: Sequence[str], state: JournalPlace | None) -> None:
    for contact_id in ids[:SHOWN_UNAVAILABLE]:
        click.echo(
            f"{contact_id}: was modified, but is not available: it was deleted, or belongs to another owner", err=True
        )
    if len(ids) > SHOWN_UNAVAILABLE:
        where = f"all are in {state}" if state else "--state FILE keeps all"
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
