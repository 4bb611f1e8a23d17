"""The rows that a run sends, in the order of their positions: their keys and contents, in a file beside the state.

    24 bytes a row    digest of the key, digest of the content, and what takes its place if it is not accepted;
                      all of them 0 for a row that cannot be sent
    16 bytes more     only if the state holds parts: their digests
    a line a row      in a second file, only if the state holds names: the address or id of the contact

A row is written before it is passed on, so a run that was killed leaves every key behind whose content may have
changed. What became of the rows is in the journal of the run (see journal.py).
"""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path
from threading import Lock
from typing import IO

import orjson
from attrs import frozen

from ..errors import Invalid
from ..support.file_errors import errors_naming
from .known import ENTRY, NEVER_ACCEPTED, NO_PARTS, NO_ROW, PARTS, WORD

SENT_FORMAT = 2
"""The form of the file. Of one that another version has left behind nothing is read."""

NOT_THERE, ACCEPTED, MAYBE_THERE = range(3)
"""What became of a row: it is surely not in the account, it was accepted, or it may have arrived."""

_AT_A_TIME = 1 << 15
"""How many rows are read at a time."""
_NO, _LAST, _LAST_OF_ABSENT = range(3)
"""Whether a row is the last one of its key; the last of a key of which no row has arrived."""
_AT_ONCE = 250_000
"""About how many keys are compared in memory; more rows are read several times, a range of keys each time."""


@frozen
class SentRow:
    """The last row of a key. `position` counts the rows that were sent.

    If it was not accepted, `content` is `UNKNOWN` or `NEVER_ACCEPTED`, and of its `parts` nothing is known.
    """

    position: int
    key: int
    content: int
    name: bytes
    parts: bytes


class SentRows:
    """The rows of the run under way, or of one that was cut off."""

    def __init__(self, path: Path, *, has_names: bool, has_parts: bool = False) -> None:
        self._paths = (path, *([path.with_name(f"{path.name}-names")] if has_names else []))
        self._entry = ENTRY + WORD + (PARTS if has_parts else 0)
        self._files: list[IO[bytes]] = []
        self.count = 0
        """How many rows were added since `begin`."""
        self._is_synced = True
        self._syncing = Lock()

    def begin(self) -> None:
        """Begin anew, with empty files."""
        try:
            for path in self._paths:
                self._files.append(open(path, "wb", opener=_private))  # noqa: SIM115
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(self._paths[0])) from error

    def add_rejected(self) -> None:
        """Add a row that cannot be sent, because it is not valid or has no key."""
        self.add(bytes(self._entry), "")

    def add(self, entry: bytes, name: str) -> None:
        """Add the next row: its numbers and digests as they are in the file."""
        self._is_synced = False
        self.count += 1
        with errors_naming(self._paths[0]):
            self._files[0].write(entry)
            for file in self._files[1:]:
                file.write(orjson.dumps(name) + b"\n")

    def sync(self) -> None:
        """Return when all rows are on the disk."""
        with self._syncing:  # several batches begin at once, and each must wait until its own rows are on the disk
            if self._is_synced:
                return
            self._is_synced = True
            try:
                with errors_naming(self._paths[0]):
                    for file in self._files:
                        file.flush()
                        os.fsync(file.fileno())
            except BaseException:
                self._is_synced = False
                raise

    def close(self) -> None:
        """Close the files; the error of one does not leave another open."""
        with errors_naming(self._paths[0]), ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)

    def remove(self) -> None:
        """Remove the files."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def are_there(self, count: int) -> bool:
        """Return whether the files are there, with at least so many rows."""
        return all(path.is_file() for path in self._paths) and self._paths[0].stat().st_size >= count * self._entry

    def keys(self) -> Iterator[int]:
        """Yield the digest of the key of each row, in the order of the positions; 0 for one that could not be sent."""
        return (key for key, *_ in self._entries())

    def last_of_each_key(self, arrivals: bytearray) -> Iterator[SentRow]:
        """Yield the last row of each key, in the order of the positions.

        A key that the state did not have is left out if surely no row of it has arrived: it is nothing to be removed.
        `arrivals` has a byte for each position: `NOT_THERE`, `ACCEPTED` or `MAYBE_THERE`.
        """
        rows = self._paths[0].stat().st_size // self._entry
        arrivals = arrivals.ljust(rows, bytes([NOT_THERE]))  # the rows that were read, and not sent
        are_last = self._are_last(arrivals)
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in self._paths[1:]]
            names = chain.from_iterable(files) if files else repeat(b"")
            for position, ((key, content, otherwise, parts), name) in enumerate(
                zip(self._entries(), names, strict=False)
            ):
                if are_last[position] == _NO or (are_last[position] == _LAST_OF_ABSENT and otherwise == NO_ROW):
                    continue
                if arrivals[position] != ACCEPTED:
                    content, parts = NEVER_ACCEPTED if otherwise == NO_ROW else otherwise, NO_PARTS
                yield SentRow(position, key, content, orjson.loads(name).encode() if name else b"", parts)

    def _are_last(self, arrivals: bytearray) -> bytearray:
        """Return for each position whether its row is the last one of its key, and whether any row of that arrived."""
        are_last = bytearray(len(arrivals))
        parts = len(arrivals) // _AT_ONCE + 1
        for part in range(parts):
            first, end = (part << 64) // parts, ((part + 1) << 64) // parts
            last = {key: position for position, key in enumerate(self.keys()) if first <= key < end and key}
            absent = {key for key, position in last.items() if arrivals[position] == NOT_THERE}
            if absent:  # but an earlier row of the same key may be there
                absent.difference_update(key for key, arrival in zip(self.keys(), arrivals, strict=True) if arrival)
            for key, position in last.items():
                are_last[position] = _LAST_OF_ABSENT if key in absent else _LAST
        return are_last

    def _entries(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield the key of each row, its content, what takes its place if it is not accepted, and the parts."""
        form = struct.Struct(f"=QQQ{self._entry - ENTRY - WORD}s")
        with self._paths[0].open("rb") as file:
            while block := file.read(_AT_A_TIME * self._entry):
                yield from form.iter_unpack(block[: len(block) // self._entry * self._entry])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
