"""The types of fields: the annotations that request classes use, and the check behind each.

A writer takes the value that a program (or a text cell) gives, and returns the value to send, or raises `ValueError`
with the rule that was broken. The limits are those of the reference, in characters.
"""

import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import attrs
from attrs import frozen

from .text_values import in_order, text_of, whole

Writer = Callable[[Any], Any]


class _Clear(str):
    __slots__ = ()

    def strip(self, chars: str | None = None, /) -> str:
        """Return CLEAR itself: the text of a record is trimmed, and this is no text."""
        return self

    def __repr__(self) -> str:
        return "CLEAR"

    def __reduce__(self) -> str:
        return "CLEAR"


CLEAR: Final[str] = _Clear("CLEAR")
"""Empties a text field of a contact; None or "" leave the field unchanged.  [guess] it is sent as an empty string:
the reference does not say how to empty a field."""


@frozen
class JsonPath:
    """The dotted path of a field in the body; "" merges the value's own fields into the body.

    `also` is an alternative path in answers: the reference spells some names in two ways.
    """

    path: str
    also: str = ""


@frozen
class Text:
    """Text of `least` to `limit` characters (None: no limit) that matches `pattern` if there is one.

    CLEAR empties the field if it is `clearable`.
    """

    limit: int | None
    least: int = 1
    pattern: re.Pattern[str] | None = None
    rule: str = ""
    clearable: bool = True


@frozen
class Count:
    """A list of `least` to `most` entries."""

    least: int
    most: int


BATCH = Count(1, 1000)
"""How many records batchupsertv2 and batchAddContactExtEvent accept in one request."""


@frozen
class Wrapped:
    """Each value is wrapped in an object under `key`: "TAG" → {"dataType": "TAG"}."""

    key: str


@frozen
class Codec:
    """A value with its own functions for writing and reading; both raise `ValueError` for an unsuitable value.

    `fields` are the names of the fields of its JSON objects, if it is written as objects.
    """

    write: Writer = lambda value: value
    read: Callable[[Any], Any] = lambda value: value
    fields: tuple[str, ...] = ()


@frozen
class Upload:
    """A file that is sent with the body: both become parts of one form, with these names."""

    file: str
    body: str


class Form(Enum):
    """How a value that is not plain JSON is written."""

    EMAIL = "an address of at most 254 characters"
    MILLISECONDS = "a time, as UNIX milliseconds"
    EVENT_TIME = "a time, as UNIX milliseconds, that cannot be meant as seconds"
    SECONDS = "a time, as UNIX seconds"
    BIRTHDAY = "yyyyMMdd or MMdd"
    NUMBER = "a finite number of at most 19 digits before the decimal point"
    COMMA_LIST = "text with commas between the parts"
    DICTIONARY_VALUE = "a whole number (above 0 for type NUMBER), or a time as UNIX milliseconds"


ShortText = Annotated[str, Text(255)]
NameText = Annotated[str, Text(255, clearable=False)]
LongText = Annotated[str, Text(2048)]
EmailText = Annotated[str, Form.EMAIL]
Moment = Annotated[datetime | int, Form.MILLISECONDS]
"""An aware datetime, or UNIX milliseconds."""

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_PLAIN_LOCAL = r"[^\s@,:;<>()\[\]\"\\\x00-\x1f\x7f]{1,64}"
_QUOTED_LOCAL = r'"[^"\\,;\x00-\x1f\x7f]{1,62}"'  # no comma: addresses are joined with commas
_EMAIL = re.compile(rf"(?:{_PLAIN_LOCAL}|{_QUOTED_LOCAL})@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_YES_OR_NO = {
    **dict.fromkeys(("true", "1", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "f", "n"), False),
}
EARLIEST_MS = 10**10
"""The earliest time of an event. A smaller number is taken for seconds sent by mistake: 10**10 ms is April 1970."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999. A larger number is taken for microseconds or nanoseconds sent by mistake."""
TOO_LARGE_AMOUNT = 10**19
"""The smallest number that no field takes."""

_NAME, _TOP = "[A-Za-z0-9]{1,30}+", r"\.[A-Za-z]{1,30}+"
USUAL_EMAIL = re.compile(f"[A-Za-z0-9_.+-]{{1,64}}+@{_NAME}(?:-{_NAME})?+{_TOP}(?:{_TOP})?+(?:{_TOP})?+")
"""Matches most valid addresses and no invalid one, in a third of the time of the full rule."""
USUAL_BIRTHDAY = re.compile("[12][0-9]{3}(?:0[1-9]|1[0-2])(?:[01][1-9]|[12]0|2[1-8])")
"""Matches every yyyyMMdd from 1000 to 2999 whose day exists in every month."""


def is_email(value: str) -> bool:
    """Return whether `value` is a valid address: 1-64 characters, @, a domain; 254 in all ("Email validation")."""
    return USUAL_EMAIL.fullmatch(value) is not None or (len(value) <= 254 and _EMAIL.fullmatch(value) is not None)


