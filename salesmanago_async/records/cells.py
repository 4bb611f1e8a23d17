"""Cells of text, as spreadsheets, databases and shops write them → the values of fields. Pure: no I/O.

A cell is cleaned first (`clean`): white space and invisible characters around it are removed, and so are the marks
that tell a spreadsheet that a number is text ('+48…, ="00950"). If nothing is left, the cell is absent. Then the cell
is read for the kind of its field: numbers with a decimal comma or thousands, times in the common forms, lists in
quotes, braces or JSON, and objects in JSON. The writer of the field checks the result.

What looks wrong, but may be meant, is a `Finding`: digits that a spreadsheet has dropped, or a word such as NULL.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeAlias, get_args, get_origin

import attrs
from attrs import evolve, frozen

from ..api.codegen import FieldSpec, named_errors
from ..api.events import ContactExtEventType
from ..api.fields import Form, Text, Writer, split_annotation

Finding: TypeAlias = str
"""What looks wrong in a cell, in words that follow the name of its column."""

LOST_DIGITS: Finding = "has numbers such as 4.86E+10: a spreadsheet has dropped their last digits"
NULL_WORDS: Finding = "has words such as NULL: with null=... they are absent"
FRACTION_OF_NOTHING: Finding = "has whole numbers that end in .0"

INVISIBLE = "\ufeff\u200b\u2060\u00ad\u200e\u200f"
"""Invisible characters, which are never meant around a cell or within an address."""
WORDS_FOR_NULL = frozenset({"null", "n/a", "#n/a", "nan", "none", "nil", "<na>", "nat", "\\n"})

_LOST = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+\d+")
_FORMULA_TEXT = re.compile(r'="([^"]*)"')
_WHOLE = re.compile(r"([-+]?\d+)[.,]0+")
_SPACED_THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u202f'](?=\d{3}(?!\d))")
_THOUSANDS = {
    ",": re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
    ".": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"),
}
"""Numbers with thousands, by what separates these."""
_TIME_OF_A_BIRTHDAY = re.compile(r"(\d{4}-?\d\d-?\d\d)[T ]\d\d:?\d\d.*")
_ZONE_NAME = re.compile(r"[ ]?(?:UTC|GMT|Z)$", re.IGNORECASE)
_SHORT_ZONE = re.compile(r"([+-]\d\d)$")
_COMPACT = re.compile(r"\d{14}(?:[.,]\d+)?")
_SLASHES = re.compile(r"(\d{4})/(\d\d?)/(\d\d?)")
_MEMOIZED = Text(255, pattern=re.compile(r"[\s\S]*"))
"""Metadata of short text that is not taken as it is: each text is written once, and remembered."""
_EVENT_TYPES = frozenset(get_args(get_args(ContactExtEventType)[0]))


@frozen(kw_only=True)
class CellRules:
    """How cells are read: see `RunOptions`."""

    null: frozenset[str] = frozenset()
    decimal: str = "."
    time_zone: tzinfo = UTC
    date_format: tuple[str, ...] = ()
    keep_spaces: bool = False

    def clean(self, cell: str) -> str:
        """Return the text of a cell without spaces and marks around it; "" if the cell is absent."""
        if cell in self.null or cell.strip() in self.null:
            return ""
        if self.keep_spaces:
            return cell
        text = cell.strip().strip(INVISIBLE).strip()
        if text.startswith(("'", "=")):
            return _without_mark(text)
        return text

    def spec(self, spec: FieldSpec) -> FieldSpec:
        """Return a field whose writer takes cells of text."""
        read = self._reader(spec)
        if read is None:
            return spec
        metadata = (_MEMOIZED,) if spec.limit else spec.metadata
        return evolve(spec, write=_reading(spec.write, named_errors(spec.wire_name, read)), metadata=metadata)

    def _reader(self, spec: FieldSpec) -> Callable[[str], Any] | None:
        """Return what makes the value of a field from a cell; None if its text is the value."""
        forms = {item for item in spec.metadata if isinstance(item, Form)}
        if Form.EMAIL in forms:
            return _address
        if Form.BIRTHDAY in forms:
            return self.birthday
        if forms & {Form.EVENT_TIME, Form.MILLISECONDS, Form.SECONDS}:
            return self.moment
        if Form.NUMBER in forms:
            return self.number
        if spec.name == "contact_ext_event_type":
            return _event_type
        if spec.name in {"phone", "fax"}:
            return None
        kind = get_origin(spec.kind) or spec.kind
        if kind in {int, bool}:
            return _whole
        if kind is Sequence:
            inner, _ = split_annotation(get_args(spec.kind)[0])
            return partial(_objects, self) if isinstance(inner, type) and attrs.has(inner) else _entries
        if kind is Mapping:
            return _object
        return None

    def number(self, text: str) -> Any:
        """Return the text of a number with a decimal point, and without thousands."""
        plain = _SPACED_THOUSANDS.sub("", text)
        thousands = "." if self.decimal == "," else ","
        if thousands in plain and _THOUSANDS[thousands].fullmatch(plain):
            plain = plain.replace(thousands, "")
        if self.decimal == ",":
            if "." in plain:
                raise ValueError(f"is {text!r}, which has a point; numbers were said to have a decimal comma")
            return plain.replace(",", ".")
        if "," in plain:
            raise ValueError(f"is {text!r}, not a number such as 12.34; decimal=',' reads a decimal comma")
        return plain

    def moment(self, text: str) -> Any:
        """Return the time in a cell; digits, which are milliseconds, are returned as they are."""
        if (found := self._by_format(text)) is not None:
            return found
        if text.isdecimal() and len(text) not in {8, 14}:
            return text
        if _COMPACT.fullmatch(text):
            return self._aware(datetime.strptime(text[:14], "%Y%m%d%H%M%S"))  # noqa: DTZ007 - the zone comes next
        plain = _ZONE_NAME.sub("+00:00", text) if not text[-1:].isdecimal() else _SHORT_ZONE.sub(r"\1:00", text)
        try:
            return self._aware(datetime.fromisoformat(_with_dashes(plain)))
        except ValueError:
            pass
        try:
            return self._aware(parsedate_to_datetime(text))
        except ValueError:
            raise ValueError(
                f"is {text!r}, neither ISO 8601 nor UNIX milliseconds; date_format=... reads other forms"
            ) from None

    def birthday(self, text: str) -> Any:
        """Return the date in a cell."""
        found = self._by_format(text)
        if found is not None:
            return found.date()
        with_time = _TIME_OF_A_BIRTHDAY.fullmatch(text)
        return with_time[1] if with_time else _with_dashes(text)

    def _by_format(self, text: str) -> datetime | None:
        for form in self.date_format:
            try:
                return self._aware(datetime.strptime(text, form))  # noqa: DTZ007 - the zone comes next
            except ValueError:
                continue
        return None

    def _aware(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self.time_zone)


def findings(cell: str) -> Sequence[Finding]:
    """Return what looks wrong in a cell of text, though it is taken."""
    if _LOST.fullmatch(cell):
        return (LOST_DIGITS,)
    if cell.lower() in WORDS_FOR_NULL:
        return (NULL_WORDS,)
    if len(cell) > 2 and _WHOLE.fullmatch(cell):
        return (FRACTION_OF_NOTHING,)
    return ()


def visible(text: str) -> str:
    """Return a text without invisible characters; for addresses, ids and names of columns."""
    return "".join(
        " " if character.isspace() else character for character in text if unicodedata.category(character) != "Cf"
    ).strip()


def _with_dashes(text: str) -> str:
    """Return a text with its dates as yyyy-mm-dd, if they are yyyy/m/d."""
    return _SLASHES.sub(lambda match: "-".join(part.zfill(2) for part in match.groups()), text)


def _without_mark(text: str) -> str:
    """Return a text without the marks that tell a spreadsheet that it is text, and no number or formula."""
    formula = _FORMULA_TEXT.fullmatch(text)
    if formula:
        return formula[1].strip()
    return text[1:] if text[0] == "'" and text[1:2] and text[1] in "+-=@0123456789\t" else text


def _reading(write: Writer, read: Callable[[str], Any]) -> Writer:
    def write_cell(value: object) -> Any:
        return write(read(value) if isinstance(value, str) and value else value)

    return write_cell


def _address(text: str) -> str:
    return visible(text) if not text.isascii() else text


def _event_type(text: str) -> str:
    """Return the documented type if the cell has it in other letters: analytics know PURCHASE, and not purchase."""
    return text.upper() if text.upper() in _EVENT_TYPES else text


def _whole(text: str) -> str:
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _entries(text: str) -> Any:
    """Return the entries of a list: JSON, PostgreSQL's braces, quoted parts, or parts between commas."""
    if text.startswith("[") and text.endswith("]"):
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, list) else text
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if '"' not in inner:
        return inner
    delimiter = ";" if re.search(r'"\s*;', inner) else ","
    try:
        [parts] = csv.reader([inner], delimiter=delimiter, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return inner
    return [part.strip() for part in parts if part.strip()]


def _object(text: str) -> Any:
    """Return the object in a cell of JSON."""
    return _json(text, "an object")


def _objects(rules: CellRules, text: str) -> Any:
    """Return the objects in a cell of JSON: a list, or a single one."""
    found = _json(text, "a list of objects")
    objects = found if isinstance(found, list) else [found]
    return [_with_moments(rules, one) for one in objects]


def _with_moments(rules: CellRules, given: Any) -> Any:
    """Return an object whose times are read as those of cells are."""
    if not isinstance(given, dict):
        return given
    return {
        name: rules.moment(value) if name.lower().endswith("date") and isinstance(value, str) and value else value
        for name, value in given.items()
    }


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not JSON ({error}); a cell holds {what} as JSON") from None
