"""Frames, tables and streams of Arrow record batches: everything with `__arrow_c_stream__` or `__arrow_c_array__`.

    frame, table, relation, cursor  →  stream  →  batches, in slices of 250 rows
                                                    columns → lists (arrow_values.py) → trimmed → zip → rows of cells

A row is a tuple of plain values, which the compiled encoder of cells takes as it is. No mapping is made for a row,
unless somebody wants the record back, or a column holds an object of the API ("contact"). Memory is flat: one batch is
converted at a time, and a large one in slices. Batches in which no cell is unusual are not converted at all: see
dense_batches.py.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any, Protocol

from attrs import evolve, frozen

from ..api.codegen import Body, FieldSpec
from ..api.fields import Form
from ..api.text_values import Inexact
from ..errors import Invalid
from ..extras import check_arrow
from ..records.cells import trimmer
from ..records.encoders import Encoder
from ..records.shapes import IGNORED, Shape
from ..records.values import Trim, Unreadable, UnreadableText
from .arrow_values import ColumnReaders, ReadColumn, are_trimmed, as_texts, is_decimal, is_text
from .columns import Columns, columns_of, joined, read_columns
from .dense_batches import JOINED, DenseColumns, DenseJson, DenseRow, DenseSlice, dense_encoder
from .inspection import Inspection, SuspectRow, notes_of
from .options import ReadOptions
from .text_files import Row
from .warnings import ReadWarning

BATCH = 250
"""How many rows are converted at a time: their values fit into the caches of a processor."""
PIECE = 10_000
"""How many rows are searched at a time for texts to be trimmed, or become JSON as a whole: a search costs as much as
that of ten rows to begin, and what becomes JSON some hundred searches."""
_INDEX = "__index_level_"
"""How pandas begins the name of an index without a name, which is no data: usually a number of the row."""


class ArrowStream(Protocol):
    """A frame, a table, a relation: anything that exports a stream of record batches."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the capsule of an ArrowArrayStream."""
        ...


class ArrowArray(Protocol):
    """A record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        """Return the capsules of an ArrowSchema and an ArrowArray."""
        ...


def is_stream(given: Any) -> bool:
    """Return whether something is Arrow data. A Series of pandas is not: with names in its index, it is a row."""
    kind: Any = given.__class__
    return not (kind.__name__ == "Series" and hasattr(kind, "keys")) and (
        hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__arrow_c_array__")
    )


def open_stream(given: Any, what: str = "source") -> Any:
    """Return the pyarrow.RecordBatchReader of Arrow data; raise `Invalid` if it is not a table."""
    check_arrow(f"a {type(given).__name__}", field=what)
    import pyarrow

    try:
        if hasattr(given, "__arrow_c_stream__"):
            return pyarrow.RecordBatchReader.from_stream(given)
        batch = pyarrow.record_batch(given)
        return pyarrow.RecordBatchReader.from_batches(batch.schema, [batch])
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        kind = type(given).__name__
        remedy = "frame.to_dict('records')" if kind == "DataFrame" else "a frame, or an iterable of records"
        reason = "; ".join(map(str, error.args)).splitlines()[0]
        raise Invalid(f"is a {kind} that is no Arrow table ({reason}); give {remedy}", field=what) from None


class TrimmedRow(tuple[Any, ...]):
    """A row whose texts are trimmed; `raw` are the cells of the table."""

    raw: tuple[Any, ...]

    @classmethod
    def of(cls, cells: tuple[Any, ...], raw: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the row of a table with these trimmed cells; the row itself if nothing was trimmed."""
        if cells == raw:
            return raw
        row = cls(cells)
        row.raw = raw
        return row


