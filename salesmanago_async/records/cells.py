"""Cells of text, as spreadsheets, databases and shops write them → the values of fields. Pure: no I/O.

A cell is cleaned first (`clean`): white space and invisible characters around it are removed, and so are the marks
that tell a spreadsheet that a number is text ('+48…, ="00950"). If nothing is left, the cell is absent. Then the cell
is read for the kind of its field: numbers with a decimal comma or thousands, times (digit_times.py, written_dates.py,
date_formats.py), lists (cell_lists.py), and objects in JSON. The writer of the field checks the result.

What looks wrong in a cell, but may be meant, is the matter of findings.py.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, get_args, get_origin

import attrs
from attrs import evolve, frozen

from ..api.codegen import FieldSpec, named_errors
from ..api.contacts import ContactState
from ..api.events import ContactExtEventType
from ..api.fields import CLEAR, Form, Text, Writer, entries_of, split_annotation
from .cell_lists import MARKS, entries
from .date_formats import formatted_birthday, formatted_time
from .digit_times import compact_time, iso_time, with_dashes
from .findings import ZERO_FRACTION, CellKind
from .values import Plain, Trim, plain_values
from .written_dates import written_date

INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Invisible characters, which are never meant around a cell or within an address. Many come with what was copied from
elsewhere, such as the marks of direction around a phone number."""
BEGIN_FORMULAS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""Characters that a formula begins with; the wide forms of = + - @ count in East Asian versions of spreadsheets."""
MARKED_TEXT = re.compile(rf"'+[{re.escape(BEGIN_FORMULAS)}0-9]")
"""The beginning of a text that a spreadsheet, or an export, has marked as text with an apostrophe."""

_FORMULA_TEXT = re.compile(r'="([^"]*)"')
_SPACED_THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?!\d))")
_THOUSANDS = {
    ",": re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"),
    ".": re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?"),
}
"""Numbers with thousands, by what separates these. 0,500 is none: nobody writes 500 like that."""
_TIME_OF_A_BIRTHDAY = re.compile(r"(\d{4}-?\d\d-?\d\d)[T ]\d\d:?\d\d.*")
_BIRTHDAY = re.compile(r"[\d-]+")
_LENGTHS_OF_TIMES = frozenset({8, 12, 14})
"""How many digits a day and a time have; other numbers are milliseconds."""
_OTHER_FORMS = "date_format=... reads other forms, one or several"
_MEMOIZED = Text(255, pattern=re.compile(r"[\s\S]*"))
"""Metadata of short text that is not taken as it is: each text is written once, and remembered."""
_DOCUMENTED_WORDS = {
    "contact_ext_event_type": frozenset(get_args(get_args(ContactExtEventType)[0])),
    "state": frozenset(get_args(get_args(ContactState)[0])),
}
"""The words in capital letters that are documented for a field, which may also have others."""


@frozen(kw_only=True)
class CellRules:
    """How cells are read: see `salesmanago_async.imports.runs.CommonRunOptions`."""

    null: frozenset[str] = frozenset()
    decimal: str = "."
    time_zone: tzinfo = UTC
    date_format: tuple[str, ...] = ()
    keep_spaces: bool = False
    strict: bool = False

    def clean(self, cell: str) -> str:
        """Return the text of a cell without spaces and marks around it; "" if the cell is absent."""
        if self.null and (cell in self.null or cell.strip() in self.null):
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

    def kind(self, spec: FieldSpec | None) -> CellKind:
        """Return what the cells of a field are; those of an ignored column have None for it."""
        if spec is None:
            return CellKind.IGNORED
        if spec.name in {"tags", "remove_tags"}:
            return CellKind.TAGS
        read = self._reader(spec)
        if read in (self.number, self.whole, self.dictionary_value):  # no set: time zones of dateutil have no hash
            return self._kind_of_numbers(CellKind.NUMBER)
        return CellKind.EXACT if read in (self.moment, _without_fraction) else CellKind.TEXT

    @property
    def kind_of_prices(self) -> CellKind:
        """What the prices of product feeds are."""
        return self._kind_of_numbers(CellKind.PRICE)

    def _kind_of_numbers(self, kind: CellKind) -> CellKind:
        return kind if self.decimal == "." else CellKind.EXACT

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
        if Form.DICTIONARY_VALUE in forms:
            return self.dictionary_value
        if Form.COMMA_LIST in forms:
            return self.comma_list
        if spec.name in _DOCUMENTED_WORDS:
            return partial(_documented, _DOCUMENTED_WORDS[spec.name])
        if spec.name in {"phone", "fax"}:
            return None
        kind = get_origin(spec.kind) or spec.kind
        if kind is bool:
            return _without_fraction
        if kind is int:
            return self.whole
        if kind is Sequence:
            inner, _ = split_annotation(get_args(spec.kind)[0])
            is_of_objects = isinstance(inner, type) and attrs.has(inner)
            return partial(_objects, self, self._plain_values()) if is_of_objects else self.entries
        if kind is Mapping:
            return partial(_object, self._plain_values())
        return None

    def number(self, text: str) -> str:
        """Return the text of a number with a decimal point, and without thousands."""
        plain = _SPACED_THOUSANDS.sub("", text).replace("\u2212", "-")
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

    def whole(self, text: str) -> str:
        """Return the text of a whole number, without thousands, and without a fraction of zeros."""
        if self.decimal == "." and ZERO_FRACTION.fullmatch(text):  # 7,0 is no number then, but certainly 7
            return _without_fraction(text)
        return _without_fraction(self.number(text))

    def dictionary_value(self, text: str) -> Any:
        """Return the time or the whole number in a cell; digits alone are a number."""
        found = self._by_format(text)
        if found is None and not text.isdecimal():
            found = iso_time(text) or written_date(text)
        return self.whole(text) if found is None else self._aware(found)

    def moment(self, text: str) -> Any:
        """Return the time in a cell; digits, which are milliseconds, are returned as they are."""
        if self.date_format and (found := self._by_format(text)) is not None:
            return found
        if text.isdecimal() and len(text) not in _LENGTHS_OF_TIMES:
            return text
        if (found := iso_time(text) or compact_time(text) or written_date(text)) is not None:
            return self._aware(found)
        if text.isdecimal() and len(text) == 12:
            return text
        raise ValueError(f"is {text!r}, neither ISO 8601 nor UNIX milliseconds; {_OTHER_FORMS}")

    def birthday(self, text: str) -> Any:
        """Return the date in a cell: a date, or text as yyyyMMdd, yyyy-MM-dd or MMdd."""
        if (found := formatted_birthday(text, self.date_format)) is not None:
            return found
        with_time = _TIME_OF_A_BIRTHDAY.fullmatch(text)
        plain = with_time[1] if with_time else with_dashes(_without_fraction(text))
        if _BIRTHDAY.fullmatch(plain):
            return plain
        if (written := written_date(text)) is not None:
            return written.date()
        raise ValueError(f"is {text!r}, not a date as yyyyMMdd, yyyy-MM-dd or MMdd; {_OTHER_FORMS}")

    def entries(self, text: str) -> Any:
        """Return the entries of the list in a cell, without those that mean absent."""
        found = entries(text)
        if not self.null:
            return found
        return [entry for entry in entries_of(found) if not (isinstance(entry, str) and entry in self.null)]

    def comma_list(self, text: str) -> Any:
        """Return a text with commas as it is, and the entries of a list that is written in another form."""
        return self.entries(text) if text[0] in MARKS else text

    def _plain_values(self) -> Plain:
        """Return what makes plain values of those in JSON: texts are trimmed, and "" if they mean absent."""
        return plain_values(self.time_zone, trimmer(self))

    def _by_format(self, text: str) -> datetime | None:
        found = formatted_time(text, self.date_format)
        return self._aware(found) if found else None

    def _aware(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self.time_zone)


def trimmer(rules: CellRules) -> Trim | None:
    """Return the function that trims texts; it returns "" for one that means absent. None: texts stay as they are."""
    if not rules.null:
        return None if rules.keep_spaces else str.strip
    null, keeps_spaces = rules.null, rules.keep_spaces

    def trim(text: str) -> str:
        trimmed = text.strip()
        return "" if trimmed in null else text if keeps_spaces else trimmed

    return trim


def visible(text: str) -> str:
    """Return a text without invisible characters; for addresses, ids and names of columns."""
    return "".join(
        " " if character.isspace() else character for character in text if unicodedata.category(character) != "Cf"
    ).strip()


def _without_mark(text: str) -> str:
    """Return a text without the marks that tell a spreadsheet that it is text, and no number or formula."""
    formula = _FORMULA_TEXT.fullmatch(text)
    if formula:
        return formula[1].strip()
    return text[1:] if MARKED_TEXT.match(text) else text


def _reading(write: Writer, read: Callable[[str], Any]) -> Writer:
    def write_cell(value: object) -> Any:
        return write(read(value) if isinstance(value, str) and value and value is not CLEAR else value)

    return write_cell


def _address(text: str) -> str:
    return visible(text) if not text.isascii() else text


def _documented(words: frozenset[str], text: str) -> str:
    """Return the documented word if the cell has it in other letters: analytics know PURCHASE, and not purchase."""
    return text.upper() if text.upper() in words else text


def _without_fraction(text: str) -> str:
    """Return a whole number without its fraction of zeros; another text as it is."""
    whole = ZERO_FRACTION.fullmatch(text)
    return whole[1] if whole else text


def _object(plain: Plain, text: str) -> Any:
    """Return the object in a cell of JSON."""
    return plain(_json(text, "an object"))


def _objects(rules: CellRules, plain: Plain, text: str) -> Any:
    """Return the objects in a cell of JSON: a list, or a single one."""
    found = plain(_json(text, "a list of objects"))
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
        raise ValueError(f"is not JSON ({error}); a text holds {what} as JSON") from None
