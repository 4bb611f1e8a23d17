"""Between the reader and the senders: each chunk becomes a batch with its first step, and waits here for a sender.

The senders are at most two batches behind the reader, so a slow server slows the reading. If the journal knows some of
the records already, nothing goes to the senders before the last of these records was found in the source again.
"""

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from ..targets import Target
from .batches import Batch, Batches, BatchGroup
from .chunks import Chunk
from .driver import Driver
from .dry_run import DryRun
from .resuming import KnownChunk
from .settling import Settler
from .steps import Send, Step, resumed

BATCHES_AHEAD = 2


class Feed:
    """Takes chunks from the reader, and hands batches to the senders. A dry run settles each batch immediately."""

    def __init__(
        self,
        *,
        driver: Driver,
        settler: Settler,
        batches: Batches,
        target: Target,
        dry_run: DryRun | None,
        waits_for_known: bool,
    ) -> None:
        self._driver = driver
        self._settler = settler
        self._batches = batches
        self._target = target
        self._dry_run = dry_run
        self._deferred: list[tuple[Batch, Step]] | None = [] if waits_for_known else None
        self._to_senders, self._from_reader = anyio.create_memory_object_stream[tuple[Batch, Step]](BATCHES_AHEAD - 1)

    @property
    def has_idle_sender(self) -> bool:
        """Whether a batch would be sent immediately."""
        return self._from_reader.statistics().tasks_waiting_receive > 0

    @property
    def is_deferring(self) -> bool:
        """Whether batches wait until all records that the journal knows are found in the source."""
        return self._deferred is not None

    def receiving(self) -> MemoryObjectReceiveStream[tuple[Batch, Step]]:
        """Return a stream of batches for one sender; it ends after `end`."""
        return self._from_reader.clone()

    async def pass_on(self, chunk: Chunk) -> None:
        """Take a chunk that was read."""
        batch = self._settler.pack(chunk)
        if self._dry_run:
            await self._driver.go(batch, self._dry_run.step(batch, chunk))
        else:
            await self._begin(batch, Send())

    async def replay(self, known: KnownChunk) -> None:
        """Take a chunk that an earlier run began; go on with it at the step where that run ended."""
        entry, chunk = known.entry, Chunk.of(known.records)
        if not entry.is_under_way:
            await self._settler.report_known((chunk, known.verdicts()))
            return
        batch = self._batches.pack(
            chunk, BatchGroup(), number=entry.number, state=entry.state, journal_state=entry.state
        )
        await self._begin(batch, resumed(entry, reconciles=self._target.reads_back))

    async def stop_deferring(self) -> None:
        """Hand over the deferred batches: the source has proved to be the one that the journal belongs to."""
        deferred, self._deferred = self._deferred or [], None
        for batch, step in deferred:
            await self._begin(batch, step)

    async def end(self) -> None:
        """Hand over everything that waits; nothing more will come."""
        await self.stop_deferring()
        self._to_senders.close()

    def close(self) -> None:
        """Close both ends of the stream, whatever is left in it."""
        self._to_senders.close()
        self._from_reader.close()

    async def _begin(self, batch: Batch, step: Step) -> None:
        """Hand a batch with its first step to a sender, or defer it while the source is not proved yet."""
        if self._deferred is None:
            await self._to_senders.send((batch, step))
        else:
            self._batches.spill(batch)
            self._deferred.append((batch, step))
