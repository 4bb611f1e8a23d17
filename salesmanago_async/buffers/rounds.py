"""How long a buffer keeps trying: which states are final, and how many runs may fail to reach one. Pure."""

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from ..outcome import State

FINAL: frozenset[State] = frozenset({"accepted", "rejected"})
UNFOLLOWED: frozenset[State] = FINAL | frozenset[State]({"submitted"})
MAX_RESULTS = 3
"""How many results of jobs may say nothing certain about a contact."""
MAX_FOLLOWS = 20
"""How many runs may fail to find out what became of a job; each run polls it several times, one interval apart."""


RoundLimit: TypeAlias = Callable[[State, int | None], int | None]
"""Returns how many runs may leave a record in a state (with the number of its job); None if there is no limit."""


@frozen
class Rounds:
    """`final` are the states that end a record; `limit` bounds the runs that leave it in another state."""

    final: frozenset[State]
    limit: RoundLimit


def rounds_of(*, are_events: bool, follows_jobs: bool) -> Rounds:
    """Return the rounds of a buffer of events, or of contacts; without jobs to follow, submitted is final."""
    return Rounds(FINAL if follows_jobs else UNFOLLOWED, _of_event if are_events else _of_contact)


def _of_contact(state: State, request_id: int | None) -> int | None:
    """No limit if a contact is in doubt because no answer comes: an upsert may be repeated."""
    if state == "submitted":
        return 1 if request_id is None else MAX_FOLLOWS
    return MAX_RESULTS if state == "in_doubt" and request_id is not None else None


def _of_event(state: State, _request_id: int | None) -> int | None:
    """One run: it has read the contact back, and could not find out whether the event is there."""
    return 1 if state in {"in_doubt", "submitted"} else None
