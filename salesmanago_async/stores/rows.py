"""What both kinds of store keep in a row, and read from it. Pure: no SQL."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, get_args

import orjson

from ..outcome import State
from .values import Entry


def json_text(value: object) -> str:
    """Return a value as JSON text for a cell."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def entry_of(
    number: int, spans: str, state: str, request_id: int | None, reason: str | None, others: str | None
) -> Entry:
    """Return what a row of a journal says about a batch; raise an error if no journal wrote it."""
    return Entry(
        number=number,
        spans=tuple((first, last) for first, last in orjson.loads(spans)),
        state=known_state(number, state),
        request_id=request_id,
        reason=reason,
        others={int(position): (name, why) for position, (name, why) in orjson.loads(others or "{}").items()},
    )


def known_state(number: int, state: Any) -> State:
    """Return the state of a line; raise `ValueError` if it is none."""
    if state not in get_args(State):
        raise ValueError(f"line {number} is not as it was written")
    return state  # type: ignore[no-any-return]


def check_disjoint(entries: Iterable[Entry]) -> None:
    """Raise `ValueError` if a record is in two lines."""
    spans = sorted(span for entry in entries for span in entry.spans)
    for (_, last), (first, _) in pairwise(spans):
        if first <= last:
            raise ValueError(f"record {first} is in two lines")
