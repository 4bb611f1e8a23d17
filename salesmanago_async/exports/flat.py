"""Flattens a record to one row of a table: its cells, by the names of their columns.

Columns have the names of the file, with dots for nested objects (`ipDetails.city`). Fields that an import accepts have
the names of the import, so that an exported table can be imported again:

    {id: {"contactData": {"email": …}}}     id, email, …: the fields of contactData without a prefix, address.* likewise
    tagData, contactTags                    tags: their names
    contactPropertiesData, properties       properties.size, …: one column for each detail
    contactDictionaryPropertiesData         dictionary.visits, …: likewise; those of type DATE are times
    birthdayYear, birthdayMonth, …Day       birthday, as yyyyMMdd or MMdd

A list of plain values is one cell. A list of objects (events, visits, notes, …) is one cell too, as JSON. If two fields
would have the same name, the second gets its own column, with a number. Fields documented as times are times.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast, get_type_hints

from ..api.codegen import field_specs
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ExportedContact
from ..api.email_statistics import ConversationStatistics
from ..api.fields import split_annotation
from ..api.messages import ConversationMessage
from ..api.web_push import WebPushRecipient
from .json_files import dump_record

Cell: TypeAlias = bool | int | float | str | datetime | list[str] | None
Row: TypeAlias = dict[str, Cell]

DEEPEST = 16
"""How many levels of nested objects get columns; deeper levels are JSON."""

LARGEST_INTEGER = 2**63 - 1
"""The largest number in a column of integers; a larger number becomes text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def flat(record: Any) -> Row:
    """Return the row of a record; a record that is not an object has one cell, `value`."""
    row: Row = {}
    if not isinstance(record, Mapping):
        _put(row, "value", record)
        return row
    for name, value in _parts(cast("Mapping[str, Any]", record), row).items():
        _SPECIAL.get(name, _put)(row, name, value)
    _join_birthday(row)
    return row


def _parts(record: Mapping[str, Any], row: Row) -> Mapping[str, Any]:
    """Return the parts of an exported contact, whose id is the only key of its record; return other records as is."""
    if len(record) != 1:
        return record
    ((contact_id, parts),) = record.items()
    if not isinstance(parts, Mapping) or not all(str(part).endswith(_ENDING_OF_PARTS) for part in parts):
        return record
    row["id"] = contact_id
    return cast("Mapping[str, Any]", parts)


def _set(row: Row, name: str, cell: Cell) -> None:
    """Fill a cell; if another value already has that name, the cell gets a numbered name."""
    taken, number = name, 1
    while taken in row:
        if cell is None or cell == row[taken]:
            return
        number += 1
        taken = f"{name} ({number})"
    row[taken] = cell


def _put(row: Row, name: str, value: Any, depth: int = 1) -> None:
    """Fill the cell of a value, or the cells of an object."""
    if isinstance(value, Mapping) and value and depth < DEEPEST:
        for key, inner in cast("Mapping[str, Any]", value).items():
            _put(row, f"{name}.{key}", inner, depth + 1)
    else:
        _set(row, name, _cell(name.rpartition(".")[2], value))


def _put_inside(row: Row, name: str, value: Any) -> None:
    """Fill the cells of an object, without the object's own name as a prefix."""
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            _put(row, key, inner)
    elif value is not None:
        _put(row, name, value)


def _put_tags(row: Row, name: str, value: Any) -> None:
    names = [_tag_name(entry) for entry in _list(value)]
    if value is None:
        _set(row, "tags", None)
    elif isinstance(value, list) and all(isinstance(tag, str) for tag in names):
        _set(row, "tags", names)
    else:
        _put(row, name, value)


def _tag_name(entry: Any) -> Any:
    return entry.get("tagName") or entry.get("tag") if isinstance(entry, Mapping) else entry


def _put_properties(row: Row, name: str, value: Any) -> None:
    _put_details(row, name, value, "properties")


def _put_dictionary(row: Row, name: str, value: Any) -> None:
    _put_details(row, name, value, "dictionary")


def _put_details(row: Row, name: str, value: Any, group: str) -> None:
    """Fill a cell for each {name, value}; entries of another shape stay together under the name of the part."""
    odd: list[Any] = []
    for entry in _list(value):
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry.keys() <= _DETAIL:
            is_date = entry.get("type") == "DATE"
            _set(row, f"{group}.{entry['name']}", _cell("createdOn" if is_date else "", entry.get("value")))
        else:
            odd.append(entry)
    if odd:
        _put(row, name, odd if isinstance(value, list) else value)


_DETAIL = {"name", "type", "value"}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _join_birthday(row: Row) -> None:
    """Join the three parts of a birthday into one cell, unless they are no date."""
    if "birthdayMonth" not in row or "birthday" in row:
        return
    year, month, day = (row.get(f"birthday{part}") for part in ("Year", "Month", "Day"))
    if year is month is day is None:
        joined = None
    else:
        try:
            joined = f"{int(cast('Any', year)):04}" if year else ""
            joined += f"{int(cast('Any', month)):02}{int(cast('Any', day)):02}"
        except (TypeError, ValueError):
            return
    for part in ("Year", "Month", "Day"):
        row.pop(f"birthday{part}", None)
    row["birthday"] = joined


def _cell(name: str, value: Any) -> Cell:
    """Return the cell of a value; `name` says whether it is a time."""
    if value.__class__ is str:
        return (_moment_of_text(value) or value) if name in _TIMES else value
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return (_moment(value) if name in _TIMES else None) or _integer(value)
    if isinstance(value, list) and all(isinstance(entry, str | int | float) for entry in value):
        return [entry if isinstance(entry, str) else dump_record(entry).decode() for entry in value]
    return dump_record(value).decode()


def _integer(value: int) -> int | str:
    return value if -LARGEST_INTEGER <= value <= LARGEST_INTEGER else str(value)


def _moment(milliseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _moment_of_text(given: str) -> datetime | None:
    """Read ISO 8601 (UTC if it has no offset) or milliseconds; return None for other text."""
    try:
        if given.isdecimal() and len(given) > len("20181022"):
            return _moment(int(given))
        moment = datetime.fromisoformat(given)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _types_of(*record_classes: type) -> Mapping[str, Any]:
    """Return the types of the fields of these classes, by the names that the fields have in files."""
    return {
        spec.path[-1]: split_annotation(get_type_hints(kind, include_extras=True)[spec.name])[0]
        for kind in record_classes
        for spec in field_specs(kind)
    }


DOCUMENTED = _types_of(ExportedContact, ContactDetails, ConversationStatistics, ConversationMessage, WebPushRecipient)
"""The types of the documented columns: int, float, bool, str, datetime, or another type."""

_TIMES = frozenset(name for name, kind in DOCUMENTED.items() if kind is datetime)

_ENDING_OF_PARTS = "Data"
"""The end of the name of every part of an exported contact (contactData, tagData, …); new parts should have it too."""

_SPECIAL: dict[str, Callable[[Row, str, Any], None]] = {
    "contactData": _put_inside,
    "address": _put_inside,
    "tagData": _put_tags,
    "contactTags": _put_tags,
    "contactPropertiesData": _put_properties,
    "properties": _put_properties,
    "contactDictionaryPropertiesData": _put_dictionary,
}
