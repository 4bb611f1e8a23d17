"""The event loop of a client, in a thread of its own: from its first call until the client is closed.

    made ──first call──▶ running ──close──▶ closed
                            ╰─ forgotten: a ResourceWarning, and closed ─╯

A thread does not survive a fork: a client that was used before is of no use in the child, and says so.
"""

import asyncio
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar
from weakref import finalize

import anyio
import anyio.from_thread
from attrs import define, field

from ..client import SalesManago
from ..connection.lifetime import CLOSED, FORKED, Running, started_runs
from ..errors import ClientClosed
from ..imports.report import Report
from ..support.own_process import OwnProcess
from ..support.spawn import spawn
from ._caller import Caller

T = TypeVar("T")

Work = Callable[[], Awaitable[T]]

IN_LOOP = (
    "an event loop runs in this thread, and would stand still: use `from salesmanago_async import SalesManago` with "
    "`await`, or call this in another thread, as `await asyncio.to_thread(…)` does"
)
ANSWERING = "the client waits for this callback, so the callback cannot use the client"
ENDING = "this process is ending, so its client is closed; make the call again in the next process"
LONGEST_END = 40.0
"""Seconds that the end of the program waits for a client that was not closed."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run in order: `report` has its counts, and says how it ended. It is a `KeyboardInterrupt`."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@define(eq=False)
class _Loop:
    """The thread of a client and its event loop. Nothing in it refers to the objects that the program holds."""

    client: SalesManago
    thread: threading.Thread | None = None
    portal: anyio.from_thread.BlockingPortal | None = None
    process: OwnProcess = field(factory=OwnProcess)
    is_closed: bool = False
    why_closed: str = CLOSED
    lock: threading.Lock = field(factory=threading.Lock)

    @property
    def is_here(self) -> bool:
        """Whether the thread was started in this process, and not before a fork."""
        return self.process.is_here

    def begin(self) -> anyio.from_thread.BlockingPortal:
        """Return the portal into the loop, which is started if it does not run yet."""
        if self.portal is None and not self.is_here:  # made before a fork, used in the child only
            self.process, self.lock = OwnProcess(), threading.Lock()
        if not self.is_here:
            raise ClientClosed(FORKED)
        with self.lock:
            if self.is_closed:
                raise ClientClosed(self.why_closed)
            if self.portal is None:
                begun: Future[anyio.from_thread.BlockingPortal] = Future()
                self.thread = threading.Thread(target=_serve, args=(begun,), name="salesmanago", daemon=True)
                try:
                    self.thread.start()
                except RuntimeError:  # no thread can be started while the interpreter ends
                    if _is_process_ending():
                        raise ClientClosed(ENDING) from None
                    raise
                self.portal = begun.result()
            return self.portal

    def stop(self) -> bool:
        """Begin the end of the loop; return False if it had ended, or never begun."""
        with self.lock:
            was_running = self.portal is not None and not self.is_closed
            if not self.is_closed and _is_process_ending():
                self.why_closed = ENDING
            self.is_closed = True
            return was_running

    async def end(self) -> None:
        """Close the client, in the loop, and end the loop."""
        try:
            await self.client.aclose()
        finally:
            assert self.portal
            await self.portal.stop(cancel_remaining=True)


def _serve(begun: "Future[anyio.from_thread.BlockingPortal]") -> None:
    async def serve() -> None:
        async with anyio.from_thread.BlockingPortal() as portal:
            begun.set_result(portal)
            await portal.sleep_until_stopped()

    anyio.run(serve, backend="asyncio")


class ClientThread:
    """Runs the calls of a client in its event loop, for any number of threads."""

    def __init__(self, client: SalesManago) -> None:
        self._loop = _Loop(client)
        self._answering: set[int] = set()
        finalize(self, _forgotten, self._loop)

    @property
    def is_of_parent(self) -> bool:
        """Whether the client was used before this process was forked: what is open belongs to the parent."""
        return self._loop.portal is not None and not self._loop.is_here

    def new_caller(self) -> Caller:
        """Return what a thread that calls needs."""
        return Caller(self._answering)

    def run(self, work: Work[T], caller: Caller) -> T:
        """Return what a coroutine returns in the event loop; Ctrl-C ends it in order first.

        A run is stopped at the first Ctrl-C, and cut off at the second; then `RunInterrupted` has its report.
        Everything else is cancelled.
        """
        self._check_may_wait()
        portal = self._loop.begin()
        try:
            call = _Call(portal, work)
        except RuntimeError:  # the portal was stopped a moment ago
            raise ClientClosed(self._loop.why_closed) from None
        interruption = caller.wait_for(call.result, call.interrupt)
        if isinstance(interruption, KeyboardInterrupt) and isinstance(report := call.returned, Report):
            raise RunInterrupted(report) from None
        if interruption:
            raise interruption
        try:
            found: T = call.result.result()
        except CancelledError:
            raise ClientClosed(self._loop.why_closed) from None
        except ClientClosed:  # the client does not know why it was closed
            if self._loop.why_closed == ENDING:
                raise ClientClosed(ENDING) from None
            raise
        caller.raise_error()
        return found

    def read(self, get: Callable[[], T], caller: Caller) -> T:
        """Return a value of the client's objects; it can still be read when the client is closed."""
        loop = self._loop
        if loop.is_here and not loop.is_closed and loop.portal is not None:
            try:
                return self.run(_returning(get), caller)
            except ClientClosed:  # it was closed meanwhile
                pass
        return get()

    def close(self) -> None:
        """Close the client in order, and end its thread. It may be called again."""
        self._check_may_wait()
        loop = self._loop
        if not loop.is_here or not loop.stop():
            return
        assert loop.portal
        assert loop.thread
        ended = _Call(loop.portal, loop.end)
        interruption = self.new_caller().wait_for(ended.result, lambda _: None)  # the end takes bounded time
        loop.thread.join()
        if interruption:
            raise interruption
        ended.result.result()

    def _check_may_wait(self) -> None:
        if threading.get_ident() in self._answering:
            raise RuntimeError(ANSWERING)
        if _is_in_loop():
            raise RuntimeError(IN_LOOP)


