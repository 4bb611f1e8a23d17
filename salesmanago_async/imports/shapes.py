"""How records may be given: as values, as the API's objects, or flat, as a row of a table has them.

    Contact(email="ann@example.com", city="Kraków")
    {"contact": {"email": "ann@example.com", "address": {"city": "Kraków"}}}      the API's object
    {"email": "ann@example.com", "city": "Kraków"}                                flat, in the API's names
    {"email": "ann@example.com", "zip_code": "30-555", "properties.size": "XL"}   flat, in snake_case, with details

All become the same body, through a lane that is generated once for each set of names (see api/_lanes.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal, TypeAlias, cast

from ..api._fields import ShortText, Text, dictionary_value, milliseconds, text, writer_of
from ..api._lanes import Body, Lane, Place, class_lane, compile_lane, names_of, naming, part_writer, places
from ..api.contacts import Contact
from ..api.events import ExternalEvent
from ..errors import Invalid

ExtraColumns: TypeAlias = Literal["error", "ignore", "properties"]
"""What becomes of a name that is no field: an error, nothing, or a standard detail of that name."""

NOTES = frozenset({"_line", "_reason", "_file"})
"""Columns that a rejects file adds; they are passed over, so that it can be imported again."""


class Shape:
    """The forms that records of one class may take."""

    def __init__(self, record_class: type, *, extra: ExtraColumns = "error") -> None:
        self.record_class = record_class
        self._extra = extra
        self._places = names_of(record_class)
        self._containers = {name for place in places(record_class) for name in place.path[:-1]}
        self._of_instance = class_lane(record_class)
        self._of_keys = lru_cache(maxsize=512)(self._lane_of_keys)

    def body(self, record: Any) -> Body:
        """Return the checked body of a record in whatever form; raise `Invalid` naming the field and the rule."""
        if record.__class__ is self.record_class:
            return self._of_instance(record)
        if isinstance(record, Mapping):
            fields = cast("Mapping[str, Any]", record)
            flat = fields if self._containers.isdisjoint(fields) else self._flattened(fields)
            return self._of_keys(tuple(flat))(flat)
        if isinstance(record, self.record_class):
            return self._of_instance(record)
        raise Invalid(f"is a {type(record).__name__}; give {self.record_class.__name__} values or mappings")

    def lane_of_columns(self, names: Sequence[str], access: Callable[[int], str]) -> Lane:
        """Return the lane for records that have these columns; raise `Invalid` naming a column that is not known."""
        found = [(place, access(index)) for index, name in enumerate(names) if (place := self._place(name))]
        fields = Counter(place.name for place, _ in found)
        for place, _ in found:
            if fields[place.name] > 1:
                raise Invalid(f"is given {fields[place.name]} times, as {', '.join(names)}", field=place.wire_name)
        lane = compile_lane(found, places(self.record_class))
        check: Callable[[Body], None] = cast("Any", self.record_class).check_body

        def checked(row: Any) -> Body:
            body = lane(row)
            check(body)
            return body

        return checked

    def _lane_of_keys(self, keys: tuple[str, ...]) -> Lane:
        return self.lane_of_columns(keys, lambda index: f"row[{str.__repr__(keys[index])}]")

    def _flattened(self, record: Mapping[str, Any]) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for name, value in self._leaves(record):
            if name in flat:
                raise Invalid("is given 2 times, nested and flat", field=str(name))
            flat[name] = value
        return flat

    def _leaves(self, record: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        for name, value in record.items():
            if name not in self._containers:
                yield name, value
            elif isinstance(value, Mapping):
                yield from self._leaves(cast("Mapping[str, Any]", value))
            elif value is not None:
                raise Invalid(f"is a {type(value).__name__}, not an object", field=name)

    def _place(self, name: object) -> Place | None:
        if not isinstance(name, str):
            raise Invalid(f"the name of a field is {name!r}, not text")
        if name in NOTES:
            return None
        if name in self._places:
            return self._places[name]
        kind, dot, key = name.partition(".")
        if dot and key and kind == "properties" and "properties" in self._places:
            return _property(key)
        if dot and key and kind == "dictionary" and "dictionaryProperties" in self._places:
            return _dictionary_property(key)
        if self._extra == "ignore":
            return None
        if self._extra == "properties" and "properties" in self._places:
            return _property(name)
        remedy = "; take it for one (--map), or say what becomes of such (--extra-columns)"
        raise Invalid(f"is no field{self._nearest(name) or remedy}", field=name or "a column without a name")

    def _nearest(self, name: str) -> str:
        spellings = {re.sub(r"[\W_]", "", known).lower(): known for known in self._places}
        wanted = re.sub(r"[\W_]", "", name).lower()
        near = get_close_matches(wanted, spellings, n=1, cutoff=0.6)
        return f"; did you mean {spellings[near[0]]!r}?" if near else ""


def _property(key: str) -> Place:
    if len(key) > 255:
        raise Invalid(f"the name of a detail is {len(key)} characters long, 255 are taken", field=key[:40])
    name = f"properties.{key}"
    return Place(name, ("properties", key), naming(name, writer_of(ShortText, part_writer)), limit=255)


def _dictionary_property(key: str) -> Place:
    check_name = naming(f"dictionary.{key}", text(Text(255, least=3, clearable=False)))
    check_name(key)

    def write(value: object) -> dict[str, Any]:
        kind = "DATE" if _is_time(value) else "NUMBER"
        return {"name": key, "type": kind, "value": dictionary_value(milliseconds(value) if kind == "DATE" else value)}

    name = f"dictionary.{key}"
    return Place(name, ("dictionaryProperties",), naming(name, write), appends=True)


def _is_time(value: object) -> bool:
    return hasattr(value, "year") or (isinstance(value, str) and re.match(r"\d{4}-\d\d", value.strip()) is not None)


def contact_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the forms of a contact."""
    return Shape(Contact, extra=extra)


def event_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the forms of an external event."""
    return Shape(ExternalEvent, extra=extra)
