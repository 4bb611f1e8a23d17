"""From the file of an export to its records: raw, typed, and out of a ZIP. `python -m benchmarks.exports --help`.

Each way is measured beside its floor, `orjson.loads` of the whole file (of each part of a ZIP), in the same rounds:
what counts is the median of the ratios, taken round by round. Peak memory is that of a process of its own, the library
included. Nothing is done with the records, but they are all made.
"""

import gc
import resource
import subprocess
import sys
import time
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import anyio
import orjson
from attrs import frozen

from benchmarks.export_files import PART_RECORDS, write_contacts, write_messages
from salesmanago_async.exports.archive import records_of
from salesmanago_async.exports.records import ArrayReader
from salesmanago_async.exports.shapes import as_it_is, contact_export, conversation_message

PIECE = 256 * 1024
MOST_MEGABYTES = 80

Read = Callable[[Any], Any]


@frozen
class Way:
    """A way from a file to records, and how many times as fast as its floor it has to be (None: not asked for)."""

    is_archive: bool
    read: Read
    target: float | None
    is_quiet: bool = False


WAYS = {
    "raw": Way(False, as_it_is, 3.0),
    "typed": Way(False, contact_export, 1.5),
    "raw, collector quiet": Way(False, as_it_is, None, is_quiet=True),
    "typed, collector quiet": Way(False, contact_export, None, is_quiet=True),
    "ZIP, raw": Way(True, as_it_is, 2.0),
    "ZIP, typed": Way(True, conversation_message, None),
}


async def elements(file: BinaryIO) -> AsyncGenerator[list[Any]]:
    """Yield the elements of the array that a file holds."""
    reader = ArrayReader()
    while piece := file.read(PIECE):
        for batch in reader.batches(piece):
            await anyio.lowlevel.checkpoint()
            yield batch
    yield reader.close()


async def count_records(way: Way, path: Path) -> int:
    """Read a file to its end, record by record."""
    number = 0
    read = way.read
    with path.open("rb") as file:
        async for batch in records_of(file) if way.is_archive else elements(file):
            for record in batch:
                read(record)
                number += 1
    return number


@contextmanager
def collector(*, quiet: bool) -> Iterator[None]:
    """Have the garbage collector sleep, as a program may that owns its process."""
    gc.collect()
    if quiet:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_of(way: Way, path: Path, records: int) -> float:
    """Return how long one reading took."""
    with collector(quiet=way.is_quiet):
        started = time.perf_counter()
        found = anyio.run(count_records, way, path)
        taken = time.perf_counter() - started
    if found != records:
        raise RuntimeError(f"{found} of {records} records were read")
    return taken


def seconds_of_floor(contents: list[bytes]) -> float:
    """Return how long the parser takes for all of it at once, each part let go of before the next."""
    gc.collect()
    taken = 0.0
    for content in contents:
        started = time.perf_counter()
        parsed = orjson.loads(content)
        taken += time.perf_counter() - started
        del parsed
    return taken


def peak_megabytes(name: str, path: Path) -> float:
    """Return the peak memory of a process that reads the file."""
    command = [sys.executable, "-m", "benchmarks.exports", "--only-read", name, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(ways: dict[str, Way], path: Path, contents: list[bytes], records: int, rounds: int) -> None:
    """Measure some ways through one file, side by side, and print what came out."""
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        floor = seconds_of_floor(contents)
        for name, way in ways.items():
            ratios[name].append(floor / seconds_of(way, path, records))
    for name, way in ways.items():
        memory = peak_megabytes(name, path)
        meets = (way.target is None or median(ratios[name]) >= way.target) and memory <= MOST_MEGABYTES
        print(
            f"{name:<24} {median(ratios[name]):5.2f} × floor  (target {way.target or '-'})  "
            f"from {min(ratios[name]):.2f} to {max(ratios[name]):.2f}   "
            f"peak {memory:.0f} MB  {'pass' if meets else 'FALLS SHORT'}"
        )


def main() -> None:
    """Make the files, and measure."""
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--megabytes", type=int, default=100, help="size of the contact export; 500 takes 4 GB of memory"
    )
    parser.add_argument("--parts", type=int, default=3, help=f"parts of the ZIP, {PART_RECORDS:,} records each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-read", nargs=2, metavar=("WAY", "FILE"), help="print the peak memory of reading a file")
    given = parser.parse_args()
    if given.only_read:
        name, file = given.only_read
        anyio.run(count_records, WAYS[name], Path(file))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.json"
        records = write_contacts(path, given.megabytes * 10**6)
        print(f"{records:,} contacts, {path.stat().st_size / 1e6:.0f} MB")
        of_arrays = {name: way for name, way in WAYS.items() if not way.is_archive}
        measure(of_arrays, path, [path.read_bytes()], records, given.rounds)
        path = Path(folder) / "messages.zip"
        contents = write_messages(path, given.parts)
        unpacked = sum(map(len, contents)) / 1e6
        print(f"{given.parts} parts, {unpacked:.0f} MB in a ZIP of {path.stat().st_size / 1e6:.0f} MB")
        of_archives = {name: way for name, way in WAYS.items() if way.is_archive}
        measure(of_archives, path, contents, given.parts * PART_RECORDS, given.rounds)


if __name__ == "__main__":
    main()
