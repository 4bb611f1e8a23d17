"""The forms in which records may be given: as values, as the API's objects, or flat, like a row of a table.

    Contact(email="ann@example.com", city="Kraków")
    {"contact": {"email": "ann@example.com", "address": {"city": "Kraków"}}}      the API's object
    {"email": "ann@example.com", "city": "Kraków"}                                flat, with the API's names
    {"email": "ann@example.com", "zip_code": "30-555", "properties.size": "XL"}   flat, in snake_case, with details

All of them become the same body, through a writer that is generated once for each set of names (see api/codegen.py). A
run uses compiled encoders (see compiled.py), which produce the bytes of that body.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, Literal, Self, TypeAlias, cast

from attrs import evolve

from ..api.codec import dumps
from ..api.codegen import (
    Body,
    FieldSpec,
    RowWriter,
    check_required,
    class_writer,
    compile_writer,
    field_specs,
    named_errors,
    names_of,
    part_writer,
)
from ..api.contacts import Contact
from ..api.events import ExternalEvent
from ..api.fields import ShortText, Text, dictionary_value, milliseconds, text, writer_of
from ..api.nearest import nearest
from ..errors import Invalid
from .class_rows import row_reader
from .compiled import Encoded, EncoderContext
from .encoders import Encoder, InstanceEncoder, MappingEncoder, RecordEncoder, cell_encoder
from .names import Names, names_of_contact, names_of_event
from .values import plain_values

ExtraColumns: TypeAlias = Literal["error", "ignore", "properties"]
"""What happens to a name that is not a field: an error, nothing, or a standard detail with that name."""

NOTES = frozenset({"_line", "_reason", "_file"})
"""Columns that a rejects file adds. They are ignored, so that the file can be imported again."""


class Shape:
    """The forms that records of one class may take."""

    def __init__(
        self, record_class: type, names_of_body: Callable[[Body], Names], *, extra: ExtraColumns = "error"
    ) -> None:
        self.record_class = record_class
        self._names_of_body = names_of_body
        self._check_body: Callable[[Body], None] = cast("Any", record_class).check_body
        self._extra = extra
        self._specs = names_of(record_class)
        self._containers = frozenset(name for spec in field_specs(record_class) for name in spec.path[:-1])
        self._of_instance = class_writer(record_class)
        self._of_keys = lru_cache(maxsize=512)(self._writer_of_keys)
        self._plain = plain_values(UTC)

    def in_time_zone(self, zone: tzinfo) -> Self:
        """Return the same shape for records whose datetimes without a zone are in this zone; the default is UTC."""
        shape = copy(self)
        shape._plain = plain_values(zone)
        return shape

    def body(self, record: Any) -> Body:
        """Return the checked body of a record in any form; raise `Invalid` naming the field and the rule."""
        if record.__class__ is self.record_class:
            return self._of_instance(record)
        if isinstance(record, Mapping):
            fields = cast("Mapping[str, Any]", record)
            flat = fields if self._containers.isdisjoint(fields) else self._flattened(fields)
            return self._of_keys(tuple(flat))({name: self.plain(flat[name], name) for name in flat})
        if isinstance(record, self.record_class):
            return self._of_instance(record)
        if to_dict := row_reader(record):
            return self.body(to_dict(record))
        raise Invalid(f"is a {type(record).__name__}; give {self.record_class.__name__} values or mappings")

    def plain(self, value: Any, name: object) -> Any:
        """Return the plain value of a field, None if it is absent; raise `Invalid` naming it if there can be none."""
        try:
            return self._plain(value)
        except ValueError as error:
            raise Invalid(str(error), field=str(name)) from None

    def encoder(self, tags: Sequence[str] = (), body: Callable[[Any], Body] | None = None) -> Encoder:
        """Return the encoder for records in any form, with these tags added; `body` builds bodies on the slow path."""
        context = self._context(body or self.body, tags)
        keys = MappingEncoder(self._specs_of, context, containers=self._containers, flattened=self._flattened)
        values = InstanceEncoder(self.record_class, field_specs(self.record_class), evolve(context, plain=None))
        return RecordEncoder(values, keys, context.slow_path)

    def cell_encoder(self, names: Sequence[str], tags: Sequence[str], body: Callable[[Any], Body]) -> Encoder:
        """Return the encoder for rows of cells under these names ("" for none); `body` builds slow-path bodies."""
        return cell_encoder(names, self._specs_of, self._context(body, tags))

    def value_encoder(self, names: Sequence[str], tags: Sequence[str], body: Callable[[Any], Body]) -> Encoder:
        """Return the encoder for rows of values of any type under these names; `body` builds slow-path bodies."""
        return cell_encoder(names, self._specs_of, self._context(body, tags), are_texts=False)

    def fields_of(self, names: Sequence[str]) -> Sequence[FieldSpec | None]:
        """Return the fields that columns with these names stand for, None for an ignored one."""
        return self._specs_of(names)

    def has_objects(self, names: Iterable[str]) -> bool:
        """Return whether columns with these names hold objects of the API, so that each row must become a mapping."""
        return not self._containers.isdisjoint(names)

    def slow_path_encoder(self, tags: Sequence[str], body: Callable[[Any], Body]) -> Encoder:
        """Return an encoder that always uses `body`, without compiled code: for shapes with fields of their own."""
        return Encoder(self._context(body, tags).slow_path)

    def _context(self, body: Callable[[Any], Body], tags: Sequence[str]) -> EncoderContext:
        def slow_path(record: Any) -> Encoded:
            checked = body(record)
            if tags:
                checked.setdefault("tags", []).extend(tags)
            return b"%b" % dumps(checked), self._names_of_body(checked)  # a copy, as in compiled.py

        return EncoderContext(slow_path=slow_path, names_of=self._checked_names, tags=tags, plain=self._plain)

    def _checked_names(self, body: Body) -> Names:
        self._check_body(body)
        return self._names_of_body(body)

    def column_writer(self, names: Sequence[str], access: Callable[[int], str]) -> RowWriter:
        """Return the writer for records with these columns; raise `Invalid` naming an unknown column."""
        found = enumerate(self._specs_of(names))
        write = compile_writer([(spec, access(index)) for index, spec in found if spec])

        def checked(row: Any) -> Body:
            body = write(row)
            self._check_body(body)
            return body

        return checked

    def check_names(self, names: Sequence[str]) -> None:
        """Raise `Invalid` if a column is unknown or a required one is missing; nested objects are not checked."""
        if not self.has_objects(names):
            self._specs_of(names)

    def _specs_of(self, names: Sequence[str]) -> list[FieldSpec | None]:
        """Return the fields that these names stand for, None for an ignored name."""
        found = [self._spec(name) for name in names]
        given = [spec for spec in found if spec]
        fields = Counter(spec.name for spec in given)
        for spec in given:
            if fields[spec.name] > 1:
                raise Invalid(f"is given {fields[spec.name]} times, as {', '.join(names)}", field=spec.wire_name)
        check_required(given, field_specs(self.record_class))
        return found

    def _writer_of_keys(self, keys: tuple[str, ...]) -> RowWriter:
        return self.column_writer(keys, lambda index: f"row[{str.__repr__(keys[index])}]")

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

    def _spec(self, name: object) -> FieldSpec | None:
        if not isinstance(name, str):
            raise Invalid(f"the name of a field is {name!r}, not text")
        name = str.__str__(name)  # a member of a string enumeration becomes its text
        if name in NOTES:
            return None
        if name in self._specs:
            return self._specs[name]
        kind, dot, key = name.partition(".")
        if dot and key and kind == "properties" and "properties" in self._specs:
            return _property(key)
        if dot and key and kind == "dictionary" and "dictionaryProperties" in self._specs:
            return _dictionary_property(key)
        if self._extra == "ignore":
            return None
        if self._extra == "properties" and "properties" in self._specs:
            return _property(name)
        remedy = "; map it to a field (--map), or choose what happens to such columns (--extra-columns)"
        raise Invalid(f"is not a field{self._nearest(name) or remedy}", field=name or "a column without a name")

    def _nearest(self, name: str) -> str:
        near = nearest(name, self._specs)
        return f"; did you mean {near!r}?" if near else ""


def _property(key: str) -> FieldSpec:
    if len(key) > 255:
        raise Invalid(f"the name of a detail is {len(key)} characters long; at most 255 are allowed", field=key[:40])
    name = f"properties.{key}"
    write = named_errors(name, writer_of(ShortText, part_writer))
    return FieldSpec(name, ("properties", key), write, str, (Text(255),))


def _dictionary_property(key: str) -> FieldSpec:
    check_name = named_errors(f"dictionary.{key}", text(Text(255, least=3, clearable=False)))
    check_name(key)

    def write(value: object) -> dict[str, Any]:
        kind = "DATE" if _is_time(value) else "NUMBER"
        return {"name": key, "type": kind, "value": dictionary_value(milliseconds(value) if kind == "DATE" else value)}

    name = f"dictionary.{key}"
    return FieldSpec(name, ("dictionaryProperties",), named_errors(name, write), appends=True)


def _is_time(value: object) -> bool:
    return hasattr(value, "year") or (isinstance(value, str) and re.match(r"\d{4}-\d\d", value.strip()) is not None)


def contact_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the shape of contacts."""
    return Shape(Contact, names_of_contact, extra=extra)


def event_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the shape of external events."""
    return Shape(ExternalEvent, names_of_event, extra=extra)
