"""One run after the other over one queue: a run sends what the run before has left, because of an outage, say."""

from collections.abc import Sequence
from traceback import format_tb

import anyio
from attrs import evolve

from ..connection.connection import Connection
from ..errors import JournalFailed, NoAnswer, RateLimited, SalesManagoError
from ..imports.engine.resuming import RunHistory
from ..imports.engine.run import Engine
from ..imports.engine.run_control import RunControl
from ..imports.engine.settling import Listener
from ..imports.settings import Settings
from ..imports.targets import Target
from ..outcome import Outcome
from ..telemetry import tell
from ..telemetry.buffer_events import BufferFailed, BufferRetries, BufferUnanswered
from .queue import Queue
from .queue_journal import QueueJournal
from .queue_source import QueueSource
from .reporting import Reporter
from .rounds import Rounds
from .settings import Holder

MAX_PAUSE = 60.0
"""The most seconds between two runs if one after the other fails."""


class Dispatcher:
    """Sends what is in a queue until the queue is closed and empty, or until the dispatcher is halted."""

    def __init__(
        self,
        queue: Queue,
        *,
        connection: Connection,
        target: Target,
        settings: Settings,
        rounds: Rounds,
        reporter: Reporter,
        max_delay: float,
        after: Sequence[Holder],
    ) -> None:
        self.queue = queue
        self._connection = connection
        self._target = target
        self._settings = settings
        self._rounds = rounds
        self._reporter = reporter
        self._max_delay = max_delay
        self._after = after
        self._engine: Engine | None = None
        self._hurried = anyio.Event()
        self._halted = anyio.Event()
        self.ended = anyio.Event()

    async def work(self) -> None:
        """Execute one run after the other; raises nothing."""
        failures = 0
        try:
            while not self._halted.is_set() and not self.queue.is_done:
                began = anyio.current_time()
                await self._run()
                failures = failures + 1 if anyio.current_time() - began < MAX_PAUSE else 0
                await self._pause(failures)
        finally:
            self.ended.set()

    def close(self) -> None:
        """Take no more records, and go on until everything is sent."""
        self.queue.close()
        self._hurried.set()

    def halt(self) -> None:
        """Finish what is in flight, within the bounds of a stop, and start no further run."""
        self._hurried.set()
        self._halted.set()
        if self._engine:
            self._engine.stop()

    def poll_now(self) -> None:
        """Poll the server jobs once now, even if they are not due."""
        if self._engine:
            self._engine.poll_now()

    def cut(self) -> None:
        """Cut off what is in flight."""
        if self._engine:
            self._engine.stop_at_once()

    async def _run(self) -> None:
        control = RunControl.begin(self._connection.pace, self._settings.goal)
        delivery = _Delivery(self.queue, self._new_source(), control, self._rounds, self._reporter)
        engine = self._engine = Engine(
            self._connection,
            delivery.source,
            self._target,
            self._settings,
            delivery,
            control=control,
            history=RunHistory(delivery.journal, known=delivery.journal.begun_before()),
            stops_with_client=False,
        )
        if self._halted.is_set():
            engine.stop()
        await self._execute(engine, delivery)
        self._reporter.report(self.queue.end_unreported())

    async def _execute(self, engine: Engine, delivery: "_Delivery") -> None:
        """Execute a run, and log what kept it from sending its records."""
        try:
            report = await engine.execute()
        except SalesManagoError as error:
            _warn(error)
        except Exception as error:  # an error of this library; its text may hold a record, so it is not logged
            where = "".join(format_tb(error.__traceback__))
            tell(BufferFailed(failure=type(error).__name__, place=where))
        else:
            if report.stopped:
                _warn(report.stopped)
            elif delivery.has_unfinished and not self._halted.is_set():
                tell(BufferUnanswered())

    def _new_source(self) -> QueueSource:
        return QueueSource(self.queue, max_delay=self._max_delay, after=self._after)

    async def _pause(self, failures: int) -> None:
        """Wait, longer if more runs have failed in a row, but only for a short time if the queue is to end."""
        if self.queue.is_done:
            return
        is_ending = self._hurried.is_set()
        longest = 1.0 if is_ending else min(MAX_PAUSE, 2.0 ** min(failures, 10))
        with anyio.move_on_after(self._connection.random.uniform(longest / 2, longest)):
            await (self._halted if is_ending else self._hurried).wait()


class _Delivery(Listener):
    """Takes the outcomes of one run.

    If an outcome is not final for its record, the run stops, so that the next one begins.
    """

    def __init__(
        self, queue: Queue, source: QueueSource, control: RunControl, rounds: Rounds, reporter: Reporter
    ) -> None:
        self.source = source
        self.journal = QueueJournal(queue, source, control, rounds)
        self.has_unfinished = False
        """Whether the run has left a record for the next one."""
        self._queue = queue
        self._control = control
        self._final = rounds.final
        self._reporter = reporter

    async def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes; those that are final are reported."""
        for outcome in outcomes:
            queued = self.source.given.pop(outcome.position)
            if queued.is_over or outcome.state in self._final:
                self._reporter.report([self._queue.end(queued, evolve(outcome, position=queued.number))])
            else:
                self.has_unfinished = True
        if self.has_unfinished and self._control.is_following:
            self._control.stop()


def _warn(error: SalesManagoError) -> None:
    """Log why a run has ended, without the text of the server, which may contain personal data."""
    is_ours = isinstance(error, NoAnswer | JournalFailed | RateLimited)
    why = str(error) if is_ours else f"{type(error).__name__} {getattr(error, 'status', None) or ''}".rstrip()
    tell(BufferRetries(failure=why))
