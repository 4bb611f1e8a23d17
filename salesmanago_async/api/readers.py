"""The fast path of reading answers: one generated function per class, from a JSON object to a value.

The slow path (codec.py) copes with anything that a server may send. But nearly everything that servers send is as
documented, and one object after another has the same names in the same order. A compiled reader handles that case. When
the first object of a class arrives, straight-line code is generated from the fields of the class and the names of that
object:

    if tuple(row) == usual:                       # the names of the first object
        (v0, v1,) = row.values()
        v2 = None
        extra = {}
    else:
        merged = names | row                      # the documented names in their order, then all other names
        ...
    value = Twin()
    value.email = None if v0 is None else v0 if v0.__class__ is str else read0(v0)
    value.contact_tags = ... unread(v1) ...       # a list of objects is read later, see lazy_lists.py
    ...
    value.__class__ = ContactDetails

If a value does not have the documented type, the field's own reader converts it. If that fails, or anything else is
unexpected, the slow path reads the whole object. So the meaning of each field is defined in one place only, and a
compiled reader only has to handle the plainest cases.

The twin avoids the cost of a frozen class, which sets its fields through `object.__setattr__`: for an event of 30
fields that would take longer than everything else. The twin is a subclass that is not frozen and has the same slots.
Filling it takes a fifth of the time; then its class is set to the frozen class.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast, get_args, get_origin

import attrs
from attrs import define, field, frozen

from .fields import Codec, Form, Wrapped, split_annotation
from .lazy_lists import make_lazy, unread

Reader: TypeAlias = Callable[..., Any]
Path: TypeAlias = tuple[str, ...]

UNREADABLE = (ValueError, TypeError, OverflowError)
"""The errors that a reader raises if the content is not a value of its kind."""


@frozen
class FieldReader:
    """How one field is read: its path in the object, its annotation, and its slow-path readers."""

    name: str
    path: Path
    annotation: Any
    read: Reader
    read_entry: Reader | None


@define(eq=False)
class ObjectReader:
    """The reader for objects of one class; unexpected objects are passed to `slow_read`.

    `read` may change, so read the attribute again for every object, or for every list of objects. `readers` has the
    reader of each class.
    """

    record_class: type
    fields: Sequence[FieldReader]
    slow_read: Reader
    readers: Mapping[type, "ObjectReader"]
    read: Reader = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.read = self._read_first

    def _read_first(self, row: Any) -> Any:
        if row.__class__ is not dict:
            return self.slow_read(row)
        self.read = _compile(self, row)
        return self.read(row)


def _compile(reader: ObjectReader, first: Mapping[str, Any]) -> Reader:
    """Generate a function that reads objects with the names of `first` fast, and all other objects correctly."""
    slots = {
        each.name: make_lazy(reader.record_class, each.name, entries)
        for each in reader.fields
        if (entries := _entry_reader(each.annotation, reader.readers))
    }
    twin = _twin(reader.record_class, slots)
    names = {**_NAMES, "slow_read": reader.slow_read, "Record": reader.record_class, "Twin": twin}
    lines = [*_unpack(reader.fields, first, names), *_fill(reader, names)]
    source = _TEMPLATE.format("\n        ".join(lines))
    exec(compile(source, "<compiled reader>", "exec"), names)  # noqa: S102 - only quoted names and numbers get in
    return cast("Reader", names["read"])


_TEMPLATE = """
def read(row):
    try:
        {}
    except unreadable:
        return slow_read(row)
    value.__class__ = Record
    return value
"""


def _twin(record_class: type, slots: Mapping[str, Any]) -> type:
    """Return a mutable subclass; its instances can be filled and then turned into instances of `record_class`."""
    thawed = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(record_class.__name__, (record_class,), {"__slots__": (), **thawed, **slots})


def _unpack(fields: Sequence[FieldReader], first: Mapping[str, Any], names: dict[str, Any]) -> Iterator[str]:
    """Yield the statements that assign the content of each field to its variable, and all other content to `extra`."""
    variables = {each.path: f"v{index}" for index, each in enumerate(fields)}
    targets = _targets((), variables)
    names["names"], names["usual"] = dict.fromkeys(targets), tuple(first)
    documented = {key: documented_name(key, first) for key in first}
    others = {name: f"x{index}" for index, name in enumerate(documented.values()) if name not in targets}
    absent = [target for key, target in targets.items() if key not in documented.values()]
    yield "if tuple(row) == usual:"
    yield f"    {_tuple_of((targets | others)[name] for name in documented.values())} = values(row)"
    yield "    " + " = ".join([*absent, "None"])
    yield f"    extra = {{{', '.join(f'{name!a}: {variable}' for name, variable in others.items())}}}"
    yield "else:"
    yield "    merged = names | row"
    yield "    extra = {}"
    yield f"    if len(merged) != {len(targets)}: merged, extra = split_extra(row, names)"
    yield f"    {_tuple_of(targets.values())} = merged.values()"
    yield from _unpack_inside((), targets, variables, names)


def _unpack_inside(
    at: Path, targets: Mapping[str, str], variables: Mapping[Path, str], names: dict[str, Any]
) -> Iterator[str]:
    """Yield the statements that unpack the nested objects which contain fields."""
    for key, target in targets.items():
        if (*at, key) not in variables:
            inner = _targets((*at, key), variables)
            names[f"names_{target}"] = dict.fromkeys(inner)
            yield f"{_tuple_of(inner.values())} = (names_{target} | ({{}} if {target} is None else {target})).values()"
            yield from _unpack_inside((*at, key), inner, variables, names)


def _targets(at: Path, variables: Mapping[Path, str]) -> dict[str, str]:
    """Return the documented names in the object at a path, with the variable for each."""
    keys = dict.fromkeys(path[len(at)] for path in variables if path[: len(at)] == at)
    return {key: variables.get((*at, key), f"part{len(at)}_{index}") for index, key in enumerate(keys)}


def _tuple_of(variables: Iterable[str]) -> str:
    return f"({''.join(f'{variable}, ' for variable in variables)})"


def _split_extra(row: Mapping[str, Any], names: Mapping[str, None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of the documented names, and the content of all other names."""
    known, extra = dict[str, Any](names), dict[str, Any]()
    for key, content in row.items():
        name = documented_name(key, row)
        (known if name in names else extra)[name] = content
    return known, extra


