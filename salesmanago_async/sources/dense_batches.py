"""Record batches in which no cell is unusual become JSON as a whole: no row and no cell becomes a Python value.

The row encoder (records/compiled.py) takes most of its time for cells that need no change: they are checked and copied.
Kernels of pyarrow do the same for a whole column (arrow_json.py). Then the columns are joined:

    '{"contact":{"email":"', addresses, '","name":"', names, '"}}'      binary_join_element_wise: the item of each row

A column of nulls is left out. A batch with some nulls, or with a column that does not pass its check, goes to the row
encoder, which changes or refuses what it must. Both ways make the same bytes (a test checks this). The cells of a row
are read only if somebody wants the record back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, cast

from attrs import evolve, frozen

from ..api.codec import dumps
from ..api.codegen import Body, FieldSpec
from ..records.compiled import Encode, Encoded, Field, merges, nested_objects
from ..records.encoders import Encoder
from .arrow_json import JsonColumn, PlainValue, ToJson, decoded, writer_of
from .arrow_values import ColumnReaders

JOINED = 1000
"""How many rows are joined at a time: their items fit into the caches of a processor."""
MIN_ROWS = 1000
"""The fewest rows that are taken as JSON: to begin with them costs as much as to encode some hundreds of rows."""


class DenseColumns:
    """The columns of the record batches of one schema, which `json` writes as a whole."""

    def __init__(self, columns: Mapping[int, tuple[FieldSpec, ToJson]]) -> None:
        self._columns = columns
        self._unusual: int | None = None
        """The number of the column that did not pass in an earlier batch, and is looked at first in the next."""

    @classmethod
    def of(
        cls, specs: Sequence[FieldSpec | None], kinds: Sequence[Any], readers: ColumnReaders, plain: PlainValue
    ) -> "DenseColumns | None":
        """Return the columns with these fields and types; None if batches of them cannot be written as a whole."""
        fields = {number: Field("", spec) for number, spec in enumerate(specs) if spec}
        if not _has_plain_names(list(fields.values())):
            return None
        columns: dict[int, tuple[FieldSpec, ToJson]] = {}
        for number, each in fields.items():
            to_json = writer_of(each, kinds[number], readers, plain)
            if to_json is None:
                return None
            columns[number] = each.spec, to_json
        return cls(columns)

    def json(self, batch: Any) -> "DenseJson | None":
        """Return a record batch as JSON; None if a value in it may be unusual, or if it is too small to be worth it."""
        if batch.num_rows < MIN_ROWS:
            return None
        arrays = {number: batch.column(number) for number in self._columns}
        if any(0 < array.null_count < len(array) for array in arrays.values()):  # the cheapest check
            return None
        columns: dict[int, tuple[FieldSpec, JsonColumn]] = {}
        for number in sorted(self._columns, key=lambda number: number != self._unusual):
            spec, to_json = self._columns[number]
            array = decoded(arrays[number])
            if array.null_count == len(array) and not (spec.required or spec.is_email):
                continue
            try:
                column = None if array.null_count else to_json(array)
            except ValueError:  # the row encoder tells which row it is
                column = None
            if column is None:
                self._unusual = number
                return None
            columns[number] = spec, column
        return DenseJson([columns[number] for number in self._columns if number in columns], batch.num_rows)


@frozen
class DenseJson:
    """The fields of some rows as JSON."""

    columns: Sequence[tuple[FieldSpec, JsonColumn]]
    num_rows: int

    def parts(self, size: int) -> Iterator["DenseJson"]:
        """Yield the fields of at most `size` rows at a time."""
        for first in range(0, self.num_rows, size):
            columns = [(spec, column.slice(first, size)) for spec, column in self.columns]
            yield DenseJson(columns, min(size, self.num_rows - first))

    def encoded(self, tags: Sequence[str]) -> list[Encoded]:
        """Return the item of each row, with these tags added, and the names of its contact."""
        import pyarrow
        from pyarrow import compute

        specs, contents = zip(*self.columns, strict=True)
        body = nested_objects(specs, contents)[()]
        if tags:
            body["tags"] = _with_tags(body.get("tags"), dumps(list(tags)).decode())
        parts = [*_parts(body), ""]  # the last one separates
        texts = (pyarrow.scalar(part, pyarrow.large_string()) if isinstance(part, str) else part for part in parts)
        items = cast("Any", compute).binary_join_element_wise(*texts).cast(pyarrow.large_binary()).to_pylist()
        addresses = next(column.texts for spec, column in self.columns if spec.name == "email")
        return list(zip(items, zip(addresses.to_pylist(), strict=True), strict=True))


class DenseRow(tuple["DenseSlice", int]):
    """A row of a slice, by its number."""

    __slots__ = ()

    @property
    def cells(self) -> tuple[Any, ...]:
        """The cells of the row, as the row encoder takes them."""
        rows, number = self
        return rows.cells[number]

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Pickle the cells alone: a record that waits in a file does not need its slice."""
        return tuple, (self.cells,)


@frozen(slots=False, eq=False)
class DenseSlice:
    """A slice of a record batch as JSON; `read` returns its rows of cells."""

    json: DenseJson
    read: Callable[[], Sequence[tuple[Any, ...]]]

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return self.json.num_rows

    @cached_property
    def cells(self) -> Sequence[tuple[Any, ...]]:
        """The cells of all rows, which are read only if somebody wants them."""
        return self.read()

    def rows(self) -> Iterator[DenseRow]:
        """Yield the rows."""
        return map(DenseRow, zip(repeat(self), range(self.num_rows), strict=False))


def dense_encoder(encode_cells: Encode, tags: Sequence[str]) -> Encoder:
    """Return the encoder for rows of either kind, which adds these tags; rows of a slice should follow each other."""
    newest: DenseSlice | None = None
    encoded: list[Encoded] = []

    def encode(row: Any) -> Encoded:
        nonlocal newest, encoded
        if row.__class__ is not DenseRow:
            return encode_cells(row)
        rows, number = row
        if rows is not newest:
            newest, encoded = rows, rows.json.encoded(tags)
        return encoded[number]

    return Encoder(encode)


def _has_plain_names(fields: Sequence[Field]) -> bool:
    """Return whether records with these fields have one name, the address, and no field is part of another."""
    return (
        any(each.is_address for each in fields)
        and not any(each.is_other_name or each.spec.appends for each in fields)
        and not merges(fields)
    )


def _with_tags(column: JsonColumn | None, tags: str) -> JsonColumn | str:
    """Return the content of the tags, with further ones, which are given as JSON."""
    return evolve(column, closing=f"{column.closing[:-1]},{tags[1:]}") if column else tags


def _parts(content: Any) -> Iterator[Any]:
    """Yield what a body is joined of: pieces of JSON, and columns of texts."""
    written = ""
    for part in _pieces(content):
        if isinstance(part, str):
            written += part
        else:
            yield from (written, part)
            written = ""
    yield written


def _pieces(content: Body | JsonColumn | str) -> Iterator[Any]:
    if isinstance(content, JsonColumn):
        yield from (content.opening, content.texts, content.closing)
    elif isinstance(content, str):
        yield content
    else:
        for number, (name, inner) in enumerate(content.items()):
            yield f"{',' if number else '{'}{dumps(name).decode()}:"
            yield from _pieces(inner)
        yield "}"
