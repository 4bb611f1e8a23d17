"""Frames, tables and streams of Arrow record batches: everything with `__arrow_c_stream__` or `__arrow_c_array__`.

    frame, table, relation, cursor  →  stream  →  batches of 1000 rows
                                                    columns → lists (arrow_values.py) → zip → rows of cells

A row is a tuple of plain values, which the compiled encoder of cells takes as it is. No mapping is made for a row,
unless somebody wants the record back, or a column holds an object of the API ("contact"). Memory is flat: one batch is
converted at a time, and a large one in slices.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Protocol

from ..api.codegen import Body, FieldSpec
from ..api.fields import Form
from ..errors import Invalid
from ..extras import check_arrow
from ..records.encoders import Encoder
from ..records.shapes import IGNORED, Shape
from ..records.values import Unreadable
from .arrow_values import ColumnReaders, ReadColumn, as_texts, is_text
from .columns import Columns, columns_of
from .options import ReadOptions
from .text_files import Row
from .warnings import ReadWarning

BATCH = 1000
"""How many rows are converted at a time: other tasks get a turn in between."""
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
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, TypeError, ValueError) as error:
        kind = type(given).__name__
        remedy = "frame.to_dict('records')" if kind == "DataFrame" else "a frame, or an iterable of records"
        reason = str(error).splitlines()[0]
        raise Invalid(f"is a {kind} that is no Arrow table ({reason}); give {remedy}", field=what) from None


class TableRows:
    """The rows of tables with these columns, in any order and of any types."""

    def __init__(self, schema: Any, shape: Shape, reading: ReadOptions) -> None:
        self.header = [name for name in schema.names if not name.startswith(_INDEX)]
        self._shape = shape
        self._readers_of = ColumnReaders(reading.time_zone)
        self._schema: Any = None
        self._readers: Sequence[ReadColumn] = ()
        self._texts = frozenset(name for name, kind in zip(schema.names, schema.types, strict=True) if is_text(kind))
        shape.check_mapped(reading.columns)
        columns = columns_of(self.header, reading.columns)
        self._joined = columns.joined
        self._names = _with_joined(columns)
        shape.check_header(self._names)
        shape.check_names(self._names)
        self._has_objects = shape.has_objects(self._names)
        self._write: Callable[[Any], Body] | None = None
        self._needed: Sequence[int] = ()
        self._amounts: frozenset[str] = frozenset()
        if not self._has_objects:
            self._write = shape.column_writer(self._names, lambda index: f"row[{index}]")
            specs = shape.fields_of(self._names)
            self._needed = [index for index, spec in enumerate(specs) if spec]
            amounts = (name for name, spec in zip(self.header, specs, strict=False) if spec and _is_amount(spec))
            self._amounts = frozenset(amounts)

    def rows(self, batch: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a record batch."""
        return chain.from_iterable(map(self.converted, self.slices(batch)))

    def slices(self, batch: Any) -> Iterator[Any]:
        """Yield slices of a record batch with as many rows as are converted at a time, for `converted`."""
        names: list[str] = batch.schema.names
        if names != self.header:
            batch = self._in_order(batch, names)
        if self._schema is None or not self._schema.equals(batch.schema):
            self._schema = batch.schema
            self._readers = [
                self._reader(name, kind) for name, kind in zip(self.header, batch.schema.types, strict=True)
            ]
        return (batch.slice(begin, BATCH) for begin in range(0, batch.num_rows, BATCH))

    def _reader(self, name: str, kind: Any) -> ReadColumn:
        if name in self._texts and not is_text(kind):
            return as_texts(self._readers_of.of(kind), kind)
        return self._readers_of.of(kind) if name in self._amounts else self._readers_of.without_amounts(kind)

    def converted(self, batch: Any) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a slice."""
        lists = [read(column) for read, column in zip(self._readers, batch.columns, strict=True)]
        lists += [list(map(_joined, *(lists[index] for index in indices))) for indices in self._joined]
        return zip(*lists, strict=True) if lists else iter([()] * batch.num_rows)

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
        if self._write is None:
            return self._shape.body(self._object(row))
        cells = list(row)
        for index in self._needed:
            cells[index] = self._shape.plain(cells[index], self._names[index])
        return self._write(cells)

    def encoder(self, tags: Sequence[str] = ()) -> Encoder:
        """Return the encoder for rows, which adds these tags to each."""
        if self._write is not None:
            texts = [index for index, name in enumerate(self.header) if name in self._texts]
            return self._shape.value_encoder(self._names, tags, self.body, texts)
        objects = self._shape.encoder(tags)
        return Encoder(lambda row: objects.encode(self._object(row)))

    def record(self, row: Any) -> dict[str, Any]:
        """Return a row as {column: value}."""
        return dict(zip(self.header, map(_shown, row), strict=False))  # what was joined is no column

    def _object(self, row: Any) -> dict[str, Any]:
        return dict(zip(self._names, row, strict=True))


def _with_joined(columns: Columns) -> list[str]:
    """Return the names of the fields; columns that are joined are ignored, and what they make comes at the end."""
    names = list(columns.names)
    joined = [names[first] for first, *_ in columns.joined]
    for first, *_ in columns.joined:
        names[first] = IGNORED
    return names + joined


def _is_amount(spec: FieldSpec) -> bool:
    return Form.NUMBER in spec.metadata


def _joined(*parts: Any) -> Any:
    """Return the texts of several columns as one; None if all are absent. A cell that cannot be read stays one."""
    for part in parts:
        if part.__class__ is Unreadable:
            return part
    present = [part for part in parts if part is not None and part != "" and part == part]
    return " ".join(map(str, present)) if present else None


class TableSource:
    """What sources of Arrow tables have in common: what becomes of a row."""

    warnings: tuple[ReadWarning, ...] = ()
    _table: TableRows

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
        return value.text
    if isinstance(value, list):
        return [_shown(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _shown(part) for name, part in value.items()}
    return value
