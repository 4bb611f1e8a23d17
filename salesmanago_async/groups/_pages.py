"""All contacts: every page of an export is a server job of its own, and many of them run side by side."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, frozen

from ..api.contact_lists import ExportContactListPage
from ..connection.connection import Connection
from ..exports.damage import Damage
from ..exports.shapes import contacts_on_page
from ..jobs import started_job
from ._ahead import side_by_side

FIRST_PAGES = 4
"""How many pages are asked for before one has come. Each that has contacts makes room for one more: as nobody tells how
many there are, the pages asked for in vain are never more than those, and these few."""


@frozen
class ExportedPage:
    """The contacts of a page as its file has them, and what was damaged in them."""

    contacts: list[Any]
    damaged: Damage


@define
class _Pages:
    """Pages of one export. `filled` counts those that had contacts; `ended` tells that one had none."""

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
            error.add_note(f"It was page {number} of the contacts that was asked for.")
            raise
        self.filled += bool(page.contacts)
        self.ended = self.ended or not page.contacts
        return page


@asynccontextmanager
async def exported_pages(
    connection: Connection, *, size: int, owner: str | None, outstanding: int, strict: bool
) -> AsyncGenerator[AsyncIterator[ExportedPage]]:
    """Give page after page of the contacts; after an empty one there is nothing of interest.

    At most `outstanding` jobs are under way, or pages wait to be taken.
    """
    pages = _Pages(connection, size, owner, strict)

    def room() -> int:
        return min(outstanding, FIRST_PAGES + pages.filled)

    async with side_by_side(pages.numbers(), pages.get, room=room) as found:
        yield found
