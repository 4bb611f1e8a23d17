"""How long a client lives: in one event loop, and until it is closed, before which what goes on with it is ended.

Connections belong to the event loop that opened them. A client that is used in another one would meet them as "Event
loop is closed", or wait for ever; so the loop of its first request is remembered, and any other is refused in words.

A client that is closed ends what goes on with it, in order: first its buffers, the one opened last before the others,
as it may wait for them; then its runs, which finish what is in flight. Only then are the connections closed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import anyio
from attrs import define, field

from ..errors import ClientClosed
from ..support.spawn import current_loop

CLOSED = "the client is closed; make another one"
CLOSED_MEANWHILE = "the client was closed before the run had ended"
OTHER_LOOP = (
    "a client belongs to one event loop, and this one was used in another before: make it, or open it with "
    "`async with`, inside the main coroutine of the program"
)
GRACE = 5.0
"""Seconds that a run may take beyond its `stop_within` until it is no longer waited for."""


class Buffering(Protocol):
    """A buffer, as its client sees it."""

    async def aclose(self) -> None:
        """Send what is there, within bounds, and end."""
        ...


class Running(Protocol):
    """A run, as its client sees it."""

    @property
    def stop_within(self) -> float:
        """The seconds that it may take to stop."""
        ...

    def stop_for(self, error: ClientClosed) -> None:
        """Stop in order, and report this error."""
        ...


@define(eq=False)
class Lifetime:
    """The event loop of a client, whether it is closed, and what goes on with it."""

    is_closed: bool = False
    _is_closing: bool = False
    _loop: object | None = None
    _buffers: list[Buffering] = field(factory=list)
    _runs: dict[Running, anyio.Event] = field(factory=dict)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the client belongs to another event loop than the one that runs now."""
        return self._loop is not None and self._loop is not current_loop()

    def check(self) -> None:
        """Raise `ClientClosed` where nothing can be sent any more, or not from this event loop."""
        if self.is_closed:
            raise ClientClosed(CLOSED)
        if self._loop is not (loop := current_loop()):
            if self._loop is not None:
                raise ClientClosed(OTHER_LOOP)
            self._loop = loop

    @contextmanager
    def of_run(self, run: Running) -> Generator[None]:
        """Have a run stopped where the client is closed within the block; raise `ClientClosed` where it is already."""
        self._check_opening()
        ended = self._runs[run] = anyio.Event()
        try:
            yield
        finally:
            del self._runs[run]
            ended.set()

    def add(self, buffer: Buffering) -> None:
        """Have a buffer closed before the client is; raise `ClientClosed` where it is already."""
        self._check_opening()
        self._buffers.append(buffer)

    def remove(self, buffer: Buffering) -> None:
        """Forget a buffer that has ended."""
        if buffer in self._buffers:
            self._buffers.remove(buffer)

    async def end(self) -> None:
        """End everything that goes on, also where the caller is cancelled; from now on nothing begins any more."""
        self._is_closing = True
        try:
            if not self.is_elsewhere:  # what goes on there, nobody can wait for
                await self._end_buffers()
                await self._end_runs()
        finally:
            self.is_closed = True

    def _check_opening(self) -> None:
        if self._is_closing:
            raise ClientClosed(CLOSED)

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
