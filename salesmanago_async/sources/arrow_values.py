"""The values of an Arrow column as a list of plain Python values, a column at a time.

pyarrow's own `to_pylist` is used for text, whole numbers and lists of these: it is fast and exact. All other types are
converted here, because `to_pylist` is slow for times, fails for times that Python cannot express, returns
0.10000000149011612 for a float32 of 0.1, and leaves dictionaries of maps to its caller.

A cell without a Python value becomes `Unreadable`: only its own row is rejected.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, TypeAlias, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from attrs import frozen

from ..api.text_values import of_small_float, text_of, whole
from ..records.values import Unreadable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_MICROSECONDS = {"s": 1_000_000, "ms": 1000, "us": 1}

ToValue: TypeAlias = Callable[[Any], Any]
ReadColumn: TypeAlias = Callable[[Any], list[Any]]
"""Returns the values of an array of one type, None for each null."""


@frozen
class ColumnReaders:
    """Selects, once for each column, the function that turns its arrays into lists. Naive times are in `time_zone`."""

    time_zone: tzinfo

    def of(self, kind: Any) -> ReadColumn:
        """Return the reader of arrays of a type."""
        from pyarrow import types

        if _is_plain(kind):
            return _plain_list
        if types.is_dictionary(kind):
            return _dictionary_reader(self.of(kind.value_type))
        if types.is_floating(kind):
            return _to_pylist if types.is_float64(kind) else _reader_of_small_floats(kind.bit_width // 8)
        if types.is_decimal(kind):
            return _to_pylist
        if _is_binary(kind):
            return lambda column: _each(column.to_pylist(), _text_of_bytes)
        if types.is_fixed_size_binary(kind):
            to_text = _uuid_or_text if kind.byte_width == 16 else _text_of_bytes
            return lambda column: _each(column.to_pylist(), to_text)
        if types.is_temporal(kind):
            return self._reader_of_times(kind)
        if types.is_run_end_encoded(kind):
            return _run_end_reader(self.of(kind.value_type))
        if types.is_nested(kind) and not types.is_union(kind):
            return self._reader_of_parts(kind)
        if hasattr(kind, "storage_type"):  # an extension type
            return self._reader_of_extension(kind)
        return _refuse_all

    def without_amounts(self, kind: Any) -> ReadColumn:
        """Return the reader of a column that holds no amounts.

        pandas turns whole numbers into floats if one is missing: if all floats are whole, they become ints again.
        """
        from pyarrow import types

        read = self.of(kind)
        return _whole_reader(read) if types.is_floating(kind) else read

    def _reader_of_times(self, kind: Any) -> ReadColumn:
        import pyarrow
        from pyarrow import types

        if types.is_timestamp(kind):
            return _number_reader(pyarrow.int64(), self._moment_maker(kind), kind.unit)
        if types.is_date32(kind):
            return _number_reader(pyarrow.int32(), _date_of_days, "days")
        if types.is_date64(kind):
            return _number_reader(pyarrow.int64(), lambda number: _date_of_days(number // _DAY_MS), "ms")
        if types.is_time(kind):
            integer = pyarrow.int32() if types.is_time32(kind) else pyarrow.int64()
            return _number_reader(integer, _time_maker(kind.unit), kind.unit)
        return _refuse_all  # durations and intervals

    def _moment_maker(self, kind: Any) -> ToValue:
        """Return the function that turns a number since 1970 into an aware datetime in the zone of the column."""
        to_delta = _delta_maker(kind.unit)
        if kind.tz is None and self.time_zone is not UTC:
            zone, epoch = self.time_zone, _EPOCH.replace(tzinfo=None)
            return lambda number: (epoch + to_delta(number)).replace(tzinfo=zone)
        column_zone = _zone_named(kind.tz)
        if column_zone is UTC:
            return lambda number: _EPOCH + to_delta(number)
        return lambda number: (_EPOCH + to_delta(number)).astimezone(column_zone)

    def _reader_of_extension(self, kind: Any) -> ReadColumn:
        """Return the reader of a type that others define: the numbers that store a period of pandas mean nothing."""
        name = str(getattr(kind, "extension_name", ""))
        read = _EXTENSIONS.get(name) or (self.of(kind.storage_type) if is_text(kind.storage_type) else None)
        return (lambda column: read(column.storage)) if read else _refuse_all

    def _reader_of_parts(self, kind: Any) -> ReadColumn:
        from pyarrow import types

        if types.is_struct(kind):
            fields = [kind.field(index) for index in range(kind.num_fields)]
            return _struct_reader([field.name for field in fields], [self.of(field.type) for field in fields])
        if types.is_map(kind):
            return _map_reader(self.of(kind.key_type), self.of(kind.item_type))
        read = self.of(kind.value_type)
        if types.is_list(kind) or types.is_large_list(kind):
            return _list_reader(read)
        # lists of a fixed size and list views, which are rare
        return lambda column: [read(scalar.values) if scalar.is_valid else None for scalar in column]


def _dictionary_reader(read: ReadColumn) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        if len(column.dictionary) > len(column):  # a small slice of a column with many words
            return read(column.dictionary.take(column.indices))
        words = read(column.dictionary)
        return [None if index is None else words[index] for index in column.indices.to_pylist()]

    return values


def _run_end_reader(read: ReadColumn) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        from pyarrow import compute

        return read(cast("Any", compute).run_end_decode(column))

    return values


def _whole_reader(read: ReadColumn) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        floats = read(column)
        found = [None if value != value else whole(value) for value in floats]
        return floats if float in set(map(type, found)) else found

    return values


def _number_reader(integer: Any, to_value: ToValue, unit: str) -> ReadColumn:
    """Return the reader of times, which are numbers in Arrow."""
    return lambda column: _each(column.cast(integer).to_pylist(), to_value, unit=unit)


def _struct_reader(names: Sequence[str], reads: Sequence[ReadColumn]) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        parts = [read(part) for read, part in zip(reads, column.flatten(), strict=True)]
        rows: Iterable[Any] = zip(*parts, strict=True) if parts else [()] * len(column)
        return _where_valid(column, [dict(zip(names, row, strict=True)) for row in rows])

    return values


def _map_reader(read_keys: ReadColumn, read_items: ReadColumn) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        offsets = column.offsets.to_pylist()
        keys = _slices(read_keys(_between(column.keys, offsets)), offsets)
        items = _slices(read_items(_between(column.items, offsets)), offsets)
        return _where_valid(column, [dict(zip(*pair, strict=True)) for pair in zip(keys, items, strict=True)])

    return values


def _list_reader(read: ReadColumn) -> ReadColumn:
    def values(column: Any) -> list[Any]:
        offsets = column.offsets.to_pylist()
        return _where_valid(column, _slices(read(_between(column.values, offsets)), offsets))

    return values


def _between(parts: Any, offsets: Sequence[int]) -> Any:
    """Return the parts between the first and the last offset: an array may be a small slice of a large one."""
    return parts.slice(offsets[0], offsets[-1] - offsets[0])


def _refuse_all(column: Any) -> list[Any]:
    reason = f"is a {column.type}, which no field takes"
    return [Unreadable(str(scalar), reason) if scalar.is_valid else None for scalar in column]


def _is_plain(kind: Any) -> bool:
    """Return whether `to_pylist` is fast and exact for a type."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type)
    return is_string(kind) or types.is_integer(kind) or types.is_boolean(kind) or types.is_null(kind)


