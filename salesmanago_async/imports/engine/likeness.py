"""How alike are an event that was sent and one that a server shows? Pure: two events go in.

Servers show events in their own way: dates as numbers or text, values as text, products as a list, an `externalId` in
lower case or without its leading zeros. `ComparedEvent` is an event in one form. Two events can then be

    the same       in every field that is shown; a field that is absent from the answer fits anything
    contesting     the same but for rounding (to the minute, to fewer decimals): as good a reason to take one for it
    resembling     another event, or the same one changed by the server: nobody can tell, so it stays in doubt

An event resembles one of ours if it differs in one of these only, and is the same in every other field that it shows:

    externalId     cut short, replaced, or given to an event that was sent without
    type           renamed
    date, value    where no ids contradict: moved by whole hours (a time zone), cut to the minute or to the day; rounded

For resembling, a field that is shown as null or empty counts as not shown, and a text may be cut short. Dates count
only up to 14 hours, the widest time zone, so that daily events without ids are told apart. Where both events have ids,
and these are unlike, the dates must be the same to the second: two purchases at different times are two.
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
WIDEST_ZONE = 14
"""Hours between UTC and the local time that is farthest from it."""
_TEXTS = ("description", "location", "shopDomain", *(f"detail{number}" for number in range(1, 21)))


@frozen(eq=False)
class ComparedEvent:
    """An event as it is compared; `texts` are those that are not empty, in words.

    A date (None), a value (NaN) or products (None) that cannot be read are marked so.
    """

    fields: Event
    id: str
    kind: str
    second: int | None
    value: float
    products: tuple[str, ...] | None
    texts: Mapping[str, str]

    @classmethod
    def of(cls, event: Event) -> "ComparedEvent":
        """Return an event in the form in which it is compared."""
        return cls(
            event,
            folded(event.get("externalId")),
            str(event.get("contactExtEventType") or "").strip().upper(),
            _second(event.get("date")),
            _value(event.get("value")),
            _products(event.get("products")),
            {name: words for name in _TEXTS if (words := _words(event.get(name)))},
        )

    @property
    def looks(self) -> tuple[Any, ...]:
        """What it is known by where it has no id."""
        return self.kind, self.second, self.value, self.products

    @property
    def shows_its_looks(self) -> bool:
        """Whether its type, date, value and products are all shown, and can be read."""
        is_readable = self.second is not None and self.products is not None and not math.isnan(self.value)
        return is_readable and not ({"contactExtEventType", "value", "products"} - self.fields.keys())

    @property
    def says_something(self) -> bool:
        """Whether it shows anything, beside id and type, by which it can be told from others."""
        is_of_value = self.value != 0 and not math.isnan(self.value)
        return self.second is not None or is_of_value or bool(self.products or self.texts)


def folded(given: object) -> str:
    """Return an id without what a server may change in it: case, white space, kinds of letters, leading zeros."""
    if given is None or isinstance(given, bool):
        return ""
    text = normalize("NFKC", normalize("NFKC", str(given)).casefold()).strip()
    whole = re.fullmatch(r"0*(\d+?)(\.0+)?", text, re.ASCII)
    return whole[1] if whole else text


def has_id(event: ComparedEvent, found: ComparedEvent) -> bool:
    """Tell whether it is this event by its id and type."""
    return found.id == event.id and _is_of_kind(event, found)


def has_looks(event: ComparedEvent, found: ComparedEvent) -> bool:
    """Tell whether it may be this event, as far as its looks can be read; one with an id is known by that."""
    return (
        not found.id
        and _is_of_kind(event, found)
        and found.second in {None, event.second}
        and ("value" not in found.fields or math.isnan(found.value) or _is_close(event.value, found.value))
        and _has_products(event, found)
    )


def looks_the_same(event: ComparedEvent, found: ComparedEvent) -> bool:
    """Tell whether all that is shown of the one is so of the other: when, how much, and what."""
    return (
        ("date" not in found.fields or event.second == found.second)
        and ("value" not in found.fields or _is_close(event.value, found.value))
        and ("products" not in found.fields or event.products == found.products)
    )


def is_same(event: ComparedEvent, found: ComparedEvent) -> bool:
    """Tell whether all that is shown of the one is so of the other, and is enough to know it by."""
    return looks_the_same(event, found) and _has_texts(event, found) and bool(found.id or found.says_something)


def contests(event: ComparedEvent, found: ComparedEvent) -> bool:
    """Tell whether what was taken for another event may as well be this one, if dates and values are rounded."""
    return (
        found.id in {"", event.id}
        and _is_of_kind(event, found)
        and ("date" not in found.fields or (found.second is not None and _is_rounded_time(event, found)))
        and ("value" not in found.fields or _is_near(event.value, found.value))
        and _has_products(event, found)
        and _has_texts(event, found)
    )


def difference(event: ComparedEvent, found: ComparedEvent) -> str | None:
    """Return in what the event that is shown differs from this one, if it may be it all the same; None if not."""
    has_other_id = found.id not in {"", event.id}
    has_other_kind = found.kind not in {"", event.kind}
    if (has_other_id and has_other_kind) or not (_may_have_products(event, found) and _may_have_texts(event, found)):
        return None
    if has_other_id and not found.says_something:
        return None
    if has_other_kind or (has_other_id and not event.id.startswith(found.id)):
        name = "contactExtEventType" if has_other_kind else "externalId"
        return name if _is_at_once(event, found) else None
    return "date or value, by a time zone or by rounding" if _is_nearly_at_once(event, found) else None


def _is_at_once(event: ComparedEvent, found: ComparedEvent) -> bool:
    has_time = found.second in {None, event.second}
    return has_time and (not _is_shown(found.value) or _is_close(event.value, found.value))


def _is_nearly_at_once(event: ComparedEvent, found: ComparedEvent) -> bool:
    has_time = found.second is None or event.second is None or _is_near_time(event.second, found.second)
    return has_time and (not _is_shown(found.value) or _is_near(event.value, found.value))


def _is_shown(value: float) -> bool:
    return value != 0 and not math.isnan(value)


# Dates


def _is_near_time(second: int, found: int) -> bool:
    """Tell whether a time may be shown as this one: moved by whole hours, cut to the minute or to the day."""
    hours = round((found - second) / HOUR)
    rest = abs(found - second - hours * HOUR)
    if abs(hours) <= WIDEST_ZONE and (rest == 0 or (rest < MINUTE and found % MINUTE == 0)):
        return True
    return found % DAY == 0 and 0 <= second - found < DAY


def _is_rounded_time(event: ComparedEvent, found: ComparedEvent) -> bool:
    if event.second is None or found.second is None or event.second == found.second:
        return event.second == found.second
    return found.second % MINUTE == 0 and abs(found.second - event.second) < MINUTE


_COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}


def _second(given: object) -> int | None:
    """Return a time, in whatever form an account tells it, in whole seconds since 1970; None where it is none."""
    text = str(given).strip()
    try:
        if len(text) in _COMPACT and text.isdecimal():  # as a number, the 1970s, or a time after the year 2286
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
    """Return a value as a number; accounts tell it as one or as text, and none as null or 0. NaN: it is none."""
    try:
        return float(str(given or 0))
    except ValueError:
        return math.nan


def _is_close(value: float, found: float) -> bool:
    return math.isclose(value, found, abs_tol=0.005)


def _is_near(value: float, found: float) -> bool:
    """Tell whether a value may be shown as this one: rounded, or cut, to two decimals, to one, or to none."""
    return _is_close(value, found) or any(
        abs(value - found) < 10**-places and _is_close(found, round(found, places)) for places in (0, 1, 2)
    )


# Products and texts


def _products(given: object) -> tuple[str, ...] | None:
    several = given if isinstance(given, list) else str(given).split(",") if given else []
    if any(isinstance(product, dict | list) for product in several) or isinstance(given, Mapping):
        return None
    return tuple(str(product).strip() for product in several)


def _has_products(event: ComparedEvent, found: ComparedEvent) -> bool:
    return "products" not in found.fields or found.products in {None, event.products}


def _may_have_products(event: ComparedEvent, found: ComparedEvent) -> bool:
    if not found.products or event.products is None:
        return True
    return sorted(map(folded, event.products)) == sorted(map(folded, found.products))


def _is_of_kind(event: ComparedEvent, found: ComparedEvent) -> bool:
    return "contactExtEventType" not in found.fields or event.kind == found.kind


def _has_texts(event: ComparedEvent, found: ComparedEvent) -> bool:
    if event.texts == found.texts:
        return True
    return all(event.texts.get(name) == found.texts.get(name) for name in _TEXTS if name in found.fields)


def _may_have_texts(event: ComparedEvent, found: ComparedEvent) -> bool:
    return all(_may_be_cut(event.texts.get(name, ""), text) for name, text in found.texts.items())


def _may_be_cut(text: str, found: str) -> bool:
    return text.startswith(found) or folded(text).startswith(folded(found))


def _words(given: object) -> str:
    """Return a text with single blanks, as white space may have been changed; none is as good as an empty one."""
    return " ".join(str(given or "").split())
