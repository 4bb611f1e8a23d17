"""The gate before the senders: while chunks stay without an answer, new ones are held back.

A server that takes connections and resets them all would else have the whole source sent into the void: every chunk in
doubt, and each read back. Instead chunks go one at a time, as probes, after waits that grow, until one is answered.
It takes an answer to a chunk: where contacts can be read but nothing can be added, other answers say nothing.
"""

import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import anyio
from attrs import define

from ...settings import Retries
from ...support.signal import Signal

_log = logging.getLogger("salesmanago_async.connection")

MOST_DOUBLINGS = 64
FEWEST_PROBES = 3
"""Chunks that must get no answer, one after the other, before the gate may say that it is hopeless."""


@define(eq=False)
class Turn:
    """The turn of a chunk to be sent, which began at that moment."""

    gate: "OutageGate"
    began: float

    def answered(self) -> None:
        """Say that the server has answered."""
        self.gate.open()

    def lost(self) -> None:
        """Say that no answer came, and that the chunk is not tried again."""
        self.gate.close(self.began)


class OutageGate:
    """Gives out turns to send a chunk. `retries` says how the waits grow, `patience` (seconds) when it is hopeless."""

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
        """Wait for a turn, and hold it for the length of the block: while the gate is closed there is one at a time."""
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
        """Whether no chunk was answered for as long as a run has patience."""
        return self._lost >= FEWEST_PROBES and anyio.current_time() - self._first_lost_at >= self._patience

    def end(self) -> None:
        """Let all go, whatever is lost from now on: the run is stopped, and nothing more is sent."""
        self._has_ended = True
        self.open()

    def open(self) -> None:
        """Let all go, as a chunk was answered."""
        self._lost = 0
        self._first_lost_at = math.inf
        self._changed.give()

    def close(self, began: float) -> None:
        """Hold back what follows; chunks that were in flight together and are lost together count as one."""
        now = anyio.current_time()
        if self._has_ended or (self._lost and began < self._last_lost_at):
            return
        self._first_lost_at = min(self._first_lost_at, now)
        self._last_lost_at = now
        span = min(self._retries.longest_wait, self._retries.first_wait * 2 ** min(self._lost, MOST_DOUBLINGS))
        wait = self._random.uniform(span / 2, span)
        self._next_turn_at = now + wait
        self._lost += 1
        _log.warning("no answer to a chunk; the next one is sent in %.1f s, more when that is answered", wait)
        self._changed.give()
