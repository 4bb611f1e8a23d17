"""Texts of rows that are no cells: of mappings, of objects, of tables of Arrow data. Pure: no I/O.

A text is trimmed, and then read for its field like a cell (cells.py). Only cells have the marks of spreadsheets
removed: in these rows the marks are found, and sent.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

from ..api.text_values import in_order
from ..errors import Invalid
from .cells import INVISIBLE, CellRules
from .class_rows import row_reader
from .findings import CHANGED_IN_TAGS, WORDS_FOR_NULL, CellKind, Finding, findings
from .values import LISTS, SETS, Trim

MARKED: Finding = 'has texts such as \'+48 or ="00950": marks of spreadsheets, or invisible characters, are sent'

Suspect: TypeAlias = tuple[str, Finding]
"""The name of a column, and what looks wrong in it."""

KindOf: TypeAlias = Callable[[str], CellKind]
"""Returns what the texts under a name are."""

_CELLS = CellRules()
_NUMBER = re.compile(r"[.,]\d+[eE]\d|\d[.,]\d{3}(?!\d)")
_INVISIBLE = frozenset(INVISIBLE)
_WORDS = WORDS_FOR_NULL.union(*({word.upper(), word.title(), word.capitalize()} for word in WORDS_FOR_NULL), {"NaN"})


def tags_among(names: Iterable[Any], kind_of: KindOf) -> Sequence[Any]:
    """Return those of the names of a row that are of tags."""
    return [name for name in names if kind_of(str(name)) is CellKind.TAGS]


def suspects_in_row(
    row: Any, trim: Trim | None, kind_of: KindOf, *, tags: Sequence[Any] | None = None
) -> Sequence[Suspect]:
    """Return what looks wrong in the texts of a row; names in a nested object have a dot.

    `tags` are the names of the row that are of tags, if they are known.

    There is nothing in a `Contact` and its like: a value of the program says what it means.
    """
    fields = row if row.__class__ is dict else fields_of(row)
    if not fields:
        return ()
    texts: list[str] = []
    for value in fields.values():
        if value.__class__ is str or value.__class__ is Decimal:
            texts.append(_text_of(value).strip())
        elif value.__class__ in LISTS:
            texts += [part.strip() for part in value if part.__class__ is str]
        elif value.__class__ is dict:
            texts += [text.strip() for _, text in _texts_in("", value)]
    of_tags = tags_among(fields, kind_of) if tags is None else tags
    if not _may_look_wrong(texts) and not _may_have_changed_tags([fields[name] for name in of_tags]):
        return ()
    named = [pair for name, value in fields.items() for pair in _texts_in(str(name), value)]
    return [(name, found) for name, text in named for found in _findings(text, trim, kind_of(name))]


def suspects_in_column(texts: Sequence[Any], trim: Trim | None, kind: CellKind) -> Iterator[tuple[int, Finding]]:
    """Yield what looks wrong in the texts of a column, with the numbers of their rows; other values are passed over.

    Lists are looked at if they are tags.
    """
    if kind is CellKind.TAGS:
        named = ((number, text) for number, value in enumerate(texts) for _, text in _texts_in("", value))
        yield from ((number, found) for number, text in named for found in _findings(text, trim, kind))
        return
    stripped = [_text_of(value).strip() for value in texts]
    if _may_look_wrong(stripped):
        yield from ((number, found) for number, text in enumerate(stripped) for found in _findings(text, trim, kind))


def fields_of(row: Any) -> Mapping[Any, Any]:
    """Return the fields of a row by their names; there are none in a value of the program."""
    if row.__class__ is dict or isinstance(row, Mapping):
        return row
    try:
        to_dict = row_reader(row)
    except Invalid:  # the row is rejected
        return {}
    return to_dict(row) if to_dict else {}


def _texts_in(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts of a value with their names: its own, or those in a list or an object."""
    if value.__class__ is str or value.__class__ is Decimal:
        yield name, _text_of(value)
    elif value.__class__ in LISTS:
        parts = cast("Iterable[Any]", in_order(value) if value.__class__ in SETS else value)
        yield from ((name, part) for part in parts if part.__class__ is str)
    elif value.__class__ is dict:
        for key, part in value.items():
            yield from _texts_in(f"{name}.{key}", part)


def _text_of(value: Any) -> str:
    """Return a text, and a Decimal with a fraction of zeros, which a text field sends, as 7.0; "" for other values."""
    if value.__class__ is str:
        return str(value)
    if value.__class__ is not Decimal or not value.is_finite():
        return ""
    return f"{value:.1f}" if format(value, "f").rstrip("0").endswith(".") else ""


def _findings(text: str, trim: Trim | None, kind: CellKind) -> Sequence[Finding]:
    """Return what looks wrong in a text, unless it means absent, or is not read."""
    stripped = text.strip()
    if kind is CellKind.IGNORED or (trim and not trim(stripped)):
        return ()
    return (*findings(stripped, kind), *([MARKED] if _CELLS.clean(stripped) != stripped else []))


def _may_have_changed_tags(values: Sequence[Any]) -> bool:
    """Return whether the tags in these values have a character that the server may change."""
    texts = [text for value in values for _, text in _texts_in("", value)]
    return CHANGED_IN_TAGS.search(",".join(texts)) is not None


def _may_look_wrong(texts: Sequence[str]) -> bool:
    """Return whether one of these texts may look wrong: a few searches in all of them take less than each alone.

    Every text is between two `|`.
    """
    joined = f"|{'|'.join(texts)}|"
    return (
        ("'" in joined and "|'" in joined)
        or ("=" in joined and "|=" in joined)
        or ("#" in joined and "|#" in joined)
        or ("+" in joined and ("E+" in joined or "e+" in joined))
        or ("0|" in joined and (".0" in joined or ",0" in joined))
        or _NUMBER.search(joined) is not None
        or not _WORDS.isdisjoint(texts)
        or not (joined.isascii() or joined.isprintable() or _INVISIBLE.isdisjoint(joined))
    )
