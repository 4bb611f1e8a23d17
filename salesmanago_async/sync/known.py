"""The state file of a sync: for each key, a digest of the content that was accepted last.

    1,024 bytes       the header (see header.py)
    16 bytes a row    digest of the key, digest of the content (0: not known, 1: no row of the key was ever accepted);
                      in the order of the last source
    16 bytes a row    only with parts: digests of two parts of the content (see product_content.py; 0: not known)
    8 bytes a row     only with names: where the name of the row ends
    the names         only with names: the address or id of each contact, in UTF-8, in the same order

Numbers have 8 bytes. The file is mapped into memory, so its pages belong to the system's cache; a run itself needs one
byte a row for its mark. Where the rows of a source are in it: see places.py.
"""

import mmap
from pathlib import Path
from typing import IO, Self
from zlib import crc32

from ..errors import Invalid
from .columns import KnownColumns
from .header import DAMAGED, SIZE, Header, StateOf

UNKNOWN, NEVER_ACCEPTED, NO_ROW = range(3)
"""The content of a key whose last row was not accepted, and of one of which none ever was, though one may have arrived.

The last one is never in a state: it stands for a key without a row. No digest is one of these, but for three in 2**64.
"""

UNSEEN, UNCHANGED, SENT, REMOVED, WRITTEN = range(5)
"""The marks of a row: not in the source so far; in it and not sent; sent by this run; removed from the account.

The last one is for rows that are in the next state already.
"""

WORD = 8
"""The bytes of a digest, which is a BLAKE2b of this length."""
ENTRY = 2 * WORD
PARTS = 2 * WORD
NO_PARTS = bytes(PARTS)
"""The parts of a content that is not known, or of one that has none."""
_READ = 1 << 20


class Known:
    """The rows of a state, each with a key of its own, and the mark of each in `marks`."""

    def __init__(
        self,
        of: StateOf | None,
        file: mmap.mmap | bytes,
        rows: int,
        marks: bytearray | None = None,
        columns: KnownColumns = None,
    ) -> None:
        parts_at = SIZE + rows * ENTRY
        ends_at = parts_at + (rows * PARTS if of and of.has_parts else 0)
        names_at = ends_at + (rows * WORD if of and of.has_names else 0)
        self.file = file
        self._all = memoryview(file)
        self.of = of
        self.columns = columns
        """The columns of the last source."""
        self.entries = self._all[SIZE:parts_at].cast("Q")
        """Key, content, key, content, …"""
        self.marks = bytearray(rows) if marks is None else marks
        self._parts = self._all[parts_at:ends_at]
        self._ends = self._all[ends_at:names_at].cast("Q")
        self._names = self._all[names_at:]

    @property
    def has_names(self) -> bool:
        """Whether each row has a name."""
        return self.of is not None and self.of.has_names

    @classmethod
    def nothing(cls) -> Self:
        """Return a state without rows."""
        return cls(None, bytes(SIZE), 0)

    @classmethod
    def open(cls, path: Path, marks: bytearray | None = None) -> Self:
        """Open a state; raise `Invalid` that names the file if it is damaged, or something else.

        `marks` are those of its rows, if it was open before.
        """
        try:
            with path.open("rb") as file:
                header = _checked_header(file)
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise Invalid(f"cannot be read: {error.strerror or error}", field=str(path)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise Invalid(
                f"{error}; give another file, or remove this one to send all rows again", field=str(path)
            ) from None
        return cls(header.of, mapped, header.rows, marks, header.columns)

    def __len__(self) -> int:
        return len(self.marks)

    def close(self) -> None:
        """Let go of the file, which can only then be replaced on some systems."""
        for view in (self.entries, self._parts, self._ends, self._names, self._all):
            view.release()
        if isinstance(self.file, mmap.mmap):
            self.file.close()

    def rows(self, start: int, stop: int) -> bytes:
        """Return these rows as they are in the file."""
        return self.file[SIZE + start * ENTRY : SIZE + stop * ENTRY]

    def parts(self, start: int, stop: int) -> bytes:
        """Return the digests of the parts of these rows' contents, as they are in the file."""
        found = bytes(self._parts[start * PARTS : stop * PARTS])
        return found or NO_PARTS * (stop - start)

    def name(self, index: int) -> str:
        """Return the address or id of a contact; the state must have names."""
        return self.names(index, index + 1).decode()

    def names(self, start: int, stop: int) -> bytes:
        """Return the names of these rows, one directly after the other."""
        return bytes(self._names[self._end_before(start) : self._end_before(stop)])

    def name_lengths(self, start: int, stop: int) -> list[int]:
        """Return the lengths in bytes of the names of these rows."""
        ends = self._ends[start:stop].tolist()
        return [end - begin for begin, end in zip([self._end_before(start), *ends], ends, strict=False)]

    def _end_before(self, index: int) -> int:
        return self._ends[index - 1] if index else 0


def _checked_header(file: IO[bytes]) -> Header:
    """Return the header of an open file; raise `ValueError` if the file is not exactly as it was written."""
    line = file.read(SIZE)
    if not line:
        raise ValueError("is empty")
    header = Header.read(line)
    checksum = 0
    while content := file.read(_READ):
        checksum = crc32(content, checksum)
    if checksum != header.checksum:
        raise ValueError(DAMAGED)
    return header
