"""Which express lane (see _guesses.py) a record takes: that of its table's header, of its class, or of its keys.

Records come in runs of the like. So the lane of the last one is tried first: it finds out itself, for next to nothing,
whether a record is its own, and has any other one met anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..api.codegen import FieldSpec
from ..errors import Invalid
from .compiled import Encode, Encoded, EncoderContext, Field, compiled_encoder, merges
from .shared_keys import SharedKeysEncoder

SpecsOf: TypeAlias = Callable[[Sequence[str]], Sequence[FieldSpec | None]]
"""Tells what the names of fields stand for, None for nothing; raises `Invalid` naming one that is not known."""

MOST_LANES = 64
"""Sets of keys that have a lane of their own; further ones share the lane of all keys that there are."""


class Encoder:
    """Encodes records; `encode` is the function that is best for one like the last, so it is asked for each time."""

    def __init__(self, encode: Encode) -> None:
        self.encode = encode


def cell_encoder(names: Sequence[str], specs_of: SpecsOf, commons: EncoderContext) -> Encoder:
    """Return what encodes rows of cells; one under the name "" has to be empty."""
    variables = [f"v{index}" for index in range(len(names))]
    columns = list(zip(variables, names, strict=True))
    field_specs = specs_of([name for name in names if name])
    named = zip((variable for variable, name in columns if name), field_specs, strict=True)
    opening = [f"[{', '.join(variables)}] = row"]
    opening += [f"if {variable}: raise FastPathMiss" for variable, name in columns if not name]
    fields = [Field(variable, spec) for variable, spec in named if spec]
    return Encoder(compiled_encoder(fields, commons, opening=opening, are_cells=True))


class RecordEncoder(Encoder):
    """Encodes instances of a class, and mappings; the careful way refuses whatever else there is."""

    def __init__(self, values: "InstanceEncoder", keys: "MappingEncoder", careful: Encode) -> None:
        super().__init__(self._meet)
        values.meet = keys.meet = self._meet
        self._values = values
        self._keys = keys
        self._careful = careful

    def _meet(self, record: Any) -> Encoded:
        """Encode a record that is not like the last one, and be ready for more like it."""
        if isinstance(record, Mapping):
            fields: Mapping[Any, Any] = record
            return self._meet_fields(fields if type(fields) is dict else dict(fields))
        if record.__class__ is not self._values.record_class:
            return self._careful(record)
        self.encode = self._values.lane_for(record)
        return self.encode(record)

    def _meet_fields(self, record: dict[Any, Any]) -> Encoded:
        lane = self._keys.lane_for(record)
        if lane is None:
            return self._keys.encode_widely(record) or self._careful(record)
        self.encode = lane
        return lane(record)


class InstanceEncoder:
    """The lane for instances of a class: it has the fields that one of them was seen to use, and those all must."""

    def __init__(self, record_class: type, field_specs: Sequence[FieldSpec], commons: EncoderContext) -> None:
        self.record_class = record_class
        self._specs = field_specs
        self._commons = commons
        self._used = frozenset(spec.name for spec in field_specs if spec.required)
        self._lane: Encode | None = None
        self.meet = commons.careful

    def lane_for(self, record: Any) -> Encode:
        """Return the lane."""
        used = self._used.union(spec.name for spec in self._specs if getattr(record, spec.name) is not None)
        if self._lane is None or used != self._used:
            self._used = used
            self._lane = self._generated()
        return self._lane

    def _generated(self) -> Encode:
        fields = [Field(f"v_{spec.name}", spec) for spec in self._specs if spec.name in self._used]
        unused = [f"row.{spec.name}" for spec in self._specs if spec.name not in self._used]
        opening = ["if row.__class__ is not record_class: return meet(row)"]
        opening += [f"if not ({' is '.join([*unused, 'None'])}): return meet(row)"] if unused else []
        opening += [f"{field.variable} = row.{field.spec.name}" for field in fields]
        names = {"meet": self.meet, "record_class": self.record_class}
        return compiled_encoder(fields, self._commons, opening=opening, names=names)


class MappingEncoder:
    """The lanes for dicts, by their keys, and by those of the objects among their values, the `containers`.

    `flattened` puts the fields of those objects beside the others; it may raise `Invalid`.
    """

    def __init__(
        self,
        specs_of: SpecsOf,
        commons: EncoderContext,
        *,
        containers: frozenset[str],
        flattened: Callable[[Mapping[Any, Any]], dict[Any, Any]],
    ) -> None:
        self._specs_of = specs_of
        self._commons = commons
        self._containers = containers
        self._flattened = flattened
        self._lanes: dict[Any, Encode | None] = {}
        self._wide = SharedKeysEncoder(self._generated_wide)
        self.meet = commons.careful

    def lane_for(self, record: dict[Any, Any]) -> Encode | None:
        """Return the lane for a dict like this; None where there is none, be it that there are enough."""
        keys = self._keys_of(record)
        if keys not in self._lanes and not self._are_enough:
            self._lanes[keys] = self._generated(record) if keys else None
        return self._lanes.get(keys)

    def encode_widely(self, record: dict[Any, Any]) -> Encoded | None:
        """Encode a dict by the lane that further ones share, once there are enough; None where that cannot be."""
        if not self._are_enough:
            return None
        try:
            return self._wide.encode(self._flattened(record))
        except Invalid:  # the careful way words it, who knows what the record itself has
            return None

    @property
    def _are_enough(self) -> bool:
        return len(self._lanes) >= MOST_LANES

    def _keys_of(self, record: dict[Any, Any]) -> tuple[Any, ...] | None:
        """Return the keys, and those of the objects further in; None where one of those is no dict."""
        inner = [record[key] for key in record if key in self._containers]
        if any(value.__class__ is not dict for value in inner):
            return None
        found = tuple(self._keys_of(value) for value in inner)
        return (tuple(record), found) if None not in found else None

    def _generated(self, record: dict[Any, Any]) -> Encode | None:
        unpacking = _Unpacking(record, self._containers)
        fields = self._fields_of(unpacking)
        return self._lane(fields, unpacking) if fields is not None else None

    def _generated_wide(self, record: dict[Any, Any]) -> Encode | None:
        """Generate the lane, unless some have details in columns, others in an object: each kind has its own order."""
        unpacking = _Unpacking(record, self._containers)
        fields = self._fields_of(unpacking)
        return self._lane(fields, unpacking) if fields is not None and not merges(fields) else None

    def _fields_of(self, unpacking: "_Unpacking") -> list[Field] | None:
        try:
            field_specs = self._specs_of(list(unpacking.fields.values()))
        except Invalid:  # the careful way says so, of each such record
            return None
        return [Field(variable, spec) for variable, spec in zip(unpacking.fields, field_specs, strict=True) if spec]

    def _lane(self, fields: Sequence[Field], unpacking: "_Unpacking") -> Encode:
        names = {**unpacking.keys, "meet": self.meet}
        return compiled_encoder(fields, self._commons, opening=unpacking.lines, names=names)


class _Unpacking:
    """The lines that take the values out of dicts like one, which is known by its keys, into variables."""

    def __init__(self, record: dict[Any, Any], containers: frozenset[str]) -> None:
        self._containers = containers
        self.lines: list[str] = []
        self.fields: dict[str, Any] = {}
        """Variable → the name of its field, in the order of the record."""
        self.keys: dict[str, list[Any]] = {}
        self._add("row", record)

    def _add(self, variable: str, record: dict[Any, Any]) -> None:
        self.keys[f"keys_of_{variable}"] = list(record)
        is_other = f"{variable}.__class__ is not dict or [*{variable}] != keys_of_{variable}"
        inner = [f"{variable}_{index}" for index in range(len(record))]
        self.lines += [f"if {is_other}: return meet(row)", f"[{', '.join(inner)}] = {variable}.values()"]
        for name, (key, value) in zip(inner, record.items(), strict=True):
            if key in self._containers:
                self._add(name, value)
            else:
                self.fields[name] = key
