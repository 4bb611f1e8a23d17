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
from typing import Any, Literal, Self, TypeAlias, cast, get_args, get_origin

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
from ..api.events import EventAnywhere, ExternalEvent
from ..api.fields import Form, ShortText, Text, dictionary_value, milliseconds, split_annotation, text, writer_of
from ..api.products import Product, ProductPrice, ProductQuantity
from ..errors import Invalid
from ..support.nearest import plain
from .cells import CellRules, trimmer
from .class_rows import row_reader
from .columns import NoContactColumn, UnknownColumns, meant
from .compiled import Encoded, EncoderContext
from .encoders import Encoder, InstanceEncoder, MappingEncoder, RecordEncoder, cell_encoder
from .exported import ExportedColumns, exported_columns, has_consents, is_exported
from .findings import CellKind, Finding
from .names import Names, names_of_contact, names_of_event, names_of_product
from .product_feeds import PRICES, SALE_PRICE, field_at, has_discounts, is_feed, odd_sales, product_of
from .values import plain_values

ExtraColumns: TypeAlias = Literal["error", "ignore", "properties"]
"""What happens to a name that is not a field: an error, nothing, or a standard detail with that name."""

NOTES = frozenset({"_line", "_reason", "_file"})
"""Columns that a rejects file adds. They are ignored, so that the file can be imported again."""
TEXT = "_text"
"""The field of a rejects file in JSON lines that holds a line that is not an object: it is read as that line."""
IGNORED = "_ignored"
"""The name of a column that nothing is read from: the index of a frame, or a part of a column that was joined."""


