"""The columns of a file: the fields that they are mapped to, and columns that are joined. Pure: no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from ..api.fields import entries_of
from ..errors import Invalid
from ..records.cell_lists import entries
from ..records.findings import CellKind
from ..records.shapes import IGNORED, NOTES, Shape
from ..records.values import Unreadable
from ..support.nearest import plain
from .likely_encodings import encoding_to_choose


@frozen
class Columns:
    """`names` has the field of each column, "" for none; `joined` are the columns that make one field together."""

    names: tuple[str, ...]
    joined: tuple[tuple[int, ...], ...] = ()


def notes_at_end(header: Sequence[str]) -> int:
    """Return how many columns the notes of a file of rejected rows are; 0 if they are not the last columns."""
    count = len(NOTES.intersection(header))
    return count if NOTES.issuperset(header[len(header) - count :]) else 0


def columns_of(
    header: Sequence[str], mapped: Mapping[str, str], shape: Shape, *, ignore_nameless: bool = False
) -> Columns:
    """Return the columns of a header; `mapped` maps columns to fields, several of them to one if they are to be joined.

    With `ignore_nameless`, cells under no name are not read.

    Raises `Invalid` for a column that is not text, or is mapped and not there, and for two columns of one name or one
    field. Columns of one name that nothing is read from are ignored.
    """
    for number, name in enumerate(header, 1):
        if not name.isprintable():
            raise Invalid(f"column {number} of the header, {name!a}, is not text; {_remedy_for(name)}")
    fields = _mapped(header, mapped)
    names = [fields.get(name, name) for name in header]
    for index in _repeated(header, fields, shape):
        names[index] = IGNORED
    _check_fields(header, fields, shape)
    first = next((index for index, name in enumerate(header) if name not in NOTES), 0)
    if names and not names[first]:
        names[first] = IGNORED
    if ignore_nameless:
        names = [name or IGNORED for name in names]
    joined = tuple(
        tuple(index for index, name in enumerate(header) if fields.get(name) == field)
        for field in dict.fromkeys(fields.values())
        if list(fields.values()).count(field) > 1
    )
    for _, *others in joined:
        for index in others:
            names[index] = IGNORED
    return Columns(tuple(names), joined)


def _repeated(header: Sequence[str], fields: Mapping[str, str], shape: Shape) -> list[int]:
    """Return the columns whose name an earlier one has; raise `Invalid` if one of them may be read."""
    found = [index for index, name in enumerate(header) if name and header.index(name) < index]
    for index in found:
        name = header[index]
        is_known = name in fields or shape.is_read(name)
        if is_known or not shape.ignores_extra:
            others = "" if is_known else ", or leave out what is not a field: extra_columns='ignore'"
            where = f"in columns {header.index(name) + 1} and {index + 1}"
            raise Invalid(f"is given 2 times, {where}; rename one of them{others}", field=name)
    return found


def _check_fields(header: Sequence[str], fields: Mapping[str, str], shape: Shape) -> None:
    """Raise `Invalid` if several columns mean one field, and are not all mapped to it, which would join them."""
    if shape.has_objects([fields.get(name, name) for name in header]):
        return
    of_field: dict[str, list[str]] = {}
    for name in dict.fromkeys(header):
        if spec := shape.field(fields.get(name, name)):
            of_field.setdefault(spec.name, []).append(name)
    for names in of_field.values():
        targets = {fields.get(name) for name in names}
        if len(names) > 1 and (len(targets) > 1 or None in targets):
            raise _given_twice(names, next((fields[name] for name in names if name in fields), names[0]), shape)


def _given_twice(names: Sequence[str], field: str, shape: Shape) -> Invalid:
    """Return the error for several columns, or keys, that mean one field."""
    spec = shape.field(field)
    can_be_joined = shape.is_list(field) or (spec is not None and spec.limit is not None)
    remedy = f"columns={dict.fromkeys(names, field)} joins them" if can_be_joined else "leave out all but one of them"
    rule = f"is given {len(names)} times, as {', '.join(names)}; {remedy}"
    return Invalid(rule, field=spec.wire_name if spec else field)


def read_columns(names: Sequence[str], shape: Shape) -> tuple[str, ...]:
    """Return the columns that are read, under the names of their fields."""
    kinds = zip(names, shape.kinds_of(names), strict=True)
    return tuple(name for name, kind in kinds if name not in {"", IGNORED} and kind is not CellKind.IGNORED)


def _remedy_for(name: str) -> str:
    """Return what to do about a name that is not text: undecodable bytes among ASCII show likely encodings."""
    try:
        content = name.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        content = b""
    return "give its encoding with encoding=..." if content.isascii() else encoding_to_choose([content])


def _mapped(header: Sequence[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """Return the mapped columns under the names of the header; a column is found in whatever spelling it is given."""
    spellings = {plain(name): name for name in header}
    found: dict[str, str] = {}
    for column, field in mapped.items():
        name = column if column in header else spellings.get(plain(column))
        if name is None:
            raise Invalid(f"there is no column {column!r} to map; the header has {', '.join(header)}")
        if found.setdefault(name, field) != field:
            raise Invalid(f"is mapped to {found[name]!r} and {field!r}; map it to one of them", field=name)
    return found


def joined(*parts: Any, is_list: bool = False) -> Any:
    """Return the texts of several columns as one, or with `is_list` the entries of all; None if all are absent.

    A cell that cannot be read, or that has no text because it is an object, is returned alone: its field refuses it.
    """
    for part in parts:
        if part.__class__ is Unreadable or _has_object(part):
            return part
    present = [part for part in parts if part is not None and part != "" and part == part]
    if not present:
        return None
    if is_list:
        return _entries_of_all(present)
    return " ".join(" ".join(map(str, part)) if isinstance(part, list) else str(part) for part in present)


def _entries_of_all(parts: Sequence[Any]) -> Any:
    found: list[Any] = []
    for part in parts:
        try:
            found += _entries_of(part)
        except ValueError as error:
            return Unreadable(str(part), str(error))
    return found


def _entries_of(part: Any) -> Sequence[Any]:
    if isinstance(part, str):
        return entries_of(entries(part))
    return part if isinstance(part, list) else [part]


def _has_object(part: Any) -> bool:
    return isinstance(part, dict) or (isinstance(part, list) and any(isinstance(entry, dict) for entry in part))


def renamed(record: Mapping[Any, Any], mapped: Mapping[str, str], shape: Shape) -> dict[Any, Any]:
    """Return a record with the names of the fields; names that are mapped to one field are joined.

    Between texts is a space, and lists become one list. Raises `Invalid` if two names mean one field, and only
    one of them is mapped.
    """
    found = {mapped.get(name, name): value for name, value in record.items()}
    if len(found) == len(record):
        return found
    for field in dict.fromkeys(mapped.values()):
        names = [name for name in record if mapped.get(name, name) == field]
        if len(names) > 1 and field in names and mapped.get(field) != field:
            raise _given_twice(names, field, shape)
        if len(names) > 1:
            values = (shape.plain(record[name], name) for name in names)
            found[field] = joined(*values, is_list=shape.is_list(field))
    return found
