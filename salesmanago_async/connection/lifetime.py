"""The lifetime of a client: it belongs to one process and event loop, and ends its buffers and runs before it closes.

Connections belong to the event loop that opened them. In another loop they would fail with "Event loop is closed", or
hang. So the client remembers the loop of its first request, buffer or run, and refuses any other loop with a clear
message. A child process that was forked meanwhile is refused, too, and closes nothing there: its copies of the sockets
lead to the same server as those of the parent. A client that was not used before a fork can be used in the child.

Closing a client ends its work in order. Buffers end first, the last opened one first, because it may wait for the
others. Then runs finish what is in flight. Only then are the connections closed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import anyio
from attrs import define, field

from ..errors import ClientClosed
from ..support.own_process import WHERE, OwnProcess
from ..support.spawn import current_loop

CLOSED = "the client is closed; make another one"
CLOSED_MEANWHILE = "the client was closed before the run had ended"
OTHER_LOOP = (
    "a client belongs to one event loop, and this one was used in another before: make it, or open it with "
    "`async with`, inside the main coroutine of the program"
)
FORKED = f"the client was used before this process was forked, and belongs to the parent: make a client here, {WHERE}"
GRACE = 5.0
"""Seconds beyond a run's `stop_within` after which closing no longer waits for the run."""


class Buffering(Protocol):
    """A buffer, as its client sees it."""

    async def aclose(self) -> None:
        """Send what is queued, within the buffer's limits, and end."""
        ...


class Running(Protocol):
    """A run, as its client sees it."""

    @property
    def stop_within(self) -> float:
        """The seconds that the run may take to stop."""
        ...

    def stop_for(self, error: ClientClosed) -> None:
        """Stop the run gracefully, and put this error into its report."""
        ...

    def stop(self) -> None:
        """Stop the run gracefully."""
        ...

    def stop_at_once(self) -> None:
        """Cut off what the run has in flight."""
        ...


started_runs: ContextVar[list[Running] | None] = ContextVar("started_runs", default=None)
"""A list to which each run of this context is added when it begins, for a caller that may have to stop it."""


@define(eq=False)
class Lifetime:
    """The event loop of a client, whether the client is closed, and its open buffers and runs."""

    is_closed: bool = False
    _is_closing: bool = False
    _loop: object | None = None
    _process: OwnProcess = field(factory=OwnProcess)
    _buffers: list[Buffering] = field(factory=list)
    _runs: dict[Running, anyio.Event] = field(factory=dict)

    @property
    def is_in_other_loop(self) -> bool:
        """Whether the client belongs to another event loop than the running one."""
        return self._loop is not None and self._loop is not current_loop()

    @property
    def is_of_parent(self) -> bool:
        """Whether the client was used before this process was forked: then it belongs to the parent."""
        return self._loop is not None and not self._process.is_here

    def check(self) -> None:
        """Raise `ClientClosed` if the client is closed, or belongs to another process or event loop."""
        if self.is_closed:
            raise ClientClosed(CLOSED)
        self.check_place()

    def check_place(self) -> None:
        """Raise `ClientClosed` if the client belongs to another process or event loop."""
        loop = current_loop()
        if self._loop is None:
            self._loop, self._process = loop, OwnProcess()
        elif not self._process.is_here:
            raise ClientClosed(FORKED)
        elif self._loop is not loop:
            raise ClientClosed(OTHER_LOOP)

    @contextmanager
    def of_run(self, run: Running) -> Generator[None]:
        """Register a run for the block, so that closing the client stops it; raise `ClientClosed` if that has begun."""
        self._check_opening()
        ended = self._runs[run] = anyio.Event()
        if (started := started_runs.get()) is not None:
            started.append(run)
        try:
            yield
        finally:
            del self._runs[run]
            ended.set()

    def add(self, buffer: Buffering) -> None:
        """Register a buffer, so that it is closed before the client; raise `ClientClosed` if closing has begun."""
        self._check_opening()
        self._buffers.append(buffer)

    def remove(self, buffer: Buffering) -> None:
        """Forget a buffer that has ended."""
        if buffer in self._buffers:
            self._buffers.remove(buffer)

    async def end(self) -> None:
        """End all buffers and runs, even if the caller is cancelled; from now on no new ones can begin."""
        self._is_closing = True
        try:
            if not (self.is_of_parent or self.is_in_other_loop):  # tasks of another loop cannot be awaited here
                await self._end_buffers()
                await self._end_runs()
        finally:
            self.is_closed = True

    def _check_opening(self) -> None:
        if self._is_closing:
            raise ClientClosed(CLOSED)
        self.check_place()

    async def _end_buffers(self) -> None:
        while self._buffers:
            buffer = self._buffers[-1]
            await buffer.aclose()
            self.remove(buffer)

    async def _end_runs(self) -> None:
        for run in self._runs:
            run.stop_for(ClientClosed(CLOSED_MEANWHILE))
        for run, ended in list(self._runs.items()):
            with anyio.move_on_after(run.stop_within + GRACE, shield=True):
                await ended.wait()
