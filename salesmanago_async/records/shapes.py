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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache, partial
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
from ..api.fields import Form, ShortText, Text, dictionary_value, milliseconds, text, writer_of
from ..errors import Invalid
from ..support.nearest import plain
from .cells import CellRules
from .class_rows import row_reader
from .columns import NoContactColumn, UnknownColumns, meant
from .compiled import Encoded, EncoderContext
from .encoders import Encoder, InstanceEncoder, MappingEncoder, RecordEncoder, cell_encoder
from .exported import exported_columns, is_exported
from .names import Names, names_of_contact, names_of_event
from .values import plain_values

ExtraColumns: TypeAlias = Literal["error", "ignore", "properties"]
"""What happens to a name that is not a field: an error, nothing, or a standard detail with that name."""

NOTES = frozenset({"_line", "_reason", "_file"})
"""Columns that a rejects file adds. They are ignored, so that the file can be imported again."""
IGNORED = "_ignored"
"""The name of a column that nothing is read from: the index of a frame, or a part of a column that was joined."""


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
        self._plain_specs = {plain(name): spec for name, spec in self._specs.items()}
        self._containers = frozenset(name for spec in field_specs(record_class) for name in spec.path[:-1])
        self._of_instance = class_writer(record_class)
        self._of_keys = lru_cache(maxsize=512)(self._writer_of_keys)
        self._plain = plain_values(UTC)
        self._times: CellRules | None = None

    def in_time_zone(self, zone: tzinfo) -> Self:
        """Return the same shape for records whose times without a zone are in this zone; the default is UTC."""
        if zone is UTC:
            return self
        shape = copy(self)
        shape._plain = plain_values(zone)
        shape._times = CellRules(time_zone=zone)
        shape._of_keys = lru_cache(maxsize=512)(shape._writer_of_keys)
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
        keys = MappingEncoder(
            self._specs_of,
            context,
            containers=self._containers,
            flattened=self._flattened,
            is_exported=partial(is_exported, self.record_class),
        )
        values = InstanceEncoder(self.record_class, field_specs(self.record_class), evolve(context, plain=None))
        return RecordEncoder(values, keys, context.slow_path)

    def cell_encoder(
        self,
        names: Sequence[str],
        tags: Sequence[str],
        body: Callable[[Any], Body],
        rules: CellRules | None = None,
    ) -> Encoder:
        """Return the encoder for rows of cells under these names ("" for none); `body` builds slow-path bodies.

        Cells of text are read by `rules`.
        """
        return cell_encoder(names, lambda named: self._specs_of(named, rules), self._context(body, tags))

    def value_encoder(
        self, names: Sequence[str], tags: Sequence[str], body: Callable[[Any], Body], texts: Collection[int]
    ) -> Encoder:
        """Return the encoder for rows of values of any type under these names; `body` builds slow-path bodies.

        `texts` are the numbers of the columns that have nothing but text, None, and what JSON cannot express.
        """
        return cell_encoder(names, self._specs_of, self._context(body, tags), texts=texts)

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

    def column_writer(
        self, names: Sequence[str], access: Callable[[int], str], rules: CellRules | None = None
    ) -> RowWriter:
        """Return the writer for records with these columns; raise `Invalid` naming the unknown ones.

        Cells of text are read by `rules`.
        """
        found = enumerate(self._specs_of(names, rules))
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

    def _specs_of(self, names: Sequence[str], rules: CellRules | None = None) -> list[FieldSpec | None]:
        """Return the fields that these names stand for, None for an ignored name."""
        exported = exported_columns(self.record_class, names)
        unknown = {name: self._meant(name) for name in names if name not in exported and not self._is_known(name)}
        if unknown:
            raise UnknownColumns(unknown)
        found = [exported[name] if name in exported else self._spec(name) for name in names]
        given = [spec for spec in found if spec]
        fields = Counter(spec.name for spec in given)
        for spec in given:
            if fields[spec.name] > 1:
                raise Invalid(f"is given {fields[spec.name]} times, as {', '.join(names)}", field=spec.wire_name)
        check_required(given, field_specs(self.record_class))
        return [self._read_by(rules, spec) if spec else None for spec in found]

    def _read_by(self, rules: CellRules | None, spec: FieldSpec) -> FieldSpec:
        """Return a field whose texts are read by rules; without rules, only times are read in the zone of the shape."""
        if rules:
            return rules.spec(spec)
        is_time = not {Form.EVENT_TIME, Form.MILLISECONDS}.isdisjoint(spec.metadata)
        return _in_zone(self._times.spec(spec), self._times.time_zone) if self._times and is_time else spec

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

    def _is_known(self, name: object) -> bool:
        """Return whether a name is a field, a detail, or ignored; raise `Invalid` if it is not even text."""
        if not isinstance(name, str):
            raise Invalid(f"the name of a field is {name!r}, not text")
        is_extra = self._extra == "ignore" or (self._extra == "properties" and "properties" in self._specs)
        return name in NOTES or name == IGNORED or is_extra or self._field(name) is not None

    def _spec(self, name: str) -> FieldSpec | None:
        """Return the field that a known name stands for, None for an ignored name."""
        name = str.__str__(name)  # a member of a string enumeration becomes its text
        if name in NOTES or name == IGNORED:
            return None
        found = self._field(name)
        return _property(name) if found is None and self._extra == "properties" else found

    def _field(self, name: str) -> FieldSpec | None:
        """Return the field or detail of a name, in whatever case and separators; None if there is none."""
        kind, dot, key = str.__str__(name).partition(".")
        if dot and not key:
            return None
        if name not in self._specs and dot and key and kind == "properties" and "properties" in self._specs:
            return _property(key)
        if name not in self._specs and dot and key and kind == "dictionary" and "dictionaryProperties" in self._specs:
            return _dictionary_property(key)
        return self._specs.get(name) or self._plain_specs.get(plain(name))

    def _meant(self, name: str) -> str | None:
        return meant(name, {spec.wire_name for spec in self._specs.values()})

    def check_mapped(self, columns: Mapping[str, str]) -> None:
        """Raise `Invalid` if a column is mapped to a name that is not a field."""
        for column, name in columns.items():
            if not self._is_known(name):
                near = self._meant(name)
                hint = f"; did you mean {near!r}?" if near else ""
                raise Invalid(f"{column!r} is mapped to {name!r}, which is not a field{hint}")

    def check_header(self, names: Sequence[str]) -> None:
        """Raise `NoContactColumn` if no column of a file is the address or the id of the contacts."""
        if any((spec := self._field(name)) and spec.name in _CONTACT_FIELDS for name in names if name):
            return
        if self._containers.isdisjoint(names) and {"email", "contactId"} & self._specs.keys():
            near = [name for name in names if self._meant(name) in {"email", "contactId"}]
            raise NoContactColumn(near[0] if near else None)


_CONTACT_FIELDS = frozenset({"email", "contact_id"})


def _in_zone(spec: FieldSpec, zone: tzinfo) -> FieldSpec:
    """Return a field of times that takes a date as the beginning of that day in a zone."""
    write = spec.write

    def written(value: Any) -> Any:
        if isinstance(value, date) and not isinstance(value, datetime):
            return write(datetime(value.year, value.month, value.day, tzinfo=zone))
        return write(value)

    return evolve(spec, write=written)


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
        if isinstance(value, datetime) and value.time() == time():  # a day of a table: the API wants 00:00 UTC
            value = value.date()
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
