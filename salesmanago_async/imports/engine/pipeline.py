"""How the parts of a run work together: one reader, some senders, some workers that poll.

    source ──reader──▶ gate ──feed──▶ senders ──▶ answers ─┬─▶ outcomes              events: known immediately
             check,    order   (two     permits of         ├─▶ jobs ──workers──▶     contacts: by the job's result file
             encode    of each  ahead)  the client         └─▶ in doubt ──workers──▶ events without an answer: read back
                       contact

reading makes records, gate makes chunks of them, feed makes batches of these. What comes next for a batch is a step
(steps), which driver carries out with sending, polling, reconciling and settling; ledger writes the journal on the way.
Encoded records are in a spill file until their outcome is known, so memory does not grow with the records in flight.
"""

from collections import Counter
from functools import cached_property

import anyio
from attrs import Factory, field, frozen

from ...api.codec import dumps
from ...connection.connection import Connection
from ...outcome import State
from ...records.encoders import Encoder
from ...sources.sources import Source
from ...stores.values import KnownBy
from ...support.background import background
from ..settings import Settings
from ..targets import Target
from .batches import Batches
from .claims import Claims
from .driver import Driver
from .dry_run import DryRun
from .feed import Feed
from .gate import Gate
from .lanes import chunks_of
from .ledger import Ledger
from .order import Order
from .outage import OutageGate
from .polling import JobPoller
from .reading import SourceReader
from .reconciling import Reconciler
from .resuming import Resume, RunHistory
from .run_control import RunControl
from .senders import Senders
from .sending import Sender
from .settling import Listener, Settler
from .tally import Tally


