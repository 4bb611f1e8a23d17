"""How long a buffer goes on with a record: which states are final, and how many runs may fail to reach one. Pure."""

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from ..outcome import State

FINAL: frozenset[State] = frozenset({"accepted", "rejected"})
UNFOLLOWED: frozenset[State] = FINAL | frozenset[State]({"submitted"})
MOST_RESULTS = 3
"""Results of jobs that may say nothing certain of a contact."""
MOST_FOLLOWS = 20
"""Runs that may fail to find out what became of a job: each polls it several times, an interval apart."""


MostRounds: TypeAlias = Callable[[State, int | None], int | None]
"""How many runs may leave a record in a state (with the number of its job); None for as many as it takes."""


@frozen
class Rounds:
    """`final` are the states that end a record."""

    final: frozenset[State]
    most: MostRounds


def rounds_of(*, are_events: bool, follows_jobs: bool) -> Rounds:
    """Return the rounds of a buffer of events, or of contacts; without jobs to follow, submitted is final."""
    return Rounds(FINAL if follows_jobs else UNFOLLOWED, _of_event if are_events else _of_contact)


def _of_contact(state: State, request_id: int | None) -> int | None:
    """Any number of runs may leave a contact in doubt: nobody answers, for example."""
    if state == "submitted":
        return 1 if request_id is None else MOST_FOLLOWS
    return MOST_RESULTS if state == "in_doubt" and request_id is not None else None


def _of_event(state: State, _request_id: int | None) -> int | None:
    """One run may: the event was looked for in the account, and could not be found out about."""
    return 1 if state in {"in_doubt", "submitted"} else None
