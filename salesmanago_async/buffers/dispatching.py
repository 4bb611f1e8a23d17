"""Run after run over one queue: what one leaves, because the server is away, say, the next one sends."""

import logging
from collections.abc import Callable, Sequence
from traceback import format_tb

import anyio

from ..connection.connection import Connection
from ..errors import JournalFailed, NoAnswer, RateLimited, SalesManagoError
from ..imports.engine.run import Engine
from ..imports.settings import Settings
from ..imports.targets import Target
from ..outcome import Outcome
from .queue import Queue

LONGEST_PAUSE = 60.0
"""Seconds between two runs at most, where one after the other fails."""

_log = logging.getLogger("salesmanago_async")


class Dispatcher:
    """Sends what is in a queue until that is closed and empty, or until it is halted."""

    def __init__(
        self,
        queue: Queue,
        *,
        connection: Connection,
        target: Target,
        settings: Settings,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.queue = queue
        self._connection = connection
        self._target = target
        self._settings = settings
        self._on_outcome = on_outcome
        self._engine: Engine | None = None
        self._hurried = anyio.Event()
        self._halted = anyio.Event()
        self.ended = anyio.Event()

    async def work(self) -> None:
        """Make run after run; raises nothing."""
        failures = 0
        try:
            while not self._halted.is_set() and not self.queue.is_done:
                began = anyio.current_time()
                await self._run()
                failures = failures + 1 if anyio.current_time() - began < LONGEST_PAUSE else 0
                await self._pause(failures)
        finally:
            self.ended.set()

    def close(self) -> None:
        """Take nothing more, and go on until everything is sent."""
        self.queue.close()
        self._hurried.set()

    def halt(self) -> None:
        """Finish what is in flight, within the bounds of a stop, and begin nothing more."""
        self._hurried.set()
        self._halted.set()
        self._stop()

    def poll_now(self) -> None:
        """Have the server jobs looked at once now, whenever they are due."""
        if self._engine:
            self._engine.poll_now()

    def cut(self) -> None:
        """Cut off what is in flight."""
        if self._engine:
            self._engine.stop_at_once()

    def _stop(self) -> None:
        if self._engine:
            self._engine.stop()

    async def _run(self) -> None:
        try:
            memory = self.queue, self.queue.begin_run()
            engine = Engine(
                self._connection, self.queue, self._target, self._settings, self._take_outcomes, memory=memory
            )
            self._engine = engine
            self.queue.is_stopping = lambda: engine.is_stopping
            if self._halted.is_set():
                engine.stop()
            report = await engine.execute()
        except SalesManagoError as error:
            _warn(error)
        except Exception as error:  # of our own; its text may hold a record, so it is not logged
            where = "".join(format_tb(error.__traceback__))
            _log.error("A run of a buffer has failed, it goes on trying: %s\n%s", type(error).__name__, where)
        else:
            if report.stopped:
                _warn(report.stopped)
            elif self.queue.has_left and not self._halted.is_set():
                _log.warning("Records of a buffer got no answer, they are sent again")
        for outcome in self.queue.end_untold():
            self._on_outcome(outcome)

    async def _take_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            last = self.queue.tell(outcome)
            if last:
                self._on_outcome(last)
        if self.queue.has_left and not self.queue.is_stopping():
            self._stop()  # the next run takes them up

    async def _pause(self, failures: int) -> None:
        """Wait, the longer the more runs have failed in a row, but never for long where it is to end."""
        if self.queue.is_done:
            return
        is_ending = self._hurried.is_set()
        longest = 1.0 if is_ending else min(LONGEST_PAUSE, 2.0 ** min(failures, 10))
        with anyio.move_on_after(self._connection.random.uniform(longest / 2, longest)):
            await (self._halted if is_ending else self._hurried).wait()


def _warn(error: SalesManagoError) -> None:
    """Log why a run has ended; what the server says may name somebody, so that is left out."""
    is_ours = isinstance(error, NoAnswer | JournalFailed | RateLimited)
    why = str(error) if is_ours else f"{type(error).__name__} {getattr(error, 'status', None) or ''}".rstrip()
    _log.warning("A buffer's records cannot be sent now, it goes on trying: %s", why)
