"""`sm.contacts`: upsert one, upsert millions, find, export."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Unpack

from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactExport, DataType, DateRange, ExportContactsData
from ..api.contacts import Contact, HasContact, ListContacts, UpsertContact, Upserted
from ..api.selectors import Selector
from ..exports.shapes import contact_export
from ..imports.outcome import Report
from ..imports.runs import ContactRunOptions, Outcomes, contact_run
from ..imports.sources import GivenSource
from ..jobs import Job, started_job
from ._group import Group, call

MOST_ADDRESSES = 50
"""The most addresses that contact/list takes at once."""


class Contacts(Group):
    """Calls about contacts (reference: "API - Contact management")."""

    has = call(HasContact)
    list = call(ListContacts)

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
        """Add a contact or change it; see `UpsertContact` for the arguments."""
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

        Addresses without a contact are left out.
        """
        found: tuple[ContactDetails, ...] = ()
        remaining = iter(emails)
        while some := tuple(islice(remaining, MOST_ADDRESSES)):
            found += (await self._connection.send(ListContacts(some, owner=owner))).contacts
        return found

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
        the path of a CSV or JSONL file. It is read lazily, and a record is kept no longer than until its outcome.
        `options` are those of `ContactRunOptions`.

        A bad record is rejected and stops nothing. Wrong credentials, or a server that cannot be reached, end the run:
        they are raised where the server had nothing to do with any record, and are in `report.stopped` otherwise. What
        the source raises is raised once everything read before is settled. Raises `Invalid` for a file that cannot be
        read or a column that is not known.
        """
        return await contact_run(self._connection, source, options).execute()

    @asynccontextmanager
    async def upserting(self, source: GivenSource, **options: Unpack[ContactRunOptions]) -> AsyncGenerator[Outcomes]:
        """Make the same run as `upsert_many`, outcome by outcome, in the order in which they become known.

        `async with sm.contacts.upserting(source) as outcomes` and then `async for outcome in outcomes`. Leaving the
        block before the end cancels the run at once; `outcomes.stop()` ends it in order.
        """
        async with contact_run(self._connection, source, options).outcomes() as outcomes:
            yield outcomes
