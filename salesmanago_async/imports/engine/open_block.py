"""Records that are collected, column by column, until they are a chunk. Pure: no I/O, no time."""

from collections.abc import Sequence
from typing import Any

from ...records.names import Names
from .chunks import Chunk, Record, keys_and_aliases
from .packed_rows import PackedRows

GROUP = 100
"""How many records are objects at a time: with all parts of a row, fewer than start the garbage collector."""


class OpenBlock:
    """Records as columns. `rows` and `names` are those of the last group, which `close_group` puts away.

    `packs` says whether the rows will probably not be used one by one before they are sent.
    """

    def __init__(self, *, packs: bool = True) -> None:
        self.rows: list[Any] = []
        self.names: list[Names] = []
        self.positions: list[int] = []
        self.lines: list[int | None] = []
        self.items: list[bytes] = []
        self._all_rows: PackedRows | list[Any] = PackedRows() if packs else []
        self._keys: list[str] = []
        self._aliases: dict[int, Names] = {}

    def __len__(self) -> int:
        return len(self.items)

    def append(self, record: Record) -> None:
        """Add a record. The reader does the same with the columns, in less time."""
        row, position, line, names, item = record
        self.rows.append(row)
        self.names.append(names)
        self.positions.append(position)
        self.lines.append(line)
        self.items.append(item)
        if len(self.rows) == GROUP:
            self.close_group()

    def close_group(self) -> None:
        """Put away the rows and names that were appended since the last call."""
        keys, aliases = keys_and_aliases(self.names)
        self._aliases.update((len(self._keys) + index, names) for index, names in aliases.items())
        self._keys += keys
        self._all_rows.extend(self.rows)
        self.rows.clear()
        self.names.clear()

    def chunk(self) -> Chunk:
        """Return all records as a chunk."""
        self.close_group()
        aliases = {self.positions[index]: names for index, names in self._aliases.items()}
        return Chunk(self._all_rows, _without_gaps(self.positions), self.lines, self._keys, aliases, self.items)


def _without_gaps(positions: Sequence[int]) -> Sequence[int]:
    """Return positions that follow each other as a range, which takes less memory."""
    every = range(positions[0], positions[0] + len(positions)) if positions else range(0)
    return every if list(every) == positions else positions
