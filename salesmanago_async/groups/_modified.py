"""Contacts that were modified: who they are, from spans that are read in one piece, and then everything about them.

A paged list of modified contacts has a trap: whoever is modified again while it is read leaves the span, all that stand
behind move up by one, and the first of the next page gets to the page that was read already. Nobody would miss it. So a
span whose contacts fill more than a page is halved until they fit: an answer of one page is one moment's truth, and who
left the span since has a later time, and comes then. Only a span that cannot be halved is read by pages, again and
again, until nobody who was seen has left: then nobody can have moved.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any, TypeAlias

from attrs import frozen

from ..api.contact_lists import MOST_ROWS, ListModifiedContactsPage
from ..connection.connection import Connection
from ..errors import Unreadable
from ..exports.changes import id_of
from ._walk import windows

MOST_NAMED = 50
"""The most addresses that contact/list takes at once, and ids that contact/listById does."""

LONGEST_MS = 29 * 86_400_000
"""The longest span that is asked about at once; 30 days are documented as the most."""

SHORTEST_MS = 1000
"""The shortest span: the server may keep no finer times."""

EDGE_MS = 1000
"""By how much a span reaches into the next: the reference does not say whether one holds its own ends."""

MOST_REPEATED = 20
"""How many pages in a row may hold nobody new."""

MOST_READINGS = 20
"""How often a span that cannot be halved is read until it stands still."""


ListedPage: TypeAlias = tuple[list[str], bool | None]
"""The ids on a page, and whether there is a next one (None: not told)."""


@frozen
class Details:
    """What the server told of some contacts, and of which it did not; `read_at` is its clock (ms) when it was asked."""

    contacts: Sequence[Mapping[str, Any]]
    unavailable: Sequence[str]
    read_at: int


@frozen
class ModifiedContacts:
    """The modified contacts of one owner: listed by pages of `size`, and then read some (`named`) at a time."""

    connection: Connection
    owner: str | None
    size: int = MOST_ROWS
    named: int = MOST_NAMED

    async def server_time(self) -> int:
        """Return the time by the server's clock (ms), or a little less; by ours, where it does not tell."""
        ours = int(self.connection.clock() * 1000)
        await self._page(ours - SHORTEST_MS, ours, 1, size=1)  # its answer's Date header tells
        return self._server_time()

    def _server_time(self) -> int:
        return int((self.connection.clock() + (self.connection.server_clock_offset or 0.0)) * 1000)

    async def ids(self, begin: int, end: int) -> AsyncGenerator[list[str]]:
        """Yield the ids of who was last modified from `begin` to `end` (ms), the earliest first, each once."""
        spans = list(windows(begin, end, LONGEST_MS))[::-1]
        before: set[str] = set()
        while spans:
            start, finish = spans.pop()
            found, is_all = await self._first_page(start, finish + EDGE_MS)
            if not is_all and finish - start > SHORTEST_MS:
                middle = (start + finish) // 2
                spans += [(middle, finish), (start, middle)]
                continue
            if not is_all:
                found = await self._all_pages(start, finish + EDGE_MS)
            yield [id_ for id_ in found if id_ not in before]
            before = set(found)

    async def details(self, ids: Sequence[str]) -> Details:
        """Read everything about some contacts, at most 50."""
        read_at = self._server_time()
        body = {"contactId": list(ids), **({"owner": self.owner} if self.owner else {})}
        answer = await self.connection.call("contact/listById", body)
        contacts = answer.get("contacts") or []
        if not isinstance(contacts, list) or not all(isinstance(contact, Mapping) for contact in contacts):
            raise Unreadable("the server's answer has no list of contacts")
        told = {id_of(contact) for contact in contacts}
        return Details(contacts, [id_ for id_ in ids if id_ not in told], read_at)

    async def _first_page(self, start: int, finish: int) -> tuple[list[str], bool]:
        """Return who is on the first page of a span, and whether that is all."""
        found, more = await self._page(start, finish, 1)
        if more is None:
            more = bool(found) and await self._goes_on(start, finish, found)
        return found, not more

    async def _goes_on(self, start: int, finish: int, found: list[str]) -> bool:
        """Tell whether there are more than on the first page, where the server does not: undocumented, but possible.

        The next page tells; but if it is empty, its contacts may have moved up to the first one meanwhile.
        """
        after, _ = await self._page(start, finish, 2)
        again, _ = await self._page(start, finish, 1)
        return bool(after) or not set(again) <= set(found)

    async def _all_pages(self, start: int, finish: int) -> list[str]:
        """Return who is in a span that is read by pages; raise `Unreadable` where it never stands still."""
        everyone = last = await self._reading(start, finish)
        for _ in range(MOST_READINGS):
            now = await self._reading(start, finish)
            everyone = everyone | now
            if last.keys() <= now.keys():
                return list(everyone)
            last = now
        raise Unreadable(
            f"more than {self.size} contacts of one second, {start} ms, keep being modified: none may be missed"
        )

    async def _reading(self, start: int, finish: int) -> dict[str, None]:
        """Return who is on the pages of a span, in order."""
        everyone: dict[str, None] = {}
        repeated = 0
        for page in count(1):
            found, more = await self._page(start, finish, page)
            repeated = 0 if found and not everyone.keys() >= set(found) else repeated + 1
            everyone.update(dict.fromkeys(found))
            if not found or more is False:
                break
            if repeated == MOST_REPEATED:
                raise Unreadable("the list of modified contacts has no end: its pages repeat themselves")
        return everyone

    async def _page(
        self, start: int, finish: int, page: int, *, size: int | None = None
    ) -> tuple[list[str], bool | None]:
        request = ListModifiedContactsPage(start, finish, page=page, size=size or self.size, owner=self.owner)
        answer = await self.connection.send(request)
        ids = [contact.id for contact in answer.modified_contacts if contact.id]
        if len(ids) < len(answer.modified_contacts) or "modifiedContacts" in answer.extra:
            raise Unreadable("the list of modified contacts has one without an id", request=request)
        return ids, answer.has_more


async def in_chunks(lists: AsyncGenerator[list[str]], size: int) -> AsyncGenerator[list[str]]:
    """Yield the ids of all lists, so many at a time."""
    waiting: list[str] = []
    async with aclosing(lists):
        async for ids in lists:
            waiting += ids
            while len(waiting) >= size:
                yield waiting[:size]
                del waiting[:size]
    if waiting:
        yield waiting
