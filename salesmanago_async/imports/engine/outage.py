"""The gate in front of the senders: while chunks get no answer, new ones are held back.

Without it, a server that accepts connections and resets them all would be sent the whole source: every chunk would be
in doubt, and would have to be read back. Instead, chunks go one at a time, as probes, after growing waits, until one is
answered. Only an answer to a chunk counts: if contacts can be read but nothing can be added, other answers say nothing.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import anyio
from attrs import define

from ...settings import Retries
from ...support.signal import Signal
from ...telemetry import tell
from ...telemetry.connection_events import Outage

MAX_DOUBLINGS = 64
MIN_PROBES = 3
"""Chunks in a row that must get no answer before `is_hopeless` may be True."""


@define(eq=False)
class Turn:
    """The permission to send one chunk, which began at that moment."""

    gate: "OutageGate"
    began: float

    def answered(self) -> None:
        """Report that the server has answered."""
        self.gate.open()

    def lost(self) -> None:
        """Report that no answer came, and that the chunk is not tried again."""
        self.gate.close(self.began)


class OutageGate:
    """Hands out turns to send a chunk. `retries` sets how the waits grow, `patience` (seconds) when it is hopeless."""

    def __init__(self, *, retries: Retries, random: Random, patience: float) -> None:
        self._retries = retries
        self._random = random
        self._patience = patience
        self._changed = Signal()
        self._is_probing = False
        self._has_ended = False
        self._lost = 0
        self._first_lost_at = math.inf
        self._last_lost_at = -math.inf
        self._next_turn_at = -math.inf

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """Wait for a turn, and hold it during the block; while the gate is closed, there is only one turn at a time."""
        while self._lost:
            wait = math.inf if self._is_probing else self._next_turn_at - anyio.current_time()
            if wait <= 0:
                self._is_probing = True
                try:
                    yield Turn(self, anyio.current_time())
                finally:
                    self._is_probing = False
                    self._changed.give()
                return
            with anyio.move_on_after(wait):
                await self._changed.wait()
        yield Turn(self, anyio.current_time())

    @property
    def is_hopeless(self) -> bool:
        """Whether no chunk was answered for the whole patience of the run."""
        return self._lost >= MIN_PROBES and anyio.current_time() - self._first_lost_at >= self._patience

    def end(self) -> None:
        """Open the gate, and keep it open: the run is stopped, and sends nothing more."""
        self._has_ended = True
        self.open()

    def open(self) -> None:
        """Open the gate: a chunk was answered."""
        self._lost = 0
        self._first_lost_at = math.inf
        self._changed.give()

    def close(self, began: float) -> None:
        """Close the gate. Chunks that were in flight together and are lost together count as one."""
        now = anyio.current_time()
        if self._has_ended or (self._lost and began < self._last_lost_at):
            return
        self._first_lost_at = min(self._first_lost_at, now)
        self._last_lost_at = now
        span = min(self._retries.longest_wait, self._retries.first_wait * 2 ** min(self._lost, MAX_DOUBLINGS))
        wait = self._random.uniform(span / 2, span)
        self._next_turn_at = now + wait
        self._lost += 1
        tell(Outage(wait_seconds=wait))
        self._changed.give()
