"""Flattens a record to one row of a table: its cells, by the names of their columns.

Columns have the names of the file, with dots for nested objects (`ipDetails.city`). Fields that an import accepts have
the names of the import, so that an exported table can be imported again:

    {id: {"contactData": {"email": …}}}     id, email, …: the fields of contactData without a prefix, address.* likewise
    tagData, contactTags                    tags: their names
    contactPropertiesData, properties       properties.size, …: one column for each detail
    contactDictionaryPropertiesData         dictionary.visits, …: likewise; those of type DATE are times
    consentsData, consents                  consents: a list of objects
    birthdayYear, birthdayMonth, …Day       birthday, as yyyyMMdd or MMdd

A list is one cell. In a table, a list of objects (events, visits, consents, …) is JSON text; a flat row keeps the list.
If two fields would have the same name, the second gets its own column, with a number. Fields documented as times are
times, and the value of an event is a number.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, cast, get_type_hints

import attrs

from ..api.codegen import field_specs
from ..api.contact_details import ContactDetails
from ..api.contact_exports import ContactExport, ExportedContact
from ..api.email_statistics import ConversationStatistics
from ..api.fields import number, split_annotation
from ..api.messages import ConversationMessage
from ..api.web_push import WebPushRecipient
from .json_files import dump_record, dump_row

Cell: TypeAlias = bool | int | float | str | datetime | list[str] | None
Row: TypeAlias = dict[str, Cell]
FlatRow: TypeAlias = dict[str, Any]
"""A row whose values may also be lists and, below `DEEPEST` levels, objects."""

DEEPEST = 16
"""How many levels of nested objects get columns; deeper levels are JSON."""

LARGEST_INTEGER = 2**63 - 1
"""The largest number in a column of integers; a larger number becomes text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def flat(record: Any) -> Row:
    """Return the row of a record for a table, whose cells are single values or lists of texts."""
    row = flat_row(record)
    for name, value in row.items():
        if value.__class__ is list or value.__class__ is dict:
            row[name] = _cell_of_nested(value)
    return row


def flat_row(record: Any) -> FlatRow:
    """Return an exported record as one flat dict: the row that a CSV or flat JSONL file has, with Python's values.

    `record` is a typed record (of `job.records()`, `sm.contacts.get`, `walk`, `export_all`, `export_modified`,
    `contact_events`, …), or an object as it is in the file. Fields of nested objects are at the top level, under the
    names that an import takes: `zipCode`, `tags`, `properties.size`, `dictionary.visits`. Times are aware datetimes,
    tags are a list of names, and other lists keep their objects. So a data frame gets one column for each field:

        frame = pandas.DataFrame(map(flat_row, records))

    A record that is not an object has one field, `value`.
    """
    row: FlatRow = {}
    if isinstance(record, Mapping):
        record = _parts(cast("Mapping[str, Any]", record), row)
    elif attrs.has(type(record)):
        record = _body_of(record, row)
    else:
        _put(row, "value", record)
        return row
    for name, value in record.items():
        _SPECIAL.get(name, _put)(row, name, value)
    _join_birthday(row)
    if "contactExtEventType" in row:
        _read_value(row)
    return row


def dump_flat(record: Any) -> bytes:
    """Return the flat row of a record as JSON, in one line; times are ISO 8601 in UTC."""
    return dump_row(flat_row(record))


def _body_of(record: Any, row: FlatRow) -> Mapping[str, Any]:
    """Return the fields of a typed record under the names of the file; those of a contact export without empty parts.

    An export has only the parts that were requested, and a typed record does not show which ones these were.
    """
    body = _object_of(record)
    if not isinstance(record, ContactExport):
        return body
    row["id"] = body.pop("contactId", None)
    return {name: part for name, part in body.items() if part is not None and part != []}


def _object_of(record: Any) -> dict[str, Any]:
    """Return a typed record as the object that it was read from."""
    body: dict[str, Any] = {}
    kind: type = type(record)
    for spec in field_specs(kind):
        if spec.name != "extra":
            inner = body
            for name in spec.path[:-1]:
                inner = inner.setdefault(name, {})
            inner[spec.path[-1]] = _plain(getattr(record, spec.name))
    _merge(body, getattr(record, "extra", {}))
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return _object_of(value) if attrs.has(type(value)) else value