@frozen
class Slice:
    """A slice of a record batch, the readers of its columns, and the numbers of those that may have to be trimmed."""

    batch: Any
    readers: Sequence[ReadColumn]
    untrimmed: Collection[int]

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.batch.num_rows)

    def values(self) -> list[list[Any]]:
        """Return the values of each column."""
        return [read(column) for read, column in zip(self.readers, self.batch.columns, strict=True)]

    def parts(self, size: int) -> Iterator["Slice"]:
        """Yield the rows in slices of at most `size`."""
        return (evolve(self, batch=self.batch.slice(first, size)) for first in range(0, self.num_rows, size))

    def cells(self) -> list[tuple[Any, ...]]:
        """Return the rows as they are in the table."""
        return [row for part in self.parts(BATCH) for row in zip(*part.values(), strict=True)]


class TableRows:
    """The rows of tables with these columns, in any order and of any types.

    `has_lines` says whether a row is known by its line, the number of its row in a file, or by its position.
    """

    def __init__(self, schema: Any, shape: Shape, reading: ReadOptions, *, has_lines: bool = False) -> None:
        self.header = [name for name in schema.names if not name.startswith(_INDEX)]
        self.inspection = Inspection(reading, shape)
        self._shape = shape
        self._has_lines = has_lines
        self._trim = trimmer(reading.rules)
        self._texts = frozenset(name for name, kind in zip(schema.names, schema.types, strict=True) if is_text(kind))
        shape.check_mapped(reading.columns)
        columns = columns_of(self.header, reading.columns, shape)
        self._joined = columns.joined
        self._names = _with_joined(columns)
        shape.check_header(self._names)
        shape.check_names(self._names)
        self._has_objects = shape.has_objects(self._names)
        self._specs: Sequence[FieldSpec | None] = () if self._has_objects else shape.fields_of(self._names)
        self._write = None if self._has_objects else shape.column_writer(self._names, lambda index: f"row[{index}]")
        # the check of an address trims it, too
        self._trimmable = {index for index, spec in enumerate(self._specs) if spec and not spec.is_email}
        self._trimmable.update(index for indices in self._joined for index in indices)
        named = zip(self.header, self._specs, strict=False)
        self._amounts = frozenset(name for name, spec in named if spec and _is_amount(spec))
        self._may_be_dense = not (self._has_objects or self._joined or reading.strict or self._trim is not str.strip)
        self._readers_of = ColumnReaders(reading.time_zone)
        self._schema: Any = None
        self._readers: Sequence[ReadColumn] = ()
        self._of_text: Sequence[int] = ()
        self._of_others: Sequence[int] = ()
        """The columns that are inspected though they have no text: lists of tags, and decimals."""
        self._dense: DenseColumns | None = None

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the table was read."""
        return (*notes_of(self._shape), *self.inspection.warnings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, under the names of their fields."""
        return read_columns(self._names, self._shape)

    def rows(self, batch: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a record batch."""
        return chain.from_iterable(map(self.converted, self.slices(batch)))

    def slices(self, batch: Any) -> Iterator[Slice | DenseSlice]:
        """Yield slices of a record batch with as many rows as are converted at a time, for `converted`."""
        names: list[str] = batch.schema.names
        if names != self.header:
            batch = self._in_order(batch, names)
        if self._schema is None or not self._schema.equals(batch.schema):
            self._take_schema(batch.schema)
        for piece in self._pieces(batch):
            whole = Slice(piece, self._readers, self._untrimmed(piece))
            json = self._json(whole)
            if json is None:
                yield from whole.parts(BATCH)
            else:
                parts = zip(json.parts(JOINED), whole.parts(JOINED), strict=True)
                yield from (DenseSlice(part, rows.cells) for part, rows in parts)

    def _take_schema(self, schema: Any) -> None:
        """Prepare for batches with columns of these types."""
        kinds = list(zip(self.header, schema.types, strict=True))
        self._schema = schema
        self._readers = [self._reader(name, kind) for name, kind in kinds]
        self._of_text = [number for number, (_, kind) in enumerate(kinds) if is_text(kind)]
        others = ((number, name, kind) for number, (name, kind) in enumerate(kinds) if not is_text(kind))
        self._of_others = [
            number for number, name, kind in others if is_decimal(kind) or self.inspection.are_tags(name)
        ]
        self._dense = self._dense_columns(kinds)

    def _pieces(self, batch: Any) -> Iterator[Any]:
        """Yield what is searched at a time; little at first, because rows that are inspected are not taken as JSON."""
        begin = 0
        while begin < batch.num_rows:
            size = JOINED if self._dense and not self.inspection.is_over else PIECE
            yield batch.slice(begin, size)
            begin += size

    def _json(self, whole: Slice) -> DenseJson | None:
        """Return a slice as JSON, None if the row encoder must take its rows."""
        if self._dense is None or not self.inspection.is_over or whole.untrimmed:
            return None
        return self._dense.json(whole.batch)

    def _dense_columns(self, kinds: Sequence[tuple[str, Any]]) -> DenseColumns | None:
        """Return what writes batches with columns of these names and types as a whole, None if nothing can."""
        if not self._may_be_dense or any(name in self._texts and not is_text(kind) for name, kind in kinds):
            return None
        return DenseColumns.of(self._specs, [kind for _, kind in kinds], self._readers_of, self._shape.plain)

    def _reader(self, name: str, kind: Any) -> ReadColumn:
        if name in self._texts and not is_text(kind):
            return as_texts(self._readers_of.of(kind), kind)
        return self._readers_of.of(kind) if name in self._amounts else self._readers_of.without_amounts(kind)

    def _untrimmed(self, piece: Any) -> Collection[int]:
        """Return the numbers of the columns of a record batch that have texts to be trimmed."""
        found = self._trimmable.intersection(self._of_text)
        if self._trim is str.strip:
            return [number for number in found if not are_trimmed(piece.column(number))]
        return found if self._trim else ()

    def converted(self, piece: Slice | DenseSlice) -> Iterator[Any]:
        """Return the rows of a slice: tuples of cells, and with `strict` some that are rejected."""
        if isinstance(piece, DenseSlice):
            return piece.rows()
        raw = piece.values()
        columns = raw
        for number in piece.untrimmed:
            if (trimmed := _trimmed(raw[number], self._trim)) != raw[number]:
                columns = [*columns[:number], trimmed, *columns[number + 1 :]]
        refused = {} if self.inspection.is_over else self._inspect(columns)
        together = list(self._together(columns))
        rows = _rows_of([*columns, *together], piece.num_rows)
        if columns is not raw:
            rows = map(TrimmedRow.of, rows, _rows_of([*raw, *together], piece.num_rows))
        if refused:
            return (SuspectRow(row, refused[number]) if number in refused else row for number, row in enumerate(rows))
        return rows

    def _together(self, columns: Sequence[list[Any]]) -> Iterator[list[Any]]:
        """Yield what the columns make that are joined."""
        names = self._names[len(self.header) :]
        for name, indices in zip(names, self._joined, strict=True):
            join = partial(joined, is_list=self._shape.is_list(name))
            yield list(map(join, *(columns[index] for index in indices)))

    def _inspect(self, columns: Sequence[list[Any]]) -> dict[int, str]:
        texts = {self.header[number]: columns[number] for number in (*self._of_text, *self._of_others)}
        return self.inspection.columns(texts, has_lines=self._has_lines)

    def _in_order(self, batch: Any, names: Sequence[str]) -> Any:
        """Return the batch with the columns of the header; a column that it does not have is null."""
        import pyarrow

        others = [name for name in names if name not in self.header and not name.startswith(_INDEX)]
        if others:
            raise Invalid(f"is in a later batch only; the first one has {', '.join(self.header)}", field=others[0])
        columns = [
            batch.column(names.index(name)) if name in names else pyarrow.nulls(batch.num_rows) for name in self.header
        ]
        return pyarrow.RecordBatch.from_arrays(columns, names=self.header)

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        if isinstance(row, SuspectRow):
            raise Invalid(row.reason)
        if self._write is None:
            return self._shape.body(self._object(row))
        cells = list(_cells(row))
        for index, spec in enumerate(self._specs):
            if spec:
                cells[index] = self._shape.plain(cells[index], self._names[index])
        return self._write(cells)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        if self._write is not None:
            texts = [index for index, name in enumerate(self.header) if name in self._texts]
            encoder = self._shape.value_encoder(self._names, tags, self.body, texts)
            return dense_encoder(encoder.encode, tags) if self._may_be_dense else encoder
        objects = self._shape.encoder(tags)
        return Encoder(lambda row: objects.encode(self._object(row)))

    def record(self, row: Any) -> dict[str, Any]:
        """Return a row as {column: value}, as it is in the table."""
        cells = row.given if isinstance(row, SuspectRow) else _cells(row)
        raw = cells.raw if isinstance(cells, TrimmedRow) else cells
        return dict(zip(self.header, map(_shown, raw), strict=False))  # what was joined is no column

    def _object(self, row: Any) -> dict[str, Any]:
        if isinstance(row, SuspectRow):
            raise Invalid(row.reason)
        return dict(zip(self._names, row, strict=True))


def _cells(row: Any) -> tuple[Any, ...]:
    return row.cells if isinstance(row, DenseRow) else row


def _rows_of(columns: Sequence[list[Any]], count: int) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else iter([()] * count)


def _trimmed(column: list[Any], trim: Trim | None) -> list[Any]:
    return [trim(value) if value.__class__ is str else value for value in column] if trim else column


def _with_joined(columns: Columns) -> list[str]:
    """Return the names of the fields; columns that are joined are ignored, and what they make comes at the end."""
    names = list(columns.names)
    joined = [names[first] for first, *_ in columns.joined]
    for first, *_ in columns.joined:
        names[first] = IGNORED
    return names + joined


def _is_amount(spec: FieldSpec) -> bool:
    return Form.NUMBER in spec.metadata


class TableSource:
    """What sources of Arrow tables have in common: what becomes of a row."""

    _table: TableRows

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was taken and looks wrong, as far as the table was read."""
        return self._table.warnings

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, under the names of their fields."""
        return self._table.columns

    def body(self, row: Any) -> Body:
        """Return the checked body of a row."""
        return self._table.body(row)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        return self._table.encoder(tags)

    def record(self, row: Any) -> Any:
        """Return a row as {column: value}."""
        return self._table.record(row)


class ArrowSource(TableSource):
    """A frame, a table, or a stream of record batches. Its schema is checked when it is opened."""

    def __init__(self, given: Any, shape: Shape, reading: ReadOptions) -> None:
        self._given = given
        self._reader: Any = open_stream(given)
        self._table = TableRows(self._reader.schema, shape, reading)
        self.header = self._table.header

    def rows(self) -> Iterator[Row]:
        """Yield every row; there are no line numbers."""
        self._table.inspection.begin()
        reader, self._reader = self._reader or open_stream(self._given), None
        return zip(chain.from_iterable(map(self._table.rows, reader)), repeat(None))

    def file_of(self, row: Any) -> str | None:
        """Return None: there is no file."""
        return None


class BatchRows:
    """The rows of an iterable of frames or record batches, of which only the first shows what the columns are."""

    def __init__(self, first: Any, shape: Shape, reading: ReadOptions) -> None:
        self._first: Any = open_stream(first, "item 1 of the source")
        self.table = TableRows(self._first.schema, shape, reading)
        self._number = 0

    def rows(self, item: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of an item; call it with the first item first."""
        self._number += 1
        reader, self._first = self._first, None
        if not is_stream(item):
            raise Invalid(
                f"is a {type(item).__name__} among record batches; give batches only", field=f"item {self._number}"
            )
        return chain.from_iterable(map(self.table.rows, reader or open_stream(item, f"item {self._number}")))


def rows_of_all(batches: BatchRows, items: Iterable[Any]) -> Iterator[Row]:
    """Yield the rows of all items."""
    return zip(chain.from_iterable(map(batches.rows, items)), repeat(None))


def _shown(value: Any) -> Any:
    """Return a value as it is given back: a cell that cannot be read is its text."""
    if value.__class__ is Unreadable:
        return UnreadableText(value.text)
    if value.__class__ is Inexact:
        return float(value)
    if isinstance(value, list):
        return [_shown(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _shown(part) for name, part in value.items()}
    return value
