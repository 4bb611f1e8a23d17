"""Selects the compiled encoder (see compiled.py) of a record: by the header of its table, its class, or its keys.

Similar records usually follow each other. So the encoder of the last record is tried first: it finds out itself, at
almost no cost, whether a record fits, and passes any other record back to the selection.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from ..api.codegen import FieldSpec
from ..errors import Invalid
from .class_rows import ToDict, may_repeat_names, row_reader
from .compiled import Encode, Encoded, EncoderContext, Field, compiled_encoder, merges
from .shared_keys import SharedKeysEncoder

SpecsOf: TypeAlias = Callable[[Sequence[str]], Sequence[FieldSpec | None]]
"""Returns the fields that names stand for, None for an ignored name; raises `Invalid` naming an unknown one."""

MAX_ENCODERS = 64
"""The most sets of keys with an encoder of their own; records with other sets share one encoder with all keys."""


class Encoder:
    """Encodes records. `encode` is the best function for a record like the last one: read the attribute each time."""

    def __init__(self, encode: Encode) -> None:
        self.encode = encode


def cell_encoder(
    names: Sequence[str], specs_of: SpecsOf, context: EncoderContext, *, texts: Collection[int] | None = None
) -> Encoder:
    """Return the encoder for rows of cells; a cell under the name "" must be empty.

    `texts` are the numbers of the columns in which every cell is text, or None: all of them if it is left out.
    """
    variables = [f"v{index}" for index in range(len(names))]
    known = variables if texts is None else [variables[index] for index in texts]
    columns = list(zip(variables, names, strict=True))
    field_specs = specs_of([name for name in names if name])
    named = zip((variable for variable, name in columns if name), field_specs, strict=True)
    opening = [f"[{', '.join(variables)}] = row"]
    opening += [f"if {variable}: raise FastPathMiss" for variable, name in columns if not name]
    fields = [Field(variable, spec) for variable, spec in named if spec]
    return Encoder(compiled_encoder(fields, context, opening=opening, texts=known))


class RecordEncoder(Encoder):
    """Encodes instances of a class, mappings, and rows with names; for anything else the slow path raises an error."""

    def __init__(self, values: "InstanceEncoder", keys: "MappingEncoder", slow_path: Encode) -> None:
        super().__init__(self._encode_any)
        values.encode_any = keys.encode_any = self._encode_any
        self._values = values
        self._keys = keys
        self._slow_path = slow_path

    def _encode_any(self, record: Any) -> Encoded:
        """Encode a record that differs from the last one, and select the encoder for more records like it."""
        if record.__class__ is self._values.record_class:
            self.encode = self._values.encoder_for(record)
            return self.encode(record)
        if isinstance(record, dict):
            fields: dict[Any, Any] = record
            return self._encode_mapping(fields if type(fields) is dict else dict(fields))
        to_dict = dict if isinstance(record, Mapping) else self._row_reader(record)
        return self._encode_row(record, to_dict) if to_dict else self._slow_path(record)

    def _row_reader(self, record: Any) -> ToDict | None:
        return None if isinstance(record, self._values.record_class) else row_reader(record)

    def _encode_mapping(self, record: dict[Any, Any]) -> Encoded:
        encode = self._keys.encoder_for(record)
        if encode is None:
            return self._keys.encode_with_shared_keys(record) or self._slow_path(record)
        self.encode = encode
        return encode(record)

    def _encode_row(self, record: Any, to_dict: ToDict) -> Encoded:
        """Encode a row with names, and select the encoder that does the same for more rows of its class."""
        fields = to_dict(record)
        encode = self._keys.encoder_for(fields)
        if encode is None:
            return self._encode_mapping(fields)
        kind, encode_any = record.__class__, self._encode_any

        def encode_row(row: Any) -> Encoded:
            return encode(to_dict(row)) if row.__class__ is kind else encode_any(row)

        def encode_sized_row(row: Any) -> Encoded:
            if row.__class__ is kind and len(given := to_dict(row)) == len(row):
                return encode(given)
            return encode_any(row)

        self.encode = encode_sized_row if may_repeat_names(record, to_dict) else encode_row
        return encode(fields)


class InstanceEncoder:
    """The encoder for instances of a class. It covers the fields that any instance has used so far."""

    def __init__(self, record_class: type, field_specs: Sequence[FieldSpec], context: EncoderContext) -> None:
        self.record_class = record_class
        self._specs = field_specs
        self._context = context
        self._used = frozenset(spec.name for spec in field_specs if spec.required)
        self._encode: Encode | None = None
        self.encode_any = context.slow_path

    def encoder_for(self, record: Any) -> Encode:
        """Return the encoder, which is compiled again if the record uses another field."""
        used = self._used.union(spec.name for spec in self._specs if getattr(record, spec.name) is not None)
        if self._encode is None or used != self._used:
            self._used = used
            self._encode = self._generate()
        return self._encode

    def _generate(self) -> Encode:
        fields = [Field(f"v_{spec.name}", spec) for spec in self._specs if spec.name in self._used]
        unused = [f"row.{spec.name}" for spec in self._specs if spec.name not in self._used]
        opening = ["if row.__class__ is not record_class: return encode_any(row)"]
        opening += [f"if not ({' is '.join([*unused, 'None'])}): return encode_any(row)"] if unused else []
        opening += [f"{field.variable} = row.{field.spec.name}" for field in fields]
        names = {"encode_any": self.encode_any, "record_class": self.record_class}
        return compiled_encoder(fields, self._context, opening=opening, names=names)


class MappingEncoder:
    """The encoders for dicts, by their keys and the keys of the nested objects, the `containers`.

    `flattened` moves the fields of the nested objects to the top level; it may raise `Invalid`. `is_exported` returns
    whether a record with such keys is an export, whose keys have another meaning (see exported.py).
    """

    def __init__(
        self,
        specs_of: SpecsOf,
        context: EncoderContext,
        *,
        containers: frozenset[str],
        flattened: Callable[[Mapping[Any, Any]], dict[Any, Any]],
        is_exported: Callable[[Collection[Any]], bool],
    ) -> None:
        self._specs_of = specs_of
        self._context = context
        self._is_trimmed = context.trim is str.strip
        self._containers = containers
        self._flattened = flattened
        self._encoders: dict[Any, Encode | None] = {}
        self._is_exported = is_exported
        # records that share keys must agree on their meaning: one that is no export must not be taken for one
        self._shared = {kind: SharedKeysEncoder(partial(self._generate_shared, kind)) for kind in (False, True)}
        self.encode_any = context.slow_path

    def encoder_for(self, record: dict[Any, Any]) -> Encode | None:
        """Return the encoder for dicts with these keys; None if there can be none, or if there are too many already."""
        keys = self._keys_of(record)
        if keys not in self._encoders and not self._is_full:
            self._encoders[keys] = self._generate(record, keys) if keys else None
        return self._encoders.get(keys)

    def encode_with_shared_keys(self, record: dict[Any, Any]) -> Encoded | None:
        """Encode a dict with the encoder that further sets of keys share; None if that is impossible or not needed."""
        if not self._is_full:
            return None
        try:
            flat = self._flattened(record)
            return self._shared[self._is_exported(flat)].encode(flat)
        except Invalid:  # the slow path raises a better error: it knows which fields the record itself has
            return None

    @property
    def _is_full(self) -> bool:
        return len(self._encoders) >= MAX_ENCODERS

    def _keys_of(self, record: dict[Any, Any]) -> tuple[Any, ...] | None:
        """Return the keys of a dict and of its nested objects; None if a nested object is not a dict."""
        inner = [record[key] for key in record if key in self._containers]
        if any(value.__class__ is not dict for value in inner):
            return None
        found = tuple(self._keys_of(value) for value in inner)
        return (tuple(record), found) if None not in found else None

    def _generate(self, record: dict[Any, Any], keys: Any) -> Encode | None:
        """Compile the encoder for dicts with these keys, which expects text where this record has text."""
        unpack = _UnpackCode(record, self._containers)
        fields = self._fields_of(unpack)
        if fields is None:
            return None
        if not self._is_trimmed or not unpack.texts:
            return self._compile(fields, unpack)

        def tested(row: Any) -> Encoded:
            self._encoders[keys] = self._compile(fields, unpack)
            return self.encode_any(row)

        return self._compile(fields, unpack, untested=unpack.texts, tested=tested)

    def _generate_shared(self, exported: bool, record: dict[Any, Any]) -> Encode | None:
        """Compile the shared encoder; None if some records have details in columns and others in an object.

        Each of these two kinds has its own order of fields. None, too, if only the keys together look like an export.
        """
        if self._is_exported(record) != exported:
            return None
        unpack = _UnpackCode(record, self._containers)
        fields = self._fields_of(unpack)
        return self._compile(fields, unpack) if fields is not None and not merges(fields) else None

    def _fields_of(self, unpack: "_UnpackCode") -> list[Field] | None:
        try:
            field_specs = self._specs_of(list(unpack.fields.values()))
        except Invalid:  # the slow path raises this error for each such record
            return None
        return [Field(variable, spec) for variable, spec in zip(unpack.fields, field_specs, strict=True) if spec]

    def _compile(
        self,
        fields: Sequence[Field],
        unpack: "_UnpackCode",
        *,
        untested: Collection[str] = (),
        tested: Encode | None = None,
    ) -> Encode:
        names = {**unpack.keys, "encode_any": self.encode_any, "tested": tested}
        return compiled_encoder(fields, self._context, opening=unpack.lines, untested=untested, names=names)


class _UnpackCode:
    """The lines that unpack dicts with the same keys as `record` into variables."""

    def __init__(self, record: dict[Any, Any], containers: frozenset[str]) -> None:
        self._containers = containers
        self.lines: list[str] = []
        self.fields: dict[str, Any] = {}
        """Maps each variable to the name of its field, in the order of the record."""
        self.texts: set[str] = set()
        """The variables that are text in this record."""
        self.keys: dict[str, list[Any]] = {}
        self._add("row", record)

    def _add(self, variable: str, record: dict[Any, Any]) -> None:
        self.keys[f"keys_of_{variable}"] = list(record)
        is_other = f"{variable}.__class__ is not dict or [*{variable}] != keys_of_{variable}"
        inner = [f"{variable}_{index}" for index in range(len(record))]
        self.lines += [f"if {is_other}: return encode_any(row)", f"[{', '.join(inner)}] = {variable}.values()"]
        for name, (key, value) in zip(inner, record.items(), strict=True):
            if key in self._containers:
                self._add(name, value)
            else:
                self.fields[name] = key
                if value.__class__ is str:
                    self.texts.add(name)