def is_text(kind: Any) -> bool:
    """Return whether the values of a type are text, None, and what cannot be read."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return is_string(kind) or _is_binary(kind)


def is_decimal(kind: Any) -> bool:
    """Return whether the values of a type are decimals."""
    from pyarrow import types

    return bool(types.is_decimal(kind))


def is_string(kind: Any) -> bool:
    """Return whether the values of a type are text in UTF-8."""
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or _is_view(kind, "is_string_view")


def are_trimmed(column: Any) -> bool:
    """Return whether the texts of a column surely have no white space around them.

    A kernel of pyarrow finds that out in half the time that Python takes to strip them.
    """
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        return are_trimmed(column.dictionary)
    if _is_view(column.type, "is_string_view"):  # there is no kernel for views
        column = column.cast(pyarrow.large_string())
    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return False
    try:
        return bool(cast("Any", compute).utf8_trim_whitespace(column).equals(column))
    except pyarrow.ArrowInvalid:  # text that is not UTF-8
        return False


def as_texts(read: ReadColumn, kind: Any) -> ReadColumn:
    """Return the reader of a column that was text in an earlier batch: its values become texts, if they have one."""

    def as_text(value: Any) -> Any:
        if value is None or value != value:
            return None
        try:
            text = text_of(value)
        except ValueError as error:
            return Unreadable(str(value), str(error))
        return Unreadable(str(value), f"is a {kind}, not text") if text is None else text

    return lambda column: [value if value.__class__ is Unreadable else as_text(value) for value in read(column)]


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    return types.is_binary(kind) or types.is_large_binary(kind) or _is_view(kind, "is_binary_view")


def _is_view(kind: Any, predicate: str) -> bool:
    from pyarrow import types

    return bool(getattr(types, predicate)(kind))


def _plain_list(column: Any) -> list[Any]:
    try:
        return cast("list[Any]", column.to_pylist())
    except ValueError:  # text that is not UTF-8
        return [_scalar_value(scalar) for scalar in column]


def _scalar_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except ValueError as error:
        content = scalar.as_buffer().to_pybytes() if hasattr(scalar, "as_buffer") else b""
        return Unreadable(content.decode("utf-8", "backslashreplace"), f"cannot be read: {error}")


def _each(raw: Iterable[Any], to_value: ToValue, *, unit: str = "") -> list[Any]:
    """Return the value of each raw value that is not null; a time that Python cannot express becomes `Unreadable`."""
    given = list(raw)
    try:
        return [None if value is None else to_value(value) for value in given]
    except (OverflowError, ValueError):
        return [None if value is None else _time_or_unreadable(value, to_value, unit) for value in given]


def _time_or_unreadable(raw: Any, to_value: ToValue, unit: str) -> Any:
    try:
        return to_value(raw)
    except (OverflowError, ValueError):
        reason = f"is a time that is not in the years 1 to 9999: {raw} {unit} since 1970"
        return Unreadable(f"{raw} {unit} since 1970", reason)


def _where_valid(column: Any, values: list[Any]) -> list[Any]:
    """Return the values, with None for each null of the column."""
    if not column.null_count:
        return values
    return [value if valid else None for value, valid in zip(values, column.is_valid().to_pylist(), strict=True)]


def _slices(values: list[Any], offsets: Sequence[int]) -> list[Any]:
    first = offsets[0]
    return [values[begin - first : end - first] for begin, end in pairwise(offsets)]


def _to_pylist(column: Any) -> list[Any]:
    return cast("list[Any]", column.to_pylist())


def _reader_of_small_floats(size: int) -> ReadColumn:
    """Return what reads each float32 or float16 as the float with the same shortest text: 0.1, not 0.10000000149."""

    def values(column: Any) -> list[Any]:
        import pyarrow

        texts = column.cast(pyarrow.float32()).cast(pyarrow.string()).to_pylist()
        return [None if text is None else of_small_float(float(text), size) for text in texts]

    return values


def _text_of_bytes(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        return Unreadable(content.decode("utf-8", "backslashreplace"), f"cannot be read: {error}")


def _uuid_or_text(content: bytes) -> Any:
    """Return 16 bytes as a UUID, whose ninth byte is no ASCII (RFC 9562), or else as text."""
    return content.decode() if content.isascii() else str(UUID(bytes=content))


def _uuids(storage: Any) -> list[Any]:
    return [None if content is None else str(UUID(bytes=content)) for content in storage.to_pylist()]


def _bools(storage: Any) -> list[Any]:
    return [None if value is None else value != 0 for value in storage.to_pylist()]


_EXTENSIONS: Mapping[str, ReadColumn] = {"arrow.uuid": _uuids, "arrow.bool8": _bools}
"""Readers of what stores a type, by its name."""


def _delta_maker(unit: str) -> Callable[[int], timedelta]:
    if unit == "ns":
        return lambda number: timedelta(microseconds=number // 1000)
    size = _MICROSECONDS[unit]
    return lambda number: timedelta(microseconds=number * size)


def _date_of_days(days: int) -> date:
    return date.fromordinal(_FIRST_DAY + days)


def _time_maker(unit: str) -> ToValue:
    to_delta = _delta_maker(unit)
    return lambda number: (_EPOCH + to_delta(number)).time()


def _zone_named(name: str | None) -> tzinfo:
    """Return the zone of a column: a name, or an offset such as +02:00; UTC if there is no such zone here."""
    if name in {None, "UTC", "Etc/UTC", "GMT", "Z", "+00:00"}:
        return UTC
    try:
        return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo or UTC
    except ValueError:
        pass
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return UTC
