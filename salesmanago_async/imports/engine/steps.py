"""What comes next for a chunk of records. Pure: no I/O, no time; each step is a value that one can print.

Whoever finds something out about a parcel (a chunk, or a part of one) returns the next step; `_driver.py` carries it
out. The life of a parcel:

                      ┌──────────────── missing ───────────────┐
                      ▼                                        │
    ready ──Send──▶ in flight ──Poll──▶ polled ──Judge──▶ ┬─Reconcile──▶ reconciling
      ▲               │  │                                │            │
      │               │  └──Judge (events: the answer)────┤            │
      └──── Halve ◀───┘ refused as a whole                └─Settle──▶ settled ◀┘

What its records are if the run ends at that moment (`state_during`):

    ready         not_sent; in_doubt where an earlier try may have arrived
    in flight     in_doubt
    polled        submitted: the server has taken it, its job is followed
    reconciling   in_doubt: the contacts of its events are read back
    refused       not_sent; but a refused batch of events is in_doubt until it has been read back, since a server may
                  have made a part of it before it refused the rest
    settled       as its verdicts say
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from ...outcome import State, Verdicts
from ...stores.values import Entry
from ..settings import InDoubt
from .chunks import Chunk
from .matching import Sorted

Judgement: TypeAlias = Callable[[Chunk], Verdicts]
"""Tells what became of each record."""


@frozen
class Send:
    """Send it. `was_in_doubt`: an earlier try may have arrived."""

    was_in_doubt: bool = False


@frozen
class Poll:
    """Poll its server job until that has ended; `is_resumed` where an earlier run started the job."""

    request_id: int
    is_resumed: bool = False


@frozen
class Reconcile:
    """Read back the contacts of its events; `refusal` where the server answered, and refused them as a whole."""

    refusal: "Refusal | None" = None


@frozen
class Judge:
    """Find out what became of each record from the answer."""

    judge: Judgement


@frozen
class Halve:
    """Send a refused parcel in two halves, to find the records that are to blame."""

    refusal: "Refusal"


@frozen
class Split:
    """Make parcels of the records at these indices, each with its own next step."""

    parts: tuple[tuple[tuple[int, ...], "Step"], ...]


@frozen
class Settle:
    """Write down and report what became of its records."""

    verdicts: Verdicts


Step: TypeAlias = Send | Poll | Reconcile | Judge | Halve | Split | Settle


@frozen
class Refusal:
    """The server refused a request as a whole; `is_too_large` where that was for its size, so none of it was made."""

    reason: str
    is_too_large: bool = False


def state_during(step: Step, before: State) -> State:
    """Return what the records are if the run ends while this step is carried out."""
    match step:
        case Send(was_in_doubt):
            return "in_doubt" if was_in_doubt else "not_sent"
        case Poll():
            return "submitted"
        case Reconcile():
            return "in_doubt"
        case Halve():
            return "not_sent"
        case Judge() | Split() | Settle():
            return before


def resumed(entry: Entry, *, reconciles: bool) -> Step:
    """Go on with a chunk of the journal that an earlier run had to leave as submitted or in doubt."""
    if entry.state == "in_doubt":
        return Reconcile() if reconciles else Send(was_in_doubt=True)
    if entry.request_id is None:
        return Settle(Verdicts("submitted"))
    return Poll(entry.request_id, is_resumed=True)


def after_verdicts(verdicts: Verdicts, count: int, *, may_reconcile: bool) -> Step:
    """Settle what is known; what is in doubt is reconciled where that is possible, and a parcel of its own anyway."""
    if "in_doubt" not in verdicts.states():
        return Settle(verdicts)
    sure = tuple(index for index in range(count) if verdicts.state_of(index) != "in_doubt")
    doubtful = tuple(index for index in range(count) if verdicts.state_of(index) == "in_doubt")
    rest: Step = Reconcile() if may_reconcile else Settle(verdicts.part(doubtful))
    if not sure:
        return rest
    return Split(((sure, Settle(verdicts.part(sure))), (doubtful, rest)))  # a line of the journal each


def after_refusal(refusal: Refusal, halves: tuple[Sequence[int], Sequence[int]], *, may_search: bool) -> Step:
    """Send two halves, or reject what cannot be halved any further."""
    first, second = halves
    if second and may_search:
        return split((tuple(first), Send()), (tuple(second), Send()))
    others = len(first) + len(second) - 1
    together = f" (refused together with {others} others, any of which may be to blame)" if others else ""
    return Settle(Verdicts("rejected", refusal.reason + together))


def after_reading_back(found: Sorted, refusal: Refusal | None, in_doubt: InDoubt) -> Step:
    """Accept the events that are there, send those that are missing, and treat the rest as the caller has chosen.

    Of a refused request nothing may have been made: then it is searched. Where a part was made, the others are sent
    again as they are: nobody knows yet that one of them is to blame.
    """
    undecided = tuple(sorted(found.undecided))
    again = Halve(refusal) if refusal and not (found.there or found.undecided) else Send()
    return split(
        (tuple(sorted(found.there)), Settle(Verdicts("accepted"))),
        (tuple(sorted(found.missing)), again),
        (undecided, _undecided(undecided, found.undecided, in_doubt)),
    )


def _undecided(indices: Sequence[int], reasons: Mapping[int, str], in_doubt: InDoubt) -> Step:
    if in_doubt == "send":
        return Send(was_in_doubt=True)
    state: State = "rejected" if in_doubt == "drop" else "in_doubt"
    note = "; given up on request, it may have been applied" if in_doubt == "drop" else ""
    others: dict[int, tuple[State, str]] = {
        place: (state, reasons[index] + note) for place, index in enumerate(indices)
    }
    return Settle(Verdicts(state, None, others))


def split(*parts: tuple[tuple[int, ...], Step]) -> Step:
    """Return the step for several parts of a parcel; where only one has any records, it is that one's step."""
    present = tuple(part for part in parts if part[0])
    return present[0][1] if len(present) == 1 else Split(present)
