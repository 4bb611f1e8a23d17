"""The exports of `sm.contacts`: all contacts, modified ones, and chosen parts of chosen contacts."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from typing import Any, Literal, overload

from ..api.codec import lenient_reader
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactEvent, ContactExport, DataType, DateRange, ExportContactsData
from ..api.contact_lists import MOST_ROWS, ContactOnPage, ExportContactListPage
from ..api.fields import milliseconds
from ..api.selectors import Selector
from ..connection.blocks import block
from ..errors import Invalid
from ..exports.contents import Records
from ..exports.damage import DamageCounter
from ..exports.shapes import as_it_is, contact_export, contacts_on_page, events_of_contacts
from ..jobs import Job, started_job
from ..stores.addresses import GivenPlace, journal_place
from ._modified import ModifiedContactReader
from ._pages import ExportedPage, exported_pages
from .changed_contacts import ModifiedExport, modified_export
from .group import Group


class ContactExports(Group):
    """The exports of contacts: a job for each page or choice; those of modified contacts read their details."""

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
        async with making as pages, aclosing(_contacts_of(pages, damage)) as contacts:
            yield Records(contacts, read, damage)

    @overload
    def export_modified(
        self,
        since: datetime | int | None = ...,
        *,
        state: GivenPlace | None = ...,
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
        state: GivenPlace | None = ...,
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
        state: GivenPlace | None = None,
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
        ends without an error after the last contact, so the contacts should be stored safely by then: the next run
        begins there, and gives none of them again. So write each run to a file of its own name. The state holds ids and
        times, and belongs to one owner, account and server: a state of another one is refused. `state` may also be
        "postgresql://host/database?run=NAME" (extra `postgres`), for runs on several machines: if another export with
        that name has ended meanwhile, `JournalFailed` is raised at the end, and its state stays.

        A run begins `overlap` seconds before the end of the last one: this is the longest time that a change may take
        to become visible, or that two clocks may differ. Contacts returned in that time are returned again only if they
        were modified again.
        """
        modified = ModifiedContactReader(self._connection, owner or self._connection.owner)
        making = modified_export(
            modified,
            None if since is None else _milliseconds(since),
            as_it_is if raw else _details,
            state=None if state is None else journal_place(state, field="state"),
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


async def _contacts_of(pages: AsyncIterator[ExportedPage], damage: DamageCounter) -> AsyncGenerator[list[Any]]:
    """Yield the contacts of each page before the first empty one, and count the damage in them."""
    async for page in pages:
        if not page.contacts:
            return
        damage.add_page(page.damaged)
        yield list(page.contacts)
        damage.records += len(page.contacts)


def _milliseconds(since: datetime | int) -> int:
    try:
        return milliseconds(since)
    except ValueError as error:
        raise Invalid(str(error), field="since") from None


def _details(contact: Any) -> ContactDetails:
    return lenient_reader(ContactDetails)(contact)
