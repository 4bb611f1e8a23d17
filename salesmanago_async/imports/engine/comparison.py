"""How alike an event that was sent and an event of the server are. Pure: compares two events.

Servers show events in their own way: dates as numbers or text, values as text, products as a list, an `externalId` in
lower case or without its leading zeros. `ComparedEvent` is an event in one common form. Two events can be

    the same                equal in every field that the server shows; a field that is not shown matches anything
    the same if rounded     equal except for rounding (to the minute, to fewer decimals): just as good a match
    similar                 another event, or the same one changed by the server: it cannot be decided, so it stays in
                            doubt

Two events are similar if they differ in only one of these, and are equal in every other field that the server shows:

    externalId     cut short, replaced, or added to an event that was sent without one
    type           renamed
    date, value    moved by whole hours (a time zone), cut to the minute or to the day, rounded; unless ids contradict

For this, a field that is null or empty counts as not shown, and a text may be cut short. Dates count only up to 14
hours, the widest time zone, so that daily events without ids stay distinct. If both events have ids, and the ids are
unlike, the dates must be equal to the second: two purchases at different times are two purchases. If the ids differ
only in their numbers (`order-17` and `order-18`), these are two events, unless one id is the other, cut short.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from unicodedata import normalize

from attrs import frozen

Event: TypeAlias = Mapping[str, Any]

MINUTE, HOUR, DAY = 60, 3600, 86400
MAX_ZONE_HOURS = 14
"""The largest difference between a local time and UTC, in hours."""
_TEXTS = ("description", "location", "shopDomain", *(f"detail{number}" for number in range(1, 21)))


@frozen(eq=False)
class ComparedEvent:
    """An event in the form in which it is compared; `texts` has only texts that are not empty.

    A date, a value or products that cannot be read are None, NaN and None. `series` is the id with 0 for each number,
    "" for an id without a letter: a server that replaces ids may number them itself.
    """

    fields: Event
    id: str
    series: str
    kind: str
    timestamp: int | None
    value: float
    products: tuple[str, ...] | None
    texts: Mapping[str, str]

    @classmethod
    def of(cls, event: Event) -> "ComparedEvent":
        """Return an event in the form in which it is compared."""
        event_id = folded(event.get("externalId"))
        return cls(
            event,
            event_id,
            re.sub(r"\d+", "0", event_id) if re.search(r"[^\W\d_]", event_id) else "",
            str(event.get("contactExtEventType") or "").strip().upper(),
            _timestamp(event.get("date")),
            _value(event.get("value")),
            _products(event.get("products")),
            {name: normalized for name in _TEXTS if (normalized := _normalized(event.get(name)))},
        )

    @property
    def signature(self) -> tuple[Any, ...]:
        """What identifies the event if it has no id."""
        return self.kind, self.timestamp, self.value, self.products

    @property
    def has_full_signature(self) -> bool:
        """Whether type, date, value and products are all shown, and readable."""
        is_readable = self.timestamp is not None and self.products is not None and not math.isnan(self.value)
        return is_readable and not ({"contactExtEventType", "value", "products"} - self.fields.keys())

    @property
    def is_distinctive(self) -> bool:
        """Whether the event shows anything, besides id and type, that distinguishes it from others."""
        is_of_value = self.value != 0 and not math.isnan(self.value)
        return self.timestamp is not None or is_of_value or bool(self.products or self.texts)


def folded(given: object) -> str:
    """Return an id without what a server may change in it: case, white space, Unicode form, leading zeros."""
    if given is None or isinstance(given, bool):
        return ""
    text = normalize("NFKC", normalize("NFKC", str(given)).casefold()).strip()
    whole = re.fullmatch(r"0*(\d+?)(\.0+)?", text, re.ASCII)
    return whole[1] if whole else text


def has_same_id(event: ComparedEvent, shown: ComparedEvent) -> bool:
    """Return whether the server's event has the id and type of this event."""
    return shown.id == event.id and _has_same_type(event, shown)


def has_id_of_same_series(event: ComparedEvent, shown: ComparedEvent, *, longest_id: int) -> bool:
    """Return whether the ids are two of one series, so that the events are two: equal texts with different numbers.

    An id may be cut short only if it is as long as the longest id that the server shows.
    """
    if event.id == shown.id or not event.series or event.series != shown.series:
        return False
    return len(shown.id) < longest_id or not event.id.startswith(shown.id)


def has_same_signature(event: ComparedEvent, shown: ComparedEvent) -> bool:
    """Return whether the server's event, as far as it can be read, has the signature of this event, and no id."""
    return (
        not shown.id
        and _has_same_type(event, shown)
        and shown.timestamp in {None, event.timestamp}
        and ("value" not in shown.fields or math.isnan(shown.value) or _is_close(event.value, shown.value))
        and _has_same_products(event, shown)
    )


def has_same_details(event: ComparedEvent, shown: ComparedEvent) -> bool:
    """Return whether date, value and products are equal, as far as the server shows them."""
    return (
        ("date" not in shown.fields or event.timestamp == shown.timestamp)
        and ("value" not in shown.fields or _is_close(event.value, shown.value))
        and ("products" not in shown.fields or event.products == shown.products)
    )


def is_same_event(event: ComparedEvent, shown: ComparedEvent) -> bool:
    """Return whether all fields that the server shows are equal, and are enough to identify the event."""
    return has_same_details(event, shown) and _has_same_texts(event, shown) and bool(shown.id or shown.is_distinctive)


