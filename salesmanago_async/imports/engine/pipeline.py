"""The line that records go along: one reader, some senders, some watchers.

    source ──reader──▶ chunks ──senders──▶ answers ─┬─▶ outcomes            events: known at once
             check,     (two         permits of     ├─▶ jobs ──workers───▶  contacts: by the job's result file
             encode      ahead)      the client     └─▶ doubts ──workers──▶ events without an answer: read back

_reading (with _order and _resume) makes the chunks; what comes next for each is a step (_steps), which _driver carries
out with _sending, _polling, _reconciling and _settling; _ledger writes the journal on the way. The reader is at most
two chunks ahead of the senders, so a slow server slows the reading. Once a chunk is encoded its records lie in a file
on disk until it is known what became of them, so memory does not grow with them either.

Where the journal knows records already, nothing goes out before the last of these was met again in the source.
"""

from collections import Counter
from collections.abc import Sequence

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream

from ...api.codec import dumps
from ...connection.connection import Connection
from ...outcome import State, Verdicts
from ...sources.sources import Source
from ...stores.journal import Entry
from ..confirmations import Confirmations
from ..estimate import Estimate
from ..settings import Settings
from ..targets import CONTACTS, EVENTS, Target
from .batches import Batch, Batches, BatchGroup
from .chunks import Chunk, chunker_of
from .driver import Driver
from .duplicates import DuplicateCounter, contacts_of, events_of
from .ledger import Ledger, RunJournal
from .order import Order
from .outage import OutageGate
from .polling import JobPoller
from .reading import Outlets, SourceReader
from .reconciling import Reconciler
from .resuming import KnownChunk, Resume
from .run_control import RunControl
from .sending import Sender
from .settling import Listeners, Settler
from .steps import Send, Settle, Step, resumed
from .tally import Tally

BODIES_AHEAD = 2


