"""The client without `await`. Written by tests/blocking/stub_writer.py, from the async classes."""

from ..api.catalogs import CatalogList, CatalogUpserted
from ..api.contact_changes import Deleted
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactEvent, ContactExport, DataType, DateRange
from ..api.contact_lists import (
    BasicContactList,
    ContactListById,
    ContactOnPage,
    ContactsPage,
    CreatedContacts,
    ListedContact,
    ModifiedContacts,
    RecentActivity,
)
from ..api.contacts import Contact, ContactList, ContactPresence, Upserted
from ..api.coupons import CouponAdded, CouponUsed, CouponVerified
from ..api.email_addressees import Personalized
from ..api.email_statistics import (
    ConversationRecipients,
    ConversationStatistics,
    ConversationType,
    ExportType,
    GlobalStatistics,
    MassConversations,
)
from ..api.emails import Attachment, ConfirmationSent, EmailUpserted, EmailsSent
from ..api.events import EventAdded, EventContent, EventDeleted, EventUpdated, ExternalEvent
from ..api.funnels import FunnelContactsAdded, FunnelCount, FunnelStage
from ..api.integration import ContactAndEvent
from ..api.jobs import JobAnswer
from ..api.login import IntegratedAccount, LoginToken
from ..api.loyalty import LoyaltyPoints
from ..api.messages import (
    ChannelIntegration,
    ConversationData,
    ConversationIds,
    ConversationMessage,
    ConversationStats,
    MessageRecipient,
    MessageSent,
)
from ..api.preference_center import PreferenceCenterEndpoint
from ..api.product_collections import CollectionAdded, CollectionList, CollectionProducts, ContactProducts
from ..api.product_keys import KeyCreated, KeyRevoked
from ..api.products import Product, ProductAnswer, ProductPrice, ProductQuantity, ProductsUpserted
from ..api.recommendations import RecommendedProducts
from ..api.request import Answer, Request
from ..api.selectors import Addressee, Selector
from ..api.system import Authorised
from ..api.tags import TagList
from ..api.tasks import Task, TaskReminder, TaskUpdated
from ..api.users import Users as UsersAnswer
from ..api.vision import SimilarProducts
from ..api.web_push import ConsentForms, WebPushConversationIds, WebPushRecipient, WebPushSource, WebPushStats
from ..api.workflows import WorkflowStatistics, Workflows as WorkflowsAnswer
from ..buffers.options import ContactBufferOptions, EventBufferOptions, ProductBufferOptions
from ..client import AnswerT
from ..exports.damage import Damage
from ..exports.sinks import Format, RecordShape, Saved
from ..imports.report import Report
from ..imports.runs import ContactRunOptions, EventRunOptions, ProductRunOptions
from ..jobs import JobStatus
from ..outcome import Outcome
from ..records.names import Names
from ..settings import Credentials, Login, Retries, Timeouts
from ..sources.sources import FileOrFrame, GivenRecords, GivenSource
from ..stores.addresses import GivenPlace
from ..sync.product_content import ProductPart
from ..sync.report import SyncReport
from ..sync.settings import ProductSyncOptions, SyncOptions
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from httpx import AsyncBaseTransport
from os import PathLike
from random import Random
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, Unpack, overload

from typing_extensions import TypeVar as TypeVarWithDefault

from ._thread import RunInterrupted as RunInterrupted

RecordT = TypeVar("RecordT")
RecordT_co = TypeVarWithDefault("RecordT_co", covariant=True, default=Any)

__all__ = [
    "Buffer",
    "Job",
    "ModifiedExport",
    "Outcomes",
    "Receipt",
    "Records",
    "RunInterrupted",
    "SalesManago",
    "SyncOutcomes",
]

