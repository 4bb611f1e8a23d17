"""`Walk`: one async iterator for every paged list."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Generic, Self, TypeAlias, TypeVar

EntryT = TypeVar("EntryT")

Page: TypeAlias = tuple[Sequence[EntryT], bool]
"""The entries of a page, and whether there may be a next one."""

Ask: TypeAlias = Callable[[int], Awaitable[Page[EntryT]]]
"""Returns the page of a number; the first is 1."""


class Walk(AsyncIterator[EntryT], Generic[EntryT]):
    """Yields the entries of one or more paged lists, and requests each page when its first entry is needed.

    Nothing stays open, so a walk may be left at any entry. After an error it continues with the page that failed.
    """

    def __init__(self, lists: Iterable[Ask[EntryT]]) -> None:
        self._lists = iter(lists)
        self._ask = next(self._lists, None)
        self._page = 1
        self._entries: Iterator[EntryT] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EntryT:
        while True:
            for entry in self._entries:
                return entry
            if self._ask is None:
                raise StopAsyncIteration
            await self._load_page(self._ask)

    def take_ready(self) -> list[EntryT]:
        """Return the rest of the current page."""
        return list(self._entries)

    async def _load_page(self, ask: Ask[EntryT]) -> None:
        entries, more = await ask(self._page)
        self._entries = iter(entries)
        self._page += 1
        if not more:
            self._ask, self._page = next(self._lists, None), 1


def windows(start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Split a span into spans of at most `longest`, each beginning where the last one ends."""
    while end - start > longest:
        yield start, start + longest
        start += longest
    yield start, end
