"""Reads a body as tolerantly as the server does: undocumented fields are left out, and times in seconds are taken.

A pure step before the strict reading (codec.py), for the simulator. From the annotations of a request class a tree of
its JSON objects is made; the body is cut along that tree. Entries of lists share one branch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints

import attrs

from .codegen import field_specs
from .fields import Codec, Form, Wrapped, split_annotation
from .request import ProductRequest

Branch: TypeAlias = "Mapping[str, Branch] | Callable[[Any], Any]"
"""What a field holds: an object or a list of objects, by the names of its fields; or a value, and what takes it."""
Tree: TypeAlias = Mapping[str, "Branch"]

FIRST_SECOND, LAST_SECOND = 10**8, 10**10
"""Numbers between these are times in UNIX seconds, from 1973 to 2286. As milliseconds they are days of early 1970."""


def tolerated(record_class: type, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the documented part of a body, and the dotted names of the other fields, each once.

    Fields that are null or empty are not reported. [likely] Times that are given in seconds, although milliseconds are
    documented, become milliseconds, and the other way round: clients of the vendor send both. [likely] Texts may be
    numbers and truth values, but not in API v3, which names them as of the wrong type.
    """
    undocumented: dict[str, None] = {}
    text = _unchanged if issubclass(record_class, ProductRequest) else _as_text
    return _object(tree_of(record_class, text), body, "", undocumented), list(undocumented)


def _object(tree: Tree, body: Mapping[str, Any], at: str, undocumented: dict[str, None]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, content in body.items():
        branch = tree.get(name)
        if branch is not None:
            kept[name] = _value(branch, content, f"{at}{name}", undocumented)
        elif content not in (None, ""):
            undocumented[f"{at}{name}"] = None
    return kept


def _value(branch: Branch, content: Any, name: str, undocumented: dict[str, None]) -> Any:
    if not isinstance(branch, Mapping):
        return branch(content)
    if isinstance(content, list):
        entries: list[Any] = content
        return [_value(branch, entry, name, undocumented) for entry in entries]
    if isinstance(content, Mapping):
        return _object(branch, cast("Mapping[str, Any]", content), f"{name}.", undocumented)
    return content


@cache
def tree_of(record_class: type, text: Callable[[Any], Any]) -> Tree:
    """Return the tree of the JSON objects that a class describes; `text` takes its texts."""
    hints = get_type_hints(record_class, include_extras=True)
    tree: dict[str, Any] = {}
    for spec in field_specs(record_class):
        branch = _branch(hints[spec.name], text)
        if not spec.path:
            _merge(tree, cast("Tree", branch))
            continue
        inner = tree
        for step in spec.path[:-1]:
            inner = inner.setdefault(step, {})
        inner[spec.path[-1]] = branch
    return tree


def _merge(tree: dict[str, Any], other: Tree) -> None:
    for name, branch in other.items():
        if isinstance(branch, Mapping) and isinstance(tree.get(name), dict):
            _merge(tree[name], branch)
        else:
            tree[name] = dict(branch) if isinstance(branch, Mapping) else branch


def _branch(annotation: Any, text: Callable[[Any], Any]) -> Branch:
    kind, metadata = split_annotation(annotation)
    by_type = {type(entry): entry for entry in metadata}
    if Wrapped in by_type:
        return {by_type[Wrapped].key: _unchanged}
    if Codec in by_type:
        return dict.fromkeys(by_type[Codec].fields, _unchanged) or _unchanged
    if not {Form.MILLISECONDS, Form.EVENT_TIME}.isdisjoint(metadata):
        return _in_milliseconds
    if Form.SECONDS in metadata:
        return _in_seconds
    if get_origin(kind) in {Sequence, list, tuple}:
        return _branch(get_args(kind)[0], text)
    if get_origin(kind) in {Mapping, dict}:
        return _with_texts
    if kind is str:
        return text
    if hasattr(kind, "wire_fields"):
        return dict.fromkeys(kind.wire_fields, _unchanged)
    return tree_of(kind, text) if isinstance(kind, type) and attrs.has(kind) else _unchanged


def _unchanged(value: Any) -> Any:
    return value


def _with_texts(value: Any) -> Any:
    """Return details with their numbers and truth values as text: the vendor's own clients send them as they are."""
    if not isinstance(value, Mapping):
        return value
    return {name: _as_text(one) for name, one in cast("Mapping[str, Any]", value).items()}


def _as_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _in_milliseconds(value: Any) -> Any:
    given = _whole(value)
    return given * 1000 if given is not None and FIRST_SECOND <= given < LAST_SECOND else value


def _in_seconds(value: Any) -> Any:
    given = _whole(value)
    return given // 1000 if given is not None and given >= FIRST_SECOND * 1000 else value


def _whole(value: Any) -> int | None:
    """Return a whole number that is given as a number or as its digits, else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
