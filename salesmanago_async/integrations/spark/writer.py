"""Writes a partition: one run with a journal of its own, in which the rows are known by their content.

Spark runs a task again after a failure, with the rows in any order, or twice at once. Each attempt takes the journal of
its partition, or waits for it, and finds again what was sent before anything new is sent.
"""

import logging
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen
from pyspark import TaskContext
from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage

from ...errors import Invalid, SalesManagoError
from ...imports.report import Report
from ...support.background import background
from ._account import client_of
from ._options import WriteOptions

if TYPE_CHECKING:
    from pyarrow import RecordBatch

PARENT_INTERVAL = 1.0
"""Seconds between two checks of the parent process."""

_log = logging.getLogger("salesmanago_async.integrations.spark")


class Orphaned(SalesManagoError):
    """The executor of this Python worker is gone, so nobody waits for it, and another attempt may have begun."""


@frozen
class Written(WriterCommitMessage):
    """What became of the rows of a partition."""

    partition: int
    counts: str
    rejected: int
    in_doubt: int


class PartitionWriter(DataSourceArrowWriter):
    """Writes partitions on the executors; `commit` and `abort` are called on the driver."""

    def __init__(self, options: WriteOptions) -> None:
        self.options = options

    def write(self, iterator: "Iterator[RecordBatch]") -> Written:
        """Write the rows of a partition; raise if the run has stopped before its end, so that Spark tries again.

        Rows that are rejected or in doubt do not fail the task, because another attempt would not change them:
        `problems` finds them.
        """
        context = TaskContext.get()
        if context is None:
            raise Invalid("there is no task; this is called by Spark")
        return anyio.run(partial(write_partition, self.options, context.partitionId(), iterator))

    def commit(self, messages: Sequence[Any]) -> None:
        """Raise `Invalid` if there were not as many partitions as the options say; log what became of the rows."""
        expected = self.options.partitions
        if expected is not None and len(messages) != expected:
            raise Invalid(
                f"is {expected}, but there were {len(messages)}. Everything was sent, and the journal says that the "
                f"number is {expected}: run the job again with a DataFrame of {expected} partitions",
                field="partitions",
            )
        written = [message for message in messages if isinstance(message, Written)]
        for message in written:
            _log.info("Partition %d: %s", message.partition, message.counts)
        if problems := sum(message.rejected + message.in_doubt for message in written):
            _log.warning("%d rows were rejected or are in doubt: problems(df, run_id, journal=…) finds them", problems)

    def abort(self, messages: Sequence[Any]) -> None:
        """Log that the job has failed: what was sent stays, and the same job goes on with its journal."""
        name = f"run {self.options.run_id}" if self.options.run_id else "the rows"
        _log.warning("The job has failed; what was sent of %s stays, and the same job goes on with it", name)


async def write_partition(options: WriteOptions, partition: int, batches: "Iterator[RecordBatch]") -> Written:
    """Send the rows of a partition."""
    run = options.run(partition)
    async with client_of(options) as sm, _while_the_executor_lives():
        send = sm.contacts.upsert_many if options.operation == "contacts" else sm.events.add_many
        report: Report = await send(batches, **run)
    if report.early_end:
        report.raise_if_incomplete()
    return Written(partition, report.counts, report.rejected, report.in_doubt)


@asynccontextmanager
async def _while_the_executor_lives() -> AsyncGenerator[None]:
    """Stop what the block does in order, and raise `Orphaned`, when the executor of this worker is gone.

    Spark ends such workers; one that it could not end would hold its journal, and the next attempt would wait.
    """
    parent = os.getppid()
    with anyio.CancelScope() as scope:
        async with background() as tasks:
            tasks.start_soon(_cancel_when_orphaned, scope, parent)
            yield
    if scope.cancelled_caught:
        raise Orphaned("the executor of this Python worker is gone; another attempt goes on")


async def _cancel_when_orphaned(scope: anyio.CancelScope, parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells
        await anyio.sleep(PARENT_INTERVAL)
    scope.cancel()
