"""The fast path of reading: one generated function per class, from an object of JSON to its value.

The careful reader (`_codec`) copes with whatever a server may send. Nearly all that servers do send is as documented,
and object after object has the same names in the same order. A *lane* reads that. When the first object of a class is
there, straight-line code is generated from the fields of the class and from the names of that object:

    if tuple(row) == usual:                       # the names of the first object
        (v0, v2,) = row.values()
        v1 = None
        extra = {}
    else:
        merged = names | row                      # the documented names in their order; what else there is follows
        ...
    value = Twin()
    value.email = None if v0 is None else v0 if v0.__class__ is str else read0(v0)
    ...
    value.__class__ = ContactDetails

What is not text where text is documented goes to the field's careful reader; what that cannot read, and every other
surprise, sends the whole object to the careful reader of the class. So there is one truth for what things mean, and a
lane only has to be right about the plainest cases.

The twin is there because a frozen class sets its fields through `object.__setattr__`: for an event of 30 fields that
takes longer than all the rest. The twin is a subclass that is not frozen and has the very same slots. It is filled in a
fifth of the time, and then turned into the class itself.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast, get_args, get_origin

import attrs
from attrs import define, field, frozen

from .fields import Codec, Form, Wrapped, split_annotation

Reader: TypeAlias = Callable[..., Any]
Path: TypeAlias = tuple[str, ...]

UNREADABLE = (ValueError, TypeError, OverflowError)
"""What a reader raises for content that is no value of its kind."""


@frozen
class FieldReader:
    """How one field is read: its place in the object, its annotation, and its careful readers."""

    name: str
    path: Path
    annotation: Any
    read: Reader
    read_entry: Reader | None


@define(eq=False)
class ObjectReader:
    """The way to read the objects of one class; what it does not expect is left to its `careful` reader.

    `read` may change: ask for it anew for every object, or every list of them. `readers` are those of all classes.
    """

    record_class: type
    fields: Sequence[FieldReader]
    careful: Reader
    readers: Mapping[type, "ObjectReader"]
    read: Reader = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.read = self._learn

    def _learn(self, row: Any) -> Any:
        if row.__class__ is not dict:
            return self.careful(row)
        self.read = _generated(self, row)
        return self.read(row)


def _generated(lane: ObjectReader, first: Mapping[str, Any]) -> Reader:
    """Generate the function that reads objects with the names of the first one fast, and others well."""
    names = {**_NAMES, "careful": lane.careful, "Record": lane.record_class, "Twin": _twin(lane.record_class)}
    lines = [*_unpacking(lane.fields, first, names), *_filling(lane, names)]
    source = _TEMPLATE.format("\n        ".join(lines))
    exec(compile(source, "<reading lane>", "exec"), names)  # noqa: S102 - only quoted names and numbers get in
    return cast("Reader", names["read"])


_TEMPLATE = """
def read(row):
    try:
        {}
    except unreadable:
        return careful(row)
    value.__class__ = Record
    return value
"""


def _twin(record_class: type) -> type:
    """Return a class whose instances can be filled, and then be made instances of `record_class`."""
    thawed = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(record_class.__name__, (record_class,), {"__slots__": (), **thawed})


def _unpacking(fields: Sequence[FieldReader], first: Mapping[str, Any], names: dict[str, Any]) -> Iterator[str]:
    """Yield the statements that put the content of each field into its variable, and what has none into `extra`."""
    variables = {inlet.path: f"v{index}" for index, inlet in enumerate(fields)}
    targets = _targets((), variables)
    names["names"], names["usual"] = dict.fromkeys(targets), tuple(first)
    meant = {key: documented_name(key, first) for key in first}
    others = {name: f"x{index}" for index, name in enumerate(meant.values()) if name not in targets}
    absent = [target for key, target in targets.items() if key not in meant.values()]
    yield "if tuple(row) == usual:"
    yield f"    {_tuple_of((targets | others)[name] for name in meant.values())} = values(row)"
    yield "    " + " = ".join([*absent, "None"])
    yield f"    extra = {{{', '.join(f'{name!a}: {variable}' for name, variable in others.items())}}}"
    yield "else:"
    yield "    merged = names | row"
    yield "    extra = {}"
    yield f"    if len(merged) != {len(targets)}: merged, extra = sort_out(row, names)"
    yield f"    {_tuple_of(targets.values())} = merged.values()"
    yield from _unpacking_inside((), targets, variables, names)


def _unpacking_inside(
    at: Path, targets: Mapping[str, str], variables: Mapping[Path, str], names: dict[str, Any]
) -> Iterator[str]:
    """Yield the statements that unpack the objects that fields are spread over."""
    for key, target in targets.items():
        if (*at, key) not in variables:
            inner = _targets((*at, key), variables)
            names[f"names_{target}"] = dict.fromkeys(inner)
            yield f"{_tuple_of(inner.values())} = (names_{target} | ({{}} if {target} is None else {target})).values()"
            yield from _unpacking_inside((*at, key), inner, variables, names)


def _targets(at: Path, variables: Mapping[Path, str]) -> dict[str, str]:
    """Return the documented names in the object at a path, and the variables for them."""
    keys = dict.fromkeys(path[len(at)] for path in variables if path[: len(at)] == at)
    return {key: variables.get((*at, key), f"part{len(at)}_{index}") for index, key in enumerate(keys)}


def _tuple_of(variables: Iterable[str]) -> str:
    return f"({''.join(f'{variable}, ' for variable in variables)})"


def _sort_out(row: Mapping[str, Any], names: Mapping[str, None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of the documented names, and that of others."""
    known, extra = dict[str, Any](names), dict[str, Any]()
    for key, content in row.items():
        name = documented_name(key, row)
        (known if name in names else extra)[name] = content
    return known, extra


