"""Calls a function for many items concurrently: while one result is being used, the next ones are in progress."""

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
async def concurrent_map(
    items: AsyncGenerator[ItemT],
    act: Callable[[ItemT], Awaitable[ResultT]],
    *,
    limit: Callable[[], int],
    ordered: bool = True,
) -> AsyncGenerator[AsyncIterator[ResultT]]:
    """Yield the result of `act` for each item: in the order of the items, or in the order of completion.

    At most `limit()` items are in progress or wait to be taken. An error, of `act` or of the items, is raised in its
    place, after the results before it. Leaving the block cancels what is in progress.
    """
    results = _Results[ItemT, ResultT](act, limit, ordered=ordered)
    async with background() as tasks:
        tasks.start_soon(results.feed, items, tasks)
        yield results


@define(eq=False)
class _Slot(Generic[ResultT]):
    """The place of one item in the order; it holds the result when that is known."""

    result: ResultT | None = None
    error: BaseException | None = None
    is_done: bool = False


class _Results(AsyncIterator[ResultT], Generic[ItemT, ResultT]):
    """Takes items while there is capacity, and yields their results."""

    def __init__(self, act: Callable[[ItemT], Awaitable[ResultT]], limit: Callable[[], int], *, ordered: bool) -> None:
        self._act = act
        self._limit = limit
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
        """Start a task for each item, while there is capacity."""
        last = _Slot[ResultT](is_done=True)
        try:
            async with aclosing(items):
                await self._wait_for_capacity()
                async for item in items:
                    self._slots.append(_Slot())
                    tasks.start_soon(self._work, self._slots[-1], item)
                    await self._wait_for_capacity()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # whatever it is, nothing else would wake the caller
            last.error = error
            self._slots.append(last)
        self._no_more_items = True
        self._changed.give()

    async def _work(self, slot: _Slot[ResultT], item: ItemT) -> None:
        try:
            slot.result = await self._act(item)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            slot.error = error
        slot.is_done = True
        self._changed.give()

    async def _wait_for_capacity(self) -> None:
        while len(self._slots) >= self._limit():
            await self._changed.wait()

    def _done(self) -> _Slot[ResultT] | None:
        """Return the slot whose result can be yielded next; None if there is none yet."""
        candidates = list(self._slots)[:1] if self._ordered else self._slots
        return next((slot for slot in candidates if slot.is_done), None)
