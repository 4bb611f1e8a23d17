"""What is no source: each is refused by its name, with what to give instead."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, TypeAlias

from ..errors import Invalid
from ..records.class_rows import row_reader

_GENERAL = "give an iterable of records, or the path of a file"

Remedy: TypeAlias = tuple[Callable[[Any], bool], str, str]


def refuse(given: Any) -> None:
    """Raise `Invalid` if something is no source, although it may be iterable."""
    if isinstance(given, list | tuple) and not hasattr(given, "_fields"):  # nearly always
        return
    for is_meant, what, remedy in _REMEDIES:
        if is_meant(given):
            raise Invalid(f"is {what.format(_kind_of(given))}; {remedy}", field="source")
    if not isinstance(given, Iterable | AsyncIterable | str | PathLike) and not _is_arrow(given):
        raise Invalid(f"is {_kind_of(given)}; {_GENERAL}", field="source")


def _is_arrow(given: Any) -> bool:
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")


def _is_text(given: Any) -> bool:
    return isinstance(given, str) and ("\n" in given or given.lstrip().startswith(("{", "[")))


def _is_open_file(given: Any) -> bool:
    return hasattr(given, "read") and hasattr(given, "readline")


def _is_named(part: str) -> Callable[[Any], bool]:
    return lambda given: part in type(given).__name__


def _is_column(given: Any) -> bool:
    """Return whether something is one column: a Series of records is one as well, unless it is Arrow data."""
    return type(given).__name__ in {"Series", "Index", "ChunkedArray"} and not _is_table_of_arrow(given)


def _is_table_of_arrow(given: Any) -> bool:
    """Return whether a Series of Polars, or a column of pyarrow, holds structs, which are rows."""
    kind = getattr(given, "dtype", None) or getattr(given, "type", None)
    return _is_arrow(given) and str(kind).lower().startswith("struct")


def _is_columns(given: Any) -> bool:
    values: list[Any] = list(given.values()) if isinstance(given, Mapping) else []
    return bool(values) and all(_is_many(value) for value in values)


def _is_many(value: Any) -> bool:
    return (isinstance(value, Sequence) and not isinstance(value, str | bytes)) or hasattr(value, "dtype")


def _is_one_row(given: Any) -> bool:
    """Return whether something is a row of a database; an iterable class of a program may be a source of its own."""
    is_row = isinstance(given, tuple) or hasattr(given, "keys") or hasattr(given, "_mapping")
    return is_row and not _is_arrow(given) and row_reader(given) is not None


def _is_array(given: Any) -> bool:
    return type(given).__name__ == "ndarray" and given.dtype.kind != "O"


def _has_no_stream(given: Any) -> bool:
    return type(given).__name__ == "DataFrame" and not _is_arrow(given)


_REMEDIES: Sequence[Remedy] = (
    (
        _is_text,
        "text, not the path of a file",
        "give a path, or records: csv.DictReader(io.StringIO(text)) or json.loads(text)",
    ),
    (lambda given: isinstance(given, bytes | bytearray | memoryview), "{}", _GENERAL),
    (_is_open_file, "an open file", "give its path, or records, such as csv.DictReader(file)"),
    (_is_columns, "a mapping of columns", "give a frame, such as pandas.DataFrame(columns), or an iterable of records"),
    (lambda given: isinstance(given, Mapping), "one mapping", _GENERAL),
    (_is_named("GroupBy"), "{}", "give the frame itself"),
    (_is_named("LazyFrame"), "{}", "give frame.collect()"),
    (_is_column, "{}, which is one column", "give a frame, or an iterable of records"),
    (
        _is_array,
        "{} without names of columns",
        "give pandas.DataFrame(array, columns=[…]), or records",
    ),
    (_has_no_stream, "{} without __arrow_c_stream__", "give frame.to_dict('records'), or a newer pandas"),
    (_is_one_row, "{}, one row", _GENERAL),
)


def _kind_of(given: Any) -> str:
    name = type(given).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