class Shape:
    """The forms that records of one class may take.

    The fields of each nested object in `parts` may be given flat, too: "brand" for the `brand` of `system_details`.
    `checked_as` is a class with the same fields whose rules hold instead of those of `record_class`. With `takes_feeds`
    the columns of a table, and the keys of a record, may be those of a product feed (product_feeds.py).
    """

    def __init__(
        self,
        record_class: type,
        names_of_body: Callable[[Body], Names],
        *,
        extra: ExtraColumns = "error",
        accept_consents: bool = False,
        parts: Sequence[str] = (),
        checked_as: type | None = None,
        takes_feeds: bool = False,
    ) -> None:
        self.record_class = record_class
        self.names_of_body = names_of_body
        self._check_body: Callable[[Body], None] = getattr(record_class, "check_body", _accept)
        self._extra = extra
        self._accepts_consents = accept_consents
        self.leaves_out_consents = False
        """Whether a table or a record was an export with consents, of which those that were given are left out."""
        self.odd_sales: set[Finding] = set()
        """What looked wrong in the sale prices of product feeds."""
        self._checked_as = checked_as or record_class
        self.takes_feeds = takes_feeds
        self._specs = {**names_of(self._checked_as), **_fields_of_parts(record_class, parts)}
        self._plain_specs = {plain(name): spec for name, spec in self._specs.items()}
        self._containers = frozenset(name for spec in self._specs.values() for name in spec.path[:-1])
        self._of_instance = class_writer(self._checked_as)
        self._of_keys = lru_cache(maxsize=512)(self._writer_of_keys)
        self._meant = lru_cache(maxsize=512)(self._suggestion)
        self._rules = CellRules()
        self._trim = trimmer(self._rules)
        self._plain = plain_values(self._rules.time_zone, self._trim)

    def read_by(self, rules: CellRules) -> Self:
        """Return a shape for one source, whose texts, and times without a zone, are read by these rules."""
        shape = copy(self)
        shape.leaves_out_consents = False
        shape.odd_sales = set()
        shape._rules = rules
        shape._trim = trimmer(rules)
        shape._plain = plain_values(rules.time_zone, shape._trim)
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

    def trimmed(self, text: str) -> str:
        """Return a text as the rules trim it; "" if it means absent."""
        return self._trim(text) if self._trim else text

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
        as_they_are = evolve(context, plain=None, trim=None)
        values = InstanceEncoder(self.record_class, field_specs(self._checked_as), as_they_are)
        return RecordEncoder(values, keys, context.slow_path)

    def cell_encoder(
        self,
        names: Sequence[str],
        tags: Sequence[str],
        body: Callable[[Any], Body],
        rules: CellRules | None = None,
    ) -> Encoder:
        """Return the encoder for rows of clean cells under these names ("" for none); `body` builds slow-path bodies.

        The cells are read by `rules`.
        """
        if self._is_feed(names):
            return self.slow_path_encoder(tags, body)
        clean = evolve(self._context(body, tags), plain=None, trim=None)
        return cell_encoder(names, lambda named: self._specs_of(named, rules), clean)

    def value_encoder(
        self, names: Sequence[str], tags: Sequence[str], body: Callable[[Any], Body], texts: Collection[int]
    ) -> Encoder:
        """Return the encoder for rows of values of any type under these names; `body` builds slow-path bodies.

        `texts` are the numbers of the columns that have nothing but trimmed text, None, and what JSON cannot express.
        """
        return cell_encoder(names, self._specs_of, self._context(body, tags), texts=texts)

    def fields_of(self, names: Sequence[str]) -> Sequence[FieldSpec | None]:
        """Return the fields that columns with these names stand for, None for an ignored one."""
        return self._specs_of(names)

    def kinds_of(self, names: Sequence[str]) -> Sequence[CellKind]:
        """Return what the cells of these columns are; those under no name ("") are text."""
        if self._is_feed(names):
            return [self.kind_in_feed(name) for name in names]
        specs = iter(self._specs_of([name for name in names if name]))
        return [self._rules.kind(next(specs)) if name else CellKind.TEXT for name in names]

    def kind_of(self, name: str) -> CellKind:
        """Return what a text under this name is, in a record or, after the names of objects and dots, within these."""
        first, _, rest = name.partition(".")
        if rest and first in self._containers and self.field(name) is None:
            return self.kind_of(rest)
        return self._rules.kind(self._spec(name))

    def kinds_in(self, names: Collection[object]) -> Callable[[str], CellKind]:
        """Return what says what a text is, as `kind_of` does, in a record with these names, which may be of a feed."""
        return self.kind_in_feed if self._is_feed(names) else self.kind_of

    def kind_in_feed(self, name: str) -> CellKind:
        """Return what a text under this name, or of this field, is in a product feed."""
        found = field_at(name)
        if found is None or found not in self._specs:
            return CellKind.TEXT
        return self._rules.kind_of_prices if found in PRICES else self._rules.kind(self._specs[found])

    def is_list(self, name: str) -> bool:
        """Return whether a field is a list of texts: columns that make it together add their entries."""
        spec = self.field(name)
        if spec is None or Form.COMMA_LIST in spec.metadata:
            return spec is not None
        return get_origin(spec.kind) is Sequence and split_annotation(get_args(spec.kind)[0])[0] is str

    @property
    def ignores_extra(self) -> bool:
        """Whether what is not a field is not read."""
        return self._extra == "ignore"

    def is_read(self, name: str) -> bool:
        """Return whether a column with this name may be read, as a field, or as a field of a feed."""
        return self.field(name) is not None or (self.takes_feeds and field_at(name) is not None)

    def has_objects(self, names: Iterable[str]) -> bool:
        """Return whether columns with these names hold objects of the API, so that each row must become a mapping."""
        found = list(names)
        return self._is_feed(found) or not self._containers.isdisjoint(found)

    def product_of(self, texts: Mapping[str, Sequence[str]], *, ends_discount: bool) -> dict[str, Any]:
        """Return the flat record of a product from the texts of a feed; see product_feeds.py.

        With strict rules it raises `Invalid` for a sale price that looks wrong.
        """
        if "discountPrice" in self._specs:
            for finding in odd_sales(texts, datetime.now(UTC), self._rules.time_zone):
                if self._rules.strict:
                    raise Invalid(finding, field=SALE_PRICE)
                self.odd_sales.add(finding)
        return product_of(texts, self._specs.keys(), ends_discount=ends_discount)

    def _is_feed(self, names: Collection[object]) -> bool:
        return self.takes_feeds and is_feed(names)

    def _feed_writer(self, names: Sequence[str], access: Callable[[int], str], rules: CellRules | None) -> RowWriter:
        """Return the writer for products of a feed with these columns."""
        plain_names = [plain(name) for name in names]
        cells, ends_discount = cell_writer(plain_names, access), has_discounts(plain_names)
        shape = self.read_by(rules) if rules else self
        shape.odd_sales = self.odd_sales

        def write(row: Any) -> Body:
            given = {name: value if isinstance(value, list) else [str(value)] for name, value in cells(row).items()}
            return shape.body(shape.product_of(given, ends_discount=ends_discount))

        return write

    def slow_path_encoder(self, tags: Sequence[str], body: Callable[[Any], Body]) -> Encoder:
        """Return an encoder that always uses `body`, without compiled code: for shapes with fields of their own."""
        return Encoder(self._context(body, tags).slow_path)

    def _context(self, body: Callable[[Any], Body], tags: Sequence[str]) -> EncoderContext:
        def slow_path(record: Any) -> Encoded:
            checked = body(record)
            if tags:
                checked.setdefault("tags", []).extend(tags)
            return b"%b" % dumps(checked), self.names_of_body(checked)  # a copy, as in compiled.py

        return EncoderContext(
            slow_path=slow_path, names_of=self._checked_names, tags=tags, plain=self._plain, trim=self._trim
        )

    def _checked_names(self, body: Body) -> Names:
        self._check_body(body)
        return self.names_of_body(body)

    def column_writer(
        self, names: Sequence[str], access: Callable[[int], str], rules: CellRules | None = None
    ) -> RowWriter:
        """Return the writer for records with these columns; raise `Invalid` naming the unknown ones.

        Texts are read by `rules`, or by those of the shape.
        """
        if self._is_feed(names):
            return self._feed_writer(names, access, rules)
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
        exported = exported_columns(self.record_class, names, accept_consents=self._accepts_consents)
        if unknown := self._unknown(names, exported):
            raise UnknownColumns(unknown)
        found = [exported[name] if name in exported else self._spec(name) for name in names]
        given = [spec for spec in found if spec]
        fields = Counter(spec.name for spec in given)
        for spec in given:
            if fields[spec.name] > 1:
                twins = (name for name, each in zip(names, found, strict=True) if each and each.name == spec.name)
                raise Invalid(f"is given {fields[spec.name]} times, as {', '.join(twins)}", field=spec.wire_name)
        check_required(given, field_specs(self.record_class))
        if not self._accepts_consents and has_consents(self.record_class, names):
            self.leaves_out_consents = True
        return [_read_by(rules or self._rules, spec) if spec else None for spec in found]

    def _unknown(self, names: Sequence[str], exported: ExportedColumns) -> dict[str, str | None]:
        """Return the names that are not fields, with the field that each probably means."""
        return {name: self._meant(name) for name in names if name not in exported and not self._is_known(name)}

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
        if name is None:
            why = "csv.DictReader makes this of a row with more cells than the header"
            raise Invalid(f"the name of a field is None, not text: {why}")
        if not isinstance(name, str):
            raise Invalid(f"the name of a field is {name!r}, not text")
        is_extra = self._extra == "ignore" or (self._extra == "properties" and "properties" in self._specs)
        return name in NOTES or name == IGNORED or is_extra or self.field(name) is not None

    def _spec(self, name: str) -> FieldSpec | None:
        """Return the field that a known name stands for, None for an ignored name."""
        name = str.__str__(name)  # a member of a string enumeration becomes its text
        if name in NOTES or name == IGNORED:
            return None
        found = self.field(name)
        return _property(name) if found is None and self._extra == "properties" else found

    def field(self, name: str) -> FieldSpec | None:
        """Return the field or detail of a name, in whatever case and separators; None if there is none."""
        kind, dot, key = str.__str__(name).partition(".")
        if dot and not key:
            return None
        if name not in self._specs and dot and key and kind == "properties" and "properties" in self._specs:
            return _property(key)
        if name not in self._specs and dot and key and kind == "dictionary" and "dictionaryProperties" in self._specs:
            return _dictionary_property(key)
        return self._specs.get(name) or self._plain_specs.get(plain(name))

    def _suggestion(self, name: str) -> str | None:
        """Return the field that an unknown name probably means; finding it takes a tenth of a millisecond."""
        return meant(name, {spec.wire_name for spec in self._specs.values()})

    def check_mapped(self, columns: Mapping[str, str]) -> None:
        """Raise `Invalid` if a column is mapped to a name that is not a field."""
        for column, name in columns.items():
            if not self._is_known(name):
                near = self._meant(name) or self._meant(column)  # FIELD may have been pasted as it is
                hint = f"; did you mean {near!r}?" if near else ""
                raise Invalid(f"{column!r} is mapped to {name!r}, which is not a field{hint}")

    def check_header(self, names: Sequence[str]) -> None:
        """Raise `NoContactColumn` if no column of a file is the address or the id of the contacts."""
        if any((spec := self.field(name)) and spec.name in _CONTACT_FIELDS for name in names if name):
            return
        if self._containers.isdisjoint(names) and {"email", "contactId"} & self._specs.keys():
            near = next((name for name in names if self._meant(name) in {"email", "contactId"}), None)
            given = [name for name in names if name]
            unknown = self._unknown(given, exported_columns(self.record_class, given))
            raise NoContactColumn(near, {name: field for name, field in unknown.items() if name != near})


