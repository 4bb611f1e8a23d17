"""HTML elements as values. Every text is escaped, unless it is `Html` already."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = "str | Html | Iterable[Content] | None"

_VOID = frozenset({"input", "meta", "link", "wbr"})


def element(tag: str, *contents: Content, **attributes: str | bool | int | None) -> Html:
    """Return an element. An attribute that is None or False is left out; `class_` means class, `data_x` data-x."""
    head = "".join(_attribute(name, value) for name, value in attributes.items())
    return Html(f"<{tag}{head}>" if tag in _VOID else f"<{tag}{head}>{joined(contents)}</{tag}>")


def joined(contents: Content) -> Html:
    """Return several contents as one."""
    if contents is None:
        return Html()
    if isinstance(contents, Html):
        return contents
    if isinstance(contents, str):
        return Html(escape(contents))
    return Html("".join(map(joined, contents)))


def _attribute(name: str, value: str | bool | int | None) -> str:
    if value is None or value is False:
        return ""
    shown = name.rstrip("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{escape(str(value))}"'
