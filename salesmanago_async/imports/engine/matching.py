"""Which events of a request without an answer are there? Pure: the events, and what was read back, go in.

An event is recognised by its `externalId` and type; where it has none, or the server shows none of any event, by type,
date, value and products. Ids are compared folded: without case, white space and leading zeros, in one form of Unicode.
What of these is not shown, or cannot be read, fits anything. Several that are recognised alike are told apart, and
counted, by all their fields. Where an event that is recognised differs in some field, it may be this one, changed a
little, or another: that stays in doubt. With an id, only a difference in date, value or products counts, as long as
these tell our own events apart.

What is not recognised is missing, and is sent again, only if nothing that is there can be it:

    Nothing unclaimed resembles it (see _likeness.py): a server may have changed an id, a type, a date or a value.
    Nothing claimed fits it as well: where two of ours differ only in what the server does not show, or rounds, and one
    event is there, nobody can tell whose it is, and both are in doubt.

So where dates and ids are shown as they were sent, different events are told apart as ever. In doubt, and not missing,
is an event that differs from another one that is there in nothing but its id or its type; without ids, also one of the
same type, products and texts as another that is whole hours away. This cannot be seen: events that are not shown at
all (only the newest ones are, or the contact has become another one); two changes at once, as a new id and a new date;
and events without ids, whole hours apart and alike, at a server that moves dates, as they are taken for each other.

A contact that is not in the answer has no events: the server would refuse them. One whose events are null has none
only if the answer shows that this is how it says so: others have events, and none has an empty list.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from attrs import define, field, frozen

from ...records.names import Names, canonical_names
from .likeness import (
    DAY,
    HOUR,
    MINUTE,
    WIDEST_ZONE,
    ComparedEvent,
    Event,
    contests,
    difference,
    has_id,
    has_looks,
    is_same,
    looks_the_same,
)

ResultT = TypeVar("ResultT")
Fits: TypeAlias = Callable[[ComparedEvent, ComparedEvent], bool]

HIDDEN = "its contact cannot be read back"
LIKE_IT = "an event like it is there, but not the same in every field"
CHANGED = "an event is there that is the same but for its {}: it may be this one, changed by the server"
SHARED = "an event is there that may be this one or another one of the request"
TOO_MANY = "too many events are there that it would have to be compared with"

MOST_COMPARED = 200_000
"""Pairs of events that are compared for one request, in about half a second. Only thousands of events without a date,
or of one second, make more."""


@frozen
class Sorted:
    """The indices of the events that are there, and of those that are not; the others with the reason of the doubt."""

    there: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    undecided: Mapping[int, str] = field(factory=dict)


@frozen
class Recorded:
    """What was read back: the events of each contact, and which contacts, by their places, go by a canonical name.

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
    shown = [contact for contact in contacts if isinstance(contact, Mapping)]
    null_is_none = _shows_that_null_is_none(shown)
    events: dict[str, Sequence[Event]] = {}
    places: defaultdict[str, set[int]] = defaultdict(set)
    unreadable = set(canonical_names(unavailable))
    for contact in shown:
        names = canonical_names((contact.get("email"), contact.get("id")))
        name = min(canonical_names((contact.get("id"),)) or names or {f"nobody {len(events)}"})
        told = [] if null_is_none and contact.get("contactExtEvents", 0) is None else contact.get("contactExtEvents")
        if not isinstance(told, list) and names:
            unreadable |= names
        elif name not in events:
            events[name] = [event for event in told if isinstance(event, Mapping)] if isinstance(told, list) else []
        if name in events:
            for known_as in names:
                places[known_as].add(list(events).index(name))
    found = {name: frozenset(several) for name, several in places.items()}
    return Recorded(list(events.values()), found, frozenset(unreadable))