def documented_name(key: str, row: Mapping[str, Any]) -> str:
    """Return the name that a key of an object means: one documented file has the key "eventId:"."""
    bare = key.removesuffix(":")
    return key if bare in row else bare


def _filling(lane: ObjectReader, names: dict[str, Any]) -> Iterator[str]:
    """Yield the statements that make the twin and fill it."""
    defaults = {field.name: field.default for field in attrs.fields(lane.record_class)}
    yield "value = Twin()"
    yield "value.extra = extra"
    for index, inlet in enumerate(lane.fields):
        absent = _absent(defaults[inlet.name])
        content, names[f"lane{index}"] = _content(inlet.annotation, lane.readers)
        names |= {
            f"read{index}": inlet.read,
            f"entry{index}": inlet.read_entry,
            f"default{index}": defaults[inlet.name],
        }
        yield f"value.{inlet.name} = {absent} if {{v}} is None else {content}".format(v=f"v{index}", i=index)


def _absent(default: Any) -> str:
    """Return the expression for a field, of number `i`, that has no content."""
    if default is None:
        return "None"
    return "default{i}.factory()" if hasattr(default, "factory") else "default{i}"


def _content(annotation: Any, readers: Mapping[type, ObjectReader]) -> tuple[str, ObjectReader | None]:
    """Return the expression that reads the content `v` of a field of number `i`, and the lane that it needs."""
    kind, metadata = split_annotation(annotation)
    if any(isinstance(mark, Form | Codec | Wrapped) for mark in metadata):
        return "read{i}({v})", None
    if get_origin(kind) is tuple:
        content, lane = _content(get_args(kind)[0], readers)
        read_entry = "lane{i}.read" if content == _READ_BY_LANE else "entry{i}"
        return (
            f"(tuple(map({read_entry}, {{v}})) if {{v}} else ()) if {{v}}.__class__ is list else read{{i}}({{v}})",
            lane,
        )
    if kind in readers:
        return _READ_BY_LANE, readers[kind]
    return _PLAIN.get(kind, "read{i}({v})"), None


_READ_BY_LANE = "lane{i}.read({v})"
_PLAIN: dict[Any, str] = {
    str: "{v} if {v}.__class__ is str else read{i}({v})",
    bool: "{v} if {v}.__class__ is bool else read{i}({v})",
    int: "{v} if {v}.__class__ is int else read{i}({v})",
    float: "{v} if ({v}.__class__ is float or {v}.__class__ is int) and -most <= {v} <= most else read{i}({v})",
    datetime: "moment({v} / 1000, utc) if {v}.__class__ is int and 0 <= {v} < exact else read{i}({v})",
}
_NAMES: dict[str, Any] = {
    "values": dict.values,
    "sort_out": _sort_out,
    "unreadable": UNREADABLE,
    "most": sys.float_info.max,
    "moment": datetime.fromtimestamp,
    "utc": UTC,
    "exact": 2**32 * 1000,  # milliseconds up to here, as a float of seconds, are exact to the microsecond
}