def email(value: object) -> str:
    """Check an e-mail address; surrounding white space is removed."""
    address = value.strip() if isinstance(value, str) else ""
    if not is_email(address):
        raise ValueError("is not an e-mail address (up to 64 characters, @, a domain; 254 in all)")
    return address


def text(kind: Text) -> Writer:
    """Return the check for such text; other values are converted if they have one obvious text (text_values.py)."""
    limit = math.inf if kind.limit is None else kind.limit
    least, pattern = kind.least, kind.pattern

    def check(value: object) -> str:
        if value is CLEAR:
            if kind.clearable:
                return ""
            raise ValueError("cannot be emptied with CLEAR")
        given = value if type(value) is str else _text_of(value)
        if not least <= len(given) <= limit:
            raise ValueError(f"is {len(given)} characters long, {least} to {limit} are allowed")
        if pattern and not pattern.fullmatch(given):
            raise ValueError(kind.rule)
        return given

    return check


def _text_of(value: object) -> str:
    given = text_of(value)
    if given is None:
        raise ValueError(f"is {_kind_of(value)}, not text")
    return given


def boolean(value: object) -> bool:
    """Check a yes or no, given as a bool or as text."""
    if isinstance(value, bool):
        return value
    meant = _YES_OR_NO.get(str(whole(value)).strip().lower())
    if meant is None:
        raise ValueError(f"is {_shown(value)}, not true or false")
    return meant


def integer(value: object) -> int:
    """Check a whole number, given as a number or as text."""
    given = whole(value)
    if isinstance(given, bool | float | Decimal) or "_" in str(given):
        raise ValueError(f"is {_shown(value)}, not a whole number")
    try:
        return int(cast("Any", given))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"is {_shown(value)}, not a whole number") from None


def number(value: object) -> float:
    """Check a finite number, given as a number, a Decimal, or text with a decimal point."""
    try:
        if isinstance(value, bool) or "_" in str(value):
            raise TypeError
        given = value if isinstance(value, int | float | Decimal) else float(cast("Any", value))
        finite = math.isfinite(given)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"is {_shown(value)}, not a number such as 12.34") from None
    if not finite:
        raise ValueError(f"is {_shown(value)}, not a finite number")
    return given if isinstance(given, int) else float(given)


def amount(value: object) -> float:
    """Check a number to be sent: finite, with at most 19 digits before the decimal point."""
    given = number(value)
    if abs(given) >= TOO_LARGE_AMOUNT:
        raise ValueError(f"is {_shown(value)}; at most 19 digits before the decimal point are allowed")
    return given


def milliseconds(value: object) -> int:
    """Convert a time to UNIX milliseconds.

    Accepts an aware datetime, milliseconds, digits of milliseconds, or ISO 8601 text; text without an offset is UTC.
    Databases and frames have milliseconds also as floats and Decimals without a fraction.
    """
    value = whole(value)
    if isinstance(value, str):
        value = _moment_from_text(value.strip())
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("has no time zone: give an aware datetime, e.g. datetime.now(timezone.utc)")
        return milliseconds_of(value)
    if isinstance(value, date):
        return milliseconds_of(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, int) and not isinstance(value, bool):
        if value > LATEST_MS:
            unit = "microseconds" if value <= 1000 * LATEST_MS else "nanoseconds"
            raise ValueError(f"is {value}: that looks like {unit}; times are in milliseconds")
        return value
    raise ValueError(f"is {_kind_of(value)}, not a datetime or milliseconds")


def event_time(value: object) -> int:
    """Convert a time to milliseconds; raise `ValueError` for a number that must be seconds."""
    value = whole(value)
    given = milliseconds(value)
    is_number = isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())
    if is_number and 0 <= given < EARLIEST_MS:
        raise ValueError(f"is {_shown(value)}: that is {given // 1000} s after 1970; times are in milliseconds")
    return given


