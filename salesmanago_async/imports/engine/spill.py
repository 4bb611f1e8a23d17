"""A temporary file without a name for records that wait for their outcome, so that memory does not grow with them.

The file is gone when it is closed, or when the process ends, even by a kill. Freed space is reused, so the file grows
with the records that wait, not with the input. What cannot be pickled (such as a database row) stays in memory.
"""

import pickle
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Any

from attrs import frozen

from .packed_rows import pickled


@frozen
class Slot:
    """Where a value is: in the file, or in `content`."""

    offset: int = 0
    length: int = 0
    capacity: int = 0
    content: Any = None


class SpillFile:
    """Stores values in a file; each is read by its slot until the slot is freed."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._end = 0
        self._gaps: list[tuple[int, int]] = []

    def put(self, content: Any) -> Slot:
        """Store a value; it stays in memory if it cannot be pickled or written."""
        try:
            packed = pickled(content)
        except Exception:  # whatever the code of the record raises
            return Slot(content=content)
        offset, capacity = self._allocate(len(packed))
        try:
            self._write(offset, packed)
        except OSError:  # the disk is full
            self._gaps.append((offset, capacity))
            return Slot(content=content)
        return Slot(offset, len(packed), capacity)

    def read(self, slot: Slot) -> Any:
        """Return the value in a slot."""
        if not slot.length:
            return slot.content
        self._file.seek(slot.offset)
        pickled = bytearray()
        while len(pickled) < slot.length:
            pickled += self._file.read(slot.length - len(pickled))
        return pickle.loads(pickled)  # noqa: S301 - what this process wrote itself

    def free(self, slot: Slot) -> None:
        """Free the space of a slot for reuse."""
        if slot.length:
            self._gaps.append((slot.offset, slot.capacity))

    def take(self, slot: Slot) -> Any:
        """Return the value in a slot, and free the slot."""
        content = self.read(slot)
        self.free(slot)
        return content

    def close(self) -> None:
        """Close the file, with everything in it."""
        self._file.close()

    def _write(self, offset: int, content: bytes) -> None:
        self._file.seek(offset)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _allocate(self, length: int) -> tuple[int, int]:
        for index, (offset, capacity) in enumerate(self._gaps):
            if length <= capacity:
                del self._gaps[index]
                return offset, capacity
        self._end += length
        return self._end - length, length


class SpilledRows(Sequence[Any]):
    """A sequence in the spill file, which is read when its first element is used."""

    def __init__(self, spill_file: SpillFile, slot: Slot, length: int) -> None:
        self._spill_file = spill_file
        self._slot = slot
        self._length = length
        self._rows: Sequence[Any] | None = None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        rows: Sequence[Any] = list(self._spill_file.read(self._slot)) if self._rows is None else self._rows
        self._rows = rows
        return rows[index]
