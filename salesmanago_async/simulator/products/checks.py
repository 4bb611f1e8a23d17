"""Checks a body against the fields of its request class. Each bad field is one problem with a reason code. Pure.

Codes and meanings are those of the vendor's SDK; [likely] the formats of 16 to 19, and the path of a field.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from ...api.codegen import FieldSpec, field_specs
from ...api.fields import TOO_LARGE_AMOUNT, Count, Text, split_annotation

NOT_AUTHENTICATED, LIMITS, WARNING, MISSING, TYPE, NOT_UNIQUE, UNKNOWN, NULL, PATTERN, QUOTA = range(10, 20)

NUMBERS_AS_TEXT = frozenset({"productId", "productIds", "categoryExternalId"})
"""Texts that clients also send as numbers."""
TRIMMED = frozenset({"description"})
"""[guess] Texts that are trimmed with a warning if they are too long; others are refused."""


@frozen
class FieldProblem:
    """A problem as it is sent."""

    code: int
    message: str

    @property
    def is_warning(self) -> bool:
        """Whether the request is accepted all the same."""
        return self.code == WARNING


Problems: TypeAlias = Iterator[FieldProblem]


def problems_of(kind: type, body: Mapping[str, Any], at: str = "") -> Problems:
    """Yield what is wrong with a body."""
    hints = get_type_hints(kind, include_extras=True)
    for spec in field_specs(kind):
        name = f"{at}{spec.wire_name}"
        if spec.required and body.get(spec.wire_name) == "":  # [guess] an empty text is no value
            yield _absent(spec, {}, name)
        elif spec.wire_name in body and body[spec.wire_name] is not None:
            yield from _of_value(hints[spec.name], body[spec.wire_name], name)
        elif spec.required:
            yield _absent(spec, body, name)


def _absent(spec: FieldSpec, body: Mapping[str, Any], name: str) -> FieldProblem:
    is_null = spec.wire_name in body
    return FieldProblem(NULL, f"{name}|Null") if is_null else FieldProblem(MISSING, f"{name}|Missing")


def _of_value(annotation: Any, value: Any, name: str) -> Problems:
    kind, metadata = split_annotation(annotation)
    if get_origin(kind) is Sequence:
        yield from _of_list(kind, metadata, value, name)
    elif isinstance(kind, type) and attrs.has(kind):
        if isinstance(value, Mapping):
            yield from problems_of(kind, cast("Mapping[str, Any]", value), f"{name}.")
        else:
            yield _wrong_type(name, "object")
    elif kind is str:
        yield from _of_text(metadata, value, name)
    elif kind is bool:
        if not isinstance(value, bool):
            yield _wrong_type(name, "boolean")
    elif kind is int:
        if not isinstance(value, int) or isinstance(value, bool):
            yield _wrong_type(name, "int")
    else:  # a price; in two of three classes a union of number types
        yield from _of_price(value, name)


def _of_list(kind: Any, metadata: Sequence[Any], value: Any, name: str) -> Problems:
    if not isinstance(value, list):
        yield _wrong_type(name, "array")
        return
    entries: list[Any] = value
    for count in (entry for entry in metadata if isinstance(entry, Count)):
        if not count.least <= len(entries) <= count.most:
            yield FieldProblem(LIMITS, f"{name}|min:{count.least}|max:{count.most}|Wrong number of entries")
            return
    for index, entry in enumerate(entries):
        yield from _of_value(get_args(kind)[0], entry, f"{name}[{index}]")


def _of_text(metadata: Sequence[Any], value: Any, name: str) -> Problems:
    last = name.rpartition(".")[2].partition("[")[0]
    if isinstance(value, int) and not isinstance(value, bool) and last in NUMBERS_AS_TEXT:
        return
    if not isinstance(value, str):
        yield _wrong_type(name, "string")
        return
    for rule in (entry for entry in metadata if isinstance(entry, Text)):
        if rule.limit is not None and len(value) > rule.limit and last in TRIMMED:
            yield FieldProblem(WARNING, f"{name}|max:{rule.limit}|Too long, trimmed")
        elif rule.limit is not None and len(value) > rule.limit:
            yield FieldProblem(LIMITS, f"{name}|min:0|max:{rule.limit}|Too long")
        elif rule.pattern and value and not rule.pattern.fullmatch(value):
            yield FieldProblem(PATTERN, f"{name}|Does not match the pattern")


def _of_price(value: Any, name: str) -> Problems:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield _wrong_type(name, "float")
    elif not abs(value) < TOO_LARGE_AMOUNT:
        yield FieldProblem(LIMITS, f"{name}|min:0|max:{TOO_LARGE_AMOUNT - 1}|Out of range")


def _wrong_type(name: str, wanted: str) -> FieldProblem:
    return FieldProblem(TYPE, f"{name}:{wanted}|Wrong type")
