"""What callers pass, prepared for the event loop: their sources and callbacks stay in their own thread."""

import inspect
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from os import PathLike
from threading import Lock
from typing import Any, Generic, TypeVar

from ..sources.arrow import is_stream
from ..sources.refusals import refuse
from ..telemetry import tell
from ..telemetry.buffer_events import CallbackFailed
from ._caller import Caller

T = TypeVar("T")

_NOTHING: Any = object()

MOST_ROWS = 200
"""The most rows that are made before the event loop takes them."""
LONGEST_ROWS = 0.02
"""Seconds after which the rows that were made are handed over, though they are fewer."""


class Arguments:
    """The arguments of a call. Its representation, and so a traceback with local variables, shows none of them."""

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._args = args
        self._kwargs = kwargs

    def prepared(self, method: Any, caller: Caller) -> "Arguments":
        """Return the arguments as the async method takes them."""
        names = _names_of(method) if self._args else ()
        several = [_prepared(name, value, caller) for name, value in zip(names, self._args, strict=False)]
        named = {name: _prepared(name, value, caller) for name, value in self._kwargs.items()}
        return Arguments([*several, *self._args[len(several) :]], named)

    def passed_to(self, method: Callable[..., Any]) -> Any:
        """Call the async method with them."""
        return method(*self._args, **self._kwargs)

    @property
    def callbacks(self) -> "tuple[Beside, ...]":
        """Those that are callbacks which run beside the call."""
        return tuple(value for value in self._kwargs.values() if isinstance(value, Beside))


@cache
def _names_of(method: Any) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(method).parameters if name != "self")


def _prepared(name: str, value: Any, caller: Caller) -> Any:
    prepare = PREPARATIONS.get(name)
    return value if prepare is None or value is None else prepare(value, caller)


def _source(given: Any, caller: Caller) -> Any:
    """Return a source whose rows are made in the caller's thread; files, frames and lists are sources as they are."""
    if isinstance(given, str | PathLike | list | tuple) or is_stream(given) or not isinstance(given, Iterable):
        return given
    refuse(given)
    return CallersRows(given, caller)


def _jobs(given: Any, caller: Caller) -> Any:
    if hasattr(given, "inner"):
        return given.inner
    return CallersRows((job.inner for job in given), caller) if isinstance(given, Iterable) else _inner_jobs(given)


async def _inner_jobs(jobs: Any) -> AsyncIterator[Any]:
    async for job in jobs:
        yield getattr(job, "inner", job)


def _collected(given: Any, _: Caller) -> Any:
    """Return what an iterable yields: it is read in the caller's thread, before the call."""
    return list(given) if isinstance(given, Iterator) else given


def _inner(given: Any, _: Caller) -> Any:
    return getattr(given, "inner", given)


def _latest(callback: Callable[[Any], None], caller: Caller) -> Callable[[Any], None]:
    return LatestOnly(callback, caller)


def _answered(callback: Callable[[Any], Any], caller: Caller) -> Callable[[Any], Any]:
    return lambda value: caller.ask(lambda: callback(value))


def _beside(callback: Callable[[Any], None], _: Caller) -> Callable[[Any], None]:
    return Beside(callback)


PREPARATIONS: Mapping[str, Callable[[Any, Caller], Any]] = {
    "source": _source,
    "jobs": _jobs,
    "emails": _collected,
    "contact_ids": _collected,
    "selectors": _collected,
    "on_progress": _latest,
    "confirm_removal": _answered,
    "on_outcome": _beside,
    "after": _inner,
}
"""The arguments and options that need one, by name."""


class CallersRows(AsyncIterator[T], Generic[T]):
    """The rows of an iterable, made in the thread that waits for the call, several at a time.

    An iterable that gives one object again and again, with other content, has to be read row by row: each row is used
    before the next one is made. Its first two rows show that.
    """

    def __init__(self, rows: Iterable[T], caller: Caller) -> None:
        self._given = rows
        self._rows: Iterator[T] | None = None
        self._caller = caller
        self._ready: deque[T] = deque()
        self._at_once = 1
        self._first: Any = _NOTHING
        self._is_known = False
        self._error: Exception | None = None
        self._has_ended = False

    async def __anext__(self) -> T:
        if not self._ready and not self._has_ended:
            self._ready.extend(await self._caller.run(self._make))
        if self._ready:
            return self._ready.popleft()
        error, self._error = self._error, None
        raise error or StopAsyncIteration

    def _make(self) -> list[T]:
        """Return the next rows, in the caller's thread; an error is kept until these are taken."""
        made: list[T] = []
        due = time.perf_counter() + LONGEST_ROWS
        try:
            rows = self._rows = self._rows if self._rows is not None else iter(self._given)
            for row in rows:
                made.append(row)
                if len(made) >= self._at_once or time.perf_counter() > due:
                    break
            else:
                self._has_ended = True
        except Exception as error:
            self._error, self._has_ended = error, True
        if made:
            self._learn(made[0])
        return made

    def _learn(self, row: T) -> None:
        """Make many rows at a time from the third on, unless the first two are one object."""
        if self._first is _NOTHING:
            self._first = row
        elif not self._is_known:
            self._is_known = True
            self._at_once = 1 if row is self._first else MOST_ROWS
            self._first = None


class LatestOnly:
    """Calls a callback in the caller's thread, with the latest value only, if the thread is slower than the run."""

    def __init__(self, callback: Callable[[Any], None], caller: Caller) -> None:
        self._callback = callback
        self._caller = caller
        self._lock = Lock()
        self._value: Any = _NOTHING

    def __call__(self, value: Any) -> None:
        """Take a value, in the event loop; raise what the callback raised before."""
        self._caller.raise_error()
        if self._swap(value) is _NOTHING:
            self._caller.hand(self._call)

    def _call(self) -> None:
        try:
            self._callback(self._swap(_NOTHING))
        except Exception as error:
            self._caller.fail(error)

    def _swap(self, value: Any) -> Any:
        with self._lock:
            before, self._value = self._value, value
            return before


class Beside:
    """Calls a callback in a thread of its own, one value after the other: no caller waits for a buffer all the time."""

    def __init__(self, callback: Callable[[Any], None]) -> None:
        self._callback = callback
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="salesmanago on_outcome")

    def __call__(self, value: Any) -> None:
        """Take a value, in the event loop."""
        self._thread.submit(self._call, value)

    def finish(self) -> None:
        """Return when the callback was called with every value."""
        self._thread.shutdown()

    def _call(self, value: Any) -> None:
        try:
            self._callback(value)
        except Exception as error:
            tell(CallbackFailed(failure=type(error).__name__))
