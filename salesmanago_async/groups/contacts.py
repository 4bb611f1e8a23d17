"""`sm.contacts`: upsert one contact or millions, find, list and delete contacts, and `ContactExports`."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from attrs import evolve

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
from ..api.contact_lists import (
    MOST_ROWS,
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
from ..api.events import ExternalEvent
from ..api.fields import entries_of
from ..api.integration import ContactAndEvent, ContactPart, EventPart, UpsertContactWithEvent
from ..api.selectors import Selector, Stage
from ..connection.blocks import block
from ..imports.report import Report
from ..imports.runs import ContactRunOptions, Outcomes, contact_run
from ..outcome import RecordT
from ..records.shapes import contact_shape
from ..sources.sources import FileOrFrame, GivenRecords, GivenSource
from ._contact_exports import ContactExports
from ._contact_walks import all_contacts, modified_contacts
from ._modified import MOST_NAMED
from ._walk import Walk
from .group import call

if TYPE_CHECKING:
    from ..buffers.buffer import Buffer
    from ..buffers.options import ContactBufferOptions
    from ..sync.report import SyncReport
    from ..sync.settings import SyncOptions
    from ..sync.syncs import SyncOutcomes


class Contacts(ContactExports):
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

    async def upsert_with_event(
        self,
        contact: Contact,
        event: ExternalEvent,
        *,
        event_id: str | None = None,
        owner: str | None = None,
        use_api_double_opt_in: bool | None = None,
        double_opt_in_language: str | None = None,
        double_opt_in_email_id: str | None = None,
        async_: bool | None = None,
    ) -> ContactAndEvent:
        """Add a contact or change it, and add an event to it, in one request; see `UpsertContactWithEvent`.

        An event that names no contact belongs to this one. With an `event_id`, which an earlier answer had as
        `event_id`, that event gets this content; such a request is sent again after any failure. Without one, the event
        is new at each request: after an error that is `in_doubt`, it may have been added. The other arguments are those
        of `UpsertContact`.
        """
        if event.email is None and event.contact_id is None:
            event = evolve(event, email=contact.email, contact_id=None if contact.email else contact.contact_id)
        upserted = ContactPart(
            contact=contact,
            owner=owner,
            use_api_double_opt_in=use_api_double_opt_in,
            double_opt_in_language=double_opt_in_language,
            double_opt_in_email_id=double_opt_in_email_id,
            async_=async_,
        )
        added = EventPart(event=event, event_id=event_id, owner=owner)
        return await self._connection.send(UpsertContactWithEvent(upserted, event=added))

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
        return all_contacts(self._connection, size=size, owner=owner)

    def walk_modified(
        self, start: datetime | int, end: datetime | int, *, size: int = MOST_ROWS, owner: str | None = None
    ) -> Walk[ListedContact]:
        """Return an async iterator over the contacts last modified from `start` to `end`: a span of any length.

        Times are aware datetimes or UNIX milliseconds. The span is requested in windows of 30 days, `size` (1-1000)
        contacts at a time. A contact that is modified during the walk moves to its new time, and later contacts move to
        pages that were already read. So let `end` be in the past, and start the next walk there.
        """
        return modified_contacts(self._connection, start, end, size=size, owner=owner)

    async def delete_many(self, selectors: Iterable[Selector] | Selector, *, owner: str | None = None) -> Deleted:
        """Delete every contact that any of the selectors matches, in one request; `ContactId` is the safest selector.

        Selectors of any length are accepted: one of over 255 characters is sent as several. A single selector may be
        passed instead of a list.
        """
        several = [selectors] if isinstance(selectors, Selector | str) else selectors
        pieces = [piece for selector in several for piece in _pieces(selector)]
        return await self._connection.send(BatchDeleteContacts(pieces, owner=owner))

    async def upsert_many(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> Report:
        """Add or change any number of contacts, and return the counts of their outcomes.

        `source` is an iterable or async iterable of contacts (`Contact` values, the API's objects, flat mappings, rows
        of a database, dataclasses), a frame or stream of Arrow data (pandas, Polars, DuckDB, ADBC, pyarrow), or the
        path of a CSV, JSON, Parquet or Excel file. It is read lazily, and no record is kept longer than until its
        outcome is known. Texts are trimmed, and blank ones leave a field as it is, except in `Contact` values, which
        are sent as they are.

        A bad record is rejected and does not stop the run. Wrong credentials end the run, and so does a server that
        does not answer at all for `patience` seconds: the error is raised if the server has processed no record, and is
        in `report.stopped` otherwise. So check that the run is complete:

            report = await sm.contacts.upsert_many(source, journal="people.db")
            report.raise_if_incomplete()

        The second line raises `RunIncomplete` if the run stopped early, or left records in doubt or unsent. Rejected
        records are counted in `report.rejected`, and do not raise.

        An error of the source is raised after everything read before it is settled. Raises `Invalid` for a file that
        cannot be read, or an unknown column.

        Options, with their defaults; `ContactRunOptions` says more about each:

            journal=None        a SQLite path or "postgresql://…": the same call goes on with a run that was stopped
            known_by="position"             or "content": how the records of that run are found again
            when_busy="refuse"  or "wait", up to lock_timeout=900.0 seconds, while another run has the journal
            dry_run=False       check and count everything, and send nothing
            on_progress         called with a `Report` whenever something has become known
            tags=()             tags that every contact gets
            owner=None          the user for whom contacts are changed; None: the client's
            use_api_double_opt_in=False     True mails each contact that is to be opted in
            lang, fire_events   of the request: see `BatchUpsertContacts`
            accept_consents=False           consents that an export says were given are sent only if this is True
            wait=True           follow server jobs to their results; False ends at "submitted"
            outstanding=1000    the most server jobs that are followed at once
            in_doubt="ask"      for events: what to do if reading back decides nothing ("ask", "send" or "drop")
            batch_size=1000, max_bytes=4 MiB    a request is sent when it has so many records, or bytes
            patience=300.0      seconds without any answer of the server after which the run stops
            stop_within=20.0    seconds that a run which is stopped may take for what is in flight
            columns={}          the field of each column or key that has another name
            extra_columns="error"           what to do with other columns: "error", "ignore" or "properties"
            format, encoding, delimiter     of a file; found out if they are left out
            null=(), decimal=".", time_zone="UTC", date_format=(), keep_spaces=False    how texts are read
            strict=False        reject what is taken otherwise, with a warning in the report
            note=None           JSON that is kept in the journal, for whoever goes on with the run
            identity={}         JSON that must be the same when a journal is continued
        """
        return await contact_run(self._connection, source, options).execute()

    @overload
    def upserting(
        self, source: FileOrFrame, **options: Unpack[ContactRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes]: ...
    @overload
    def upserting(
        self, source: GivenRecords[RecordT], **options: Unpack[ContactRunOptions]
    ) -> AbstractAsyncContextManager[Outcomes[RecordT]]: ...
    @block("`async with sm.contacts.upserting(source) as outcomes`, and then `async for outcome in outcomes`")
    async def upserting(
        self, source: GivenSource, **options: Unpack[ContactRunOptions]
    ) -> AsyncGenerator[Outcomes[Any]]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known.

        `async with sm.contacts.upserting(source) as outcomes` and then `async for outcome in outcomes`. Leaving the
        block early cancels the run immediately; `outcomes.stop()` ends it in order.
        """
        async with contact_run(self._connection, source, options).outcomes() as outcomes:
            yield outcomes

    async def sync(
        self, source: GivenSource, *, state: str | PathLike[str], **options: "Unpack[SyncOptions]"
    ) -> "SyncReport":
        """Send only the rows that differ from what the server accepted last: a nightly import that costs its changes.

        `source` is everything, as for `upsert_many`, and it is read to its end. `state` is a file that connects one
        sync with the next: for each key it has a digest of the content that was accepted last, 16 bytes a row. It is
        created by the first sync, which sends every row. `options` are those of
        `salesmanago_async.sync.settings.SyncOptions`.

            report = await sm.contacts.sync("customers.csv", state="customers.db")
            report.added, report.changed, report.unchanged, report.removed

        A row that was rejected, is in doubt, or was not sent is sent again by the next sync. So is what was in flight
        when a sync was killed: call it again with the same arguments. A change is never missed. Rows may come in any
        order; those in the order of the last sync cost least. Two syncs cannot use one state at the same time, and a
        state belongs to one account, owner and server: `Invalid` says so. If the options that decide what is sent have
        changed, all rows are sent again, and `report.resent` says why.

        A value that has become blank or None makes a row *changed*, but the field in the account keeps its old value,
        as in `upsert_many`. `CLEAR` in a mapping or a `Contact` clears a text field [guess: it is sent as an empty
        text]; a file cannot say it. `remove_tags`, also as a column, removes tags.

        A column of a table that has come or gone since the last sync is named in the warnings of the report, also in a
        dry run: its rows count as changed.

        With `removed="delete"`, `"stop_monitoring"` or `"tag:NAME"`, contacts that are no longer in the source are
        deleted, no longer monitored, or tagged. Then the state also holds the address or id of each contact.
        """
        from ..sync.syncs import contact_sync  # imported here because few programs need it

        return await contact_sync(self._connection, source, state, options).execute()

    @block("`async with sm.contacts.syncing(source, state=…) as outcomes`, and then `async for outcome in outcomes`")
    async def syncing(
        self, source: GivenSource, *, state: str | PathLike[str], **options: "Unpack[SyncOptions]"
    ) -> "AsyncGenerator[SyncOutcomes]":
        """Sync as `sync` does, but yield the outcome of each row that is sent when it becomes known."""
        from ..sync.syncs import contact_sync

        async with contact_sync(self._connection, source, state, options).outcomes() as outcomes:
            yield outcomes

    def buffer(self, **options: "Unpack[ContactBufferOptions]") -> "Buffer[Contact | Mapping[str, Any]]":
        """Return a buffer that collects single contacts and upserts them together; for apps.

        The options are those of `salesmanago_async.buffers.options.ContactBufferOptions`.

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
