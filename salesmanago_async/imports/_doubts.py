"""Which events of a request without an answer are there? Pure: the events, and what was read back, go in.

An event is recognised by its `externalId` and type; where it has none, or the server tells none of any event, by type,
date, value and products. Events that look alike are counted: where as many are there as were sent, all are there.
Where only some are, and they are not the same in every field, nothing tells which: these stay in doubt.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from attrs import field, frozen

Event: TypeAlias = Mapping[str, Any]


@frozen
class Sorted:
    """The indices of the events that are there, and of those that are not; the others with the reason of the doubt."""

    there: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    undecided: Mapping[int, str] = field(factory=dict)


@frozen
class Recorded:
    """What was read back: the events of each contact by its address in lower case and by its id.

    `unreadable` are the contacts that the server would not show.
    """

    events: Mapping[str, Sequence[Event]]
    unreadable: frozenset[str] = frozenset()


def recorded(contacts: Iterable[object], unavailable: Iterable[object]) -> Recorded:
    """Return the events of the contacts of contact/list or contact/listById."""
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for contact in (contact for contact in contacts if isinstance(contact, Mapping)):
        told = [event for event in contact.get("contactExtEvents") or () if isinstance(event, Mapping)]
        for name in {str(contact.get("email") or "").lower(), str(contact.get("id") or "")} - {""}:
            events[name].extend(told)
    return Recorded(events, frozenset(map(str, unavailable)))


def sort_out(keys: Sequence[str], events: Sequence[Event], found: Recorded) -> Sorted:
    """Tell the events that are there from those that are not; `keys` name their contacts."""
    knows_ids = any("externalId" in event for told in found.events.values() for event in told)
    pools = {key: list(found.events.get(key, ())) for key in keys}
    there: set[int] = set()
    undecided: dict[int, str] = {}
    for way, indices in _by_way(events, knows_ids):
        marks = {index: (keys[index], way.mark(events[index])) for index in indices}
        for group in _grouped(indices, marks.__getitem__):
            key = keys[group[0]]
            if key in found.unreadable:
                undecided.update(dict.fromkeys(group, "its contact cannot be read back"))
                continue
            matches = [event for event in pools[key] if way.fits(events[group[0]], event)][: len(group)]
            pools[key] = [event for event in pools[key] if not any(event is match for match in matches)]
            told = _told_apart(group, matches, events, way.finer)
            if told is None:
                reason = f"{len(matches)} of {len(group)} events like it are there, and nothing tells which"
                undecided.update(dict.fromkeys(group, reason))
            else:
                there |= told
    return Sorted(frozenset(there), frozenset(range(len(keys))) - there - undecided.keys(), undecided)


@frozen
class _Way:
    """A way to recognise events: `mark` is the same for ours that it cannot tell apart, `fits` compares with theirs."""

    mark: Callable[[Event], Any]
    fits: Callable[[Event, Event], bool]
    finer: "_Way | None" = None


def _told_apart(
    group: Sequence[int], matches: Sequence[Event], events: Sequence[Event], finer: _Way | None
) -> set[int] | None:
    """Return which of some similar events are there, when so many like them are; None where nothing tells."""
    if len(matches) in {0, len(group)} or all(events[index] == events[group[0]] for index in group):
        return set(group[: len(matches)])
    if finer is None:
        return None
    there: set[int] = set()
    claimed = 0
    for some in _grouped(group, lambda index: finer.mark(events[index])):
        fitting = [event for event in matches if finer.fits(events[some[0]], event)][: len(some)]
        told = _told_apart(some, fitting, events, finer.finer)
        if told is None:
            return None
        there |= told
        claimed += len(fitting)
    return there if claimed == len(matches) else None


def _by_way(events: Sequence[Event], knows_ids: bool) -> list[tuple[_Way, list[int]]]:
    """Return by which way which events are recognised; those with an id of their own are looked for first."""
    with_id = [index for index, event in enumerate(events) if knows_ids and event.get("externalId")]
    others = [index for index, event in enumerate(events) if not (knows_ids and event.get("externalId"))]
    return [(_BY_ID, with_id), (_BY_LOOKS_AND_NO_ID if knows_ids else _BY_LOOKS, others)]


def _grouped(indices: Iterable[int], mark: Callable[[int], Any]) -> list[list[int]]:
    groups: defaultdict[Any, list[int]] = defaultdict(list)
    for index in indices:
        groups[mark(index)].append(index)
    return list(groups.values())


def _id(event: Event) -> tuple[str, str]:
    return str(event.get("externalId") or ""), _type(event)


def _looks(event: Event) -> tuple[Any, ...]:
    return _type(event), _second(event.get("date")), _value(event.get("value")), _products(event)


def _everything(event: Event) -> tuple[str, ...]:
    return tuple(str(event.get(name) or "") for name in _OTHER_FIELDS)


_OTHER_FIELDS = ("description", "location", "shopDomain", *(f"detail{number}" for number in range(1, 21)))


def _look_alike(event: Event, found: Event) -> bool:
    kind, second, value, products = _looks(found)
    return (kind, second, products) == (_type(event), _second(event.get("date")), _products(event)) and math.isclose(
        _value(event.get("value")), value, abs_tol=0.005
    )


_BY_EVERYTHING = _Way(_everything, lambda event, found: _everything(event) == _everything(found))
_BY_LOOKS = _Way(_looks, _look_alike, finer=_BY_EVERYTHING)
_BY_LOOKS_AND_NO_ID = _Way(
    _looks, lambda event, found: not found.get("externalId") and _look_alike(event, found), finer=_BY_EVERYTHING
)
_BY_ID = _Way(_id, lambda event, found: _id(event) == _id(found), finer=_BY_LOOKS)


def _type(event: Event) -> str:
    return str(event.get("contactExtEventType") or "").strip().upper()


def _value(given: object) -> float:
    """Return a value as a number; accounts tell it as one or as text, and none as null or 0."""
    try:
        return float(str(given or 0))
    except ValueError:
        return math.nan


def _products(event: Event) -> tuple[str, ...]:
    given = event.get("products") or ()
    several = given if isinstance(given, list) else str(given).split(",") if given else []
    return tuple(str(product).strip() for product in several)


def _second(given: object) -> int | None:
    """Return a time, in whatever form an account tells it, in whole seconds since 1970."""
    text = str(given)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        number = float(text)
        return int(number / 1000 if number >= 1e11 else number)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