def cell_writer(names: Sequence[str], access: Callable[[int], str]) -> RowWriter:
    """Return a function that maps the column names to the non-empty cells of a row."""
    return compile_writer([(FieldSpec(name, (name,), _as_it_is), access(index)) for index, name in enumerate(names)])


def _as_it_is(value: object) -> object:
    return value


def _accept(_: Body) -> None:
    """Check nothing: the class has no rule for its body as a whole."""


def _fields_of_parts(record_class: type, parts: Sequence[str]) -> dict[str, FieldSpec]:
    """Return the fields of nested objects by the names that they have as columns: detail1, customDetails.detail1."""
    own = names_of(record_class)
    return {
        column: evolve(inner, path=(*own[part].path, *inner.path))
        for part in parts
        for name, inner in names_of(own[part].kind).items()
        for column in (name, ".".join((*own[part].path, name)))
    }


_CONTACT_FIELDS = frozenset({"email", "contact_id"})


def _read_by(rules: CellRules, spec: FieldSpec) -> FieldSpec:
    """Return a field whose texts, and times without a zone, are read by these rules."""
    is_time = not {Form.EVENT_TIME, Form.MILLISECONDS}.isdisjoint(spec.metadata)
    read = rules.spec(spec)
    return _in_zone(read, rules.time_zone) if is_time and rules.time_zone is not UTC else read


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
        number = dictionary_value(milliseconds(value) if kind == "DATE" else value)
        if kind == "NUMBER" and number <= 0:
            raise ValueError(f"is {number}, not a whole number above 0")
        return {"name": key, "type": kind, "value": number}

    name = f"dictionary.{key}"
    metadata = (Form.DICTIONARY_VALUE,)
    return FieldSpec(name, ("dictionaryProperties",), named_errors(name, write), metadata=metadata, appends=True)