class Pipeline:
    """Puts the rooms together, and has them work."""

    def __init__(
        self,
        *,
        connection: Connection,
        source: Source,
        target: Target,
        settings: Settings,
        listeners: Listeners,
        tally: Tally,
        control: RunControl,
        journal: RunJournal | None,
        entries: Sequence[Entry],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._target = target
        self._tally = tally
        self._senders = connection.pace.concurrency
        self._deferred: list[tuple[Batch, Step]] | None = [] if entries else None
        self._to_senders, self._from_reader = anyio.create_memory_object_stream[tuple[Batch, Step]](BODIES_AHEAD - 1)
        self._batches = Batches()
        self._duplicates = DuplicateCounter()
        self._confirmations = Confirmations() if settings.fields.get("useApiDoubleOptIn") else None
        order = Order()
        ledger = Ledger(journal, control, source)
        self._settler = Settler(
            source=source,
            batches=self._batches,
            order=order,
            ledger=ledger,
            tally=tally,
            control=control,
            listeners=listeners,
            blocking=_blocking(target, follows_jobs=settings.wait),
            poll_interval=connection.poll_interval,
        )
        gate = OutageGate(retries=connection.retries, random=connection.random, patience=settings.patience)
        self._sender = Sender(
            connection=connection,
            target=target,
            path=settings.path,
            others=dumps(settings.fields),
            batches=self._batches,
            ledger=ledger,
            tally=tally,
            control=control,
            gate=gate,
        )
        reconciler = Reconciler(
            connection=connection,
            owner=settings.fields.get("owner"),
            batches=self._batches,
            control=control,
            in_doubt=settings.in_doubt,
        )
        self._driver = Driver(
            connection=connection,
            target=target,
            batches=self._batches,
            ledger=ledger,
            tally=tally,
            control=control,
            sender=self._sender,
            poller=JobPoller(connection, control),
            reconciler=reconciler,
            settler=self._settler,
            outstanding=settings.outstanding,
            follows_jobs=settings.wait,
        )
        self._reader = SourceReader(
            source=source,
            encoder=source.encoder(settings.tags),
            chunker=chunker_of(settings),
            order=order,
            resume=Resume(entries, journal.checksums) if journal and entries else None,
            tally=tally,
            control=control,
            settler=self._settler,
            outlets=Outlets(self._pass_on, self._replay, self._all_met, self._waits_for_more),
        )
        control.when_stopped(self._settler.settled.give)
        control.when_stopped(gate.end)
        control.when_stopped(lambda: None if control.is_following else self._driver.watcher.poll_all_now())

    async def work(self) -> None:
        """Read, send and follow, until every record is settled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._driver.watcher.workers):
                tasks.start_soon(self._driver.watcher.work)
            tasks.start_soon(self._send_all)
            async with self._to_senders:
                await self._reader.read_all()
                await self._all_met()
        if self._settings.dry_run:
            await self._estimate()

    def poll_now(self) -> None:
        """Have the jobs polled once now, whenever they are due."""
        self._driver.poll_now()

    def close(self) -> None:
        """Count what a run that was cut off leaves behind, so that its report holds; there is nobody left to tell."""
        left: Counter[State] = self._reader.left_behind()
        for batch in self._batches:
            left[batch.state] += batch.count
            if batch.state == "submitted":
                self._tally.note_unfollowed(batch.request_id)
        self._tally.add(left)
        self._batches.close()
        self._to_senders.close()
        self._from_reader.close()

    async def _send_all(self) -> None:
        async with self._from_reader, anyio.create_task_group() as senders:
            for _ in range(self._senders):
                senders.start_soon(self._send_some, self._from_reader)
        self._driver.watcher.close()

    async def _send_some(self, receiving: MemoryObjectReceiveStream[tuple[Batch, Step]]) -> None:
        async for batch, step in receiving:
            await self._driver.watcher.wait_for_capacity()
            await self._driver.go(batch, step)

    # What the reader gives out

    def _waits_for_more(self) -> bool:
        return self._from_reader.statistics().tasks_waiting_receive > 0

    async def _pass_on(self, chunk: Chunk) -> None:
        batch = self._settler.pack(chunk)
        if self._settings.dry_run:
            await self._count(batch, chunk)
        else:
            await self._begin(batch, Send())

    async def _begin(self, batch: Batch, step: Step) -> None:
        """Have the first step of a parcel carried out, by a sender; or later, where the source is not proved yet."""
        if self._deferred is None:
            await self._to_senders.send((batch, step))
        else:
            self._batches.spill(batch)
            self._deferred.append((batch, step))

    async def _count(self, batch: Batch, chunk: Chunk) -> None:
        """Count a chunk of a dry run, and settle it at once: so nothing is ever held back."""
        self._tally.chunks += 1
        self._tally.bytes += self._sender.length_of(batch)
        self._duplicates.add(contacts_of(chunk) if self._target is CONTACTS else events_of(chunk))
        if self._confirmations:
            self._confirmations.add(chunk.items)
        await self._driver.go(batch, Settle(Verdicts("not_sent", "dry run")))

    async def _estimate(self) -> None:
        """Say what was counted in a dry run, and what the run would cost; the many hashes are compared by and by."""
        jobs = self._tally.chunks if self._target is CONTACTS else 0
        self._tally.estimate = Estimate(
            chunks=self._tally.chunks,
            jobs=jobs,
            polls=jobs if self._settings.wait else 0,
            preparing=self._tally.report().seconds,
            concurrency=self._connection.pace.concurrency,
            rate=self._connection.pace.rate,
            poll_interval=self._connection.poll_interval,
            outstanding=self._settings.outstanding,
            watchers=self._driver.watcher.workers,
            confirmations=self._confirmations.asked if self._confirmations else 0,
            confirmations_if_new=self._confirmations.if_new if self._confirmations else 0,
        )
        duplicates = 0
        for count in self._duplicates.counts():
            duplicates += count
            await anyio.lowlevel.checkpoint()
        self._tally.duplicates = duplicates

    async def _replay(self, known: KnownChunk) -> None:
        """Go on with a chunk where an earlier run had to leave it."""
        entry, chunk = known.entry, Chunk.of(known.records)
        if entry.state not in {"in_doubt", "submitted"}:
            await self._settler.tell_known(chunk, known.verdicts())
            return
        batch = self._batches.pack(chunk, BatchGroup(), number=entry.number, state=entry.state, journalled=entry.state)
        await self._begin(batch, resumed(entry, reconciles=self._target is EVENTS))

    async def _all_met(self) -> None:
        """Let go what had to wait until the source had proved to be the one that the journal is about."""
        deferred, self._deferred = self._deferred or [], None
        for batch, step in deferred:
            await self._begin(batch, step)


def _blocking(target: Target, *, follows_jobs: bool) -> frozenset[State]:
    """Return the states after which nobody knows when a record will have been applied, so that none may follow it."""
    if target is EVENTS:
        return frozenset()
    return frozenset({"in_doubt", "submitted"} if follows_jobs else {"in_doubt"})