def _merge(body: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Add what is in `extra`: unknown fields, and unreadable values and entries of known ones."""
    for name, value in extra.items():
        known = body.get(name)
        if isinstance(known, dict) and isinstance(value, Mapping):
            _merge(cast("dict[str, Any]", known), cast("Mapping[str, Any]", value))
        elif isinstance(known, list) and isinstance(value, list):
            body[name] = [*known, *value]
        else:
            body[name] = value


def _parts(record: Mapping[str, Any], row: FlatRow) -> Mapping[str, Any]:
    """Return the parts of an exported contact, whose id is the only key of its record; return other records as is."""
    if len(record) != 1:
        return record
    ((contact_id, parts),) = record.items()
    if not isinstance(parts, Mapping) or not all(str(part).endswith(_ENDING_OF_PARTS) for part in parts):
        return record
    row["id"] = contact_id
    return cast("Mapping[str, Any]", parts)


def _set(row: FlatRow, name: str, cell: Any) -> None:
    """Fill a cell; if another value already has that name, the cell gets a numbered name."""
    taken, number = name, 1
    while taken in row:
        if cell is None or cell == row[taken]:
            return
        number += 1
        taken = f"{name} ({number})"
    row[taken] = cell


def _put(row: FlatRow, name: str, value: Any, depth: int = 1) -> None:
    """Fill the cell of a value, or the cells of an object."""
    if isinstance(value, Mapping) and value and depth < DEEPEST:
        for key, inner in cast("Mapping[str, Any]", value).items():
            _put(row, f"{name}.{key}", inner, depth + 1)
    else:
        _set(row, name, _cell(name.rpartition(".")[2], value))


def _put_inside(row: FlatRow, name: str, value: Any) -> None:
    """Fill the cells of an object, without the object's own name as a prefix."""
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            _put(row, key, inner)
    elif value is not None:
        _put(row, name, value)


def _put_consents(row: FlatRow, _: str, value: Any) -> None:
    _put(row, "consents", value)


def _put_tags(row: FlatRow, name: str, value: Any) -> None:
    names = [_tag_name(entry) for entry in _list(value)]
    if value is None:
        _set(row, "tags", None)
    elif isinstance(value, list) and all(isinstance(tag, str) for tag in names):
        _set(row, "tags", names)
    else:
        _put(row, name, value)


def _tag_name(entry: Any) -> Any:
    return entry.get("tagName") or entry.get("tag") if isinstance(entry, Mapping) else entry


def _put_properties(row: FlatRow, name: str, value: Any) -> None:
    _put_details(row, name, value, "properties")


def _put_dictionary(row: FlatRow, name: str, value: Any) -> None:
    _put_details(row, name, value, "dictionary")


def _put_details(row: FlatRow, name: str, value: Any, group: str) -> None:
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


def _join_birthday(row: FlatRow) -> None:
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


def _read_value(row: FlatRow) -> None:
    """Convert the value of an event to a number: in files it may be text."""
    if isinstance(row.get("value"), str | int):
        with suppress(ValueError):
            row["value"] = float(number(row["value"]))


def _cell(name: str, value: Any) -> Any:
    """Return the value of a field in a flat row; `name` says whether it is a time."""
    if value.__class__ is str:
        return (_moment_of_text(value) or value) if name in _TIMES else value
    if isinstance(value, int) and not isinstance(value, bool):
        return (_moment(value) if name in _TIMES else None) or _integer(value)
    return value


def _cell_of_nested(value: Any) -> Cell:
    """Return the cell of a list or an object: a list of plain values is one of texts, anything else is JSON."""
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

_SPECIAL: dict[str, Callable[[FlatRow, str, Any], None]] = {
    "contactData": _put_inside,
    "address": _put_inside,
    "tagData": _put_tags,
    "contactTags": _put_tags,
    "contactPropertiesData": _put_properties,
    "properties": _put_properties,
    "contactDictionaryPropertiesData": _put_dictionary,
    "consentsData": _put_consents,
}
