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

import anyio

from ...api.codec import dumps
from ...connection.connection import Connection
from ...outcome import State
from ...sources.sources import Source
from ...support.background import background
from ..settings import Settings
from ..targets import EVENTS, Target
from .batches import Batches
from .chunks import chunker_of
from .driver import Driver
from .dry_run import DryRun
from .feed import Feed
from .gate import Gate
from .ledger import Ledger
from .order import Order
from .outage import OutageGate
from .polling import JobPoller
from .reading import SourceReader
from .reconciling import Reconciler
from .resuming import Resume, RunHistory
from .run_control import RunControl
from .sending import Sender
from .settling import Listener, Settler
from .tally import Tally


class Pipeline:
    """Connects the parts of a run, and runs them."""

    def __init__(
        self,
        *,
        connection: Connection,
        source: Source,
        target: Target,
        settings: Settings,
        listener: Listener | None,
        tally: Tally,
        control: RunControl,
        history: RunHistory | None,
    ) -> None:
        journal, entries = (history.journal, history.entries) if history else (None, ())
        self._known = history.known if history else ()
        self._tally = tally
        self._control = control
        self._senders = connection.pace.concurrency
        self._batches = Batches()
        order = Order()
        ledger = Ledger(journal, control, source)
        self._settler = Settler(
            source=source,
            batches=self._batches,
            order=order,
            ledger=ledger,
            tally=tally,
            control=control,
            listener=listener,
            on_progress=settings.on_progress,
            blocking=_blocking(target, follows_jobs=settings.wait),
            poll_interval=connection.poll_interval,
        )
        self._outage = OutageGate(retries=connection.retries, random=connection.random, patience=settings.patience)
        sender = Sender(
            connection=connection,
            target=target,
            path=settings.path,
            others=dumps(settings.fields),
            batches=self._batches,
            ledger=ledger,
            tally=tally,
            control=control,
            gate=self._outage,
        )
        self._driver = Driver(
            connection=connection,
            target=target,
            batches=self._batches,
            ledger=ledger,
            tally=tally,
            control=control,
            sender=sender,
            poller=JobPoller(connection, control),
            reconciler=Reconciler(
                connection=connection,
                owner=settings.fields.get("owner"),
                batches=self._batches,
                control=control,
                in_doubt=settings.in_doubt,
            ),
            settler=self._settler,
            outstanding=settings.outstanding,
            follows_jobs=settings.wait,
        )
        self._dry_run = (
            DryRun(connection=connection, sender=sender, target=target, settings=settings, tally=tally)
            if settings.dry_run
            else None
        )
        self._feed = Feed(
            driver=self._driver,
            settler=self._settler,
            batches=self._batches,
            target=target,
            dry_run=self._dry_run,
            waits_for_known=bool(entries),
        )
        gate = Gate(chunker=chunker_of(settings), order=order, settler=self._settler, control=control, feed=self._feed)
        self._reader = SourceReader(
            source=source,
            encoder=source.encoder(settings.tags),
            gate=gate,
            feed=self._feed,
            order=order,
            resume=Resume(entries, journal) if journal and entries else None,
            tally=tally,
            control=control,
            settler=self._settler,
        )

    async def work(self) -> None:
        """Read, send and follow, until every record is settled."""
        async with background() as beside:
            beside.start_soon(self._wake_when_stopped)
            async with anyio.create_task_group() as tasks:
                for _ in range(self._driver.scheduler.workers):
                    tasks.start_soon(self._driver.scheduler.work, self._driver.poll)
                tasks.start_soon(self._send_all)
                await self._reader.replay(self._known)
                await self._reader.read_all()
                await self._feed.end()
        if self._dry_run:
            await self._dry_run.estimate(workers=self._driver.scheduler.workers)

    def poll_now(self) -> None:
        """Poll the jobs once now, even if they are not due."""
        self._driver.poll_now()

    def close(self) -> None:
        """Count the records that a run which was cut off leaves behind, so that its report adds up."""
        remaining: Counter[State] = self._reader.count_remaining()
        for batch in self._batches:
            remaining[batch.state] += batch.count
            if batch.state == "submitted":
                self._tally.note_unfollowed(batch.request_id)
        self._tally.add(remaining)
        self._batches.close()
        self._feed.close()

    async def _wake_when_stopped(self) -> None:
        """Wake the tasks that wait for something that a stopped run does not wait for."""
        await self._control.reading_ended.wait()
        self._reader.stop_waiting()
        self._outage.end()
        self._settler.settled.give()
        await self._control.halted.wait()
        self._driver.scheduler.poll_all_now()
        self._settler.settled.give()

    async def _send_all(self) -> None:
        async with anyio.create_task_group() as senders:
            for _ in range(self._senders):
                senders.start_soon(self._send_some)
        self._driver.scheduler.close()

    async def _send_some(self) -> None:
        async with self._feed.receiving() as batches:
            async for batch, step in batches:
                await self._driver.scheduler.wait_for_capacity()
                await self._driver.go(batch, step)


def _blocking(target: Target, *, follows_jobs: bool) -> frozenset[State]:
    """Return the states that leave open when a record is applied; no record of the contact may follow such a record."""
    if target is EVENTS:
        return frozenset()
    return frozenset({"in_doubt", "submitted"} if follows_jobs else {"in_doubt"})
