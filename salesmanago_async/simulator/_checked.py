"""Checks a body against a request class. A refusal names a field by its path in the body."""

from collections.abc import Mapping
from typing import Any

from ..api.codec import read_strictly, write
from ..api.codegen import json_path_of
from ..errors import Invalid
from ._refusal import RefusedCall


def checked(kind: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body in the form of the reference: read, checked against its limits, and written again."""
    try:
        request: object = read_strictly(kind, body)
    except Invalid as error:
        raise RefusedCall(str(error)) from None
    try:
        return write(request)
    except Invalid as error:
        field = json_path_of(kind, error.field) if error.field else None
        raise RefusedCall(str(Invalid(error.rule, field=field))) from None