class _Call:
    """A coroutine in the event loop. Its result is there when it is over, however it was ended."""

    def __init__(self, portal: anyio.from_thread.BlockingPortal, work: Work[Any]) -> None:
        self.result: Future[Any] = Future()
        self._work = work
        self._portal = portal
        self._runs: list[Running] = []
        self._scope: anyio.CancelScope | None = None
        self._is_interrupted = False
        task = portal.start_task_soon(self._execute)
        task.add_done_callback(self._has_ended)

    @property
    def returned(self) -> Any:
        """What the coroutine has returned; None if it raised an error or was cancelled."""
        if self.result.cancelled() or self.result.exception():
            return None
        return self.result.result()

    async def _execute(self) -> None:
        started_runs.set(self._runs)
        with anyio.CancelScope() as self._scope:
            if self._is_interrupted:
                self._scope.cancel()
            try:
                self.result.set_result(await self._work())
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                self.result.set_exception(error)

    def _has_ended(self, _: "Future[None]") -> None:
        if not self.result.done():
            self.result.cancel()

    def interrupt(self, times: int) -> None:
        """Stop the runs that the coroutine has begun; cut them off at the second time; cancel it if it has none."""
        with suppress(RuntimeError):  # the loop ends, and ends everything
            self._portal.start_task_soon(self._stop, times)

    async def _stop(self, times: int) -> None:
        self._is_interrupted = True
        for run in self._runs:
            if times == 1:
                run.stop()
            else:
                run.stop_at_once()
        if self._scope and (not self._runs or times > 2):
            self._scope.cancel()


def _returning(get: Callable[[], T]) -> Work[T]:
    async def work() -> T:
        return get()

    return work


def _is_process_ending() -> bool:
    """Return whether the interpreter is ending: its main thread has ended, while threads of a server may go on."""
    return not threading.main_thread().is_alive()


def _is_in_trio() -> bool:
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _is_in_trio()
    return True


def _forgotten(loop: _Loop) -> None:
    """Close a client that nobody has closed, as files do."""
    if not loop.is_here or not loop.stop():
        return
    warnings.warn("unclosed client: open SalesManago with `with`, or close() it", ResourceWarning, stacklevel=2)
    assert loop.portal
    assert loop.thread
    if threading.current_thread() is loop.thread:  # the collector may run in any thread
        spawn(loop.end)
        return
    loop.portal.start_task_soon(loop.end)
    loop.thread.join(LONGEST_END)
