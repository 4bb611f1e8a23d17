"""Blocks: the context managers of the library, each of which is opened and closed in a task of its own.

A block works in the background (it downloads, sends, polls jobs), so it needs a task group. The caller's task must not
hold that task group while the caller's code runs: callers put blocks into generators and fixtures, which may be left by
another task than the one that entered them, and a task group would then cancel an unrelated task. So the whole block,
including its task groups, is entered and left by one task that does nothing else:

    caller:  enters ──▶ waits        (the caller's code)        leaves ──▶ waits ─────────▶ continues
    task:               opens ──▶ is open ········································· closes

The caller and the task synchronize only while the caller waits. Blocks are plain objects, not generators: when an event
loop ends, it closes all open generators concurrently and in any order.
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
    """Decorate a generator function with one `yield` to return a block: `asynccontextmanager` in a task of its own.

    The function does not see the error of the caller's code: an internal error is raised at its `yield`, and the
    caller's error leaves the block unchanged. `usage` is shown to callers who forget the `async with`.
    """

    def decorate(function: Callable[P, AsyncGenerator[ValueT]]) -> Callable[P, AbstractAsyncContextManager[ValueT]]:
        make = asynccontextmanager(function)

        @wraps(function)
        def opened(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[ValueT]:
            return _Block(partial(make, *args, **kwargs), usage)

        return opened

    return decorate


class _CallersError(Exception):
    """Raised inside the block in place of the error of the caller's code."""


class _Block(AbstractAsyncContextManager[ValueT], Generic[ValueT]):
    """A block that can be opened once. `make` returns the context manager that the task enters and leaves."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[ValueT]], usage: str) -> None:
        self._make = make
        self._usage = usage
        self._task: _BlockTask[ValueT] | None = None

    async def __aenter__(self) -> ValueT:
        if self._task:
            raise RuntimeError("this block was opened before; call the method again to get a new one")
        self._task = _BlockTask(self._make)
        return await self._task.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task:
            await self._task.close(has_failed=error is not None)

    if not TYPE_CHECKING:  # hidden, so that type checkers and editors report iterating or awaiting a block

        def __aiter__(self) -> NoReturn:
            raise TypeError(f"cannot be iterated; use {self._usage}")

        def __await__(self) -> NoReturn:
            raise TypeError(f"cannot be awaited; use {self._usage}")


class _BlockTask(Generic[ValueT]):
    """The task of a block, as seen by the caller."""

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
        """Open the block; if the caller is cancelled meanwhile, close it completely."""
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
            raise SalesManagoError("the event loop is shutting down, so no block can be opened")
        return self._value[0]

    async def close(self, *, has_failed: bool) -> None:
        """Close the block even if the caller is cancelled; raise the block's error unless the caller's code failed."""
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
            pass  # the event loop is shutting down
        except BaseExceptionGroup as group:
            self._error = only_error(group)
        except BaseException as error:
            self._error = error

    def _has_ended(self) -> None:
        self._opened.set()
        self._ended.set()

    async def _wait_for_end(self) -> None:
        """Wait until the task has ended; only then raise what interrupted the wait.

        A shield stops neither asyncio's own cancellation nor a KeyboardInterrupt on trio.
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
