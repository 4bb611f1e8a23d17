"""The records that the reader is reading, column by column, until they are a chunk. Pure: no I/O, no time."""

from collections.abc import Sequence
from typing import Any

from ...records.names import Names
from .chunks import Chunk, keys_and_aliases
from .packed_rows import PackedRows

GROUP = 100
"""How many records are objects at a time: with all parts of a row, fewer than start the garbage collector."""


class OpenBlock:
    """Records, which the reader appends to these columns; `close_group` is called when `rows` has `GROUP` of them.

    `first` is the position of the first row that is read, `end` that after the last one. Those that are rejected are no
    records of the block. `packs` says whether the rows will probably not be used one by one before they are sent.
    """

    def __init__(self, first: int, *, packs: bool) -> None:
        self.first = self.end = first
        self.rejected: set[int] = set()
        self.rows: list[Any] = []
        self.names: list[Names] = []
        self.lines: list[int | None] = []
        self.items: list[bytes] = []
        self._all_rows: PackedRows | list[Any] = PackedRows() if packs else []
        self._keys: list[str] = []
        self._aliases: dict[int, Names] = {}

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
        positions: Sequence[int] = range(self.first, self.end)
        if self.rejected:
            positions = [position for position in positions if position not in self.rejected]
        aliases = {positions[index]: names for index, names in self._aliases.items()}
        return Chunk(self._all_rows, positions, self.lines, self._keys, aliases, self.items)
