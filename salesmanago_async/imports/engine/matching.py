"""Which events of a request without an answer does the server have? Pure: compares our events with those read back.

An event is recognised by its `externalId` and type. If it has no id, or the server shows no ids at all, it is
recognised by type, date, value and products. Ids are compared without case, white space and leading zeros, in one form
of Unicode. A field that is not shown, or cannot be read, matches anything. Several events that are recognised in the
same way are distinguished, and counted, by all their fields. A recognised event that differs in some field may be ours,
slightly changed, or another one: it stays in doubt. With an id, only a difference in date, value or products counts, as
long as these distinguish our own events.

An event that is not recognised is missing, and is sent again, only if no event of the server can be it:

    No unmatched event is similar (see comparison.py): a server may have changed an id, a type, a date or a value.
    No matched event fits just as well: if two of ours differ only in what the server does not show, or rounds, and one
    event is there, it cannot be decided which of the two it is, so both are in doubt.

So if dates and ids are shown as they were sent, different events stay distinct. An event is in doubt, not missing, if
it differs from another one on the server only in its id or its type; without ids, also if one with the same type,
products and texts is whole hours away.

These cannot be recognised: events that the server does not show at all (it shows only the newest ones, or the contact
was merged into another one); two changes at the same time, such as a new id and a new date; and, at a server that moves
dates, equal events without ids that are whole hours apart, because they are taken for each other.

A contact that is not in the answer has no events: the server would refuse them. A contact whose events are null has
none only if the answer shows that null means none: other contacts have events, and no list is empty.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from attrs import define, field, frozen

from ...records.names import Names, canonical_names
from .comparison import (
    DAY,
    HOUR,
    MAX_ZONE_HOURS,
    MINUTE,
    ComparedEvent,
    Event,
    difference,
    has_id_of_same_series,
    has_same_details,
    has_same_id,
    has_same_signature,
    is_same_event,
    is_same_when_rounded,
)

ResultT = TypeVar("ResultT")
Predicate: TypeAlias = Callable[[ComparedEvent, ComparedEvent], bool]

HIDDEN = "its contact cannot be read back"
SIMILAR = "an event like it is there, but not the same in every field"
CHANGED = "an event is there that is the same but for its {}: it may be this one, changed by the server"
AMBIGUOUS = "an event is there that may be this one or another one of the request"
TOO_MANY = "too many events are there that it would have to be compared with"

MAX_COMPARISONS = 200_000
"""The most pairs of events that are compared for one request, in about half a second.

Only thousands of events without a date, or within one second, need more.
"""


@frozen
class MatchResult:
    """The indices of our events: those the server has, the missing ones, and the undecided ones with their reasons."""

    present: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    undecided: Mapping[int, str] = field(factory=dict)


@frozen
class ServerEvents:
    """What was read back: the events of each contact, and the places of the contacts with each canonical name.

    `unreadable` has the names of contacts that the server did not show, or showed without their events.
    """

    events: Sequence[Sequence[Event]]
    places: Mapping[str, frozenset[int]]
    unreadable: frozenset[str] = frozenset()

    def contacts(self, names: Iterable[str]) -> frozenset[int]:
        """Return the places of the contacts that have any of these names."""
        return frozenset().union(*(self.places.get(name, frozenset()) for name in names))

    def has_unknown_contacts(self, names: Iterable[Names]) -> bool:
        """Return whether a contact was read back that has none of these names: it may be any of ours."""
        return len(self.contacts(chain.from_iterable(names))) < len(self.events)


def server_events(contacts: Iterable[object], unavailable: Iterable[object]) -> ServerEvents:
    """Return the events in the answers of contact/list and contact/listById; a contact may be in both."""
    shown = [contact for contact in contacts if isinstance(contact, Mapping)]
    null_is_none = _shows_that_null_is_none(shown)
    events: dict[str, Sequence[Event]] = {}
    places: defaultdict[str, set[int]] = defaultdict(set)
    unreadable = set(canonical_names(unavailable))
    for contact in shown:
        names = canonical_names((contact.get("email"), contact.get("id")))
        name = min(canonical_names((contact.get("id"),)) or names or {f"nobody {len(events)}"})
        listed = [] if null_is_none and contact.get("contactExtEvents", 0) is None else contact.get("contactExtEvents")
        if not isinstance(listed, list) and names:
            unreadable |= names
        elif name not in events:
            events[name] = [event for event in listed if isinstance(event, Mapping)] if isinstance(listed, list) else []
        if name in events:
            for alias in names:
                places[alias].add(list(events).index(name))
    found = {name: frozenset(indices) for name, indices in places.items()}
    return ServerEvents(list(events.values()), found, frozenset(unreadable))


def _shows_that_null_is_none(contacts: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether these contacts show that null means no events: some have events, and no list is empty."""
    lists = [listed for contact in contacts if isinstance(listed := contact.get("contactExtEvents"), list)]
    return bool(lists) and all(lists)


