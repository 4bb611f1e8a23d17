"""Reads contacts: by pages, or those modified in a span of time.

Nobody tells how many pages there are, so partition k of n reads the pages k, k + n, … until one is empty. Each page is
a server job. Each action of Spark reads anew: `persist()` the DataFrame, or write it, before it is used twice.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias

import anyio
from attrs import frozen
from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from ...errors import Invalid
from ...exports.flat import flat, flat_row
from ...exports.json_files import dump_row
from ._account import client_of
from ._options import ReadOptions

SCHEMA = (
    "id STRING, email STRING, name STRING, phone STRING, company STRING, state STRING, tags ARRAY<STRING>, "
    "modifiedOn TIMESTAMP, record STRING"
)
"""The columns of a read: those of `salesmanago export contacts`, and `record`, all of a contact as JSON."""
RECORD = "record"

Record: TypeAlias = Any


@frozen
class Pages(InputPartition):
    """The pages from `first` on, each `step` pages after the last."""

    first: int
    step: int


@frozen
class Span(InputPartition):
    """The contacts modified from `start` to `end`, in UNIX milliseconds."""

    start: int
    end: int


class _ContactReader(DataSourceReader):
    """What both readers have in common: the columns."""

    def __init__(self, options: ReadOptions, schema: StructType) -> None:
        self.options = options
        self.names: Sequence[str] = schema.names
        self.converters = [_converter(column) for column in schema.fields]

    def read(self, partition: InputPartition) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a partition."""
        for records in self._records(partition):
            yield from map(self._row, records)

    def _records(self, partition: Any) -> Iterator[Sequence[Record]]:
        """Yield the contacts of a partition, at most about a thousand at a time: each with a client of its own."""
        raise NotImplementedError

    def _row(self, record: Record) -> tuple[Any, ...]:
        cells = flat(record)
        row = []
        for name, convert in zip(self.names, self.converters, strict=True):
            value: Any = dump_row(flat_row(record)).decode() if name == RECORD else cells.get(name)
            row.append(None if value is None else convert(value))
        return tuple(row)


class PageReader(_ContactReader):
    """Reads all contacts."""

    def partitions(self) -> Sequence[Pages]:
        """Return which pages each partition reads."""
        return [Pages(first, self.options.partitions) for first in range(1, self.options.partitions + 1)]

    def _records(self, partition: Pages) -> Iterator[Sequence[Record]]:
        for number in count(partition.first, partition.step):
            records = anyio.run(self._page, number)
            if not records:
                return
            yield records

    async def _page(self, number: int) -> Sequence[Record]:
        async with client_of(self.options) as sm:
            job = await sm.contacts.export_page(number, self.options.page_size)
            async with job.records() as records:
                return [record async for record in records]


class SpanReader(_ContactReader):
    """Reads the contacts last modified in a span of time, with their details."""

    def partitions(self) -> Sequence[Span]:
        """Return which part of the span each partition reads.

        Two parts share their edge, so that no contact is missed; one on an edge may come twice.
        """
        assert self.options.start is not None
        assert self.options.end is not None
        start, length = self.options.start, self.options.end - self.options.start
        parts = max(1, min(self.options.partitions, length))
        edges = [start + length * number // parts for number in range(parts + 1)]
        return [Span(*edges[number : number + 2]) for number in range(parts)]

    def _records(self, partition: Span) -> Iterator[Sequence[Record]]:
        ids = anyio.run(self._ids, partition)
        for first in range(0, len(ids), self.options.page_size):
            yield anyio.run(self._details, ids[first : first + self.options.page_size])

    async def _ids(self, span: Span) -> Sequence[str]:
        async with client_of(self.options) as sm:
            walk = sm.contacts.walk_modified(span.start, span.end, size=self.options.page_size)
            return list(dict.fromkeys([contact.id async for contact in walk if contact.id]))

    async def _details(self, ids: Sequence[str]) -> Sequence[Record]:
        async with client_of(self.options) as sm:
            return await sm.contacts.get_by_id(ids)


def _converter(column: StructField) -> Callable[[Any], Any]:
    """Return what makes a value of the type of a column; raise `Invalid` for a type that has none."""
    kind = column.dataType
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, StringType):
        return _texts
    for type_, convert in _CONVERTERS.items():
        if isinstance(kind, type_):
            return convert
    raise Invalid(
        f"is of type {kind.simpleString()}; give string, boolean, bigint, double, timestamp or array<string>",
        field=column.name,
    )


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, list) else str(value)


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


_CONVERTERS: dict[type, Callable[[Any], Any]] = {
    StringType: _text,
    BooleanType: bool,
    LongType: int,
    DoubleType: float,
    TimestampType: _moment,
}
