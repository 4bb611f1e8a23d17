"""What `async with` opens for a caller: each block is opened and closed in a task of its own.

A block of ours works in the background (it downloads, sends, polls jobs), so it needs a task group. A task group may
not be held by the caller's task while the caller's code runs: callers put blocks into generators and fixtures, which
are left by another task than the one that entered them, and a task group then cancels a task that has nothing to do
with it any more. So the whole block, task groups and all, is entered and left by one task that does nothing else:

    caller:  enters ──▶ waits        (the caller's code)        leaves ──▶ waits ─────────▶ goes on
    task:               opens ──▶ is open ········································· closes

The waits of the caller are the only moments at which the two meet. Blocks are plain objects, not generators: when an
event loop ends, it closes all generators that were left open, in any order and side by side.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Generic, NoReturn, ParamSpec, TypeVar

import anyio

from ..errors import SalesManagoError, only_error
from ..support.spawn import spawn

P = ParamSpec("P")
ValueT = TypeVar("ValueT")


def block(
    usage: str,
) -> Callable[[Callable[P, AsyncGenerator[ValueT]]], Callable[P, AbstractAsyncContextManager[ValueT]]]:
    """Make a function with one `yield` return a block: as `asynccontextmanager`, but in a task of its own.

    What the caller's code raises is not seen inside: it raises at the `yield` there, and leaves the block as it is.
    `usage` is shown to callers who forget the `async with`.
    """

    def decorate(function: Callable[P, AsyncGenerator[ValueT]]) -> Callable[P, AbstractAsyncContextManager[ValueT]]:
        make = asynccontextmanager(function)

        @wraps(function)
        def opened(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[ValueT]:
            return _Block(partial(make, *args, **kwargs), usage)

        return opened

    return decorate


class _CallersError(Exception):
    """Stands for whatever the caller's code raised."""


class _Block(AbstractAsyncContextManager[ValueT], Generic[ValueT]):
    """A block that is opened once. `make` makes the context manager that is entered and left in the task."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[ValueT]], usage: str) -> None:
        self._make = make
        self._usage = usage
        self._task: _BlockTask[ValueT] | None = None

    async def __aenter__(self) -> ValueT:
        if self._task:
            raise RuntimeError("this block was opened before; call the method again for another one")
        self._task = _BlockTask(self._make)
        return await self._task.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task:
            await self._task.close(has_failed=error is not None)

    if not TYPE_CHECKING:  # type checkers and editors are to see that these are no iterators

        def __aiter__(self) -> NoReturn:
            raise TypeError(f"is not iterated itself; use {self._usage}")

        def __await__(self) -> NoReturn:
            raise TypeError(f"is not awaited; use {self._usage}")


class _BlockTask(Generic[ValueT]):
    """The task of a block, as its caller sees it."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[ValueT]]) -> None:
        self._make = make
        self._scope = anyio.CancelScope()
        self._opened = anyio.Event()
        self._left = anyio.Event()
        self._ended = anyio.Event()
        self._value: list[ValueT] = []
        self._error: BaseException | None = None
        self._caller_failed = False

    async def open(self) -> ValueT:
        """Open the block; where the caller is cancelled meanwhile, nothing of it is left."""
        spawn(self._run, when_ended=self._has_ended)
        try:
            await self._opened.wait()
        except BaseException:
            self._scope.cancel()
            await self._wait_for_end()
            raise
        if not self._value:
            await self._wait_for_end()
            self._raise_error()
            raise SalesManagoError("the event loop is being shut down, so nothing can be opened")
        return self._value[0]

    async def close(self, *, has_failed: bool) -> None:
        """Close the block, whoever is cancelled meanwhile; raise what went wrong in it unless the caller has failed."""
        self._caller_failed = has_failed
        self._left.set()
        await self._wait_for_end()
        if not has_failed:
            self._raise_error()

    async def _run(self) -> None:
        try:
            with self._scope:
                async with self._make() as value:
                    self._value.append(value)
                    self._opened.set()
                    await self._left.wait()
                    if self._caller_failed:
                        raise _CallersError
        except _CallersError:
            pass
        except anyio.get_cancelled_exc_class():
            pass  # the event loop is being shut down, and has no use for it
        except BaseExceptionGroup as group:
            self._error = only_error(group)
        except BaseException as error:
            self._error = error

    def _has_ended(self) -> None:
        self._opened.set()
        self._ended.set()

    async def _wait_for_end(self) -> None:
        """Wait until the task has ended, and only then raise what interrupts the wait.

        asyncio's own cancellation, and a KeyboardInterrupt on trio, do not stop at a shield.
        """
        interruption: BaseException | None = None
        with anyio.CancelScope(shield=True):
            while not self._ended.is_set():
                try:
                    await self._ended.wait()
                except BaseException as raised:
                    interruption = interruption or raised
        if interruption:
            raise interruption

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error
