"""`sm.contacts`: upsert one contact or millions, find, list, delete and export contacts."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, overload

from ..api.codec import lenient_reader, write
from ..api.contact_changes import (
    LONGEST_VALUE,
    BatchDeleteContacts,
    DeleteContact,
    Deleted,
    RestoreMonitoring,
    SetMainOwner,
    StopMonitoring,
)
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactEvent, ContactExport, DataType, DateRange, ExportContactsData
from ..api.contact_lists import (
    MOST_ROWS,
    ContactOnPage,
    ExportContactListPage,
    GetRecentActivity,
    ListBasicContacts,
    ListBasicContactsById,
    ListContactsById,
    ListContactsPage,
    ListCreatedContacts,
    ListedContact,
    ListModifiedContacts,
    ListModifiedContactsPage,
)
from ..api.contacts import Contact, HasContact, ListContacts, UpsertContact, Upserted
from ..api.fields import entries_of, milliseconds
from ..api.selectors import Selector, Stage
from ..connection.blocks import block
from ..errors import Invalid
from ..exports.contents import Records
from ..exports.damage import DamageCounter
from ..exports.shapes import as_it_is, contact_export, contacts_on_page, events_of_contacts
from ..imports.report import Report
from ..imports.runs import ContactRunOptions, Outcomes, contact_run
from ..jobs import Job, started_job
from ..records.shapes import contact_shape
from ..sources.sources import GivenSource
from ._changes import ModifiedExport, modified_export
from ._modified import MOST_NAMED, ModifiedContactReader
from ._pages import ExportedPage, exported_pages
from ._walk import Ask, Page, Walk, windows
from .group import Group, call

if TYPE_CHECKING:
    from ..buffers.buffer import Buffer
    from ..buffers.options import ContactBufferOptions

WINDOW_MS = 30 * 86_400_000
"""The longest span of contact/paginatedModifiedContacts."""


class Contacts(Group):
    """Calls about contacts (reference: "API - Contact management")."""

    has = call(HasContact)
    list = call(ListContacts)
    list_by_id = call(ListContactsById)
    list_page = call(ListContactsPage)
    basic = call(ListBasicContacts)
    basic_by_id = call(ListBasicContactsById)
    created = call(ListCreatedContacts)
    modified = call(ListModifiedContacts)
    modified_page = call(ListModifiedContactsPage)
    recent_activity = call(GetRecentActivity)
    delete = call(DeleteContact)
    set_main_owner = call(SetMainOwner)
    stop_monitoring = call(StopMonitoring)
    restore_monitoring = call(RestoreMonitoring)

    async def upsert(
        self,
        contact: Contact,
        *,
        owner: str | None = None,
        use_api_double_opt_in: bool | None = None,
        double_opt_in_language: str | None = None,
        double_opt_in_email_id: str | None = None,
        async_: bool | None = None,
    ) -> Upserted:
        """Add a contact or change it; see `UpsertContact` for the arguments.

        If `use_api_double_opt_in` is None, the server decides whether to send an e-mail that asks the contact to
        confirm the consent. False means that no e-mail is sent.
        """
        return await self._connection.send(
            UpsertContact(
                contact,
                owner=owner,
                use_api_double_opt_in=use_api_double_opt_in,
                double_opt_in_language=double_opt_in_language,
                double_opt_in_email_id=double_opt_in_email_id,
                async_=async_,
            )
        )

    async def get(self, emails: Iterable[str], *, owner: str | None = None) -> tuple[ContactDetails, ...]:
        """Return the details of the contacts of any number of addresses, requested 50 at a time.

        Addresses without a contact are left out. A single address may be passed instead of a list.
        """
        found: tuple[ContactDetails, ...] = ()
        remaining = _several(emails)
        while some := tuple(islice(remaining, MOST_NAMED)):
            found += (await self._connection.send(ListContacts(some, owner=owner))).contacts
        return found

    async def get_by_id(self, contact_ids: Iterable[str], *, owner: str | None = None) -> tuple[ContactDetails, ...]:
        """Return the details of the contacts of any number of ids, requested 50 at a time.

        Ids without a contact, or without access to it, are left out; `list_by_id` names them. A single id may be passed
        instead of a list.
        """
        found: tuple[ContactDetails, ...] = ()
        remaining = _several(contact_ids)
        while some := tuple(islice(remaining, MOST_NAMED)):
            found += (await self._connection.send(ListContactsById(some, owner=owner))).contacts
        return found

    def walk(self, *, size: int = MOST_ROWS, owner: str | None = None) -> Walk[ContactDetails]:
        """Return an async iterator over the details of all contacts of an owner, requested `size` (1-1000) at a time.

        The server counts pages. If contacts are deleted, or move to another owner, during the walk, later contacts move
        to pages that were already read, and are missed. Collect first, then delete.
        """

        async def ask(page: int) -> Page[ContactDetails]:
            answer = await self._connection.send(ListContactsPage(page, size=size, owner=owner))
            return answer.contacts, _may_go_on(answer.contacts, answer.has_more)

        return Walk([ask])

    def walk_modified(
        self, start: datetime | int, end: datetime | int, *, size: int = MOST_ROWS, owner: str | None = None
    ) -> Walk[ListedContact]:
        """Return an async iterator over the contacts last modified from `start` to `end`: a span of any length.

        Times are aware datetimes or UNIX milliseconds. The span is requested in windows of 30 days, `size` (1-1000)
        contacts at a time. A contact that is modified during the walk moves to its new time, and later contacts move to
        pages that were already read. So let `end` be in the past, and start the next walk there.
        """
        span = write(ListModifiedContacts(start, end))

        def modified(begin: int, finish: int) -> Ask[ListedContact]:
            async def ask(page: int) -> Page[ListedContact]:
                request = ListModifiedContactsPage(begin, finish, page=page, size=size, owner=owner)
                answer = await self._connection.send(request)
                return answer.modified_contacts, _may_go_on(answer.modified_contacts, answer.has_more)

            return ask

        # The reference does not say whether a span includes its own edges. Windows that share an edge miss no contact;
        # contacts exactly on a shared edge are requested beforehand, and left out of the second window.
        (first, *others) = windows(span["from"], span["to"], WINDOW_MS)
        seamless = (_without(modified(begin - 1, begin), modified(begin, finish)) for begin, finish in others)
        return Walk(chain([modified(*first)], seamless))

    async def delete_many(self, selectors: Iterable[Selector] | Selector, *, owner: str | None = None) -> Deleted:
        """Delete every contact that any of the selectors matches, in one request; `ContactId` is the safest selector.

        Selectors of any length are accepted: one of over 255 characters is sent as several. A single selector may be
        passed instead of a list.
        """
        several = [selectors] if isinstance(selectors, Selector | str) else selectors
        pieces = [piece for selector in several for piece in _pieces(selector)]
        return await self._connection.send(BatchDeleteContacts(pieces, owner=owner))

    @overload
    def export_all(
        self, *, size: int = ..., outstanding: int = ..., owner: str | None = ..., strict: bool = ...
    ) -> AbstractAsyncContextManager[Records[ContactOnPage]]: ...
    @overload
    def export_all(
        self,
        *,
        raw: Literal[True],
        size: int = ...,
        outstanding: int = ...,
        owner: str | None = ...,
        strict: bool = ...,
    ) -> AbstractAsyncContextManager[Records[Any]]: ...
    @block("`async with sm.contacts.export_all() as contacts`, and then `async for contact in contacts`")
    async def export_all(
        self,
        *,
        raw: bool = False,
        size: int = MOST_ROWS,
        outstanding: int = 64,
        owner: str | None = None,
        strict: bool = False,
    ) -> AsyncGenerator[Records[Any]]:
        """Export all contacts, page by page: `async with sm.contacts.export_all() as contacts`, in the order of pages.

        Each page of `size` contacts (1-1000) is a server job, which takes a poll interval or longer. The jobs run
        concurrently: few at first, one more with each page that has contacts, at most `outstanding`. At most that many
        pages are held in memory, if they arrive faster than the caller takes them. The export ends with an empty page.

        `raw=True` yields the contacts as they are in the files. The server counts pages when their job runs: if
        contacts are deleted during the export, later contacts move to pages that were already exported. A damaged
        character is replaced, and `contacts.damaged` counts these characters and names their records; with
        `strict=True` it is an error.
        """
        making = exported_pages(self._connection, size=size, owner=owner, outstanding=outstanding, strict=strict)
        damage = DamageCounter()
        read = as_it_is if raw else contacts_on_page
        async with making as pages, aclosing(_contacts_of(pages, read, damage)) as contacts:
            yield Records(contacts, damage)

    @overload
    def export_modified(
        self,
        since: datetime | int | None = ...,
        *,
        state: str | PathLike[str] | None = ...,
        ordered: bool = ...,
        overlap: float = ...,
        owner: str | None = ...,
    ) -> AbstractAsyncContextManager[ModifiedExport[ContactDetails]]: ...
    @overload
    def export_modified(
        self,
        since: datetime | int | None = ...,
        *,
        raw: Literal[True],
        state: str | PathLike[str] | None = ...,
        ordered: bool = ...,
        overlap: float = ...,
        owner: str | None = ...,
    ) -> AbstractAsyncContextManager[ModifiedExport[Any]]: ...
    @block("`async with sm.contacts.export_modified(since) as contacts`, and then `async for contact in contacts`")
    async def export_modified(
        self,
        since: datetime | int | None = None,
        *,
        raw: bool = False,
        state: str | PathLike[str] | None = None,
        ordered: bool = True,
        overlap: float = 600.0,
        owner: str | None = None,
    ) -> AsyncGenerator[ModifiedExport[Any]]:
        """Export the details of modified contacts: `async with sm.contacts.export_modified(since) as contacts`.

        `since` is an aware datetime or UNIX milliseconds; the span ends at the server's time when the export begins.
        Contacts come in the order of their modification, or, if `ordered` is False, in the order in which they are
        read. Contacts that were modified but cannot be read are in `contacts.unavailable`.

        `state` is a file that connects one run to the next: no change is missed, and none comes twice. If the file
        exists, the run continues where the last one ended, and `since` is ignored. The file is written when the block
        ends without an error after the last contact, so the contacts should be stored safely by then. It holds ids and
        times, and belongs to one owner, account and server: a state of another one is refused.

        A run begins `overlap` seconds before the end of the last one: this is the longest time that a change may take
        to become visible, or that two clocks may differ. Contacts returned in that time are returned again only if they
        were modified again.
        """
        modified = ModifiedContactReader(self._connection, owner or self._connection.owner)
        making = modified_export(
            modified,
            None if since is None else _milliseconds(since),
            as_it_is if raw else _details,
            state=None if state is None else Path(state),
            overlap=int(overlap * 1000),
            ordered=ordered,
        )
        async with making as contacts:
            yield contacts

    async def export_page(self, page: int, size: int = MOST_ROWS, *, owner: str | None = None) -> Job[ContactOnPage]:
        """Start an export of one page of all contacts; see `ExportContactListPage`. `export_all` exports all pages."""
        started = await self._connection.send(ExportContactListPage(page, size=size, owner=owner))
        return started_job(self._connection, started, contacts_on_page)

    async def export(
        self,
        to: Sequence[Selector],
        data: Sequence[DataType] = ("CONTACT",),
        *,
        date_range: DateRange | None = None,
        owner: str | None = None,
    ) -> Job[ContactExport]:
        """Start an export of the chosen parts of the chosen contacts; see `ExportContactsData` for the arguments."""
        started = await self._connection.send(ExportContactsData(to, data, date_range=date_range, owner=owner))
        return started_job(self._connection, started, contact_export)

    async def export_events(
        self, to: Sequence[Selector], *, date_range: DateRange | None = None, owner: str | None = None
    ) -> Job[ContactEvent]:
        """Start an export of the external events of the chosen contacts; the records of the job are the events.

        Each event has the address and the id of its contact, so `await job.save("events.csv")` writes a row for each
        event, and `sm.events.add_many("events.csv")` takes the file. For the events of other contacts use
        `contact_events`, with `walk` or `export_modified`:

            async for contact in sm.contacts.walk():
                for event in contact_events(contact):
                    ...

        The job is an export of the parts CONTACT and EXT_EVENT. `sm.jobs.attach` does not know that events are wanted:
        the records of a job that was attached are the contacts.
        """
        data = ("CONTACT", "EXT_EVENT")
        started = await self._connection.send(ExportContactsData(to, data, date_range=date_range, owner=owner))
        return started_job(self._connection, started, events_of_contacts)

    async def upsert_many(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> Report:
        """Add or change any number of contacts, and return the counts of their outcomes.

        `source` is an iterable or async iterable of contacts (`Contact` values, the API's objects, flat mappings, rows
        of a database, dataclasses), a frame or stream of Arrow data (pandas, Polars, DuckDB, ADBC, pyarrow), or the
        path of a CSV, JSON, Parquet or Excel file. It is read lazily, and no record is kept longer than until its
        outcome is known. `options` are those of `ContactRunOptions`.

        A bad record is rejected and does not stop the run. Wrong credentials end the run, and so does a server that
        does not answer at all for `patience` seconds: the error is raised if the server has processed no record, and is
        in `report.stopped` otherwise. So check that the run is complete:

            report = await sm.contacts.upsert_many(source, journal="people.db")
            report.raise_if_incomplete()

        The second line raises `RunIncomplete` if the run stopped early, or left records in doubt or unsent. Rejected
        records are counted in `report.rejected`, and do not raise.

        An error of the source is raised after everything read before it is settled. Raises `Invalid` for a file that
        cannot be read, or an unknown column.
        """
        return await contact_run(self._connection, source, options).execute()

    @block("`async with sm.contacts.upserting(source) as outcomes`, and then `async for outcome in outcomes`")
    async def upserting(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> AsyncGenerator[Outcomes]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known.

        `async with sm.contacts.upserting(source) as outcomes` and then `async for outcome in outcomes`. Leaving the
        block early cancels the run immediately; `outcomes.stop()` ends it in order.
        """
        async with contact_run(self._connection, source, options).outcomes() as outcomes:
            yield outcomes

    def buffer(self, **options: "Unpack[ContactBufferOptions]") -> "Buffer[Contact | Mapping[str, Any]]":
        """Return a buffer that collects single contacts and upserts them together; for apps (see `BufferOptions`).

        `async with sm.contacts.buffer(journal="signups.db") as buffer` and then `await buffer.add(contact)`.
        """
        from ..buffers.buffer import Buffer  # imported here because few programs need it
        from ..buffers.options import ContactBufferOptions
        from ..buffers.settings import BufferSettings

        settings, others = BufferSettings.taken_from(options, ContactBufferOptions)
        return Buffer(contact_run(self._connection, (), cast("ContactRunOptions", others)), contact_shape(), settings)


