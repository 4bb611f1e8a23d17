"""`sm.contacts`: upsert one, upsert millions, find, walk over all, delete, export."""

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
from ..api.contact_exports import ContactExport, DataType, DateRange, ExportContactsData
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
from ..exports.shapes import as_it_is, contact_export, contacts_on_page
from ..imports.report import Report
from ..imports.runs import ContactRunOptions, Outcomes, contact_run
from ..jobs import Job, started_job
from ..records.shapes import contact_shape
from ..sources.sources import GivenSource
from ._changes import ModifiedExport, modified_export
from ._modified import MOST_NAMED, ModifiedContacts
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

        Whether the contact is asked by e-mail to confirm a consent is left to the server unless `use_api_double_opt_in`
        says it: False has no e-mail sent.
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
        """Return everything about the contacts of any number of addresses, asked for 50 at a time.

        Addresses without a contact are left out. One address is taken as a list of one.
        """
        found: tuple[ContactDetails, ...] = ()
        remaining = _several(emails)
        while some := tuple(islice(remaining, MOST_NAMED)):
            found += (await self._connection.send(ListContacts(some, owner=owner))).contacts
        return found

    async def get_by_id(self, contact_ids: Iterable[str], *, owner: str | None = None) -> tuple[ContactDetails, ...]:
        """Return everything about the contacts of any number of ids, asked for 50 at a time.

        Ids without a contact, or without access to it, are left out; `list_by_id` names them. One id is taken as a list
        of one.
        """
        found: tuple[ContactDetails, ...] = ()
        remaining = _several(contact_ids)
        while some := tuple(islice(remaining, MOST_NAMED)):
            found += (await self._connection.send(ListContactsById(some, owner=owner))).contacts
        return found

    def walk(self, *, size: int = MOST_ROWS, owner: str | None = None) -> Walk[ContactDetails]:
        """Return an async iterator over everything about all contacts of an owner, asked for `size` (1-1000) at a time.

        Pages are counted by the server: what is deleted, or given to another owner, while the walk goes on moves later
        contacts to pages already read. Collect first, then delete.
        """

        async def ask(page: int) -> Page[ContactDetails]:
            answer = await self._connection.send(ListContactsPage(page, size=size, owner=owner))
            return answer.contacts, _may_go_on(answer.contacts, answer.has_more)

        return Walk([ask])

    def walk_modified(
        self, start: datetime | int, end: datetime | int, *, size: int = MOST_ROWS, owner: str | None = None
    ) -> Walk[ListedContact]:
        """Return an async iterator over who was last modified from `start` to `end`: a span of any length.

        Times are aware datetimes or UNIX milliseconds. It is asked for in windows of 30 days, `size` (1-1000) contacts
        at a time. A contact modified while the walk goes on moves to the time of that, and later contacts to pages
        already read: let `end` be in the past, and walk again from there.
        """
        span = write(ListModifiedContacts(start, end))

        def modified(begin: int, finish: int) -> Ask[ListedContact]:
            async def ask(page: int) -> Page[ListedContact]:
                request = ListModifiedContactsPage(begin, finish, page=page, size=size, owner=owner)
                answer = await self._connection.send(request)
                return answer.modified_contacts, _may_go_on(answer.modified_contacts, answer.has_more)

            return ask

        # The reference does not say whether a span holds its own ends. Windows that share an end lose nobody; who
        # stands on a shared end is asked for beforehand, and left out of the second window.
        (first, *others) = windows(span["from"], span["to"], WINDOW_MS)
        seamless = (_without(modified(begin - 1, begin), modified(begin, finish)) for begin, finish in others)
        return Walk(chain([modified(*first)], seamless))

    async def delete_many(self, selectors: Iterable[Selector] | Selector, *, owner: str | None = None) -> Deleted:
        """Delete every contact that any of the selectors picks, in one request; `ContactId` is the safest of them.

        Selectors of any length are taken: those of over 255 characters are sent as several. One selector is taken as a
        list of one.
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
        """Export all contacts, by pages: `async with sm.contacts.export_all() as contacts`, in the order of the pages.

        Each page of `size` contacts (1-1000) is a server job. They run side by side: few at first, more with each page
        that has contacts, at most `outstanding`, as each takes a poll interval or longer. So many pages are held in
        memory at most, where they come faster than they are taken. An empty page is the end.

        `raw=True` gives the contacts as the files have them. Pages are counted by the server when their job runs: what
        is deleted while the export goes on moves later contacts to pages already exported. A damaged character is
        replaced, and `contacts.damaged` counts such and names their records; `strict=True` makes it an error.
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
        """Export everything about who was modified: `async with sm.contacts.export_modified(since) as contacts`.

        `since` is an aware datetime or UNIX milliseconds; the end is the server's time at the beginning. Contacts come
        in the order of their modification, or as they are read where `ordered` is False. Who was modified and cannot be
        read is in `contacts.unavailable`.

        `state` is a file that joins one run to the next, without a gap and without a double: where it is there, the
        run goes on where the one before ended, and `since` is not looked at. It is written when the block ends without
        an error after the last contact; so have what was exported on the disk by then. It holds ids and times, and is
        of one owner, account and server: another one is refused.

        A run begins `overlap` seconds before the end of the one before: so late may a change become visible, and so far
        may clocks be apart. Who was given in that time is given again only if modified again.
        """
        modified = ModifiedContacts(self._connection, owner or self._connection.owner)
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
        """Start an export of a page of all contacts; see `ExportContactListPage`, and `export_all` for all of them."""
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

    async def upsert_many(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> Report:
        """Add or change any number of contacts, and return the count of what became of them.

        `source` is an iterable or async iterable of contacts (`Contact` values, the API's objects, flat mappings), or
        the path of a CSV, JSONL or Parquet file. It is read lazily, and a record is kept until its outcome at most.
        `options` are those of `ContactRunOptions`.

        A bad record is rejected and stops nothing. Wrong credentials end the run, and so does a server that gives no
        answer at all for `patience` seconds: the error is raised where the server had nothing to do with any record,
        and is in `report.stopped` otherwise. So check that the run did all its work:

            report = await sm.contacts.upsert_many(source, journal="people.db")
            report.raise_if_incomplete()

        The second line raises `RunIncomplete` where the run stopped early, or left records in doubt or unsent. Records
        that were rejected are counted in `report.rejected`, and are no reason to raise.

        What the source raises is raised once everything read before is settled. Raises `Invalid` for a file that
        cannot be read or a column that is not known.
        """
        return await contact_run(self._connection, source, options).execute()

    @block("`async with sm.contacts.upserting(source) as outcomes`, and then `async for outcome in outcomes`")
    async def upserting(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> AsyncGenerator[Outcomes]:
        """Make the same run as `upsert_many`, outcome by outcome, in the order in which they become known.

        `async with sm.contacts.upserting(source) as outcomes` and then `async for outcome in outcomes`. Leaving the
        block before the end cancels the run at once; `outcomes.stop()` ends it in order.
        """
        async with contact_run(self._connection, source, options).outcomes() as outcomes:
            yield outcomes

    def buffer(self, **options: "Unpack[ContactBufferOptions]") -> "Buffer[Contact | Mapping[str, Any]]":
        """Return a buffer that takes contacts one by one and upserts them together; for apps (see `BufferOptions`).

        `async with sm.contacts.buffer(journal="signups.db") as buffer` and then `await buffer.add(contact)`.
        """
        from ..buffers.buffer import Buffer  # here, as few programs need it
        from ..buffers.options import ContactBufferOptions
        from ..buffers.settings import BufferSettings

        ways, others = BufferSettings.taken_from(options, ContactBufferOptions)
        return Buffer(contact_run(self._connection, (), cast("ContactRunOptions", others)), contact_shape(), ways)


def _several(given: Iterable[str]) -> Iterator[str]:
    """Return the texts of a list, or of one text, in which commas and semicolons part several."""
    return iter(cast("Sequence[str]", entries_of(given)) if isinstance(given, str) else given)


async def _contacts_of(
    pages: AsyncIterator[ExportedPage], read: Callable[[Any], Any], damage: DamageCounter
) -> AsyncGenerator[Any]:
    """Yield the contacts of the pages before the first empty one, and count what was damaged in them."""
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
    """Tell whether a next page is worth asking for: not after an empty one, nor after one that says it is the last."""
    return bool(contacts) and has_more is not False


def _without(told: Ask[ListedContact], ask: Ask[ListedContact]) -> Ask[ListedContact]:
    """Return `ask` without the contacts of `told`."""
    known: set[str | None] | None = None

    async def ask_for_others(page: int) -> Page[ListedContact]:
        nonlocal known
        if known is None:
            known = {contact.id async for contact in Walk([told])}
        contacts, more = await ask(page)
        return [contact for contact in contacts if contact.id not in known], more

    return ask_for_others


def _pieces(selector: Selector) -> Iterator[Selector]:
    """Yield selectors that pick the same contacts together, none of them too long."""
    Selector.to_wire(selector)  # refuses what is none
    some: tuple[str, ...] = ()
    for value in selector.values:
        if some and len(",".join((*some, value))) > LONGEST_VALUE:
            yield _same(selector, some)
            some = ()
        some += (value,)
    yield _same(selector, some)


def _same(selector: Selector, values: Sequence[str]) -> Selector:
    return Stage(selector.funnel, *values) if isinstance(selector, Stage) else type(selector)(*values)