@define
class _EventIndex:
    """The server's events by what they are looked up by; each key begins with the place of the contact."""

    by_id: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))
    by_signature: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))
    by_minute: defaultdict[Any, list[ComparedEvent]] = field(factory=lambda: defaultdict(list))
    longest_id: int = 0

    def add(self, place: int, event: ComparedEvent) -> None:
        """Add an event of the contact at a place."""
        self.longest_id = max(self.longest_id, len(event.id))
        if event.id:
            self.by_id[place, event.id].append(event)
        else:
            self.by_signature[place, *(_exact(event) if event.has_full_signature else _UNREADABLE)].append(event)
        self.by_minute[place, None if event.timestamp is None else event.timestamp // MINUTE].append(event)

    def recognised(self, event: ComparedEvent, contacts: Iterable[int], *, by_id: bool) -> list[ComparedEvent]:
        """Return the events that are recognised as this event."""
        if by_id:
            return [one for place in contacts for one in self.by_id[place, event.id] if has_same_id(event, one)]
        keys = [(place, *exact) for place in contacts for exact in (_exact(event), _UNREADABLE)]
        return [one for key in keys for one in self.by_signature[key] if has_same_signature(event, one)]

    def near(self, event: ComparedEvent, contacts: Iterable[int], hours: int) -> Iterator[ComparedEvent]:
        """Yield the events whose date may be that of this event, moved by at most so many hours."""
        minutes: set[int | None] = {None}
        if event.timestamp is not None:
            first = event.timestamp // MINUTE
            moved = range(-hours * HOUR // MINUTE, hours * HOUR // MINUTE + 1, HOUR // MINUTE)
            minutes.update(first + more for each in moved for more in (each - 1, each, each + 1))
            minutes.add(event.timestamp // DAY * DAY // MINUTE)
        for place in contacts:
            for minute in minutes:
                yield from self.by_minute.get((place, minute), ())


_UNREADABLE = (None,)


def _exact(event: ComparedEvent) -> tuple[Any, ...]:
    return event.kind, event.timestamp, event.products


def match_events(names: Sequence[Names], events: Sequence[Event], found: ServerEvents) -> MatchResult:
    """Return which of our events the server has; `names` are the names of their contacts."""
    return _Matcher(names, events, found).result()


class _Matcher:
    """The events of one request, and the server's events that they are matched with."""

    def __init__(self, names: Sequence[Names], events: Sequence[Event], found: ServerEvents) -> None:
        self._events = [ComparedEvent.of(event) for event in events]
        self._contacts = [found.contacts(each) for each in names]
        self._names = names
        self._found = found
        self._index = _EventIndex()
        for place, found_events in enumerate(found.events):
            for event in found_events:
                self._index.add(place, ComparedEvent.of(event))
        self._compares_ids = bool(self._index.by_id)
        self._matches: dict[ComparedEvent, int] = {}
        self._undecided: dict[int, str] = {}
        self._comparisons_left = MAX_COMPARISONS

    def result(self) -> MatchResult:
        """Return what was found out about each event."""
        self._mark_hidden()
        for group in self._groups():
            self._recognise(group)
        self._mark_changed()
        self._mark_ambiguous()
        present = frozenset(self._matches.values()) - self._undecided.keys()
        missing = frozenset(range(len(self._events))) - present - self._undecided.keys()
        return MatchResult(present, missing, dict(sorted(self._undecided.items())))

    def _mark_hidden(self) -> None:
        hidden, unreadable = self._found.has_unknown_contacts(self._names), self._found.unreadable
        for index, names in enumerate(self._names):
            if not self._contacts[index] and (hidden or not unreadable.isdisjoint(names)):
                self._undecided[index] = HIDDEN

    def _groups(self) -> list[list[int]]:
        """Return the indices of events that are recognised in the same way; groups by id come first."""
        groups: defaultdict[Any, list[int]] = defaultdict(list)
        for index, event in enumerate(self._events):
            if index not in self._undecided:
                key = (event.id, event.kind) if self._has_id(event) else event.signature
                groups[(not self._has_id(event), self._contacts[index] or self._names[index], key)].append(index)
        return [groups[key] for key in sorted(groups, key=lambda key: bool(key[0]))]

    def _has_id(self, event: ComparedEvent) -> bool:
        return self._compares_ids and bool(event.id)

    def _recognise(self, group: Sequence[int]) -> None:
        """Match the events of a group with those recognised as them.

        If any of these are left over, the events without a match are undecided. If the events of a group by id differ
        in their signatures, they can be matched by these when texts were changed.
        """
        event = self._events[group[0]]
        by_id = self._has_id(event)
        recognised = self._index.recognised(event, self._contacts[group[0]], by_id=by_id)
        rest, spare = self._pair(group, [one for one in recognised if one not in self._matches], is_same_event)
        if by_id and len({self._events[index].signature for index in rest}) == len(rest):
            rest, spare = self._pair(rest, spare, has_same_details)
        if spare:
            self._undecided.update(dict.fromkeys(rest, SIMILAR))

    def _pair(
        self, group: Sequence[int], candidates: Sequence[ComparedEvent], matches: Predicate
    ) -> tuple[list[int], list[ComparedEvent]]:
        """Match each event with one of the candidates; return the events without a match, and the other candidates."""
        rest: list[int] = []
        spare = list(candidates)
        for index in group:
            compared = enumerate(self._compare(matches, index, spare))
            place = next((place for place, is_match in compared if is_match), None)
            if place is None:
                rest.append(index)
            else:
                self._matches[spare.pop(place)] = index
        return rest, spare

    def _mark_changed(self) -> None:
        """Mark events as undecided if an unmatched event of the server is similar."""
        for index in self._unmatched():
            near = self._index.near(self._events[index], self._contacts[index], MAX_ZONE_HOURS)
            unmatched = (one for one in near if one not in self._matches)
            changed = next(filter(None, self._compare(self._difference, index, unmatched)), None)
            if changed and index not in self._undecided:
                self._undecided[index] = CHANGED.format(changed)

    def _difference(self, event: ComparedEvent, shown: ComparedEvent) -> str | None:
        is_other = has_id_of_same_series(event, shown, longest_id=self._index.longest_id)
        return None if is_other else difference(event, shown)

    def _mark_ambiguous(self) -> None:
        """Mark events as undecided if they also fit an event that is matched with a different one of ours.

        That other one of ours is undecided, too.
        """
        pending = self._unmatched()
        while pending:
            index = pending.pop()
            matched = self._matched_nearby(index)
            for one, is_shared in zip(matched, self._compare(is_same_when_rounded, index, matched), strict=False):
                if is_shared:
                    self._undecided.setdefault(index, AMBIGUOUS)
                if is_shared and self._matches[one] not in self._undecided:
                    self._undecided[self._matches[one]] = AMBIGUOUS
                    pending.append(self._matches[one])

    def _matched_nearby(self, index: int) -> list[ComparedEvent]:
        """Return the events close to this one that are matched with a different event of ours."""
        event = self._events[index]
        near = self._index.near(event, self._contacts[index], 0)
        matched = ((one, self._matches.get(one)) for one in near)
        return [one for one, other in matched if other is not None and self._events[other].fields != event.fields]

    def _compare(
        self,
        compare: Callable[[ComparedEvent, ComparedEvent], ResultT],
        index: int,
        found_events: Iterable[ComparedEvent],
    ) -> Iterator[ResultT]:
        """Compare an event with several of the server's; if there are too many comparisons, the event is undecided."""
        for one in found_events:
            if not self._comparisons_left:
                self._undecided.setdefault(index, TOO_MANY)
                return
            self._comparisons_left -= 1
            yield compare(self._events[index], one)

    def _unmatched(self) -> list[int]:
        matched = set(self._matches.values())
        return [index for index in range(len(self._events)) if index not in matched and self._contacts[index]]
