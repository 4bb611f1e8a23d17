"""Columns of Arrow data as JSON, written as a whole by kernels of pyarrow if no value in them is unusual.

    address         one regular expression, which matches the usual addresses in lower case
    text            the shortest and the longest text, the lowest byte, and a search for what JSON escapes
    whole number    the smallest and the largest
    list of texts   the few different parts are checked, and the parts are joined by ","
    any other       the few different values are written by the field's own writer, and put in their places

A check may be stricter than the rule of the field, and never less strict. What it lets pass is written as the row
encoder writes it. Texts are trimmed already (arrow.py).
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, cast

from attrs import evolve, frozen

from ..api.codec import dumps
from ..api.fields import EARLIEST_MS, LATEST_MS, USUAL_EMAIL, Form, Text
from ..records.cell_lists import MARKS
from ..records.compiled import SHORT, Field
from .arrow_values import ColumnReaders, ReadColumn, is_string

MOST_VALUES = 250
"""The most different values of a column that are written one by one, unless the field's values are memoized."""
_FIRST_PRINTED = 0x20
"""The lowest byte that JSON does not escape, apart from " and the backslash."""
_BEGINS_LIKE_A_LIST = f"^[{re.escape(MARKS)}]"
_USUAL_ADDRESS = f"^(?:{USUAL_EMAIL.pattern.replace('A-Z', '').replace('}+', '}').replace('?+', '?')})$"
"""An address that is its own canonical form. The kernel knows no possessive quantifiers, and needs none."""

PlainValue: TypeAlias = Callable[[Any, str], Any]
"""Returns the plain value of a value and the name of its field; raises `ValueError` if there can be none."""


@frozen
class JsonColumn:
    """A column as JSON: in each row it is `opening`, the text in `texts`, and `closing`."""

    texts: Any
    opening: str = ""
    closing: str = ""

    def slice(self, first: int, count: int) -> "JsonColumn":
        """Return the column of these rows."""
        return evolve(self, texts=self.texts.slice(first, count))


ToJson: TypeAlias = Callable[[Any], JsonColumn | None]
"""Turns an array without nulls into JSON; None, or a `ValueError`, if one of its values may be unusual."""


def decoded(array: Any) -> Any:
    """Return texts, and lists of texts, in the one type that all kernels take, and any other array as it is."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if is_string(array.type):
        return array.cast(pyarrow.large_string())
    return array.cast(pyarrow.large_list(pyarrow.large_string())) if _is_list_of_texts(array.type) else array


def _is_list_of_texts(kind: Any) -> bool:
    from pyarrow import types

    return (types.is_list(kind) or types.is_large_list(kind)) and is_string(kind.value_type)


def writer_of(field: Field, kind: Any, readers: ColumnReaders, plain: PlainValue) -> ToJson | None:
    """Return what writes columns of this type for a field; None if only the row encoder can."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if field.is_address:
        return _addresses if is_string(kind) else None
    if field.takes_text and field.text and is_string(kind):
        return _writer_of_texts(field.text, may_hold_list=field.may_hold_list)
    if types.is_integer(kind) and (field.is_short or Form.EVENT_TIME in field.spec.metadata):
        return _whole_numbers if field.is_short else _moments
    if field.holds_short(Sequence) and _is_list_of_texts(kind):
        return _lists
    if types.is_float64(kind) and Form.NUMBER not in field.spec.metadata:  # these may become whole numbers
        return None
    predicates = (
        types.is_integer,
        types.is_float64,
        types.is_boolean,
        types.is_date,
        types.is_timestamp,
        types.is_null,
    )
    is_plain = is_string(kind) or any(is_of(kind) for is_of in predicates)
    return _writer_of_values(field, readers.of(kind), plain) if is_plain else None


def _addresses(array: Any) -> JsonColumn | None:
    from pyarrow import compute

    kernels = cast("Any", compute)
    is_usual = kernels.all(kernels.match_substring_regex(array, _USUAL_ADDRESS)).as_py()
    return JsonColumn(array, '"', '"') if is_usual else None


