"""A dry run: counts what would be sent, and settles each batch as not sent."""

import anyio.lowlevel

from ...connection.connection import Connection
from ...outcome import Verdicts
from ..confirmations import Confirmations
from ..estimate import Estimate
from ..settings import Settings
from ..targets import Target
from .batches import Batch
from .chunks import Chunk
from .duplicates import DuplicateCounter, contacts_of, events_of
from .sending import Sender
from .steps import Settle, Step
from .tally import Tally


class DryRun:
    """Counts the batches of a run that sends nothing."""

    def __init__(
        self, *, connection: Connection, sender: Sender, target: Target, settings: Settings, tally: Tally
    ) -> None:
        self._connection = connection
        self._sender = sender
        self._target = target
        self._settings = settings
        self._tally = tally
        self._duplicates = DuplicateCounter()
        self._confirmations = Confirmations() if settings.fields.get("useApiDoubleOptIn") else None

    def step(self, batch: Batch, chunk: Chunk) -> Step:
        """Count a batch; return the step that settles it."""
        self._tally.chunks += 1
        self._tally.bytes += self._sender.length_of(batch)
        self._duplicates.add(events_of(chunk) if self._target.reads_back else contacts_of(chunk))
        if self._confirmations:
            self._confirmations.add(chunk.items)
        return Settle(Verdicts("not_sent", "dry run"))

    async def estimate(self) -> None:
        """Write the estimate and the number of duplicates into the tally.

        Comparing many hashes takes time, so other tasks get their turns meanwhile.
        """
        jobs = self._tally.chunks if self._target.has_jobs else 0
        self._tally.estimate = Estimate(
            records=self._tally.states["not_sent"],
            chunks=self._tally.chunks,
            jobs=jobs,
            polls=jobs if self._settings.wait else 0,
            preparing=self._tally.report().seconds,
            concurrency=self._connection.pace.concurrency,
            rate=self._connection.pace.rate,
            poll_interval=self._connection.poll_interval,
            outstanding=self._settings.outstanding,
            confirmations=self._confirmations.asked if self._confirmations else 0,
            confirmations_if_new=self._confirmations.if_new if self._confirmations else 0,
        )
        duplicates = 0
        for count in self._duplicates.counts():
            duplicates += count
            await anyio.lowlevel.checkpoint()
        self._tally.duplicates = duplicates
