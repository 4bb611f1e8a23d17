"""Keeps rows that become known in any order, for a file in which they stand in the order of the input.

They are in a temporary file without a name, in sorted runs that are merged when they are read. So memory does not grow
with their number.
"""

import pickle
from collections.abc import Iterator
from heapq import merge
from io import BufferedReader
from operator import itemgetter
from tempfile import TemporaryFile
from typing import Any, TypeAlias, cast

RUN_BYTES = 1024 * 1024
"""How many bytes of rows are sorted at a time."""

_Placed: TypeAlias = tuple[int, Any]


class KeptRows:
    """Rows with their positions in the input; a row is plain data, which can be pickled."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._end = 0
        self._runs: list[tuple[int, int]] = []
        self._newest: list[tuple[int, bytes]] = []
        self._newest_bytes = 0

    def add(self, position: int, row: Any) -> None:
        """Keep a row; raise OSError if the disk is full. The rows kept so far can still be read then."""
        pickled = pickle.dumps((position, row), protocol=pickle.HIGHEST_PROTOCOL)
        self._newest.append((position, pickled))
        self._newest_bytes += len(pickled)
        if self._newest_bytes >= RUN_BYTES:
            self._write_run()

    def in_order(self) -> Iterator[Any]:
        """Yield the rows in the order of their positions."""
        reader = BufferedReader(cast("Any", self._file))
        try:
            newest = (pickle.loads(pickled) for _, pickled in sorted(self._newest))  # noqa: S301 - written here
            runs = [_read(reader, start, end) for start, end in self._runs]
            for _, row in merge(*runs, newest, key=itemgetter(0)):
                yield row
        finally:
            reader.detach()

    def close(self) -> None:
        """Close the file, with everything in it."""
        self._file.close()

    def _write_run(self) -> None:
        """Move the newest rows into the file, in their order."""
        rest = memoryview(b"".join(pickled for _, pickled in sorted(self._newest)))
        end = self._end + len(rest)
        self._file.seek(self._end)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._runs.append((self._end, end))
        self._end = end
        self._newest, self._newest_bytes = [], 0


def _read(reader: BufferedReader, start: int, end: int) -> Iterator[_Placed]:
    """Yield the rows of a run; other runs are read between two of them."""
    while start < end:
        reader.seek(start)
        placed = pickle.load(reader)  # noqa: S301 - what this process wrote itself
        start = reader.tell()
        yield placed