def milliseconds_of(moment: datetime) -> int:
    """Return the exact UNIX milliseconds of an aware datetime."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 1000 + since.microseconds // 1000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment_from_text(given: str) -> datetime | int:
    if given.isdecimal() and len(given) != 8:  # eight digits are a date in the basic format of ISO 8601
        return int(given)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(f"is {_shown(given)}, neither ISO 8601 nor UNIX milliseconds") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def birthday(value: object) -> str:
    """Check yyyyMMdd or MMdd; a date or yyyy-MM-dd is converted."""
    given = whole(value)
    given = given.strftime("%Y%m%d") if isinstance(given, date) else str(given).strip().replace("-", "")
    if USUAL_BIRTHDAY.fullmatch(given):
        return given
    try:
        if len(given) not in {4, 8} or not given.isascii() or not given.isdigit():
            raise ValueError
        date(int(given[:-4] or 2000), int(given[-4:-2]), int(given[-2:]))
    except ValueError:
        raise ValueError(f"is {_shown(value)}, not a date as yyyyMMdd, yyyy-MM-dd or MMdd") from None
    return given


def comma_list(limit: int) -> Writer:
    """Return the check for text with commas, also given as a list or set of its parts; an empty one is absent."""
    check = text(Text(limit))
    part_of_list = text(Text(limit, clearable=False))

    def write(value: object) -> Any:
        if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
            parts = [part_of_list(part) for part in entries_of(cast("object", value))]
            return check(",".join(parts)) if parts else None
        return check(value)

    return write


def dictionary_value(value: object) -> int:
    """Check the value of a dictionary detail: a whole number, or a time, which may be before 1970."""
    return milliseconds(value) if isinstance(value, date) else integer(value)


def wrapped(key: str, check: Writer) -> Writer:
    """Return the writer of a value that is wrapped in an object."""
    return lambda value: {key: check(value)}


def sequence(item: Writer, count: Count | None = None) -> Writer:
    """Return the check for a list; text is split at commas and semicolons."""

    def write(value: object) -> list[Any]:
        entries = value if value.__class__ is list else entries_of(value)
        given = cast("Sequence[object]", entries)
        if count and not count.least <= len(given) <= count.most:
            raise ValueError(f"has {len(given)} entries, {count.least} to {count.most} are allowed")
        try:
            return [item(entry) for entry in given]
        except ValueError:
            raise _bad_entry(item, given) from None

    return write


def entries_of(value: object) -> Sequence[object]:
    """Return the entries of a list that is given as a sequence, a set, or text with commas or semicolons."""
    if isinstance(value, str):
        return list(filter(None, map(str.strip, value.replace(";", ",").split(","))))
    if isinstance(value, set | frozenset):
        return in_order(cast("set[object]", value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return cast("Sequence[object]", value)
    raise ValueError(f"is {_kind_of(value)}, not a list")


def _bad_entry(item: Writer, entries: Sequence[object]) -> ValueError:
    for number, entry in enumerate(entries, 1):
        try:
            item(entry)
        except ValueError as error:
            return ValueError(f"entry {number}: {error}")
    raise AssertionError("no entry is refused, although the list was")


def mapping(entry: Writer) -> Writer:
    """Return the check for an object with text as keys; `entry` checks its values."""
    key = text(Text(255, clearable=False))

    def write(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"is {_kind_of(value)}, not a mapping")  # noqa: TRY004 - one kind of error for the caller
        written: dict[str, Any] = {}
        for name, content in cast("Mapping[object, object]", value).items():
            if content is None or content == "":
                continue
            try:
                written[key(name)] = entry(content)
            except ValueError as error:
                raise ValueError(f"{name!r}: {error}") from None
        return written

    return write


_FORMS: dict[Form, Writer] = {
    Form.EMAIL: email,
    Form.MILLISECONDS: milliseconds,
    Form.EVENT_TIME: event_time,
    Form.SECONDS: lambda value: milliseconds(value) // 1000,
    Form.BIRTHDAY: birthday,
    Form.NUMBER: amount,
    Form.DICTIONARY_VALUE: dictionary_value,
}
_PLAIN: dict[object, Writer] = {str: text(Text(None)), bool: boolean, int: integer, float: number}


def split_annotation(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type inside `annotation`, without None and documented literals, and all metadata on the way."""
    metadata: list[Any] = []
    while True:
        if get_origin(annotation) is Annotated:
            metadata.extend(annotation.__metadata__)
            annotation = annotation.__origin__
            continue
        if get_origin(annotation) in {Union, types.UnionType}:
            parts = get_args(annotation)
            kept = [part for part in parts if part is not types.NoneType and get_origin(part) is not Literal]
            if len(kept) == 1:
                annotation = kept[0]
                continue
        return annotation, tuple(metadata)


def writer_of(annotation: Any, nested: Callable[[type], Writer]) -> Writer:
    """Return the writer of a field; `nested` returns the writer of an attrs class."""
    kind, metadata = split_annotation(annotation)
    by_type = {type(item): item for item in metadata}
    if Wrapped in by_type:
        others = tuple(item for item in metadata if not isinstance(item, Wrapped))
        return wrapped(by_type[Wrapped].key, _plain_writer(kind, others, nested))
    return _plain_writer(kind, metadata, nested)


def _plain_writer(kind: Any, metadata: tuple[Any, ...], nested: Callable[[type], Writer]) -> Writer:
    by_type = {type(item): item for item in metadata}
    if Form.COMMA_LIST in metadata:
        return comma_list(by_type[Text].limit)
    if Codec in by_type:
        return cast("Writer", by_type[Codec].write)
    if Form in by_type:
        return _FORMS[by_type[Form]]
    if Text in by_type:
        return text(by_type[Text])
    origin = get_origin(kind)
    if origin in {Sequence, list, tuple}:
        return sequence(writer_of(get_args(kind)[0], nested), by_type.get(Count))
    if origin in {Mapping, dict}:
        return mapping(writer_of(get_args(kind)[1], nested))
    if hasattr(kind, "to_wire"):  # selectors, which have their own writer
        return cast("Writer", kind.to_wire)
    if isinstance(kind, type) and attrs.has(kind):
        return nested(kind)
    return _PLAIN.get(kind, _unchanged)


def _unchanged(value: object) -> object:
    return value


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."