def _writer_of_texts(rule: Text, *, may_hold_list: bool) -> ToJson:
    """Return what writes texts, which are trimmed already. A text is as long as its bytes, or shorter.

    With `may_hold_list`, a text that begins like a list in another form than with commas is unusual.
    """
    from pyarrow import compute

    kernels = cast("Any", compute)

    def to_json(array: Any) -> JsonColumn | None:
        shortest, longest = _bounds(kernels.binary_length(array))
        if shortest < rule.least or longest > (rule.limit or 0):
            return None
        content = _content(array)
        if _bounds(_bytes_of(content))[0] < _FIRST_PRINTED:
            return None
        if not content.isascii():
            array.validate(full=True)  # text that is not UTF-8 is a ValueError
        if may_hold_list and kernels.any(kernels.match_substring_regex(array, _BEGINS_LIKE_A_LIST)).as_py():
            return None
        for mark in ("\\", '"'):
            if mark.encode() in content:
                array = kernels.replace_substring(array, mark, f"\\{mark}")
        return JsonColumn(array, '"', '"')

    return to_json


def _whole_numbers(array: Any) -> JsonColumn:
    """Write whole numbers as text."""
    import pyarrow

    return JsonColumn(array.cast(pyarrow.large_string()), '"', '"')


def _moments(array: Any) -> JsonColumn | None:
    """Write times that are given in milliseconds."""
    import pyarrow

    earliest, latest = _bounds(array)
    is_usual = earliest >= EARLIEST_MS and latest <= LATEST_MS
    return JsonColumn(array.cast(pyarrow.large_string())) if is_usual else None


def _lists(array: Any) -> JsonColumn | None:
    """Write lists of short texts, none of which is empty."""
    import pyarrow
    from pyarrow import compute

    kernels = cast("Any", compute)
    if _bounds(kernels.list_value_length(array))[0] < 1:
        return None
    if not all(map(_is_plain_part, kernels.unique(array.flatten()).to_pylist())):
        return None
    texts = kernels.binary_join(array, pyarrow.scalar('","', pyarrow.large_string()))
    return JsonColumn(texts, '["', '"]')


def _is_plain_part(part: str | None) -> bool:
    """Return whether the text is written unchanged, and without escapes."""
    return part is not None and 0 < len(part) <= SHORT and part == part.strip() and dumps(part) == f'"{part}"'.encode()


def _writer_of_values(field: Field, read: ReadColumn, plain: PlainValue) -> ToJson:
    """Return what writes any values, each different one by the field's writer."""
    is_list = field.holds_short(Sequence)
    opening, closing = ("[", "]") if is_list else ("", "")

    def to_text(value: Any) -> str:
        given = plain(value, field.spec.name)
        written = None if given is None or given == "" else field.spec.write(given)
        if written is None or written == []:
            raise ValueError("is absent")
        return dumps(written).decode().removeprefix(opening).removesuffix(closing)

    to_known_text = lru_cache(field.memo_size)(to_text) if field.memo_size else to_text

    def to_json(array: Any) -> JsonColumn | None:
        import pyarrow

        encoded = array.dictionary_encode()
        values = read(encoded.dictionary)
        if len(values) > (field.memo_size or MOST_VALUES):
            return None
        texts = pyarrow.array([to_known_text(value) for value in values], pyarrow.large_string())
        return JsonColumn(texts.take(encoded.indices), opening, closing)

    return to_json


def _bounds(numbers: Any) -> tuple[int, int]:
    """Return the smallest and the largest of some numbers."""
    from pyarrow import compute

    bounds = cast("Any", compute).min_max(numbers)
    return bounds["min"].as_py(), bounds["max"].as_py()


def _content(array: Any) -> bytes:
    """Return the texts of an array of large_string, one after another."""
    _, buffer, content = array.buffers()
    offsets = memoryview(buffer).cast("q")
    return bytes(content[offsets[array.offset] : offsets[array.offset + len(array)]])


def _bytes_of(content: bytes) -> Any:
    """Return bytes as an array of numbers."""
    import pyarrow

    return pyarrow.Array.from_buffers(pyarrow.uint8(), len(content), [None, pyarrow.py_buffer(content)])