def _several(given: Iterable[str]) -> Iterator[str]:
    """Iterate over several texts; a single text is split at commas and semicolons."""
    return iter(cast("Sequence[str]", entries_of(given)) if isinstance(given, str) else given)


async def _contacts_of(
    pages: AsyncIterator[ExportedPage], read: Callable[[Any], Any], damage: DamageCounter
) -> AsyncGenerator[Any]:
    """Yield the contacts of the pages before the first empty one, and count the damage in them."""
    async for page in pages:
        if not page.contacts:
            return
        damage.add_page(page.damaged)
        for contact in page.contacts:
            yield read(contact)
        damage.records += len(page.contacts)


def _milliseconds(since: datetime | int) -> int:
    try:
        return milliseconds(since)
    except ValueError as error:
        raise Invalid(str(error), field="since") from None


def _details(contact: Any) -> ContactDetails:
    return lenient_reader(ContactDetails)(contact)


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


def _pieces(selector: Selector) -> Iterator[Selector]:
    """Split a selector into ones that are not too long and together match the same contacts."""
    Selector.to_wire(selector)  # raises Invalid for an invalid selector
    some: tuple[str, ...] = ()
    for value in selector.values:
        if some and len(",".join((*some, value))) > LONGEST_VALUE:
            yield _same(selector, some)
            some = ()
        some += (value,)
    yield _same(selector, some)


def _same(selector: Selector, values: Sequence[str]) -> Selector:
    return Stage(selector.funnel, *values) if isinstance(selector, Stage) else type(selector)(*values)
