"""A sync of contacts of which one in a hundred has changed, beside reading and encoding all of them, and beside a run.

The source is a CSV file, as of a nightly export. All ways are measured in time of the processor.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from benchmarks import ours
from benchmarks.alone import alone
from benchmarks.records import exhaust, write_csv
from benchmarks.rounds import cpu
from benchmarks.row import OURS, Row, Ways, at_most, grows, times
from benchmarks.sink import sink

ENCODING, RUN = "reading and encoding", "a full run"
CHANGED = 100
"""One row in so many has changed."""
FEW = 10_000
OF_FEW = "ours, 10,000 contacts"
BYTES_A_ROW = "state, bytes a row"


def _change(path: Path, changed: Path) -> None:
    """Write the same table with another name in one row of a hundred."""
    with path.open(encoding="utf-8") as before, changed.open("w", encoding="utf-8") as after:
        for number, line in enumerate(before):
            after.write(line if number % CHANGED else line.replace("Łucja", "Lucja"))


async def sync(address: str, path: str, state: str, changed: int) -> None:
    """Sync a file, and be sure that so many rows were sent."""
    async with ours.client_of(address, concurrency=16, poll_interval=ours.POLL_INTERVAL) as sm:
        report = await sm.contacts.sync(path, state=state)
    if report.accepted != changed:
        raise RuntimeError(f"the sync went wrong: {report}")


async def full_run(address: str, path: str) -> None:
    """Send every row of a file."""
    async with ours.client_of(address, concurrency=16, poll_interval=ours.POLL_INTERVAL) as sm:
        await sm.contacts.upsert_many(path)


class _Nights:
    """Two nights of so many contacts: the files, and the state after the first."""

    def __init__(self, folder: str, address: str, size: int) -> None:
        self._address = address
        self._state, self._tonight = Path(folder) / f"{size}.db", Path(folder) / f"{size}-tonight.db"
        self.changed = len(range(CHANGED, size + 1, CHANGED))
        self.file = Path(folder) / f"{size}-tonight.csv"
        before = Path(folder) / f"{size}.csv"
        write_csv(before, size)
        _change(before, self.file)
        asyncio.run(sync(address, str(before), str(self._state), size))

    @property
    def state_bytes(self) -> int:
        """The size of the state."""
        return self._state.stat().st_size

    def arguments(self) -> tuple[str, str, str, int]:
        """Return what `sync` takes for the second night, with the state after the first."""
        copy(self._state, self._tonight)
        return self._address, str(self.file), str(self._tonight), self.changed


@contextmanager
def _second_night(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder, sink() as address:
        nights = _Nights(folder, address, size)

        def synced() -> float:
            arguments = nights.arguments()
            return cpu(lambda: asyncio.run(sync(*arguments)))()

        yield {
            OURS: synced,
            ENCODING: cpu(lambda: exhaust(ours.bodies_of(nights.file))),
            RUN: cpu(lambda: asyncio.run(full_run(address, str(nights.file)))),
            BYTES_A_ROW: lambda: nights.state_bytes / size,
        }


@contextmanager
def _memory(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder, sink() as address:
        many, few = _Nights(folder, address, size), _Nights(folder, address, FEW)
        yield {
            OURS: lambda: alone(sync, *many.arguments()).megabytes,
            OF_FEW: lambda: alone(sync, *few.arguments()).megabytes,
        }


ROWS = (
    Row(
        name="sync",
        what="sync, one row in a hundred changed",
        ways=_second_night,
        targets=(
            times(1.5, ENCODING, quick=3.0),
            times(0.7, RUN, quick=1.0),
            at_most(16.1, BYTES_A_ROW, "", way=BYTES_A_ROW),
        ),
        size=1_000_000,
        quick_size=50_000,
    ),
    Row(
        name="sync-memory",
        what="memory of a sync, 10,000 → 1,000,000 contacts (quick: 100,000), with the mapped state",
        ways=_memory,
        targets=(grows(40.0, "grows by", "MB", since=OF_FEW),),
        size=1_000_000,
        quick_size=100_000,
        rounds=1,
        unit="MB",
    ),
)