class Buffer(Generic[RecordT]):
    """Takes records, sends them together, and reports the outcome of each.

    Its options are those of `salesmanago_async.buffers.options.BufferOptions`, and of the other classes there.

    Use it as a context manager. Leaving the block sends what is there, within bounds, and so does closing the
    client.
    """
    def __len__(self) -> int:
        """How many records are in the buffer: taken, with an outcome that is not known yet."""
    @property
    def lag(self) -> float:
        """How many seconds ago the oldest record without an outcome was taken; 0 if there is none."""
    def add(self, record: RecordT) -> Receipt:
        """Take a record, and return the receipt for its outcome; with a journal, the record is on the disk by then.

        Raises `Invalid` naming the field and the rule, `BufferFull` if there is no room and `when_full` is "raise",
        `BufferClosed`, and `JournalFailed` if the record cannot be written to the disk. If it raises, the record was
        not taken. There is one exception: if the caller is cancelled during the write, the record is taken all the
        same.
        """
    def confirm(self, record: RecordT) -> Outcome:
        """Take a record as `add` does, wait for its outcome, and return that."""
    def poll_now(self) -> None:
        """Poll the server jobs once now, even if they are not due."""
    def join(self) -> None:
        """Wait until the outcome of every record that was taken before is known."""
    def holds(self, names: Names) -> bool:
        """Return whether a record of a contact with one of these names is in the buffer."""
    def close(self) -> None:
        """Take no more records, send what is there, and end.

        With a journal, records that are not sent in time stay in it. The buffer is closed completely even if the caller
        is cancelled meanwhile. A child that was forked meanwhile closes nothing: the buffer is the parent's.
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class Catalogs:
    """Calls about product catalogues (API v3). They need a `products_key`."""
    def list(self) -> CatalogList:
        """List the catalogues of the account (API v3, product/catalogList)."""
    def upsert(
        self,
        name: str,
        *,
        currency: str,
        location: str,
        set_as_default: bool | None = None,
        catalog_id: str | None = None,
    ) -> CatalogUpserted:
        """Create a catalogue, or change the one with `catalog_id` [likely] (API v3, product/catalogUpsert).

        `name` takes 64 characters [likely]. `currency` is three letters (ISO 4217). `location` must equal the location of
        the external events of the same shop. With `set_as_default` its products can be used in recommendations and e-mails;
        otherwise in analytics only. Without a `catalog_id` the request is sent once only: twice may make two catalogues.
        """
    def delete(self, catalog_id: str) -> CatalogUpserted:
        """Delete a catalogue (API v3, product/catalogDelete)."""

class Collections:
    """Calls about collections of products (API v3). They need a `products_key`."""
    def list(self) -> CollectionList:
        """List the collections of the account (API v3, product/collection/list)."""
    def add(self, name: str, *, catalog_id: str) -> CollectionAdded:
        """Create a collection of products of one catalogue (API v3, product/collection/add)."""
    def delete(self, collection_id: str) -> Answer:
        """Delete a collection (API v3, product/collection/delete)."""
    def add_products(self, collection_id: str, data: Sequence[ContactProducts]) -> Answer:
        """Add products to the collections of contacts (API v3, product/collection/products/add)."""
    def delete_products(self, collection_id: str, data: Sequence[ContactProducts]) -> Answer:
        """Take products out of the collections of contacts (API v3, product/collection/products/delete)."""
    def contact_products(self, collection_id: str, *, contact_id: str) -> CollectionProducts:
        """Read the products that a contact has in a collection (API v3, product/collection/contact/products)."""

class Contacts:
    """Calls about contacts (reference: "API - Contact management")."""
    @overload
    def export_all(
        self, *, size: int = ..., outstanding: int = ..., owner: str | None = ..., strict: bool = ...
    ) -> AbstractContextManager[Records[ContactOnPage]]:
        """Export all contacts, page by page: `with sm.contacts.export_all() as contacts`, in the order of pages.

        Each page of `size` contacts (1-1000) is a server job, which takes a poll interval or longer. The jobs run
        concurrently: few at first, one more with each page that has contacts, at most `outstanding`. At most that many
        pages are held in memory, if they arrive faster than the caller takes them. The export ends with an empty page.

        `raw=True` yields the contacts as they are in the files. The server counts pages when their job runs: if
        contacts are deleted during the export, later contacts move to pages that were already exported. A damaged
        character is replaced, and `contacts.damaged` counts these characters and names their records; with
        `strict=True` it is an error.
        """
    @overload
    def export_all(
        self,
        *,
        raw: Literal[True],
        size: int = ...,
        outstanding: int = ...,
        owner: str | None = ...,
        strict: bool = ...,
    ) -> AbstractContextManager[Records[Any]]:
        """Export all contacts, page by page: `with sm.contacts.export_all() as contacts`, in the order of pages.

        Each page of `size` contacts (1-1000) is a server job, which takes a poll interval or longer. The jobs run
        concurrently: few at first, one more with each page that has contacts, at most `outstanding`. At most that many
        pages are held in memory, if they arrive faster than the caller takes them. The export ends with an empty page.

        `raw=True` yields the contacts as they are in the files. The server counts pages when their job runs: if
        contacts are deleted during the export, later contacts move to pages that were already exported. A damaged
        character is replaced, and `contacts.damaged` counts these characters and names their records; with
        `strict=True` it is an error.
        """

    @overload
    def export_modified(
        self,
        since: datetime | int | None = ...,
        *,
        state: GivenPlace | None = ...,
        ordered: bool = ...,
        overlap: float = ...,
        owner: str | None = ...,
    ) -> AbstractContextManager[ModifiedExport[ContactDetails]]:
        """Export the details of modified contacts: `with sm.contacts.export_modified(since) as contacts`.

        `since` is an aware datetime or UNIX milliseconds; the span ends at the server's time when the export begins.
        Contacts come in the order of their modification, or, if `ordered` is False, in the order in which they are
        read. Contacts that were modified but cannot be read are in `contacts.unavailable`.

        `state` is a file that connects one run to the next: no change is missed, and none comes twice. If the file
        exists, the run continues where the last one ended, and `since` is ignored. The file is written when the block
        ends without an error after the last contact, so the contacts should be stored safely by then: the next run
        begins there, and gives none of them again. So write each run to a file of its own name. The state holds ids and
        times, and belongs to one owner, account and server: a state of another one is refused. `state` may also be
        "postgresql://host/database?run=NAME" (extra `postgres`), for runs on several machines: if another export with
        that name has ended meanwhile, `JournalFailed` is raised at the end, and its state stays.

        A run begins `overlap` seconds before the end of the last one: this is the longest time that a change may take
        to become visible, or that two clocks may differ. Contacts returned in that time are returned again only if they
        were modified again.
        """
    @overload
    def export_modified(
        self,
        since: datetime | int | None = ...,
        *,
        raw: Literal[True],
        state: GivenPlace | None = ...,
        ordered: bool = ...,
        overlap: float = ...,
        owner: str | None = ...,
    ) -> AbstractContextManager[ModifiedExport[Any]]:
        """Export the details of modified contacts: `with sm.contacts.export_modified(since) as contacts`.

        `since` is an aware datetime or UNIX milliseconds; the span ends at the server's time when the export begins.
        Contacts come in the order of their modification, or, if `ordered` is False, in the order in which they are
        read. Contacts that were modified but cannot be read are in `contacts.unavailable`.

        `state` is a file that connects one run to the next: no change is missed, and none comes twice. If the file
        exists, the run continues where the last one ended, and `since` is ignored. The file is written when the block
        ends without an error after the last contact, so the contacts should be stored safely by then: the next run
        begins there, and gives none of them again. So write each run to a file of its own name. The state holds ids and
        times, and belongs to one owner, account and server: a state of another one is refused. `state` may also be
        "postgresql://host/database?run=NAME" (extra `postgres`), for runs on several machines: if another export with
        that name has ended meanwhile, `JournalFailed` is raised at the end, and its state stays.

        A run begins `overlap` seconds before the end of the last one: this is the longest time that a change may take
        to become visible, or that two clocks may differ. Contacts returned in that time are returned again only if they
        were modified again.
        """

    def export_page(self, page: int, size: int = 1000, *, owner: str | None = None) -> Job[ContactOnPage]:
        """Start an export of one page of all contacts; see `ExportContactListPage`. `export_all` exports all pages."""
    def export(
        self,
        to: Sequence[Selector],
        data: Sequence[DataType] = ...,
        *,
        date_range: DateRange | None = None,
        owner: str | None = None,
    ) -> Job[ContactExport]:
        """Start an export of the chosen parts of the chosen contacts; see `ExportContactsData` for the arguments."""
    def export_events(
        self, to: Sequence[Selector], *, date_range: DateRange | None = None, owner: str | None = None
    ) -> Job[ContactEvent]:
        """Start an export of the external events of the chosen contacts; the records of the job are the events.

        Each event has the address and the id of its contact, so `job.save("events.csv")` writes a row for each
        event, and `sm.events.add_many("events.csv")` takes the file. For the events of other contacts use
        `contact_events`, with `walk` or `export_modified`:

            for contact in sm.contacts.walk():
                for event in contact_events(contact):
                    ...

        The job is an export of the parts CONTACT and EXT_EVENT. `sm.jobs.attach` does not know that events are wanted:
        the records of a job that was attached are the contacts.
        """
    def has(self, email: str, *, owner: str | None = None) -> ContactPresence:
        """Check whether an address belongs to a contact (reference: "Checking if a contact is already recorded")."""
    def list(self, email: Sequence[str], *, owner: str | None = None) -> ContactList:
        """Read all data of up to 50 contacts (reference: "Export Contacts by email address").

        For any number of addresses use `sm.contacts.get`.
        """
    def list_by_id(self, contact_id: Sequence[str], *, owner: str | None = None) -> ContactListById:
        """Read all data of up to 50 contacts (reference: "Export Contacts by Contact ID").

        An id takes 36 characters. For any number of ids use `sm.contacts.get_by_id`.
        """
    def list_page(self, page: int, *, size: int, owner: str | None = None) -> ContactsPage:
        """Read a page of an owner's contacts (reference: "Contacts assigned to a specific owner (paginated list)").

        `page` counts from 1, `size` takes 1 to 1000. For all of them use `sm.contacts.walk`.
        """
    def basic(self, email: Sequence[str], *, owner: str | None = None) -> BasicContactList:
        """Read the basic fields of contacts (reference: "Export basic contacts’ data by email address")."""
    def basic_by_id(self, id: Sequence[str], *, owner: str | None = None) -> BasicContactList:
        """Read the basic fields of contacts (reference: "Export basic contacts’ data by contact ID")."""
    def created(self, from_: datetime | int, to: datetime | int, *, owner: str | None = None) -> CreatedContacts:
        """List the contacts created in a span of time (reference: "Exporting the list of recently created contacts").

        `from_` and `to` are aware datetimes or UNIX milliseconds.
        """
    def modified(self, from_: datetime | int, to: datetime | int, *, owner: str | None = None) -> ModifiedContacts:
        """List contacts last modified in a span of time (reference: "Exporting the list of recently modified contacts").

        `from_` and `to` are aware datetimes or UNIX milliseconds. For long lists use `sm.contacts.walk_modified`.
        """
    def modified_page(
        self, from_: datetime | int, to: datetime | int, *, page: int, size: int, owner: str | None = None
    ) -> ModifiedContacts:
        """List a page of contacts last modified in a span (reference: "Recently modified Contacts (paginated list)").

        `from_` and `to` are aware datetimes or UNIX milliseconds, at most 30 days apart. `page` counts from 1, `size` takes
        1 to 1000. For spans and lists of any length use `sm.contacts.walk_modified`.
        """
    def recent_activity(
        self,
        from_: datetime | int,
        to: datetime | int,
        *,
        all_visits: bool | None = None,
        ip_details: bool | None = None,
    ) -> RecentActivity:
        """Read the visits of the site in a span of time (reference: "Contacts’ activity"). No owner is needed.

        `from_` and `to` are aware datetimes or UNIX milliseconds. `all_visits` adds every page opened in the span,
        `ip_details` what is known about the visitor's IP address.
        """
    def delete(self, email: str, *, owner: str | None = None) -> Deleted:
        """Delete the contact with an address (reference: "Deleting a contact").

        Several contacts can share an address, and all of them are deleted [guess: from experience]. To delete exactly one
        contact, use its id: `sm.contacts.delete_many([ContactId(...)])`.
        """
    def set_main_owner(self, contact: str, *, new_owner: str, owner: str | None = None) -> Answer:
        """Change the main owner of a contact (reference: "Changing the main contact owner").

        `contact` is the contact's address, `new_owner` the e-mail address of a user account.
        """
    def stop_monitoring(
        self, contacts: Sequence[Selector], *, owner: str | None = None, async_: bool | None = None
    ) -> Answer:
        """Stop recording the visits of the chosen contacts (reference: "Stop contacts’ monitoring").

        `async_` is only in the sample of the reference, without an explanation.
        """
    def restore_monitoring(
        self, contacts: Sequence[Selector], *, owner: str | None = None, async_: bool | None = None
    ) -> Answer:
        """Record the visits of the chosen contacts again (reference: "Restore contacts’ monitoring").

        `async_` is only in the sample of the reference, without an explanation.
        """
    def upsert(
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
    def upsert_with_event(
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
    def get(self, emails: Iterable[str], *, owner: str | None = None) -> tuple[ContactDetails, ...]:
        """Return the details of the contacts of any number of addresses, requested 50 at a time.

        Addresses without a contact are left out. A single address may be passed instead of a list.
        """
    def get_by_id(self, contact_ids: Iterable[str], *, owner: str | None = None) -> tuple[ContactDetails, ...]:
        """Return the details of the contacts of any number of ids, requested 50 at a time.

        Ids without a contact, or without access to it, are left out; `list_by_id` names them. A single id may be passed
        instead of a list.
        """
    def walk(self, *, size: int = 1000, owner: str | None = None) -> Iterator[ContactDetails]:
        """Return an iterator over the details of all contacts of an owner, requested `size` (1-1000) at a time.

        The server counts pages. If contacts are deleted, or move to another owner, during the walk, later contacts move
        to pages that were already read, and are missed. Collect first, then delete.
        """
    def walk_modified(
        self, start: datetime | int, end: datetime | int, *, size: int = 1000, owner: str | None = None
    ) -> Iterator[ListedContact]:
        """Return an iterator over the contacts last modified from `start` to `end`: a span of any length.

        Times are aware datetimes or UNIX milliseconds. The span is requested in windows of 30 days, `size` (1-1000)
        contacts at a time. A contact that is modified during the walk moves to its new time, and later contacts move to
        pages that were already read. So let `end` be in the past, and start the next walk there.
        """
    def delete_many(self, selectors: Iterable[Selector] | Selector, *, owner: str | None = None) -> Deleted:
        """Delete every contact that any of the selectors matches, in one request; `ContactId` is the safest selector.

        Selectors of any length are accepted: one of over 255 characters is sent as several. A single selector may be
        passed instead of a list.
        """
    def upsert_many(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> Report:
        """Add or change any number of contacts, and return the counts of their outcomes.

        `source` is an iterable or async iterable of contacts (`Contact` values, the API's objects, flat mappings, rows
        of a database, dataclasses), a frame or stream of Arrow data (pandas, Polars, DuckDB, ADBC, pyarrow), or the
        path of a CSV, JSON, Parquet or Excel file. It is read lazily, and no record is kept longer than until its
        outcome is known. Texts are trimmed, and blank ones leave a field as it is, except in `Contact` values, which
        are sent as they are.

        A bad record is rejected and does not stop the run. Wrong credentials end the run, and so does a server that
        does not answer at all for `patience` seconds: the error is raised if the server has processed no record, and is
        in `report.stopped` otherwise. So check that the run is complete:

            report = sm.contacts.upsert_many(source, journal="people.db")
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
    @overload
    def upserting(self, source: FileOrFrame, **options: Unpack[ContactRunOptions]) -> AbstractContextManager[Outcomes]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known.

        `with sm.contacts.upserting(source) as outcomes` and then `for outcome in outcomes`. Leaving the
        block early cancels the run immediately; `outcomes.stop()` ends it in order.
        """
    @overload
    def upserting(
        self, source: GivenRecords[RecordT], **options: Unpack[ContactRunOptions]
    ) -> AbstractContextManager[Outcomes[RecordT]]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known.

        `with sm.contacts.upserting(source) as outcomes` and then `for outcome in outcomes`. Leaving the
        block early cancels the run immediately; `outcomes.stop()` ends it in order.
        """

    def sync(self, source: GivenSource, *, state: str | PathLike[str], **options: Unpack[SyncOptions]) -> SyncReport:
        """Send only the rows that differ from what the server accepted last: a nightly import that costs its changes.

        `source` is everything, as for `upsert_many`, and it is read to its end. `state` is a file that connects one
        sync with the next: for each key it has a digest of the content that was accepted last, 16 bytes a row. It is
        created by the first sync, which sends every row. `options` are those of
        `salesmanago_async.sync.settings.SyncOptions`.

            report = sm.contacts.sync("customers.csv", state="customers.db")
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
    def syncing(
        self, source: GivenSource, *, state: str | PathLike[str], **options: Unpack[SyncOptions]
    ) -> AbstractContextManager[SyncOutcomes]:
        """Sync as `sync` does, but yield the outcome of each row that is sent when it becomes known."""
    def buffer(self, **options: Unpack[ContactBufferOptions]) -> Buffer[Contact | Mapping[str, Any]]:
        """Return a buffer that collects single contacts and upserts them together; for apps.

        The options are those of `salesmanago_async.buffers.options.ContactBufferOptions`.

        `with sm.contacts.buffer(journal="signups.db") as buffer` and then `buffer.add(contact)`.
        """

class Coupons:
    """Calls about coupons (reference: "API - Coupons")."""
    def add(
        self,
        email: str | None = None,
        *,
        contact_id: str | None = None,
        name: str,
        coupon: str | None = None,
        length: int | None = None,
        valid: datetime | int | None = None,
    ) -> CouponAdded:
        """Give a contact a coupon (reference: "Adding coupon for contact"). No owner is needed.

        The contact is identified by `email`, or by `contact_id`, which is not in the reference but sent by the vendor's own
        SDK.

        `name` takes 64 characters. Pass the code as `coupon` (5 to 32 characters), or the `length` (5 to 64) of a code that
        the server generates; [likely] if both are given, `coupon` counts, and the length is not looked at. `valid` is when
        the coupon expires, an aware datetime or UNIX milliseconds; the default is in one year.
        """
    def use(self, email: str, *, coupon: str) -> CouponUsed:
        """Redeem a coupon of a contact (reference: "Redemption of coupon for contact").

        [guess] `coupon` is the code, as in the reference's sample, although its table says "coupon name". No owner is
        needed.
        """
    def verify(
        self, coupon_code: str, *, coupon_name: str, email: str | None = None, contact_id: str | None = None
    ) -> CouponVerified:
        """Check whether a coupon code is valid (reference: "Verifying coupon code"). No owner is needed.

        `coupon_code` and `coupon_name` take 64 characters. With `email` or `contact_id` (if both are given, contact_id
        counts) it must be that contact's coupon; without them, the coupon of any contact.
        """

class Emails:
    """Calls about e-mails (reference: "API - Email messages")."""
    def upsert(
        self,
        name: str,
        *,
        subject: str,
        content: str,
        sender_account_id: str,
        email_owner: str,
        email_id: str | None = None,
        group: str | None = None,
        shared: bool | None = None,
        utm_campaign: str | None = None,
    ) -> EmailUpserted:
        """Create an e-mail, or change the one with `email_id` (reference: "Adding or updating an email").

        `name` is its name in SALESmanago. `email_owner` is the user account that it belongs to, which cannot be changed
        later; `shared` shows it to the other users of the account too. `subject` takes 998 characters, `content` 2 MB of
        HTML, every other text 255. `sender_account_id` is shown under Email Marketing, Settings, Sender Accounts. Without
        `group` it is in the default group. `utm_campaign` marks its links for web analytics.

        If the outcome is in doubt, the request is not repeated: without an email_id that would create two e-mails.
        """
    def send(
        self,
        email_id: str,
        contacts: Sequence[Selector | Personalized],
        *,
        date: datetime | int,
        exclude_contacts: Sequence[Selector] | None = None,
        user: str | None = None,
    ) -> EmailsSent:
        """Send an e-mail to the chosen contacts at a given time (reference: "Sending an email").

        `email_id` is an e-mail prepared in SALESmanago, or returned by `sm.emails.upsert`. `contacts` are selectors
        (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`); `Personalized(selector, {"name": "value"})` also replaces
        $cst.name$ in the e-mail. An address in `Email` without a contact becomes a contact, opted in. `exclude_contacts`
        get nothing. `date` is when to send: an aware datetime or UNIX milliseconds. [guess] 255 characters are the limit of
        each value; if they are that of all values of a selector, joined, as in contact/batchDelete, pass several selectors.
        """
    def send_confirmation(
        self,
        email: str,
        *,
        tag: str | None = None,
        double_opt_in_language: str | None = None,
        double_opt_in_email_id: str | None = None,
        owner: str | None = None,
    ) -> ConfirmationSent:
        """Ask an opted-out contact to confirm a subscription (reference: "Sending subscription confirmation").

        With `tag`, only a contact with that tag is asked. The e-mail is chosen by `double_opt_in_language`, as mapped in
        the account's settings, or by `double_opt_in_email_id`.
        """
    def mass_conversation_list(self, from_: datetime | int, to: datetime | int) -> MassConversations:
        """List the mailings of a span of time (reference: "Downloading Mass Conversation").

        Aware datetimes or UNIX milliseconds. No owner is needed.
        """
    def global_conversation_statistics(
        self,
        from_: datetime | int,
        to: datetime | int,
        *,
        conversation_type: Literal[
            "SMTP",
            "AD_HOC",
            "MAILING",
            "RULE",
            "W",
            "API",
            "TEST_AB",
            "FINAL_TEST_AB",
            "BIRTHDAY",
            "CYCLIC",
            "SCHEDULED",
            "BIRTHDAY_YR",
            "TEST",
        ]
        | str
        | None = None,
        user: str | None = None,
    ) -> GlobalStatistics:
        """Read the statistics of all e-mails of a span (reference: "Export of global statistics for sent emails").

        Aware datetimes or UNIX milliseconds. Without `conversation_type`, all mass e-mails are included.
        """
    def send_with_attachment(
        self,
        email_id: str,
        contacts: Sequence[Selector | Personalized],
        attachment: Attachment | str | PathLike[str],
        *,
        date: datetime | int,
        exclude_contacts: Sequence[Selector | Personalized] | None = None,
        immediate: bool | None = None,
        rule: bool | None = None,
        user: str | None = None,
    ) -> EmailsSent:
        """Send an e-mail with a file, passed as an `Attachment` or by its path; see `SendEmailWithAttachment`."""
    def conversation_statistics(
        self,
        conversation_id: str | None = None,
        *,
        from_: datetime | int | None = None,
        to: datetime | int | None = None,
        conversation_type: ConversationType | None = None,
        export_type: ExportType | None = None,
        user: str | None = None,
    ) -> Job[ConversationStatistics]:
        """Start an export of the statistics of one mailing, or of the mailings of a span; one record for each mailing.

        See `GetConversationStatistics` for the arguments.
        """
    def message_statistics(self, conversation_id: str, *, user: str | None = None) -> Job[ConversationRecipients]:
        """Start an export of the recipients of a mailing; the file has one record, which holds them all."""

class Events:
    """Calls about external events (reference: "API - External events")."""
    def update(self, event_id: str, event: EventContent, *, owner: str | None = None) -> EventUpdated:
        """Replace an event's content (reference: "Adding many contact external events simultaneously", modifying an event).

        `event_id` was returned when the event was added. Fields that are left out are lost, so pass all of them: for
        example the `ExternalEvent` that was added, changed with `attrs.evolve`. The contact of an event cannot be changed:
        an email or contact_id is not sent.
        """
    def delete(
        self, event_id: str | None = None, *, external_id: str | None = None, owner: str | None = None
    ) -> EventDeleted:
        """Delete an event a little later (reference: "Removal of External Event").

        The event is identified by `event_id` (returned when it was added) or by your own `external_id`; if both are given,
        event_id counts.
        """
    def add(self, event: ExternalEvent, *, owner: str | None = None) -> EventAdded:
        """Add one event; see `AddContactExtEvent`. After an error that is `in_doubt`, the event may have been added."""
    def add_many(self, source: GivenSource, **options: Unpack[EventRunOptions]) -> Report:
        """Add any number of events, and return the counts of their outcomes.

        Works as `sm.contacts.upsert_many`, with `ExternalEvent` values or mappings. The server answers directly,
        without a job. A chunk without an answer is never simply sent again, because that could double its events.
        Instead the events are looked up in the account, by reading their contacts back, and the missing ones are sent.
        Events that remain undecided are in doubt (see `in_doubt` in `EventRunOptions`, the type of `options`).

        `report.raise_if_incomplete()` raises `RunIncomplete` if the run stopped early or events are in doubt.

        The options are those of `sm.contacts.upsert_many`, except those that are about contacts (`tags`, `lang`,
        `fire_events`, `use_api_double_opt_in`, `accept_consents`), and `path`, the path of another call for events.
        """
    @overload
    def adding(self, source: FileOrFrame, **options: Unpack[EventRunOptions]) -> AbstractContextManager[Outcomes]:
        """Run as `add_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""
    @overload
    def adding(
        self, source: GivenRecords[RecordT], **options: Unpack[EventRunOptions]
    ) -> AbstractContextManager[Outcomes[RecordT]]:
        """Run as `add_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""

    def buffer(self, **options: Unpack[EventBufferOptions]) -> Buffer[ExternalEvent | Mapping[str, Any]]:
        """Return a buffer that collects single events and adds them together; for apps.

        The options are those of `salesmanago_async.buffers.options.EventBufferOptions`.
        """

class Funnels:
    """Calls about sales funnels (reference: "API - Funnels")."""
    def add(
        self,
        funnel: str,
        *,
        stages: Sequence[FunnelStage],
        group: str | None = None,
        pot_value: float | Decimal | None = None,
        owner: str | None = None,
    ) -> Answer:
        """Create a funnel (reference: "Adding funnel").

        The orders of the `stages` are 1, 2, 3 and so on, each once. `pot_value` is the default value of a contact in it,
        `group` the group of funnels that it belongs to.
        """
    def add_contact(
        self,
        contacts: Sequence[Selector],
        *,
        funnel: str,
        stage: str,
        pot_value: float | Decimal | None = None,
        modify: bool | None = None,
        owner: str | None = None,
    ) -> FunnelContactsAdded:
        """Add contacts to a stage of a funnel (reference: "Adding contacts to the funnel").

        `contacts` are selectors (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`). `pot_value` is the value of each of them.
        `modify=True` also marks the contacts as modified; the server's default does not.
        """
    def count(self, funnel: str, *, stage: str | None = None, owner: str | None = None) -> FunnelCount:
        """Count the contacts of a funnel (reference: "Getting the number of contacts in the funnel/stage").

        With `stage`, only the contacts at that stage are counted.
        """
    def delete(self, funnel: str, *, stage: str | None = None, owner: str | None = None) -> Answer:
        """Delete a funnel in a few seconds, or only one `stage` of it (reference: "Deleting funnel/stage")."""

class Job(Generic[RecordT]):
    """A job on the server, identified by its `request_id`. A job goes on when the caller stops waiting for it."""
    @property
    def request_id(self) -> int: ...
    def status(self) -> JobStatus:
        """Poll the job once."""
    def file_url(self, *, deadline: float | None = None) -> str:
        """Poll immediately and then once every poll interval, until the link to the job's file is there.

        A job that is running at the first poll is polled once more after 3 seconds, because small jobs take no longer.
        Raises `JobFailed` if the job failed, and `StillRunning` after `deadline` seconds (None: no limit). A single
        failed poll does not end the wait; five in a row do. The same holds for an answer that the server does not know
        the job, because one node of the server may not know a new job yet: `JobNotFound` is raised after five such
        answers in a row, or at the deadline.
        """
    def stream(self) -> AbstractContextManager[Iterator[bytes]]:
        """Open the job's file, once it is there: `with job.stream() as chunks`, bytes as they arrive.

        The file is downloaded at full speed to an unnamed temporary file, even if the chunks are read slowly.
        """
    @overload
    def records(self, *, strict: bool = ...) -> AbstractContextManager[Records[RecordT]]:
        """Open the job's file as records, in constant memory: `with job.records() as records`.

        `raw=True` yields the records exactly as they are in the file. Each record is yielded once. An error is raised,
        after the records before that place, if the download stays incomplete, or the file is damaged, or the file is
        neither a JSON array nor an archive of JSON arrays. A damaged character, such as a byte that is not UTF-8,
        affects only itself: it is replaced by U+FFFD, and `records.damaged` counts these characters and names their
        records. With `strict=True` a damaged character is an error.
        """
    @overload
    def records(self, *, raw: Literal[True], strict: bool = ...) -> AbstractContextManager[Records[Any]]:
        """Open the job's file as records, in constant memory: `with job.records() as records`.

        `raw=True` yields the records exactly as they are in the file. Each record is yielded once. An error is raised,
        after the records before that place, if the download stays incomplete, or the file is damaged, or the file is
        neither a JSON array nor an archive of JSON arrays. A damaged character, such as a byte that is not UTF-8,
        affects only itself: it is replaced by U+FFFD, and `records.damaged` counts these characters and names their
        records. With `strict=True` a damaged character is an error.
        """

    def save(
        self,
        to: str | PathLike[str],
        *,
        format: Format | None = None,
        safe_cells: bool = True,
        on_progress: Callable[[Saved], None] | None = None,
        strict: bool = False,
        shape: RecordShape = "documented",
    ) -> int:
        """Write the job's records to `to`, a path or "-"; return how many were written.

        `format` defaults to the one that the suffix of the path names: .json, .jsonl, .csv or .parquet. Records in
        JSON have the `shape` that is documented for the file, or are "flat": one object for each row that CSV and
        Parquet would have (see `flat_row`), which an import takes. The file appears under its name only when it is
        complete. `safe_cells` keeps spreadsheets from running cells of a CSV file as formulas, by an apostrophe that an
        import removes. Damaged characters are replaced, and `on_progress` receives their count as `damaged`; with
        `strict=True` they are an error.
        """
    def result(self) -> bytes:
        """Wait for the job's file and return all of it; meant for small files, such as the result of an import.

        If the link is dead, the job is polled once for a new one; raises `LinkExpired` if there is none.
        """

class Jobs:
    """Calls about server jobs (reference: "Get URL of file with exported data")."""
    def status(self, request_id: int, *, owner: str | None = None) -> JobAnswer:
        """Get the state of a server job.

        `request_id` is the number in the answer of the call that started the job. The documented interval between two polls
        is 60 seconds.
        """
    def attach(self, request_id: int) -> Job[Any]:
        """Return the job of that number, started elsewhere or before a crash; its records are not converted."""
    def as_completed(
        self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]] | Job[RecordT], *, outstanding: int = 1000
    ) -> AbstractContextManager[Iterator[Job[RecordT]]]:
        """Poll any number of jobs, and yield each when it is over: `with sm.jobs.as_completed(jobs) as finished`.

        `jobs` are taken from their source gradually: at most `outstanding` are polled concurrently, each immediately
        when it is taken, and then every poll interval, or every other one after two of them. Of the jobs with a file,
        the one whose link expires first is yielded first: open or save it immediately. For any other job, opening it
        raises the reason (`JobFailed`, or `JobNotFound` if the server does not know the job). An error of the source is
        raised after the jobs before it are over.
        """

class Keys:
    """Calls about the keys of API v3."""
    def create(
        self,
        email: str,
        *,
        password: str,
        key_name: str,
        expiry: Literal["SEVEN_DAYS", "ONE_MONTH", "THREE_MONTHS", "ONE_YEAR", "NEVER"] | str,
        webhook_url: str | None = None,
        endpoint: str | None = None,
    ) -> KeyCreated:
        """Create a key from the login of a user of the panel (API v3, auth/create). The call itself needs no key.

        Problems that arise later are posted to `webhook_url`. `endpoint` is the host of the account, without a scheme, for
        an e-mail address with accounts on several hosts.
        """
    def revoke(self, api_key: str) -> KeyRevoked:
        """Revoke a key, usually the client's own (API v3, auth/revoke). A second try is refused: not authenticated."""

class Loyalty:
    """Calls about loyalty programs (reference: "API - Loyalty Program")."""
    def add_contact(self, contacts: Sequence[Selector], *, loyalty_program: str, owner: str | None = None) -> Answer:
        """Add contacts to a loyalty program (reference: "Adding contact to Loyalty Program").

        `contacts` are up to 255 selectors, `loyalty_program` is the program's name.
        """
    def remove_contact(self, contacts: Sequence[Selector], *, loyalty_program: str, owner: str | None = None) -> Answer:
        """Remove contacts from a loyalty program (reference: "Removing contact from Loyalty Program").

        `contacts` are up to 255 selectors, `loyalty_program` is the program's name.
        """
    def modify_points(
        self,
        contacts: Sequence[Selector],
        *,
        loyalty_program: str,
        points: int,
        modification_type: Literal["ADD", "SUBTRACT"] | str,
        comment: str | None = None,
        owner: str | None = None,
    ) -> Answer:
        """Add or subtract points (reference: "Adding/removing contact points to Loyalty Program").

        `contacts` are up to 255 selectors: each contact that they match gets, or loses, that many `points`. `comment` takes
        255 characters.
        """
    def get_points(self, email: str, *, loyalty_program: str, owner: str | None = None) -> LoyaltyPoints:
        """Get the points of a contact (reference: "Returning the number of points in the Loyalty Program")."""

class Messages:
    """Calls about text messages (reference: "API - SMS messages")."""
    def send(
        self,
        contacts: Sequence[Addressee],
        *,
        name: str,
        text_content: str | None = None,
        template_name: str | None = None,
        sender: str | None = None,
        messaging_channel_integration: Sequence[ChannelIntegration] | None = None,
        time: datetime | int | None = None,
        shorten_links: bool | None = None,
        allow_diacritics: bool | None = None,
        user: str | None = None,
    ) -> MessageSent:
        """Send a text message to the chosen contacts, immediately or at `time` (reference: "Send messages").

        `contacts` are selectors, `InternalId` or `Everyone`; `name` identifies the message in SALESmanago. Its content is
        either the template `template_name` or `text_content`: give one [guess: with both, as in the only sample, the text
        counts]. `time` may be from one day ago, which means now, to one year ahead; only the server, which has the clock
        that counts, checks it. Texts take 255 characters.
        """
    def send_transactional(
        self,
        contact: MessageRecipient,
        *,
        provider: Literal[
            "NATIVE",
            "SMS_SITMOBILE",
            "SMS_SMSAPI",
            "SMS_TIDE",
            "SMS_MATERNA",
            "SMS_SERWERSMS",
            "SMS_REDLINK",
            "SMS_VIA_NETT",
            "SMS_VOICE_COM",
            "SMS_SALES_TRAFFIC",
            "SMS_TEXT_MARKETER",
            "SMS_IMOBIS",
            "SMS_SPRYNG",
            "SMS_ADVANCED_TELECOM",
            "SMS_ESENDEX",
            "SMS_LABYRINTTI",
            "SMS_MODICA",
            "SMS_GSMS",
            "SMS_360NRS",
            "SMS_ENVOI",
            "SMS_MOBYT",
            "SMS_ASSECO",
            "SMS_CELLSYNT",
            "SMS_EURO_SMS",
            "SMS_SINHRO",
            "SMS_SEND_RO",
            "SMS_PUBLI",
            "SMS_INFOBIP",
            "SMS_WHIZZ_SMS",
            "SMS_TWILIO",
            "SMS_TCG",
            "SMS_GUPSHUP",
            "SMS_DYNMARK",
            "SMS_EUROCOM",
            "SMS_AMD",
            "SMS_MASIVIAN",
            "SMS_IKONO",
            "SMS_SMS_MESSENGER",
            "SMS_MEGAFON",
            "SMS_BULKER",
            "SMS_UNICELL",
            "SMS_UNIFONIC",
            "SMS_LIFECELL",
            "SMS_VERTEX",
            "SMS_POSTA_GUVERCINI",
            "SMS_KARIX",
            "SMS_VODAFONE_MALTA",
            "SMS_INSTASENT",
            "SMS_SMSC",
            "SMS_LOX24",
            "SMS_MOVISTAR",
            "SMS_LINK_MOBILITY",
            "SMS_SKEBBY",
            "SMS_SMS_PLANET",
            "SMS_TOKY_DIGITAL",
            "SMS_TOKY_DIGITAL_SMSC",
            "SMS_POLKOMTEL",
            "SMS_SOPRANO",
            "SMS_APIFONICA",
            "SMS_RAPPORTO",
            "SMS_CELLFIND",
            "SMS_MESSENTE",
            "SMS_MTARGET",
            "SMS_UNIFONIC_NEXTGEN",
            "SMS_UNIFONIC_NEXTGEN2",
            "SMS_UNIFONIC_NEXTGEN3",
            "SMS_UNIFONIC_NEXTGEN4",
            "SMS_UNIFONIC_NEXTGEN5",
            "SMS_UNIFONIC_NEXTGEN6",
            "SMS_UNIFONIC_NEXTGEN7",
            "SMS_UNIFONIC_NEXTGEN8",
            "SMS_UNIFONIC_NEXTGEN9",
            "SMS_UNIFONIC_NEXTGEN10",
            "SMS_LIBONET",
            "SMS_TOTAL_CONNECT",
            "SMS_MOVISTAR_COSTA_RICA",
            "SMS_SMSSERVICE",
            "SMS_BBL_SMS",
            "SMS_OCTAPUSH",
            "SMS_TELIA",
            "SMS_BULKGATE",
            "SMS_MITTO",
            "SMS_LOYMARK",
            "B2SMS",
            "SMS_LINK_MOBILITY_ITALY",
            "SMS_SERWERSMS_NEW",
        ]
        | str,
        integration_name: str,
        template_external_id: str,
        sender: str,
        allow_diacritical: bool | None = None,
        shorten_links: bool | None = None,
        user: str | None = None,
    ) -> MessageSent:
        """Send one contact a message from a template immediately (reference: "Send transactional message").

        SALESmanago has to activate this call for the account. `provider` is the gateway (such as SMS_SMSAPI; NATIVE for
        SALESmanago SMS), `integration_name` its name in the account's settings ("SALESmanago provider" for NATIVE),
        `template_external_id` the UUID of a transactional template, `sender` a sender id of the integration.
        """
    def list(
        self,
        start: datetime | int,
        *,
        end: datetime | int,
        source: Literal["BIRTHDAY", "MASS", "RULE", "WORKFLOW", "TEST", "ALERT", "RFM", "ALL"] | str | None = None,
    ) -> ConversationIds:
        """List the message conversations of a span of time (reference: "List of mass conversations").

        `start` and `end` are aware datetimes or UNIX milliseconds, at most 7 days apart for the sources RULE and WORKFLOW,
        and 30 for the others. The server's default `source` is MASS; ALL lists every source.
        """
    def data(self, conversation_id: int) -> ConversationData:
        """Read the messages of a conversation (reference: "Get conversation data").

        For more than 10,000 messages use `sm.messages.export`.
        """
    def stats(
        self,
        conversation_id: int,
        *,
        channel: Literal["SMS", "VIBER", "WHATS_APP"] | str | Literal["ALL"] | None = None,
        source: Literal["BIRTHDAY", "MASS", "RULE", "WORKFLOW", "TEST", "ALERT", "RFM", "ALL"] | str | None = None,
    ) -> ConversationStats:
        """Read the statistics of a conversation (reference: "Messaging statistics").

        `channel` (SMS, VIBER, WHATS_APP or ALL) and `source` select a part of them; the server's default for both is ALL.
        """
    def export(self, conversation_id: int, *, user: str | None = None) -> Job[ConversationMessage]:
        """Start an export of the messages of a conversation; see `ExportConversationData`."""

class ModifiedExport(Iterator[RecordT], Generic[RecordT]):
    """Contacts that were modified in a span, each with all its details.

    `begin` and `end` are the span, by the server's clock. `unavailable` holds the ids of the contacts found so far that
    were modified but cannot be read: they have been deleted since, or belong to another owner. `is_complete` says
    whether the last contact was taken.
    """
    @property
    def begin(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def unavailable(self) -> Sequence[str]:
        """The ids of contacts that could not be read."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordT: ...

class Notes:
    """Calls about notes (reference: "API - Notes")."""
    def add(
        self,
        note: str,
        *,
        email: str | None = None,
        contact_id: str | None = None,
        priv: bool | None = None,
        owner: str | None = None,
    ) -> Answer:
        """Add a note of up to 1024 characters to a contact (reference: "Adding note").

        The contact is identified by `email` or `contact_id`. A note with `priv=True` is visible to its author only; the
        server's default is False.
        """

class Outcomes(Iterator[Outcome[RecordT_co]], Generic[RecordT_co]):
    """The outcomes of a run, each once, as they become known: not in the order of the source."""
    @property
    def error(self) -> BaseException | None: ...
    @property
    def report(self) -> Report:
        """The counts so far; final once the outcomes are exhausted."""
    @property
    def outstanding(self) -> int:
        """How many server jobs are followed now, or requests whose events are looked for in the account."""
    @property
    def next_poll(self) -> float | None:
        """Seconds until one of these is polled next; None if none waits for a poll."""
    def stop(self) -> None:
        """Stop reading and following jobs.

        What is in flight is finished, within bounds, and its outcomes are delivered.
        """
    def stop_at_once(self) -> None:
        """Stop, and cut off what is in flight: its records count as in doubt, but their outcomes are not delivered."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> Outcome[RecordT_co]: ...

class PreferenceCenter:
    """Calls about preference centers (reference: "API - Customer Preference Center")."""
    def generate_endpoint(self, preference_center_id: str, *, contact_id: str) -> PreferenceCenterEndpoint:
        """Create the address of a contact's preference center (reference: "Customer Preference Center").

        Copy `preference_center_id` from the last step of its wizard; `contact_id` may be the value of the smclient cookie.
        Each takes 255 characters.
        """

class Products:
    """Calls about products (API v3). They need a `products_key`."""
    def upsert(self, catalog_id: str, products: Sequence[Product]) -> ProductsUpserted:
        """Add 1 to 100 products to a catalogue, or change them (API v3, product/upsert).

        [likely] One bad product refuses the whole request; `problems` of the error name the products by their index.
        """
    def update_quantities(self, catalog_id: str, products: Sequence[ProductQuantity]) -> ProductAnswer:
        """Change the quantities of 1 to 100 products (API v3, product/updateQuantity). It creates no product [likely]."""
    def update_prices(self, catalog_id: str, products: Sequence[ProductPrice]) -> ProductAnswer:
        """Change the prices of 1 to 100 products (API v3, product/updatePrice). It creates no product [likely]."""
    def upsert_many(self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]) -> Report:
        """Add any number of products to a catalogue, or change them; return the counts of their outcomes.

        Works as `sm.contacts.upsert_many`, with `Product` values, mappings or rows of files. Columns have the names of
        the API or their snake_case form; details may be flat: brand, season, detail1. Product feeds are read, too: XML
        of Google Merchant or Ceneo, and tables with Google's columns (see records/product_feeds.py).

        A request has up to 100 products, and its answer comes at once, without a server job: *accepted* means that the
        server has taken the product. It stores products later, and sends later problems to the webhook of the key only.

        A refusal names the products to blame. They are rejected, and the others of their request are sent again without
        them. What the server trimmed (reason code 12) is accepted, with a reason in its outcome and a warning in the
        report. The rows of one product are applied in the order of the source. What got no answer is sent again, which
        does no harm; what still has none in the end is in doubt, and a resumed run sends it again. After a try without
        an answer, a later row of one of its products waits for five times the `poll_interval` of the client.

        A refusal that other products would get, too, ends the run: of the key, a quota (19) or the catalogue.
        `report.raise_if_incomplete()` raises `RunIncomplete` then. Raises `Invalid` without a `products_key`.
        """
    @overload
    def upserting(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""
    @overload
    def upserting(
        self, source: GivenRecords[RecordT], *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes[RecordT]]:
        """Run as `upsert_many` does, but yield each outcome when it becomes known; see `sm.contacts.upserting`."""

    def update_quantities_many(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> Report:
        """Change the quantities of any number of products, given as `ProductQuantity` values, mappings or rows.

        Works as `upsert_many`; the columns are productId and quantity. It creates no product [likely]: the server takes
        an unknown id without a problem.
        """
    @overload
    def updating_quantities(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes]:
        """Run as `update_quantities_many` does, but yield each outcome when it becomes known."""
    @overload
    def updating_quantities(
        self, source: GivenRecords[RecordT], *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes[RecordT]]:
        """Run as `update_quantities_many` does, but yield each outcome when it becomes known."""

    def update_prices_many(
        self, source: GivenSource, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> Report:
        """Change the prices of any number of products, given as `ProductPrice` values, mappings or rows.

        Works as `upsert_many`; the columns are productId, price and discountPrice. A discount that is left out stays;
        `CLEAR` ends it. It creates no product [likely]: the server takes an unknown id without a problem.
        """
    @overload
    def updating_prices(
        self, source: FileOrFrame, *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes]:
        """Run as `update_prices_many` does, but yield each outcome when it becomes known."""
    @overload
    def updating_prices(
        self, source: GivenRecords[RecordT], *, catalog_id: str, **options: Unpack[ProductRunOptions]
    ) -> AbstractContextManager[Outcomes[RecordT]]:
        """Run as `update_prices_many` does, but yield each outcome when it becomes known."""

    def sync(
        self,
        source: GivenSource,
        *,
        state: str | PathLike[str],
        catalog_id: str,
        only: ProductPart | None = None,
        **options: Unpack[ProductSyncOptions],
    ) -> SyncReport:
        """Send only the products that differ from what the server accepted last; works as `sm.contacts.sync`.

        `source` is the whole catalogue, as for `upsert_many`. `state` is a file that connects one sync with the next,
        32 bytes a product, and belongs to one catalogue.

            report = sm.products.sync("products.csv", state="products.db", catalog_id="0f6c1f5e")

        Of a product of which nothing but the price and discount, or nothing but the quantity, differs from what was
        accepted last, only these are sent (`update_prices`, `update_quantities`); any other one is sent with all of its
        fields. So fields that somebody else has changed meanwhile stay as they are. Such a request takes as many
        products as the other ones, and a run has up to three that are not full, where it would have one. A product that
        was not accepted is sent whole the next time, and so is a second row of one product.

        A value that has become blank or None makes a product *changed*, but the field in the catalogue keeps its old
        value. `set_as_null` (the column setAsNull of a file) names fields to clear; in a table with Google's columns, a
        product without a sale price loses its discount. With `only="prices"`, `discount_price=CLEAR` ends a discount.

        With `only="prices"` or `"quantities"` the source has the columns of `update_prices_many` or
        `update_quantities_many` alone; such a sync needs a state of its own.

            report = sm.products.sync("stock.csv", state="stock.db", catalog_id="0f6c1f5e", only="quantities")

        With `removed="deactivate"`, products that are no longer in the source get `available` and `active` False, as no
        call deletes a product. Then the state also holds the id, name, main category and price of each product, which
        such a request needs. A product that comes back is sent with what the source says of it: give `available` and
        `active` there, so that it is switched on again.

        *Accepted* means that the server has taken the product. What it refuses later goes to the webhook of the key
        only, and the sync does not know it. A price or quantity alone does not create such a product [likely]:
        `full=True` sends everything once more.
        """
    def syncing(
        self,
        source: GivenSource,
        *,
        state: str | PathLike[str],
        catalog_id: str,
        only: ProductPart | None = None,
        **options: Unpack[ProductSyncOptions],
    ) -> AbstractContextManager[SyncOutcomes]:
        """Sync as `sync` does, but yield the outcome of each product that is sent when it becomes known."""
    def buffer(
        self, *, catalog_id: str, **options: Unpack[ProductBufferOptions]
    ) -> Buffer[Product | Mapping[str, Any]]:
        """Return a buffer that collects single products and upserts them together; for apps.

        The options are those of `salesmanago_async.buffers.options.ProductBufferOptions`. Of two versions of a
        product that are taken, the later one wins.
        """
    def buffer_quantities(
        self, *, catalog_id: str, **options: Unpack[ProductBufferOptions]
    ) -> Buffer[ProductQuantity | Mapping[str, Any]]:
        """Return a buffer of quantities: each stock change of a shop, sent together with others."""
    def buffer_prices(
        self, *, catalog_id: str, **options: Unpack[ProductBufferOptions]
    ) -> Buffer[ProductPrice | Mapping[str, Any]]:
        """Return a buffer of prices."""

class Receipt:
    """Receipt for a record that a buffer has taken: `receipt` waits for its outcome, any number of times.

    Cancelling the wait does not affect the record.
    """
    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the record; None while it is not known."""
    def wait(self) -> Outcome:
        """Wait until the outcome of the record is known, and return it."""

class Recommendations:
    """Calls about products (reference: "API - Product recommendation")."""
    def last_viewed(
        self, location: str, *, contact_id: str | None = None, contact_anonymous_id: str | None = None
    ) -> RecommendedProducts:
        """List the products that a contact viewed last (reference: "Last viewed products").

        `location` is the name of the shop in its product feed: 36 letters, digits and _, no digit first. The visitor is
        identified by `contact_id`, or by `contact_anonymous_id`, the value of the cookie smuuid; if both are given,
        contact_id counts.
        """
    def most_purchased(self, location: str) -> RecommendedProducts:
        """List the products that were purchased most (reference: "Most purchased products").

        `location` is the name of the shop in its product feed, with up to 255 characters.
        """
    def purchased_by_contact(self, location: str, *, sm_client: str) -> RecommendedProducts:
        """List the products that a monitored contact purchased (reference: "Products purchased by contact").

        `location` is the name of the shop in its product feed, `sm_client` the value of the contact's cookie smclient,
        which is the contact id. Each takes 255 characters.
        """
    def purchased_together(self, location: str, *, product_id: str) -> RecommendedProducts:
        """List the products purchased with a product (reference: "Products purchased with the product being viewed").

        `location` is the name of the shop in its product feed, with up to 64 characters; `product_id` takes 32.
        """

class Records(Iterator[RecordT_co], Generic[RecordT_co]):
    """The records of a file, each once. `damaged` says what was damaged in the records yielded so far."""
    @property
    def damaged(self) -> Damage:
        """How many damaged characters were replaced so far, and in which records."""
    def close(self) -> None:
        """Stop reading."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordT_co: ...

class System:
    """Calls about the account itself (reference: "API - Other")."""
    def authorise(self, user_name: str, *, password: str) -> Authorised:
        """Get a temporary token for a user of the account (reference: "Temporary authorization").

        Each text takes 255 characters. The call is not signed: it needs no credentials. A client with `Login(user_name=…,
        password=…)` makes this call itself, and again before the token expires.
        """
    def login_token(self, username: str, *, password: str) -> LoginToken:
        """Exchange the user name and password of a user of the panel for a token (not in the reference).

        Each text takes 255 characters [guess]. The call is not signed: it needs no credentials.
        """
    def integrate(self, token: str, *, api_key: str) -> IntegratedAccount:
        """Get the client id and the sha for an API key of your choice (not in the reference).

        `token` is that of authorization/token. The call is not signed: it needs no credentials.
        """

class Tags:
    """Calls about tags (reference: "API - Tags management")."""
    def list(self, *, show_system_tags: bool = False, owner: str | None = None) -> TagList:
        """List the tags, each with its number of contacts; see `ListTags` for the arguments."""

class Tasks:
    """Calls about tasks (reference: "API - Tasks")."""
    def update(self, task: Task, *, finished: bool = False) -> TaskUpdated:
        """Add a task, change the one with `task.id`, or delete it with `finished=True` (reference: "Contacts' tasks")."""
    def add(
        self,
        contact_email: str,
        *,
        date: datetime | int,
        reminder: TaskReminder,
        note: str | None = None,
        cc: str | Sequence[str] | None = None,
    ) -> TaskUpdated:
        """Add a task about a contact; see `Task` for the arguments."""
    def complete(self, task_id: str) -> TaskUpdated:
        """Mark a task as completed."""
    def delete(self, task_id: str) -> TaskUpdated:
        """Delete a task."""

class Users:
    """Calls about user accounts (reference: "Getting list of user accounts for a client")."""
    def list(self) -> UsersAnswer:
        """List the e-mail addresses of the client's user accounts. No owner is needed."""

class Vision:
    """Calls about photos (reference: "API - Cinderella AI")."""
    def find_similar(self, image_url: str, *, location: str, max_results: int | None = None) -> SimilarProducts:
        """Find products that look like a photo (reference: "Getting product recommendations based on image recognition").

        `image_url` takes 2048 characters; SALESmanago must be able to reach it. `location` is the name of the shop in its
        product feed, with up to 64 characters. `max_results` is 1 to 30; the server's default is 10.
        """

class WebPush:
    """Calls about web push notifications (reference: "API - Web Push")."""
    def list(self, start: datetime | int, *, end: datetime | int) -> WebPushConversationIds:
        """List the notifications that were modified in a span of time (reference: "Web Push notification ID list").

        `start` and `end` are aware datetimes or UNIX milliseconds, as everywhere; they are sent as UNIX seconds.
        """
    def stats(
        self,
        web_push_id: int,
        *,
        source_type: Literal["MASS", "WORKFLOW", "RULE"] | str | None = None,
        use_conversation: bool | None = None,
        user: str | None = None,
    ) -> WebPushStats:
        """Read the statistics of a notification (reference: "Export notification statistics").

        `web_push_id` is the number in the address of its analytics or, with `use_conversation=True`, a number returned by
        notification/conversation/ids. For `source_type` WORKFLOW and RULE the counts cover all conversations of the same
        workflow element.
        """
    def forms(self) -> ConsentForms:
        """List the consent forms, by number and name (reference: "get the name and ID of the consent form")."""
    def export(self, web_push_id: int, *, user: str | None = None) -> Job[WebPushRecipient]:
        """Start an export of the recipients of a notification; see `ExportWebPushData`."""
    def export_stats(self, item_id: int, *, web_push_source_type: WebPushSource, user: str | None = None) -> Job[Any]:
        """Start an export of the statistics of a notification; see `ExportWebPushStats`."""
    def export_form_stats(self, int_id: int, *, user: str | None = None) -> Job[Any]:
        """Start an export of the statistics of a consent form; see `ExportConsentFormStats`."""

class Workflows:
    """Calls about workflows (reference: "API - Workflow")."""
    def list(self) -> WorkflowsAnswer:
        """List the workflows of the account, deleted ones left out (reference: "Downloading the list of Workflow 2.0")."""
    def statistics(
        self,
        workflow_id: int,
        *,
        period: Literal["PREVIOUS_YEAR", "LAST_7_DAYS", "LAST_30_DAYS", "CURRENT_MONTH"] | str,
    ) -> WorkflowStatistics:
        """Read the statistics of a workflow in a standard time period (reference: "Workflow Statisctics").

        `workflow_id` is an id of `ListWorkflows`. [guess] both arguments are required: the text says that there are none,
        the sample has both.
        """

class SyncOutcomes(Outcomes):
    """The outcomes of the rows that a sync sends, each once. Their positions count the rows that are sent."""
    @property
    def report(self) -> SyncReport:
        """The counts so far; final once the outcomes are exhausted."""

class SalesManago:
    """A client for one account. Use it as a context manager, or close it with `close()`.

    `credentials` sign the calls; a `Login`, a user name and a password, is exchanged for temporary tokens instead.
    `owner` is filled in wherever a call takes an owner (or `user`) and none was given. `base_url` is the server
    without /api. `concurrency` is the largest number of requests in flight, up to 1000. The client begins with three
    and finds how many the server takes before they only wait there; after 429, 503 and time-outs it sends fewer, or
    more slowly, and carefully tries more again. Retry-After pauses all requests, for a minute at most. `rate` is the
    largest number of requests that begin in a second (None: no limit), `poll_interval` the seconds between two polls
    of one server job; 60 is the documented value. The first poll may come after 3 seconds, if such polls find jobs
    ended, and jobs that run for over two intervals are polled half as often. `transport` may be "aiohttp" (another
    HTTP library, in the extra `aiohttp`, which needs less processor time; asyncio only), or your own transport of
    httpx or httpx2, such as `httpx.ASGITransport(app=Simulator())`, for which the proxies of the environment are
    ignored. `clock` (seconds since 1970) and `random` exist for tests.

    `products_key` is a key of API v3, which `products`, `catalogs`, `collections` and `keys` call at `products_url`, on
    connections of their own: `concurrency` and `rate` hold for each of the two hosts.

    `quota` is shared by all processes that give the same one, "postgresql://host/db?quota=NAME&slots=16&rate=20": they
    never have more than `slots` requests of the account in flight, begin no more than `rate` in a second, and wait
    together for a Retry-After. `concurrency` and `rate` of the client limit this process alone. Calls of API v3 are
    not counted. A quota that cannot be used raises `Invalid`, or `NoAnswer` if its database was away for a minute.

    One client serves many tasks of one event loop, the loop of its first request. A process that is forked later makes
    a client of its own. Nothing is sent before the first call. If a client is closed while runs and buffers use it, it
    first ends them in order: see `close`.
    """

    contacts: Contacts
    events: Events
    coupons: Coupons
    funnels: Funnels
    tags: Tags
    emails: Emails
    loyalty: Loyalty
    users: Users
    system: System
    workflows: Workflows
    recommendations: Recommendations
    vision: Vision
    preference_center: PreferenceCenter
    messages: Messages
    notes: Notes
    tasks: Tasks
    web_push: WebPush
    jobs: Jobs
    products: Products
    catalogs: Catalogs
    collections: Collections
    keys: Keys
    def __init__(
        self,
        credentials: Credentials | Login,
        *,
        owner: str | None = None,
        base_url: str = "https://app2.salesmanago.com",
        concurrency: int = 64,
        rate: float | None = None,
        poll_interval: float = 60.0,
        transport: AsyncBaseTransport | Literal["aiohttp"] | None = None,
        retries: Retries | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = ...,
        random: Random | None = None,
        products_key: str | None = None,
        products_url: str = "https://api.salesmanago.com",
        quota: str | None = None,
    ) -> None:
        """See the async class."""
    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Make a client from SALESMANAGO_CLIENT_ID, _API_KEY, _API_SECRET (or _SHA), _OWNER and _BASE_URL.

        SALESMANAGO_PRODUCTS_KEY and _PRODUCTS_URL are for API v3, SALESMANAGO_QUOTA is the address of a quota, and
        SALESMANAGO_POLL_INTERVAL is in seconds; they may be missing.

        `options` are the options of the class, and take precedence over the environment. White space around the values
        is removed. Raises `Invalid` if a variable is missing or cannot be used; the error names the variable.
        """
    @property
    def owner(self) -> str | None:
        """The user account for which calls are made unless they name another."""
    @property
    def server_clock_offset(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at its last answer; None if the answer had no date."""
    def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send any request value of `salesmanago_async.api` and return its answer."""
    def call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send plain JSON to any path ("contact/hasContact", "v3/product/catalogList") and return the plain answer.

        The call is signed, or has the key of API v3, and is retried by the rules of the path. A call to a path that is
        not in `api.ALL_REQUESTS` or `api.PRODUCT_REQUESTS` is sent again only if the first try was certainly not
        processed. The server's defaults apply to fields that `body`
        leaves out, except for the owner. For contact/batchupsertv2 the default is double opt-in: pass
        `"useApiDoubleOptIn": false` if no e-mails may be sent.
        """
    def close(self) -> None:
        """Close every connection, after ending the buffers and runs that still use them.

        A buffer is closed as at the end of its block. A run stops reading, finishes what is in flight within its
        `stop_within`, and says in `report.stopped` that the client was closed; with a journal, the run can be resumed.
        Later calls raise `ClientClosed`.
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
