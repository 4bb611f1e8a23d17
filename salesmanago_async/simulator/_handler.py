"""The type of a handler."""

from collections.abc import Callable
from typing import Any, TypeAlias

from ._store import AccountStore

Handler: TypeAlias = Callable[[AccountStore, dict[str, Any]], dict[str, Any]]
"""Takes the store and the body; returns the fields of the answer, or raises `RefusedCall`."""
