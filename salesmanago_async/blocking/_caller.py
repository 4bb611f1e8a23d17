"""The thread that waits for a call, and runs for it what belongs to this thread: rows of a source, and callbacks.

A generator over a database cursor, or a query of Django, may be used in one thread only, and often not beside an event
loop. So the event loop hands such work to the thread that waits for the call:

    caller:  calls ─▶ waits ── makes rows ── waits ── calls on_progress ── waits ─▶ has the result
    loop:          ╰▶ works ──▲            ╰▶ sends ──▲                         ╰▶ ends
"""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_WAIT = 0.2 if sys.platform == "win32" else None
"""Seconds between two checks for Ctrl-C; elsewhere a signal ends the wait itself."""


class Caller:
    """Work that is handed to the thread that waits for a call, or that takes what the call yields."""

    def __init__(self, answering: set[int]) -> None:
        self.answering = answering
        """The threads for whose answers the event loop of the client stands still."""
        self._changed = threading.Condition()
        self._work: deque[Callable[[], None]] = deque()
        self._error: Exception | None = None

    def hand(self, work: Callable[[], None]) -> None:
        """Have the waiting thread do this. The event loop calls it, and goes on."""
        with self._changed:
            self._work.append(work)
            self._changed.notify_all()

    async def run(self, function: Callable[[], T]) -> T:
        """Return what a function returns in the waiting thread; other tasks of the loop go on meanwhile."""
        answer: Future[T] = Future()
        self.hand(partial(_run, answer, function))
        return await asyncio.wrap_future(answer)

    def ask(self, function: Callable[[], T]) -> T:
        """Return what a function returns in the waiting thread; the event loop stands still meanwhile."""
        answer: Future[T] = Future()

        def run() -> None:
            self.answering.add(threading.get_ident())
            try:
                _run(answer, function)
            except BaseException as error:  # Ctrl-C: the event loop must not wait for ever
                answer.set_exception(RuntimeError(f"the callback was interrupted by {type(error).__name__}"))
                raise
            finally:
                self.answering.discard(threading.get_ident())

        self.hand(run)
        return answer.result()

    def fail(self, error: Exception) -> None:
        """Remember what a callback raised: the call raises it."""
        self._error = self._error or error

    def raise_error(self) -> None:
        """Raise what a callback raised, once."""
        error, self._error = self._error, None
        if error:
            raise error

    def wait_for(self, result: Future[T], interrupt: Callable[[int], None]) -> BaseException | None:
        """Do what is handed over until a result is there; return what has interrupted the wait, such as Ctrl-C.

        The first interruption calls `interrupt(1)`, the next one `interrupt(2)`, and so on: it has to bring about a
        result. A call that is still running must not look finished to others.
        """
        result.add_done_callback(lambda _: self._notify())
        interruption: BaseException | None = None
        times = 0
        while True:
            try:
                work = self._next(result)
                if work is None:
                    return interruption
                work()
            except BaseException as raised:
                interruption = interruption or raised
                times += 1
                interrupt(times)

    def _next(self, result: Future[Any]) -> Callable[[], None] | None:
        """Return the next thing to do; None if there is a result, and nothing more to do."""
        with self._changed:
            while not self._work:
                if result.done():
                    return None
                self._changed.wait(LONGEST_WAIT)
            return self._work.popleft()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _run(answer: Future[T], function: Callable[[], T]) -> None:
    """Set the answer, unless nobody waits for it any more, or the function is interrupted."""
    if not answer.set_running_or_notify_cancel():
        return
    try:
        found = function()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(found)
