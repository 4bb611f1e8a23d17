"""Packages that a way may need, and that need not be there."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def installed(name: str) -> Any:
    """Return the module, or None where it is not installed."""
    return import_module(name) if find_spec(name) else None
