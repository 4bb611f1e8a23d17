"""Converts between bodies and values: requests are written, and read strictly; answers are read leniently.

Both kinds of reading use cattrs, whose hooks are the extension point. They accept every spelling of a JSON value that
accounts are known to send (numbers as text, text as numbers, milliseconds as datetimes). A request that does not fit
raises `Invalid` naming the field. An answer can always be read: content that does not fit is in its `extra`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs
import cattrs
import orjson
from attrs import frozen

from ..errors import Invalid
from .codegen import Body, class_writer, field_specs
from .fields import Codec, Form, Wrapped, boolean, integer, number, split_annotation
from .readers import UNREADABLE, FieldReader, ObjectReader, Reader, documented_name

T = TypeVar("T")
Leaves = dict[tuple[str, ...], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(value: Any) -> Body:
    """Return the JSON object for an attrs value; raise `Invalid` naming the first field that breaks its rule."""
    kind: type = type(value)
    return class_writer(kind)(value)


def dumps(body: Any) -> bytes:
    """Return `body` as JSON; raise `Invalid` if it cannot be encoded."""
    try:
        return orjson.dumps(body)
    except TypeError as error:
        rule = _unencodable(body) or str(error)
    raise Invalid(rule)  # outside the except block: the error of orjson may quote the text, and must not be chained


def _unencodable(body: Any, name: str = "") -> str | None:
    if isinstance(body, str):
        try:
            body.encode()
        except UnicodeEncodeError:
            return f"{name}: is not valid Unicode text; if its file has another encoding, give that with encoding=..."
        return None
    if isinstance(body, dict):
        entries = [(str(key), value) for key, value in body.items()]
        entries += [(key, key) for key, _ in entries]
    else:
        entries = [(name, value) for value in body] if isinstance(body, list) else []
    found = (_unencodable(value, f"{key!a}") for key, value in entries)
    return next((problem for problem in found if problem), None)


def read_strictly(record_class: type[T], body: Mapping[str, Any]) -> T:
    """Read what a caller or a client wrote; raise `Invalid` for an unknown, missing or ill-typed field.

    What is null is absent.
    """
    return _STRICT.structure(body, record_class)


def read_leniently(record_class: type[T], body: Mapping[str, Any]) -> T:
    """Read what the server wrote. Never raises for a field: unknown content is kept in `extra`."""
    return lenient_reader(record_class)(body)


def lenient_reader(record_class: type[T]) -> Callable[[Any], T]:
    """Return the function that reads many objects of one class leniently."""
    kind: Any = record_class
    return _lenient_hook_of(kind)


@cache
def _lenient_hook_of(record_class: Any) -> Reader:
    return _LENIENT.get_structure_hook(record_class)


@frozen
class _Field(FieldReader):
    """A field as the slow-path readers need it; `also` is an alternative path."""

    required: bool
    also: tuple[str, ...]

    @classmethod
    def all_of(cls, record_class: type, converter: cattrs.Converter) -> list[Self]:
        """Return the fields of a class; a field without a path is merged into the body, and has fields of its own."""
        hints = get_type_hints(record_class, include_extras=True)
        return [
            cls(
                spec.name,
                spec.path,
                hints[spec.name],
                _reader(hints[spec.name], converter),
                _entry_reader(hints[spec.name], converter),
                spec.required,
                spec.also,
            )
            for spec in field_specs(record_class)
            if spec.name != "extra"
        ]


def _strict_hook(record_class: type, converter: cattrs.Converter) -> Reader:
    fill = _filler(record_class, converter)
    known = _containers(record_class)

    def read(body: Any, _: Any = None) -> Any:
        leaves = _leaves(_object(body), known)
        for path in known & leaves.keys():
            if leaves[path] != "":
                raise Invalid(f"is {str(leaves[path])[:40]!r}, not an object", field=".".join(path))
        value = fill(leaves)
        for path, content in leaves.items():
            if content is not None and content != "":
                raise Invalid("is not a documented field", field=".".join(path))
        return value

    return read


def _filler(record_class: type, converter: cattrs.Converter) -> Callable[[Leaves], Any]:
    """Return the function that takes the fields of a class out of the leaves of a body."""
    plan = _Field.all_of(record_class, converter)
    hints = get_type_hints(record_class, include_extras=True)
    merged = {
        field.name: _filler(split_annotation(hints[field.name])[0], converter) for field in plan if not field.path
    }

    def fill(leaves: Leaves) -> Any:
        values: dict[str, Any] = {}
        for field in plan:
            if not field.path:
                values[field.name] = merged[field.name](leaves)
                continue
            given = leaves.pop(field.path, None)
            if given is not None and given != "":
                values[field.name] = _read_field(field, given)
            elif field.required:
                raise Invalid("is missing", field=".".join(field.path))
        return record_class(**values)

    return fill


def _read_field(field: _Field, given: Any) -> Any:
    """Read a field; an error names the field."""
    name = ".".join(field.path)
    try:
        return field.read(given)
    except Invalid as error:
        raise Invalid(error.rule, field=f"{name}.{error.field}" if error.field else name) from None
    except UNREADABLE as error:
        raise Invalid(str(error), field=name) from None


_OBJECT_READERS: dict[type, ObjectReader] = {}


def _lenient_hook(record_class: type, converter: cattrs.Converter) -> Reader:
    """Return the reader of a class, which is compiled if the class allows that."""
    plan = _Field.all_of(record_class, converter)
    slow_read = _slow_reader(record_class, plan)
    if not plan or any(field.required or field.also or not field.path for field in plan):
        return slow_read
    reader = _OBJECT_READERS[record_class] = ObjectReader(record_class, plan, slow_read, _OBJECT_READERS)
    return lambda body, _=None: reader.read(body)


def _slow_reader(record_class: type, plan: Sequence[_Field]) -> Reader:
    known = _containers(record_class)

    def read(body: Any, _: Any = None) -> Any:
        leaves = _leaves(_object(body), known)
        values: dict[str, Any] = {}
        for field in plan:
            given = leaves.pop(field.path if field.path in leaves else field.also, None)
            if given is None:
                continue
            if field.read_entry and isinstance(given, list):
                values[field.name], given = _readable(given, field.read_entry)
                if not given:
                    continue
            else:
                try:
                    values[field.name] = field.read(given)
                    continue
                except UNREADABLE:
                    pass
            leaves[field.path] = given  # unreadable content goes into `extra`
        return record_class(**values, extra=_nested(leaves))

    return read


def _readable(given: list[Any], read: Reader) -> tuple[tuple[Any, ...], list[Any]]:
    """Return the values of the readable entries, and the unreadable entries."""
    values: list[Any] = []
    odd: list[Any] = []
    for entry in given:
        try:
            values.append(read(entry))
        except UNREADABLE:
            odd.append(entry)
    return tuple(values), odd


def _nested(leaves: Leaves) -> dict[str, Any]:
    """Put leaves back into nested objects."""
    body: dict[str, Any] = {}
    for path, value in leaves.items():
        inner = body
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return body


def _entry_reader(annotation: Any, converter: cattrs.Converter) -> Reader | None:
    """Return the reader of one entry if the field is a tuple of entries, else None."""
    kind, _ = split_annotation(annotation)
    return _reader(get_args(kind)[0], converter) if _origin(kind) is tuple else None


def _reader(annotation: Any, converter: cattrs.Converter) -> Reader:
    """Return the reader of a field with this annotation."""
    kind, metadata = split_annotation(annotation)
    from_form = next((_FORM_READERS[item] for item in metadata if item in _FORM_READERS), None)
    from_codec = next((item.read for item in metadata if isinstance(item, Codec)), None)
    inner = from_codec or from_form or _structuring(kind, converter)
    wrapping = next((item.key for item in metadata if isinstance(item, Wrapped)), None)
    return (lambda given: inner(_unwrapped(given, wrapping))) if wrapping else inner


def _unwrapped(given: Any, key: str) -> Any:
    wrapped = _object(given)
    for name in wrapped.keys() ^ {key}:
        raise Invalid("is missing" if name == key else "is not a documented field", field=name)
    return wrapped[key]


def _structuring(kind: Any, converter: cattrs.Converter) -> Reader:
    if kind is Any:
        return lambda given: given
    hook = converter.get_structure_hook(kind)
    return hook if attrs.has(kind) else lambda given: hook(given, kind)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Invalid(f"is {str(body)[:40]!r}, not an object")
    return cast("Mapping[str, Any]", body)


@cache
def _containers(record_class: type) -> frozenset[tuple[str, ...]]:
    """Return the paths of the nested objects that contain fields of a class."""
    hints = get_type_hints(record_class, include_extras=True)
    found: set[tuple[str, ...]] = set()
    for spec in field_specs(record_class):
        found.update(spec.path[:depth] for depth in range(1, len(spec.path)))
        if not spec.path:
            found |= _containers(split_annotation(hints[spec.name])[0])
    return frozenset(found)


def _leaves(body: Mapping[str, Any], containers: frozenset[tuple[str, ...]], at: tuple[str, ...] = ()) -> Leaves:
    leaves: Leaves = {}
    for key, value in body.items():
        path = (*at, documented_name(key, body))
        if path in containers and value is None:
            continue
        if path in containers and isinstance(value, Mapping):
            leaves.update(_leaves(cast("Mapping[str, Any]", value), containers, path))
        else:
            leaves[path] = value
    return leaves


def _moment(milliseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(f"is {milliseconds} ms after 1970, a time beyond the calendar") from None


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


_FORM_READERS: dict[Any, Reader] = {
    Form.EMAIL: _read_text,
    Form.BIRTHDAY: _read_text,
    Form.COMMA_LIST: _read_text,
    Form.MILLISECONDS: _read_moment,
    Form.EVENT_TIME: _read_moment,
    Form.SECONDS: lambda given: _moment(integer(given) * 1000),
    Form.NUMBER: number,
    Form.DICTIONARY_VALUE: integer,
}


def _sequence_hook(annotation: Any, converter: cattrs.Converter) -> Reader:
    read_item = _reader(get_args(annotation)[0], converter)
    make: Callable[[list[Any]], Any] = tuple if get_origin(annotation) is tuple else list

    def read(given: Any, _: Any = None) -> Any:
        if not isinstance(given, list):
            given = [given]  # some answers have a single value where a list is documented, such as `message`
        return make([read_item(entry) for entry in cast("list[Any]", given)])

    return read


def _mapping_hook(annotation: Any, converter: cattrs.Converter) -> Reader:
    read_value = _reader(get_args(annotation)[1], converter)

    def read(given: Any, _: Any = None) -> Any:
        return {key: read_value(value) for key, value in _object(given).items()}

    return read


def _mapping_of_a_request_hook(annotation: Any, converter: cattrs.Converter) -> Reader:
    read = _mapping_hook(annotation, converter)
    return lambda given, _=None: read({key: value for key, value in _object(given).items() if value is not None})


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _converter(class_hook: Callable[[type, cattrs.Converter], Reader]) -> cattrs.Converter:
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
        lambda kind: hasattr(kind, "from_wire"), lambda kind: lambda given, _=None: kind.from_wire(given)
    )
    return converter


_STRICT = _converter(_strict_hook)
_STRICT.register_structure_hook_factory(
    lambda kind: _origin(kind) in {Mapping, dict}, lambda kind: _mapping_of_a_request_hook(kind, _STRICT)
)
_LENIENT = _converter(_lenient_hook)