@frozen(kw_only=True, slots=False, eq=False)
class Pipeline:
    """Connects the parts of a run, and runs them. A part is made when it is first used, from those that it needs."""

    connection: Connection
    source: Source
    target: Target
    settings: Settings
    listener: Listener | None
    tally: Tally
    control: RunControl
    history: RunHistory | None
    # made at once: if it cannot be made, nothing was begun, and nothing has to be closed
    _encoder: Encoder = field(
        init=False, default=Factory(lambda self: self.source.encoder(self.settings.tags), takes_self=True)
    )

    async def work(self) -> None:
        """Read, send and follow, until every record is settled."""
        async with background() as beside:
            beside.start_soon(self._wake_when_stopped)
            async with anyio.create_task_group() as tasks:
                for _ in range(self._driver.scheduler.workers):
                    tasks.start_soon(self._driver.scheduler.work, self._driver.poll)
                tasks.start_soon(self._send_all)
                await self._reader.replay(self.history.known if self.history else ())
                await self._reader.read_all()
                await self._feed.end()
        if self._dry_run:
            await self._dry_run.estimate()

    @property
    def outstanding(self) -> int:
        """How many server jobs, and requests whose events are looked for, wait for an answer."""
        return self._driver.scheduler.held

    @property
    def next_poll(self) -> float | None:
        """Seconds until the next poll; None if nothing waits for one."""
        return self._driver.scheduler.next_poll

    def poll_now(self) -> None:
        """Poll the jobs once now, even if they are not due."""
        self._driver.poll_now()

    def close(self) -> None:
        """Count the records that a run which was cut off leaves behind, so that its report adds up."""
        remaining: Counter[State] = self._reader.count_remaining()
        for batch in self._batches:
            remaining[batch.state] += batch.count
            if batch.state == "submitted":
                self.tally.note_unfollowed(batch.request_id)
        self.tally.add(remaining)
        self._reader.close()
        self._batches.close()
        self._feed.close()

    async def _wake_when_stopped(self) -> None:
        """Wake the tasks that wait for something that a stopped run does not wait for."""
        await self.control.reading_ended.wait()
        self._reader.stop_waiting()
        self._outage.end()
        self._settler.settled.give()
        await self.control.halted.wait()
        self._driver.scheduler.poll_all_now()
        self._settler.settled.give()

    async def _send_all(self) -> None:
        await Senders(self.connection.pace, self._feed, self._driver).work()
        self._driver.scheduler.close()

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.target.list_field, dumps(self.settings.fields))

    @cached_property
    def _order(self) -> Order:
        return Order()

    @cached_property
    def _ledger(self) -> Ledger:
        journal = self.history.journal if self.history else None
        return Ledger(journal, self.control, self.source, known_by=self.settings.known_by)

    @cached_property
    def _settler(self) -> Settler:
        return Settler(
            source=self.source,
            batches=self._batches,
            order=self._order,
            ledger=self._ledger,
            tally=self.tally,
            control=self.control,
            listener=self.listener,
            on_progress=self.settings.on_progress,
            blocking=_blocking(self.target, follows_jobs=self.settings.wait),
            poll_interval=self.connection.poll_interval,
        )

    @cached_property
    def _outage(self) -> OutageGate:
        connection = self.connection
        return OutageGate(retries=connection.retries, random=connection.random, patience=self.settings.patience)

    @cached_property
    def _sender(self) -> Sender:
        return Sender(
            connection=self.connection,
            target=self.target,
            path=self.settings.path,
            batches=self._batches,
            ledger=self._ledger,
            tally=self.tally,
            control=self.control,
            gate=self._outage,
        )

    @cached_property
    def _driver(self) -> Driver:
        return Driver(
            connection=self.connection,
            target=self.target,
            batches=self._batches,
            ledger=self._ledger,
            tally=self.tally,
            control=self.control,
            sender=self._sender,
            poller=JobPoller(self.connection, self.control),
            reconciler=self._reconciler,
            settler=self._settler,
            outstanding=self.settings.outstanding,
            follows_jobs=self.settings.wait,
        )

    @cached_property
    def _reconciler(self) -> Reconciler:
        return Reconciler(
            connection=self.connection,
            owner=self.settings.fields.get("owner"),
            batches=self._batches,
            control=self.control,
            in_doubt=self.settings.in_doubt,
        )

    @cached_property
    def _dry_run(self) -> DryRun | None:
        if not self.settings.dry_run:
            return None
        return DryRun(
            connection=self.connection,
            sender=self._sender,
            target=self.target,
            settings=self.settings,
            tally=self.tally,
        )

    @cached_property
    def _feed(self) -> Feed:
        return Feed(
            driver=self._driver,
            settler=self._settler,
            batches=self._batches,
            target=self.target,
            dry_run=self._dry_run,
            waits_for_known=self._resume is not None,
        )

    @cached_property
    def _gate(self) -> Gate:
        chunker = chunks_of(self.target, self.settings)
        return Gate(chunker=chunker, order=self._order, settler=self._settler, control=self.control, feed=self._feed)

    @cached_property
    def _resume(self) -> Resume | None:
        history = self._history_by("position")
        return Resume(history.entries, history.journal) if history else None

    @cached_property
    def _claims(self) -> Claims | None:
        history = self._history_by("content")
        if history is None:
            return None
        return Claims(
            history.entries,
            history.journal,
            feed=self._feed,
            gate=self._gate,
            settler=self._settler,
            control=self.control,
        )

    def _history_by(self, known_by: KnownBy) -> RunHistory | None:
        """Return what earlier runs wrote, if there is anything, and the source's records are known by this."""
        is_it = self.history and self.history.entries and self.settings.known_by == known_by
        return self.history if is_it else None

    @cached_property
    def _reader(self) -> SourceReader:
        return SourceReader(
            source=self.source,
            encoder=self._encoder,
            gate=self._gate,
            feed=self._feed,
            order=self._order,
            resume=self._resume,
            claims=self._claims,
            tally=self.tally,
            control=self.control,
            settler=self._settler,
        )


def _blocking(target: Target, *, follows_jobs: bool) -> frozenset[State]:
    """Return the states that leave open when a record is applied; no record of the contact may follow such a record."""
    if target.reads_back:
        return frozenset()
    return frozenset({"in_doubt", "submitted"} if follows_jobs else {"in_doubt"})