def is_same_when_rounded(event: ComparedEvent, shown: ComparedEvent) -> bool:
    """Return whether the match of another event of ours could be this event, if dates and values are rounded."""
    return (
        shown.id in {"", event.id}
        and _has_same_type(event, shown)
        and ("date" not in shown.fields or (shown.timestamp is not None and _is_rounded_time(event, shown)))
        and ("value" not in shown.fields or _is_near(event.value, shown.value))
        and _has_same_products(event, shown)
        and _has_same_texts(event, shown)
    )


def difference(event: ComparedEvent, shown: ComparedEvent) -> str | None:
    """Return in which field the server's event differs from this event, if it may still be the same one; else None."""
    has_other_id = shown.id not in {"", event.id}
    has_other_kind = shown.kind not in {"", event.kind}
    if (has_other_id and has_other_kind) or not (
        _may_have_same_products(event, shown) and _may_have_same_texts(event, shown)
    ):
        return None
    if has_other_id and not shown.is_distinctive:
        return None
    if has_other_kind or (has_other_id and not event.id.startswith(shown.id)):
        name = "contactExtEventType" if has_other_kind else "externalId"
        return name if _is_same_moment_and_value(event, shown) else None
    return "date or value, by a time zone or by rounding" if _is_near_moment_and_value(event, shown) else None


def _is_same_moment_and_value(event: ComparedEvent, shown: ComparedEvent) -> bool:
    has_time = shown.timestamp in {None, event.timestamp}
    return has_time and (not _is_shown(shown.value) or _is_close(event.value, shown.value))


def _is_near_moment_and_value(event: ComparedEvent, shown: ComparedEvent) -> bool:
    has_time = shown.timestamp is None or event.timestamp is None or _is_near_time(event.timestamp, shown.timestamp)
    return has_time and (not _is_shown(shown.value) or _is_near(event.value, shown.value))


def _is_shown(value: float) -> bool:
    return value != 0 and not math.isnan(value)


# Dates


def _is_near_time(timestamp: int, shown: int) -> bool:
    """Return whether the server may show a time like this: moved by whole hours, or cut to the minute or to the day."""
    hours = round((shown - timestamp) / HOUR)
    rest = abs(shown - timestamp - hours * HOUR)
    if abs(hours) <= MAX_ZONE_HOURS and (rest == 0 or (rest < MINUTE and shown % MINUTE == 0)):
        return True
    return shown % DAY == 0 and 0 <= timestamp - shown < DAY


def _is_rounded_time(event: ComparedEvent, shown: ComparedEvent) -> bool:
    if event.timestamp is None or shown.timestamp is None or event.timestamp == shown.timestamp:
        return event.timestamp == shown.timestamp
    return shown.timestamp % MINUTE == 0 and abs(shown.timestamp - event.timestamp) < MINUTE


_COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}


def _timestamp(given: object) -> int | None:
    """Return a time in any of the forms that accounts use as seconds since 1970; None if it is not a time."""
    text = str(given).strip()
    try:
        if len(text) in _COMPACT and text.isdecimal():  # as a number this would be in the 1970s, or after the year 2286
            return int(datetime.strptime(text, _COMPACT[len(text)]).replace(tzinfo=UTC).timestamp())
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return int(_in_seconds(float(text)))
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _in_seconds(number: float) -> float:
    """Return a number of seconds, milliseconds, microseconds or nanoseconds as seconds."""
    for _ in range(3):
        number = number / 1000 if number >= 1e11 else number
    return number


# Values


def _value(given: object) -> float:
    """Return a value as a float; NaN if it is not a number.

    Accounts send a value as number or text, and no value as null or 0.
    """
    try:
        return float(str(given or 0))
    except ValueError:
        return math.nan


def _is_close(value: float, shown: float) -> bool:
    return math.isclose(value, shown, abs_tol=0.005)


def _is_near(value: float, shown: float) -> bool:
    """Return whether the server may show a value like this: rounded or cut to two decimals, to one, or to none."""
    return _is_close(value, shown) or any(
        abs(value - shown) < 10**-places and _is_close(shown, round(shown, places)) for places in (0, 1, 2)
    )


# Products and texts


def _products(given: object) -> tuple[str, ...] | None:
    several = given if isinstance(given, list) else str(given).split(",") if given else []
    if any(isinstance(product, dict | list) for product in several) or isinstance(given, Mapping):
        return None
    return tuple(str(product).strip() for product in several)


def _has_same_products(event: ComparedEvent, shown: ComparedEvent) -> bool:
    return "products" not in shown.fields or shown.products in {None, event.products}


def _may_have_same_products(event: ComparedEvent, shown: ComparedEvent) -> bool:
    if not shown.products or event.products is None:
        return True
    return sorted(map(folded, event.products)) == sorted(map(folded, shown.products))


def _has_same_type(event: ComparedEvent, shown: ComparedEvent) -> bool:
    return "contactExtEventType" not in shown.fields or event.kind == shown.kind


def _has_same_texts(event: ComparedEvent, shown: ComparedEvent) -> bool:
    if event.texts == shown.texts:
        return True
    return all(event.texts.get(name) == shown.texts.get(name) for name in _TEXTS if name in shown.fields)


def _may_have_same_texts(event: ComparedEvent, shown: ComparedEvent) -> bool:
    return all(_may_be_cut(event.texts.get(name, ""), text) for name, text in shown.texts.items())


def _may_be_cut(text: str, shown: str) -> bool:
    return text.startswith(shown) or folded(text).startswith(folded(shown))


def _normalized(given: object) -> str:
    """Return a text with single spaces, because a server may change white space; an absent text equals an empty one."""
    return " ".join(str(given or "").split())
