"""Texts and bytes whose repr does not show them: credentials, signed bodies, signed links.

Tracebacks that show local variables (those of rich, pytest and error reporters) show the repr of each. Everything else
works as with the plain type; parts of such a value are hidden as well.
"""

from typing import SupportsIndex


class HiddenText(str):
    """A text whose repr is its length."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} characters, hidden>"

    def __getitem__(self, key: SupportsIndex | slice) -> "HiddenText":
        return HiddenText(super().__getitem__(key))


class HiddenBytes(bytes):
    """Bytes whose repr is their length."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes, hidden>"

    def __getitem__(self, key: SupportsIndex | slice) -> "int | HiddenBytes":  # type: ignore[override]  # an overload
        found = super().__getitem__(key)
        return HiddenBytes(found) if isinstance(found, bytes) else found
