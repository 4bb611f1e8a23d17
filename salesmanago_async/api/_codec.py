"""Bodies ↔ values: requests are written by their lanes and read strictly, answers are read leniently.

Both ways of reading go through cattrs, whose hooks are the extension point: what JSON gives is taken in any of the
spellings that accounts are known to send (numbers as text, text as numbers, milliseconds as datetimes). A request
that does not fit is `Invalid`, naming the field. An answer always reads: what did not fit is in its `extra`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs
import cattrs
import orjson

from ..errors import Invalid
from ._fields import Form, Wrapped, boolean, integer, number, split_annotation
from ._lanes import Body, class_lane, places

T = TypeVar("T")
Leaves = dict[tuple[str, ...], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(value: Any) -> Body:
    """Return the JSON object for an attrs value; raise `Invalid` naming the first field that breaks its rule."""
    kind: type = type(value)
    return class_lane(kind)(value)


def dumps(body: Any) -> bytes:
    """Return `body` as JSON; raise `Invalid` where it cannot be."""
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise Invalid(_unencodable(body) or str(error)) from None


def _unencodable(body: Any, where: str = "") -> str | None:
    if isinstance(body, str):
        try:
            body.encode()
        except UnicodeEncodeError:
            return f"{where}: is not valid Unicode text: was the file read with the right encoding?"
        return None
    if isinstance(body, dict):
        entries = [(str(key), value) for key, value in body.items()]
        entries += [(key, key) for key, _ in entries]
    else:
        entries = [(where, value) for value in body] if isinstance(body, list) else []
    found = (_unencodable(value, f"{key!a}") for key, value in entries)
    return next((problem for problem in found if problem), None)


def read_strictly(record_class: type[T], body: Mapping[str, Any]) -> T:
    """Read what a caller or a client wrote; raise `Invalid` for an unknown, missing or ill-typed field."""
    return _STRICT.structure(body, record_class)


def read_leniently(record_class: type[T], body: Mapping[str, Any]) -> T:
    """Read what the server wrote; never raise for a field, keep in `extra` what is not known."""
    return _LENIENT.structure(body, record_class)


def _strict_hook(record_class: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    known = _containers(record_class)

    def read(body: Any, _: Any = None) -> Any:
        leaves = _leaves(_object(body), known)
        value = _fill_strictly(record_class, leaves, converter)
        for path, content in leaves.items():
            if content is not None and content != "":
                raise Invalid("is not a documented field", field=".".join(path))
        return value

    return read


def _fill_strictly(record_class: type, leaves: Leaves, converter: cattrs.Converter) -> Any:
    hints = get_type_hints(record_class, include_extras=True)
    values: dict[str, Any] = {}
    for place in places(record_class):
        if not place.path:  # a value merged into the body: its class takes its fields from the same leaves
            values[place.name] = _fill_strictly(split_annotation(hints[place.name])[0], leaves, converter)
            continue
        given = leaves.pop(place.path, None)
        if given is not None and given != "":
            values[place.name] = _naming(place.path, hints[place.name], given, converter)
    for field in attrs.fields(record_class):
        if field.default is attrs.NOTHING and field.name not in values:
            raise Invalid("is missing", field=next(p.wire_name for p in places(record_class) if p.name == field.name))
    return record_class(**values)


def _naming(path: tuple[str, ...], annotation: Any, given: Any, converter: cattrs.Converter) -> Any:
    name = ".".join(path)
    try:
        return _read_field(annotation, given, converter)
    except Invalid as error:
        raise Invalid(error.rule, field=f"{name}.{error.field}" if error.field else name) from None
    except (ValueError, TypeError) as error:
        raise Invalid(str(error), field=name) from None


def _lenient_hook(record_class: type, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    hints = get_type_hints(record_class, include_extras=True)
    plan = [(place.name, place.path, hints[place.name]) for place in places(record_class) if place.name != "extra"]
    known = _containers(record_class)

    def read(body: Any, _: Any = None) -> Any:
        leaves = _leaves(_object(body), known)
        values: dict[str, Any] = {}
        for name, path, annotation in plan:
            given = leaves.get(path)
            if given is None:
                leaves.pop(path, None)
                continue
            try:
                values[name] = _read_field(annotation, given, converter)
            except (ValueError, TypeError, OverflowError):
                continue  # its leaf stays, and so gets into `extra`
            del leaves[path]
        return record_class(**values, extra={".".join(path): value for path, value in leaves.items()})

    return read


def _read_field(annotation: Any, given: Any, converter: cattrs.Converter) -> Any:
    kind, metadata = split_annotation(annotation)
    wrapping = next((mark.key for mark in metadata if isinstance(mark, Wrapped)), None)
    if wrapping:
        given = _object(given)[wrapping]
    for mark in metadata:
        if mark in _FORM_READERS:
            return _FORM_READERS[mark](given)
    return converter.structure(given, kind)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Invalid(f"is {str(body)[:40]!r}, not an object")
    return cast("Mapping[str, Any]", body)


@cache
def _containers(record_class: type) -> frozenset[tuple[str, ...]]:
    """Return the paths of the objects that a class spreads its fields over."""
    hints = get_type_hints(record_class, include_extras=True)
    found: set[tuple[str, ...]] = set()
    for place in places(record_class):
        found.update(place.path[:depth] for depth in range(1, len(place.path)))
        if not place.path:
            found |= _containers(split_annotation(hints[place.name])[0])
    return frozenset(found)


def _leaves(body: Mapping[str, Any], containers: frozenset[tuple[str, ...]], at: tuple[str, ...] = ()) -> Leaves:
    leaves: Leaves = {}
    for key, value in body.items():
        path = (*at, key.removesuffix(":"))  # one documented file has the key "eventId:"
        if path in containers and isinstance(value, Mapping):
            leaves.update(_leaves(cast("Mapping[str, Any]", value), containers, path))
        else:
            leaves[path] = value
    return leaves


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _read_moment(given: Any, _: Any = None) -> datetime:
    if isinstance(given, str) and not given.lstrip("-").isdecimal():
        moment = datetime.fromisoformat(given)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _moment(integer(given))


def _read_text(given: Any, _: Any = None) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    raise ValueError(f"is a {type(given).__name__}, not text")


_FORM_READERS: dict[Any, Callable[[Any], Any]] = {
    Form.EMAIL: _read_text,
    Form.BIRTHDAY: _read_text,
    Form.COMMA_LIST: _read_text,
    Form.MILLISECONDS: _read_moment,
    Form.EVENT_TIME: _read_moment,
    Form.SECONDS: lambda given: _moment(integer(given) * 1000),
    Form.NUMBER: number,
    Form.DICTIONARY_VALUE: integer,
}


def _sequence_hook(annotation: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    item = get_args(annotation)[0]
    make: Callable[[list[Any]], Any] = tuple if get_origin(annotation) is tuple else list

    def read(given: Any, _: Any = None) -> Any:
        if not isinstance(given, list):
            given = [given]  # one value where a list is documented: `message` is sent so
        return make([_read_field(item, entry, converter) for entry in cast("list[Any]", given)])

    return read


def _mapping_hook(annotation: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    value_type = get_args(annotation)[1]

    def read(given: Any, _: Any = None) -> Any:
        return {key: _read_field(value_type, value, converter) for key, value in _object(given).items()}

    return read


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _converter(class_hook: Callable[[type, cattrs.Converter], Callable[[Any, Any], Any]]) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    for kind, hook in (
        (str, _read_text),
        (bool, lambda given, _: boolean(given)),
        (int, lambda given, _: integer(given)),
        (float, lambda given, _: number(given)),
        (datetime, _read_moment),
    ):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(attrs.has, lambda kind: class_hook(kind, converter))
    converter.register_structure_hook_factory(
        lambda kind: _origin(kind) in {Sequence, list, tuple}, lambda kind: _sequence_hook(kind, converter)
    )
    converter.register_structure_hook_factory(
        lambda kind: _origin(kind) in {Mapping, dict}, lambda kind: _mapping_hook(kind, converter)
    )
    converter.register_structure_hook_factory(
        lambda kind: hasattr(kind, "from_wire"), lambda kind: lambda given, _: kind.from_wire(given)
    )
    return converter


_STRICT = _converter(_strict_hook)
_LENIENT = _converter(_lenient_hook)
