"""A run: started, stopped in order, and ended with a report that accounts for every record.

These stop the reading early: wrong credentials, a server that is silent for longer than the patience of the run, an
error in the caller's code, `stop`, and the cancellation of the task. What is in flight is finished, and the rest is
*not_sent*. After `stop` and after cancellation, finishing takes at most `stop_within` seconds; what is still in flight
then is *in_doubt*. Jobs are still followed to their end, except after these two, and if the server is silent.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import anyio
from attrs import evolve

from ...connection.connection import Connection, failure_of
from ...connection.identity import mark_of
from ...errors import ClientClosed, raising_only_error
from ...sources.sources import Source
from ...stores.journal import open_journal
from ...telemetry import during, tell
from ...telemetry.operations import RunOperation
from ...telemetry.run_events import COUNTED, RunBegan, RunCancelled, RunEnded
from ..report import Report
from ..settings import Settings
from ..targets import Target
from .numbering import ContentJournal
from .pipeline import Pipeline
from .resuming import RunHistory
from .run_control import RunControl
from .settling import Listener


class Engine:
    """One run over one source. `execute` may be called once.

    A buffer or a sync has its own journal: its `history` replaces the journal that `settings` may name. The client
    stops the run before it is closed, except if `stops_with_client` is False, because a buffer stops its own runs.
    """

    def __init__(
        self,
        connection: Connection,
        source: Source,
        target: Target,
        settings: Settings,
        listener: Listener | None = None,
        *,
        control: RunControl | None = None,
        history: RunHistory | None = None,
        stops_with_client: bool = True,
    ) -> None:
        self._control = control or RunControl.begin(connection.pace, settings.goal)
        self._tally = self._control.tally
        self._tally.kind = target.kind
        self._connection = connection.of_run(
            self._control,
            traffic=self._tally.traffic,
            patience=settings.patience,
            gives_up=stops_with_client,
        )
        self._source = source
        self._target = target
        self._settings = settings
        self._listener = listener
        self._history = history
        self._stops_with_client = stops_with_client
        self._pipeline: Pipeline | None = None
        self._cut_off = anyio.CancelScope(shield=True)
        self._was_cancelled = False

    @property
    def report(self) -> Report:
        """The counts so far. Whoever looks at them takes a sample of the run, too."""
        self._control.sample()
        report = self._tally.report()
        return evolve(report, warnings=(*report.warnings, *self._source.warnings))

    @property
    def outstanding(self) -> int:
        """How many server jobs, and requests whose events are looked for, wait for an answer."""
        return self._pipeline.outstanding if self._pipeline else 0

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None if nothing waits for one."""
        return self._pipeline.next_poll if self._pipeline else None

    def stop(self) -> None:
        """Stop reading, retrying and following jobs; what is in flight has `stop_within` seconds to finish."""
        self._control.stop()
        self._cut_off.deadline = min(self._cut_off.deadline, anyio.current_time() + self._settings.stop_within)

    def stop_at_once(self) -> None:
        """Cut off what is in flight; its records are then in doubt."""
        self._control.stop()
        self._cut_off.cancel()

    @property
    def stop_within(self) -> float:
        """The seconds that the run may take to stop."""
        return self._settings.stop_within

    def stop_for(self, error: ClientClosed) -> None:
        """Stop as `stop` does, and report this error; the client calls this before it is closed."""
        self._control.stop_for(error)
        self.stop()
        if self._listener:
            self._listener.client_closes()

    def poll_now(self) -> None:
        """Poll the jobs once now, even if they are not due."""
        if self._pipeline:
            self._pipeline.poll_now()

    async def execute(self) -> Report:
        """Read the source to its end and settle every record.

        Raises what the source or `on_progress` raised, once everything read before is settled. Raises the error that
        stopped the run if nothing was sent. Both carry the report as a note. If the task is cancelled, what is in
        flight is finished first, and a warning in the log says how to resume.
        """
        with during(RunOperation(kind=self._target.kind, is_of_buffer=not self._stops_with_client)):
            tell(RunBegan(kind=self._target.kind))
            with raising_only_error(), self._while_the_client_lives():
                await self._execute_or_stop()
            return self._ended()

    def _while_the_client_lives(self) -> AbstractContextManager[None]:
        """Return a context in which the client stops the run before it is closed."""
        return self._connection.lifetime.of_run(self) if self._stops_with_client else nullcontext()

    async def _execute_or_stop(self) -> None:
        async with anyio.create_task_group() as tasks:
            ended = anyio.Event()
            tasks.start_soon(self._execute, ended)
            try:
                await ended.wait()
            except BaseException:  # cancellation, or on trio also the KeyboardInterrupt itself
                self._was_cancelled = not ended.is_set()
                self.stop()
                raise

    async def _execute(self, ended: anyio.Event) -> None:
        try:
            with self._cut_off:
                await self._work()
        finally:
            self._control.sample()
            self._tally.end()
            ended.set()
            if self._was_cancelled and self._has_left_anything():
                left = RunCancelled(
                    journal=self._tally.journal, given_as=self._journal_option, **self._facts(self.report)
                )
                tell(left)

    async def _work(self) -> None:
        history = await self._open_history()
        try:
            pipeline = self._pipeline = Pipeline(
                connection=self._connection,
                source=self._source,
                target=self._target,
                settings=self._settings,
                listener=self._listener,
                tally=self._tally,
                control=self._control,
                history=history,
            )
            try:
                await pipeline.work()
            finally:
                pipeline.close()
        finally:
            if history:
                await history.journal.aclose()

    async def _open_history(self) -> RunHistory | None:
        if self._history:
            return self._history
        place = self._settings.journal
        if place is None or self._settings.dry_run:
            return None
        self._tally.journal = str(place)
        settings = self._settings
        journal, entries = await open_journal(
            place,
            self._identity(),
            settings.note,
            when_busy=settings.when_busy,
            lock_timeout=settings.lock_timeout,
        )
        if settings.known_by == "content":
            return RunHistory(ContentJournal(journal, entries), entries)
        return RunHistory(journal, entries)

    def _identity(self) -> dict[str, Any]:
        """Return what must be equal when a journal is continued."""
        settings = self._settings
        return {
            **self._connection.identity,
            "kind": self._target.kind,
            "path": settings.path or self._target.request_class.path,
            "tags": list(settings.tags),
            **settings.fields,
            "owner": mark_of(settings.fields.get("owner")),
            **({} if settings.known_by == "position" else {"known_by": settings.known_by}),
            **settings.identity,
        }

    def _ended(self) -> Report:
        report = self.report
        self._log_end(report)
        failure = self._control.callers_error
        if not failure and not self._tally.anything_sent():
            failure = self._tally.stopped
        if failure:
            failure.add_note(f"When it was raised: {report.counts}. {self._how_to_go_on()}")
            raise failure
        return report

    def _log_end(self, report: Report) -> None:
        """Log how the run has ended, without the text of the server, which may contain personal data."""
        why = failure_of(report.stopped) if report.stopped else None
        tell(RunEnded(failure=why, **self._facts(report)))

    def _facts(self, report: Report) -> dict[str, Any]:
        numbers = {name: getattr(report, name) for name in COUNTED}
        return {"kind": self._target.kind, "counts": report.counts, **numbers}

    def _has_left_anything(self) -> bool:
        report = self.report
        return not report.read_all or report.read > report.accepted + report.rejected

    def _how_to_go_on(self) -> str:
        if self._tally.journal:
            return f"Repeat the call with {self._journal_option}={self._tally.journal!r} to continue it"
        return "It has no journal, so another call starts from the beginning"

    @property
    def _journal_option(self) -> str:
        """The option under which the caller gave the journal."""
        return "state" if self._history else "journal"