def _is_time(value: object) -> bool:
    return hasattr(value, "year") or (isinstance(value, str) and re.match(r"\d{4}-\d\d", value.strip()) is not None)


def contact_shape(extra: ExtraColumns = "error", *, accept_consents: bool = False) -> Shape:
    """Return the shape of contacts; with `accept_consents`, those of an export are given again (see exported.py)."""
    return Shape(Contact, names_of_contact, extra=extra, accept_consents=accept_consents)


def event_shape(extra: ExtraColumns = "error", *, any_location: bool = False) -> Shape:
    """Return the shape of external events; with `any_location`, their location may contain / . and -."""
    checked_as = EventAnywhere if any_location else None
    return Shape(ExternalEvent, names_of_event, extra=extra, checked_as=checked_as)


def product_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the shape of products; their details may be columns, such as brand and detail1."""
    parts = ("system_details", "custom_details")
    return Shape(Product, names_of_product, extra=extra, parts=parts, takes_feeds=True)


def quantity_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the shape of the quantities of products."""
    return Shape(ProductQuantity, names_of_product, extra=extra, takes_feeds=True)


def price_shape(extra: ExtraColumns = "error") -> Shape:
    """Return the shape of the prices of products."""
    return Shape(ProductPrice, names_of_product, extra=extra, takes_feeds=True)
