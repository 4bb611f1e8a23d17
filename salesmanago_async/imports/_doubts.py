"""Which events of a request without an answer are there? Pure: the events, and what was read back, go in.

An event is recognised by its `externalId` and type; where it has none, or the server tells none of any event, by type,
date, value and products. What of these is not told, or cannot be read, fits anything. Several that are recognised alike
are told apart, and counted, by all their fields. Where an event that is recognised differs in some field, it may be
this one, changed a little, or another: that stays in doubt. With an id, only a difference in date, value or products
counts, as long as these tell our own events apart.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias

from attrs import field, frozen

from ._chunks import Names

Event: TypeAlias = Mapping[str, Any]


@frozen
class Sorted:
    """The indices of the events that are there, and of those that are not; the others with the reason of the doubt."""

    there: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    undecided: Mapping[int, str] = field(factory=dict)


@frozen
class Recorded:
    """What was read back: the events of each contact, and which contacts, by their places, go by a name.

    `unreadable` are the names of contacts that the server would not show, or not with their events.
    """

    events: Sequence[Sequence[Event]]
    places: Mapping[str, frozenset[int]]
    unreadable: frozenset[str] = frozenset()

    def contacts(self, names: Iterable[str]) -> frozenset[int]:
        """Return who goes by any of these names."""
        return frozenset().union(*(self.places.get(name, frozenset()) for name in names))

    def has_strangers(self, names: Iterable[Names]) -> bool:
        """Tell whether somebody was read back who goes by none of these names, and so may be anybody."""
        return len(self.contacts(chain.from_iterable(names))) < len(self.events)


def recorded(contacts: Iterable[object], unavailable: Iterable[object]) -> Recorded:
    """Return the events of the contacts of contact/list and contact/listById; one may be in both."""
    events: dict[str, Sequence[Event]] = {}
    places: defaultdict[str, set[int]] = defaultdict(set)
    unreadable = set(map(str, unavailable))
    for contact in (contact for contact in contacts if isinstance(contact, Mapping)):
        address, id_ = str(contact.get("email") or "").strip().lower(), str(contact.get("id") or "")
        name = id_ or address or f"nobody {len(events)}"
        told = contact.get("contactExtEvents", _NOT_TOLD)
        if not isinstance(told, list | None) and (address or id_):
            unreadable |= {address, id_} - {""}
        elif name not in events:
            events[name] = [event for event in told if isinstance(event, Mapping)] if isinstance(told, list) else []
        if name in events:
            for known_as in {address, id_} - {""}:
                places[known_as].add(list(events).index(name))
    found = {name: frozenset(several) for name, several in places.items()}
    return Recorded(list(events.values()), found, frozenset(unreadable))


_NOT_TOLD = object()


def sort_out(names: Sequence[Names], events: Sequence[Event], found: Recorded) -> Sorted:
    """Tell the events that are there from those that are not; `names` are what their contacts go by."""
    knows_ids = any(event.get("externalId") for told in found.events for event in told)
    hidden = found.has_strangers(names)
    pools = [list(told) for told in found.events]
    there: set[int] = set()
    undecided: dict[int, str] = {}
    for group in _groups(names, events, found, knows_ids):
        contacts = found.contacts(names[group[0]])
        if not contacts and (hidden or not found.unreadable.isdisjoint(names[group[0]])):
            undecided.update(dict.fromkeys(group, "its contact cannot be read back"))
            continue
        event = events[group[0]]
        recognises = _has_id if knows_ids and event.get("externalId") else _has_looks
        candidates = [told for contact in contacts for told in pools[contact] if recognises(event, told)]
        for contact in contacts:
            pools[contact] = [told for told in pools[contact] if not any(told is one for one in candidates)]
        told, rest, spare = _paired(group, candidates, events, _is_same)
        if recognises is _has_id and len({_looks(events[index]) for index in rest}) == len(rest):
            more, rest, spare = _paired(rest, spare, events, _looks_the_same)
            told |= more
        there |= told
        if spare:
            undecided.update(dict.fromkeys(rest, "an event like it is there, but not the same in every field"))
    missing = frozenset(range(len(events))) - there - undecided.keys()
    return Sorted(frozenset(there), frozenset(missing), undecided)


def _groups(names: Sequence[Names], events: Sequence[Event], found: Recorded, knows_ids: bool) -> list[list[int]]:
    """Return the indices of events that are recognised in the same way; those with an id of their own first."""
    groups: defaultdict[Any, list[int]] = defaultdict(list)
    for index, event in enumerate(events):
        has_id = bool(knows_ids and event.get("externalId"))
        mark = (str(event["externalId"]), _type(event)) if has_id else _looks(event)
        groups[(not has_id, found.contacts(names[index]) or names[index], mark)].append(index)
    return [groups[mark] for mark in sorted(groups, key=lambda mark: bool(mark[0]))]


def _paired(
    group: Sequence[int], candidates: Sequence[Event], events: Sequence[Event], fits: Callable[[Event, Event], bool]
) -> tuple[set[int], list[int], list[Event]]:
    """Give each event one of the candidates that fits it; return who got one, who did not, and what is left over."""
    paired: set[int] = set()
    spare = list(candidates)
    for index in group:
        place = next((place for place, candidate in enumerate(spare) if fits(events[index], candidate)), None)
        if place is not None:
            paired.add(index)
            del spare[place]
    return paired, [index for index in group if index not in paired], spare


def _has_id(event: Event, found: Event) -> bool:
    same_type = "contactExtEventType" not in found or _type(event) == _type(found)
    return same_type and str(event["externalId"]) == str(found.get("externalId"))


def _has_looks(event: Event, found: Event) -> bool:
    """Tell whether it may be this event, as far as its looks can be read."""
    kind, second, value, products = _looks(found)
    return (
        not found.get("externalId")
        and ("contactExtEventType" not in found or kind == _type(event))
        and ("products" not in found or products == _products(event))
        and (second is None or second == _second(event.get("date")))  # None: nobody can read it
        and ("value" not in found or math.isnan(value) or _close(_value(event.get("value")), value))
    )


def _looks_the_same(event: Event, found: Event) -> bool:
    """Tell whether what is told of the one is so of the other: when, how much, and what."""
    return (
        ("date" not in found or _second(event.get("date")) == _second(found["date"]))
        and ("value" not in found or _close(_value(event.get("value")), _value(found["value"])))
        and ("products" not in found or _products(event) == _products(found))
    )


def _is_same(event: Event, found: Event) -> bool:
    """Tell whether all that is told of the one is so of the other."""
    return _looks_the_same(event, found) and all(
        name not in found or _words(event.get(name)) == _words(found[name]) for name in _OTHER_FIELDS
    )


_OTHER_FIELDS = ("description", "location", "shopDomain", *(f"detail{number}" for number in range(1, 21)))


def _looks(event: Event) -> tuple[Any, ...]:
    return _type(event), _second(event.get("date")), _value(event.get("value")), _products(event)


def _words(given: object) -> list[str]:
    """Return a text in words, as white space may have been trimmed; none is as good as an empty one."""
    return str(given or "").split()


def _close(value: float, other: float) -> bool:
    return math.isclose(value, other, abs_tol=0.005)


def _type(event: Event) -> str:
    return str(event.get("contactExtEventType") or "").strip().upper()


def _value(given: object) -> float:
    """Return a value as a number; accounts tell it as one or as text, and none as null or 0. NaN: it is none."""
    try:
        return float(str(given or 0))
    except ValueError:
        return math.nan


def _products(event: Event) -> tuple[str, ...]:
    given = event.get("products") or ()
    several = given if isinstance(given, list) else str(given).split(",") if given else []
    return tuple(str(product).strip() for product in several)


def _second(given: object) -> int | None:
    """Return a time, in whatever form an account tells it, in whole seconds since 1970; None where it is none."""
    text = str(given)
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            number = float(text)
            return int(number / 1000 if number >= 1e11 else number)
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
