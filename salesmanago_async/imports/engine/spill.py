"""Where records wait for their outcome: a file without a name, so that memory does not grow with what is waited for.

The file is gone when it is closed, or the process ends in whatever way. Space that is freed is used again, so the file
grows with the records that wait, not with the input. What pickle does not take (a database row, say) stays in memory.
"""

import io
import pickle
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Any

from attrs import frozen

_PICKLED_WELL = frozenset({"builtins", "copyreg", "collections", "datetime", "decimal", "uuid", "zoneinfo"})


@frozen
class Slot:
    """Where something lies: in the file, or here."""

    offset: int = 0
    length: int = 0
    room: int = 0
    content: Any = None


class SpillFile:
    """Takes things, and gives each back for its ticket until that is freed."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - closed by close()
        self._end = 0
        self._gaps: list[tuple[int, int]] = []

    def put(self, content: Any) -> Slot:
        """Lay something down; what cannot be pickled, or written, stays in memory."""
        try:
            pickled = _pickled(content)
        except Exception:  # whatever the records' own code raises
            return Slot(content=content)
        offset, room = self._place(len(pickled))
        try:
            self._write(offset, pickled)
        except OSError:  # the disk is full
            self._gaps.append((offset, room))
            return Slot(content=content)
        return Slot(offset, len(pickled), room)

    def look(self, slot: Slot) -> Any:
        """Return what lies there."""
        if not slot.length:
            return slot.content
        self._file.seek(slot.offset)
        pickled = bytearray()
        while len(pickled) < slot.length:
            pickled += self._file.read(slot.length - len(pickled))
        return pickle.loads(pickled)  # noqa: S301 - what this process wrote itself

    def free(self, slot: Slot) -> None:
        """Have its place used again."""
        if slot.length:
            self._gaps.append((slot.offset, slot.room))

    def take(self, slot: Slot) -> Any:
        """Return what lies there, and free its place."""
        content = self.look(slot)
        self.free(slot)
        return content

    def close(self) -> None:
        """Let go of everything that was not taken back."""
        self._file.close()

    def _write(self, offset: int, content: bytes) -> None:
        self._file.seek(offset)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _place(self, length: int) -> tuple[int, int]:
        for index, (offset, room) in enumerate(self._gaps):
            if length <= room:
                del self._gaps[index]
                return offset, room
        self._end += length
        return self._end - length, length


class SpilledRows(Sequence[Any]):
    """A sequence on the shelf, which is read when one of its parts is first looked at."""

    def __init__(self, spill_file: SpillFile, slot: Slot, length: int) -> None:
        self._spill_file = spill_file
        self._ticket = slot
        self._length = length
        self._parts: Sequence[Any] | None = None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        parts: Sequence[Any] = self._spill_file.look(self._ticket) if self._parts is None else self._parts
        self._parts = parts
        return parts[index]


class _Pickler(pickle.Pickler):
    """Pickles what is sure to come back as it was: plain data, the standard library's values, and our own."""

    def reducer_override(self, obj: Any) -> Any:
        module = getattr(obj, "__module__", None) or type(obj).__module__
        if module.partition(".")[0] not in _PICKLED_WELL | {__name__.partition(".")[0]}:
            raise pickle.PicklingError(f"a {type(obj).__name__} of {module}")
        return NotImplemented


def _pickled(content: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(content)
    return buffer.getvalue()