def _shows_that_null_is_none(contacts: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether these contacts show that one without events has null in their place, and no empty list."""
    lists = [told for contact in contacts if isinstance(told := contact.get("contactExtEvents"), list)]
    return bool(lists) and all(lists)


@define
class _Shown:
    """The events that are shown, by what they are looked for; each key begins with the place of its contact."""

    by_id: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))
    by_looks: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))
    by_minute: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))

    def add(self, place: int, event: ComparedEvent) -> None:
        """Take in an event of the contact at a place."""
        if event.id:
            self.by_id[place, event.id].append(event)
        else:
            self.by_looks[place, *(_exact(event) if event.shows_its_looks else _UNREADABLE)].append(event)
        self.by_minute[place, None if event.second is None else event.second // MINUTE].append(event)

    def recognised(self, event: ComparedEvent, contacts: Iterable[int], *, by_id: bool) -> list[ComparedEvent]:
        """Return those that are recognised as this event."""
        if by_id:
            return [one for place in contacts for one in self.by_id[place, event.id] if has_id(event, one)]
        keys = [(place, *exact) for place in contacts for exact in (_exact(event), _UNREADABLE)]
        return [one for key in keys for one in self.by_looks[key] if has_looks(event, one)]

    def near(self, event: ComparedEvent, contacts: Iterable[int], hours: int) -> Iterator[ComparedEvent]:
        """Yield those that may be this event by their dates, moved by no more than so many hours."""
        minutes: set[int | None] = {None}
        if event.second is not None:
            first = event.second // MINUTE
            moved = range(-hours * HOUR // MINUTE, hours * HOUR // MINUTE + 1, HOUR // MINUTE)
            minutes.update(first + more for each in moved for more in (each - 1, each, each + 1))
            minutes.add(event.second // DAY * DAY // MINUTE)
        for place in contacts:
            for minute in minutes:
                yield from self.by_minute.get((place, minute), ())


_UNREADABLE = (None,)


def _exact(event: ComparedEvent) -> tuple[Any, ...]:
    return event.kind, event.second, event.products


def sort_out(names: Sequence[Names], events: Sequence[Event], found: Recorded) -> Sorted:
    """Tell the events that are there from those that are not; `names` are what their contacts go by."""
    return _Sorting(names, events, found).sorted()


class _Sorting:
    """The events of one request, and which of those that are shown they claim."""

    def __init__(self, names: Sequence[Names], events: Sequence[Event], found: Recorded) -> None:
        self._events = [ComparedEvent.of(event) for event in events]
        self._contacts = [found.contacts(each) for each in names]
        self._names = names
        self._found = found
        self._shown = _Shown()
        for place, several in enumerate(found.events):
            for event in several:
                self._shown.add(place, ComparedEvent.of(event))
        self._knows_ids = bool(self._shown.by_id)
        self._claims: dict[ComparedEvent, int] = {}
        self._undecided: dict[int, str] = {}
        self._comparisons_left = MOST_COMPARED

    def sorted(self) -> Sorted:
        """Return what became of each event."""
        self._doubt_hidden()
        for group in self._groups():
            self._recognise(group)
        self._doubt_changed()
        self._doubt_shared()
        there = frozenset(self._claims.values()) - self._undecided.keys()
        missing = frozenset(range(len(self._events))) - there - self._undecided.keys()
        return Sorted(there, missing, dict(sorted(self._undecided.items())))

    def _doubt_hidden(self) -> None:
        hidden, unreadable = self._found.has_strangers(self._names), self._found.unreadable
        for index, names in enumerate(self._names):
            if not self._contacts[index] and (hidden or not unreadable.isdisjoint(names)):
                self._undecided[index] = HIDDEN

    def _groups(self) -> list[list[int]]:
        """Return the indices of events that are recognised in the same way; those with an id of their own first."""
        groups: defaultdict[Any, list[int]] = defaultdict(list)
        for index, event in enumerate(self._events):
            if index not in self._undecided:
                mark = (event.id, event.kind) if self._has_id(event) else event.looks
                groups[(not self._has_id(event), self._contacts[index] or self._names[index], mark)].append(index)
        return [groups[mark] for mark in sorted(groups, key=lambda mark: bool(mark[0]))]

    def _has_id(self, event: ComparedEvent) -> bool:
        return self._knows_ids and bool(event.id)

    def _recognise(self, group: Sequence[int]) -> None:
        """Have the events of a group claim what is recognised as them; the others are in doubt if any of that is left.

        A group by id that differs in looks may be told apart by them, where texts were changed.
        """
        event = self._events[group[0]]
        by_id = self._has_id(event)
        recognised = self._shown.recognised(event, self._contacts[group[0]], by_id=by_id)
        rest, spare = self._pair(group, [one for one in recognised if one not in self._claims], is_same)
        if by_id and len({self._events[index].looks for index in rest}) == len(rest):
            rest, spare = self._pair(rest, spare, looks_the_same)
        if spare:
            self._undecided.update(dict.fromkeys(rest, LIKE_IT))

    def _pair(
        self, group: Sequence[int], candidates: Sequence[ComparedEvent], fits: Fits
    ) -> tuple[list[int], list[ComparedEvent]]:
        """Have each event claim one of the candidates that fits it; return who got none, and what is left over."""
        rest: list[int] = []
        spare = list(candidates)
        for index in group:
            compared = enumerate(self._compare(fits, index, spare))
            place = next((place for place, is_fit in compared if is_fit), None)
            if place is None:
                rest.append(index)
            else:
                self._claims[spare.pop(place)] = index
        return rest, spare

    def _doubt_changed(self) -> None:
        """Have in doubt what one of those that nobody claims resembles."""
        for index in self._unclaiming():
            near = self._shown.near(self._events[index], self._contacts[index], WIDEST_ZONE)
            unclaimed = (one for one in near if one not in self._claims)
            changed = next(filter(None, self._compare(difference, index, unclaimed)), None)
            if changed and index not in self._undecided:
                self._undecided[index] = CHANGED.format(changed)

    def _doubt_shared(self) -> None:
        """Have in doubt what fits one that another event claims, and that other event, unless the two are equal."""
        unsure = self._unclaiming()
        while unsure:
            index = unsure.pop()
            claimed = self._claimed_near(index)
            for one, is_shared in zip(claimed, self._compare(contests, index, claimed), strict=False):
                if is_shared:
                    self._undecided.setdefault(index, SHARED)
                if is_shared and self._claims[one] not in self._undecided:
                    self._undecided[self._claims[one]] = SHARED
                    unsure.append(self._claims[one])

    def _claimed_near(self, index: int) -> list[ComparedEvent]:
        """Return those that lie near an event, and that another one claims which is not equal to it."""
        event = self._events[index]
        near = self._shown.near(event, self._contacts[index], 0)
        claimed = ((one, self._claims.get(one)) for one in near)
        return [one for one, other in claimed if other is not None and self._events[other].fields != event.fields]

    def _compare(
        self, how: Callable[[ComparedEvent, ComparedEvent], ResultT], index: int, several: Iterable[ComparedEvent]
    ) -> Iterator[ResultT]:
        """Compare an event with several that are shown; if that becomes too much, it is in doubt."""
        for one in several:
            if not self._comparisons_left:
                self._undecided.setdefault(index, TOO_MANY)
                return
            self._comparisons_left -= 1
            yield how(self._events[index], one)

    def _unclaiming(self) -> list[int]:
        claiming = set(self._claims.values())
        return [index for index in range(len(self._events)) if index not in claiming and self._contacts[index]]
