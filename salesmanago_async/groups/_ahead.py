"""Calls side by side: while one answer is being read, the next ones are under way."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Generic, Self, TypeVar, cast

import anyio.abc
from attrs import define

from ..support.background import background
from ..support.signal import Signal

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@asynccontextmanager
async def side_by_side(
    items: AsyncGenerator[ItemT],
    act: Callable[[ItemT], Awaitable[ResultT]],
    *,
    room: Callable[[], int],
    ordered: bool = True,
) -> AsyncGenerator[AsyncIterator[ResultT]]:
    """Give what `act` makes of each item: in the order of the items, or else as it comes.

    At most `room()` items are under way or wait to be taken. An error, of `act` or of the items, is raised in its
    turn: what came before it is given first. Leaving the block ends what is under way.
    """
    results = _Results[ItemT, ResultT](act, room, ordered=ordered)
    async with background() as tasks:
        tasks.start_soon(results.feed, items, tasks)
        yield results


@define(eq=False)
class _Slot(Generic[ResultT]):
    """The place of one item: what came of it, once it is done."""

    result: ResultT | None = None
    error: Exception | None = None
    is_done: bool = False


class _Results(AsyncIterator[ResultT], Generic[ItemT, ResultT]):
    """Takes items while there is room, and gives what came of them."""

    def __init__(self, act: Callable[[ItemT], Awaitable[ResultT]], room: Callable[[], int], *, ordered: bool) -> None:
        self._act = act
        self._room = room
        self._ordered = ordered
        self._slots: deque[_Slot[ResultT]] = deque()
        self._no_more_items = False
        self._changed = Signal()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResultT:
        while (slot := self._done()) is None:
            if self._no_more_items and not self._slots:
                raise StopAsyncIteration
            await self._changed.wait()
        self._slots.remove(slot)
        self._changed.give()
        if slot.error:
            raise slot.error
        return cast("ResultT", slot.result)

    async def feed(self, items: AsyncGenerator[ItemT], tasks: anyio.abc.TaskGroup) -> None:
        """Start what is to be done, as there is room for it."""
        last = _Slot[ResultT](is_done=True)
        try:
            async with aclosing(items):
                await self._wait_for_room()
                async for item in items:
                    self._slots.append(_Slot())
                    tasks.start_soon(self._work, self._slots[-1], item)
                    await self._wait_for_room()
        except Exception as error:
            last.error = error
            self._slots.append(last)
        self._no_more_items = True
        self._changed.give()

    async def _work(self, slot: _Slot[ResultT], item: ItemT) -> None:
        try:
            slot.result = await self._act(item)
        except Exception as error:
            slot.error = error
        slot.is_done = True
        self._changed.give()

    async def _wait_for_room(self) -> None:
        while len(self._slots) >= self._room():
            await self._changed.wait()

    def _done(self) -> _Slot[ResultT] | None:
        """Return what can be given next."""
        candidates = list(self._slots)[:1] if self._ordered else self._slots
        return next((slot for slot in candidates if slot.is_done), None)
