"""Exports all contacts: each page is a server job of its own, and many of these jobs run concurrently."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, frozen

from ..api.contact_lists import ExportContactListPage
from ..connection.connection import Connection
from ..exports.damage import Damage
from ..exports.shapes import contacts_on_page
from ..jobs import started_job
from ._concurrent_map import concurrent_map

FIRST_PAGES = 4
"""How many pages are requested before one has arrived. Each page with contacts allows one more. Nothing says how many
pages there are, so some are requested in vain: at most as many as had contacts, and these few."""


@frozen
class ExportedPage:
    """The contacts of a page, as they are in its file, and what was damaged in them."""

    contacts: list[Any]
    damaged: Damage


@define
class _Pages:
    """The pages of one export. `filled` counts pages that had contacts; `ended` is true after a page that had none."""

    connection: Connection
    size: int
    owner: str | None
    strict: bool
    filled: int = 0
    ended: bool = False

    async def numbers(self) -> AsyncGenerator[int]:
        number = 0
        while not self.ended:
            number += 1
            yield number

    async def get(self, number: int) -> ExportedPage:
        request = ExportContactListPage(number, size=self.size, owner=self.owner)
        try:
            job = started_job(self.connection, await self.connection.send(request), contacts_on_page)
            async with job.records(raw=True, strict=self.strict) as records:
                page = ExportedPage([contact async for contact in records], records.damaged)
        except Exception as error:
            error.add_note(f"This was page {number} of the export of all contacts.")
            raise
        self.filled += bool(page.contacts)
        self.ended = self.ended or not page.contacts
        return page


@asynccontextmanager
async def exported_pages(
    connection: Connection, *, size: int, owner: str | None, outstanding: int, strict: bool
) -> AsyncGenerator[AsyncIterator[ExportedPage]]:
    """Yield the pages of the contacts in order; the first empty page is the end, whatever follows.

    At most `outstanding` jobs are in progress, or pages wait to be taken.
    """
    pages = _Pages(connection, size, owner, strict)

    def limit() -> int:
        return min(outstanding, FIRST_PAGES + pages.filled)

    async with concurrent_map(pages.numbers(), pages.get, limit=limit) as found:
        yield found