def documented_name(key: str, row: Mapping[str, Any]) -> str:
    """Return the documented name of a key: one documented file has the key "eventId:" with a colon."""
    bare = key.removesuffix(":")
    return key if bare in row else bare


def _fill(reader: ObjectReader, names: dict[str, Any]) -> Iterator[str]:
    """Yield the statements that create the twin and fill it."""
    defaults = {field.name: field.default for field in attrs.fields(reader.record_class)}
    yield "value = Twin()"
    yield "value.extra = extra"
    for index, each in enumerate(reader.fields):
        absent = _absent(defaults[each.name])
        content = _content(each.annotation, reader.readers)
        names |= {
            f"reader{index}": _object_reader(each.annotation, reader.readers),
            f"read{index}": each.read,
            f"entry{index}": each.read_entry,
            f"default{index}": defaults[each.name],
        }
        yield f"value.{each.name} = {absent} if {{v}} is None else {content}".format(v=f"v{index}", i=index)


def _absent(default: Any) -> str:
    """Return the expression for a field, number `i`, that has no content."""
    if default is None:
        return "None"
    return "default{i}.factory()" if hasattr(default, "factory") else "default{i}"


def _content(annotation: Any, readers: Mapping[type, ObjectReader]) -> str:
    """Return the expression that reads the content `v` of field number `i`."""
    kind, metadata = split_annotation(annotation)
    if _has_rules(metadata):
        return "read{i}({v})"
    if get_origin(kind) is tuple:
        entries = "unread({v})" if _entry_reader(annotation, readers) else "tuple(map(entry{i}, {v}))"
        return f"({entries} if {{v}} else ()) if {{v}}.__class__ is list else read{{i}}({{v}})"
    if kind in readers:
        return "reader{i}.read({v})"
    return _PLAIN.get(kind, "read{i}({v})")


def _has_rules(metadata: Iterable[Any]) -> bool:
    """Return whether a field has a form of its own, which only its own reader knows."""
    return any(isinstance(item, Form | Codec | Wrapped) for item in metadata)


def _object_reader(annotation: Any, readers: Mapping[type, ObjectReader]) -> ObjectReader | None:
    """Return the reader of a field that is an object, else None."""
    kind, metadata = split_annotation(annotation)
    return None if _has_rules(metadata) else readers.get(kind)


def _entry_reader(annotation: Any, readers: Mapping[type, ObjectReader]) -> ObjectReader | None:
    """Return the reader of the entries of a field that is a list of objects, else None."""
    kind, metadata = split_annotation(annotation)
    is_list = get_origin(kind) is tuple and not _has_rules(metadata)
    return _object_reader(get_args(kind)[0], readers) if is_list else None


_PLAIN: dict[Any, str] = {
    str: "{v} if {v}.__class__ is str else read{i}({v})",
    bool: "{v} if {v}.__class__ is bool else read{i}({v})",
    int: "{v} if {v}.__class__ is int else read{i}({v})",
    float: "{v} if ({v}.__class__ is float or {v}.__class__ is int) and -most <= {v} <= most else read{i}({v})",
    datetime: "moment({v} / 1000, utc) if {v}.__class__ is int and 0 <= {v} < exact else read{i}({v})",
}
_NAMES: dict[str, Any] = {
    "unread": unread,
    "values": dict.values,
    "split_extra": _split_extra,
    "unreadable": UNREADABLE,
    "most": sys.float_info.max,
    "moment": datetime.fromtimestamp,
    "utc": UTC,
    "exact": 2**32 * 1000,  # milliseconds up to here, as a float of seconds, are exact to the microsecond
}
