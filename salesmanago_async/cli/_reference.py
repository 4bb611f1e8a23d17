"""Describes the documented calls from their request classes: what each is for, its fields, and a table of all."""

import inspect
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from ..api import ALL_REQUESTS, CREDENTIAL_FIELDS, Request, request_class
from ..api.codegen import FieldSpec, field_specs
from ..api.fields import Codec, Count, Form, Text, Upload, Wrapped, split_annotation
from ..api.request import DEFAULTED
from ..support.nearest import nearest

RequestClass: TypeAlias = type[Request[Any]]

_PLAIN = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
_SELECTOR = 'a selector: {"addresseeType": …, "value": …}'


@frozen
class DescribedField:
    """One documented field of a request: its dotted name, and which values it takes."""

    name: str
    required: bool
    takes: str


def purpose_of(request_class: RequestClass) -> str:
    """Return the first sentence of the class's docstring, without the name that the reference has for the call."""
    text = " ".join(inspect.cleandoc(request_class.__doc__ or "").split())
    plain = re.sub(r" \(reference: (?:[^()]|\([^()]*\))*\)", "", text)
    return re.split(r"(?<=\.)\s", plain, maxsplit=1)[0]


def fields_of(record_class: type, within: str = "") -> Iterator[DescribedField]:
    """Yield the fields of a class in order; the fields of a nested object come after the object itself."""
    hints = get_type_hints(record_class, include_extras=True)
    for spec in field_specs(record_class):
        kind, metadata = split_annotation(hints[spec.name])
        if not spec.path:
            yield from fields_of(kind, within)
        elif not any(isinstance(entry, Upload) for entry in metadata):
            name = within + ".".join(spec.path)
            yield DescribedField(name, spec.required, _takes(hints[spec.name]) + _default(spec))
            yield from _fields_of_parts(kind, name)


def misspelt_fields(path: str, body: Mapping[str, Any]) -> str | None:
    """Return a message about fields that are not documented but resemble a documented one; None if there are none."""
    known = request_class(path)
    parts = [field.name.replace("[]", "").split(".") for field in fields_of(known)] if known else []
    names = {".".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)}
    found = [
        f"{name}: is not a documented field; did you mean {near!r}?"
        for name, near in ((name, _nearest_sibling(name, names)) for name in _undocumented(body, names))
        if near
    ]
    return "; ".join(found) or None


def _undocumented(body: Any, names: Container[str], within: str = "") -> Iterator[str]:
    """Yield the dotted names in a body that are not documented; anything is allowed below a field without parts."""
    if isinstance(body, list):
        entries: list[Any] = body
        for entry in entries:
            yield from _undocumented(entry, names, within)
    elif isinstance(body, Mapping):
        for key, content in cast("Mapping[str, Any]", body).items():
            name = f"{within}{key}"
            if name not in names and key not in CREDENTIAL_FIELDS:
                yield name
            elif isinstance(content, list | Mapping):
                yield from _undocumented(content, names, f"{name}.")


def _nearest_sibling(name: str, names: Iterable[str]) -> str | None:
    """Return the documented field of the same object whose name is most similar to this one."""
    within, _, last = name.rpartition(".")
    siblings = [known.rpartition(".")[2] for known in names if known.rpartition(".")[0] == within]
    return nearest(last, siblings)


def _fields_of_parts(kind: Any, name: str) -> Iterator[DescribedField]:
    if _is_part(kind):
        yield from fields_of(kind, f"{name}.")
    elif get_origin(kind) is Sequence and not _has_codec(get_args(kind)[0]):
        yield from _fields_of_parts(split_annotation(get_args(kind)[0])[0], f"{name}[]")


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and attrs.has(kind) and not hasattr(kind, "to_wire")


def _has_codec(annotation: Any) -> bool:
    return any(isinstance(entry, Codec) for entry in split_annotation(annotation)[1])


def _default(spec: FieldSpec) -> str:
    return "; the client's owner, if left out" if spec.wire_name in DEFAULTED else ""


def _takes(annotation: Any) -> str:
    """Return which values a field with this annotation takes, in words."""
    kind, metadata = split_annotation(annotation)
    by_type = {type(entry): entry for entry in metadata}
    wrapped = f'{{"{by_type[Wrapped].key}": …}} of ' if Wrapped in by_type else ""
    return wrapped + _kind_of_value(kind, by_type) + _choices(annotation)


def _kind_of_value(kind: Any, by_type: Mapping[type, Any]) -> str:
    if Codec in by_type:
        return "selectors" if get_origin(kind) is Sequence else _SELECTOR
    if Form in by_type:
        limit = f", of {_length(by_type[Text])}" if Text in by_type else ""
        return str(by_type[Form].value) + limit
    if Text in by_type:
        return f"text of {_length(by_type[Text])}"
    if get_origin(kind) is Sequence:
        return f"a list{_count(by_type.get(Count))}, each {_takes(get_args(kind)[0])}"
    if get_origin(kind) is Mapping:
        return f"an object, each value {_takes(get_args(kind)[1])}"
    if hasattr(kind, "to_wire"):
        return _SELECTOR
    return "an object" if _is_part(kind) else _PLAIN.get(kind, "JSON")


def _length(text: Text) -> str:
    if text.limit is None:
        return "any length"
    return f"{text.least} to {text.limit} characters"


def _count(count: Count | None) -> str:
    return f" of {count.least} to {count.most}" if count else ""


def _choices(annotation: Any) -> str:
    """Return the documented values of an open enumeration."""
    if get_origin(annotation) is Literal:
        return ", such as " + ", ".join(map(str, get_args(annotation)))
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    is_list = get_origin(annotation) in {Sequence, Mapping}
    return "" if is_list else next((words for part in inner if (words := _choices(part))), "")


def reference_table() -> str:
    """Return a table of every call, as Markdown: its path, its method, and whether it is sent again when in doubt."""
    methods = _methods()
    lines = ["| Path | Method | Sent again in doubt |", "| --- | --- | --- |"]
    for path, known in ALL_REQUESTS.items():
        kind = "repeatable" if known.repeatable else "once only"
        lines.append(f"| `{path}` | `sm.{methods[path]}` | {kind} |")
    return "\n".join(lines)


def _methods() -> dict[str, str]:
    """Return the client method of each call: "contacts.has" for contact/hasContact."""
    from ..client import SalesManago
    from ..groups.lazy_group import groups_of
    from ..settings import Credentials

    client = SalesManago(Credentials(client_id="none", api_key="none", api_secret="none"))  # noqa: S106
    groups = {name: type(group) for name, group in groups_of(client).items()}
    return {path: _method(known, groups) for path, known in ALL_REQUESTS.items()}


def _method(request_class: RequestClass, groups: Mapping[str, type]) -> str:
    """Return the method that is the call, or that uses the class, or that the docstring of the class recommends."""
    from ..groups.group import call

    parts = [(group, part) for group, kind in groups.items() for part in kind.__mro__]
    methods = [(f"{group}.{name}", act) for group, part in parts for name, act in vars(part).items()]
    calls = [name for name, act in methods if isinstance(act, call) and act.request_class is request_class]
    if calls:
        return calls[0]
    name_of_class = re.compile(rf"\b{request_class.__name__}\b")
    users = [name for name, act in methods if inspect.isfunction(act) and name_of_class.search(inspect.getsource(act))]
    recommended: list[str] = re.findall(r"`sm\.([a-z_.]+)`", request_class.__doc__ or "")
    return (users or recommended)[0]
