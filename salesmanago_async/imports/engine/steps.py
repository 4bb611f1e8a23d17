"""What comes next for a batch of records. Pure: no I/O, no time; each step is a value that can be printed.

Whoever finds something out about a batch (a chunk, or a part of one) returns the next step, and driver.py carries it
out. The life of a batch:

                      ┌───────────────── missing ─────────────────┐
                      ▼                                           │
    ready ──Send──▶ in flight ──Poll──▶ polled ──Evaluate──▶ ┬─Reconcile──▶ reconciling
      ▲               │  │                                   │            │
      │               │  └──Evaluate (events and products:───┤            │
      │               │      the answer)                     │            │
      ├──── Halve ◀───┤ refused as a whole                   └─Settle──▶ settled ◀┘
      └──── Split ◀───┘ refused, and the records to blame are named by index: the others go again

The state of its records if the run ends at that moment (`state_during`):

    ready         not_sent; in_doubt if an earlier request may have arrived
    in flight     in_doubt
    polled        submitted: the server has taken it, and its job is followed
    reconciling   in_doubt: the contacts of its events are read back
    refused       not_sent; but a refused batch of events is in_doubt until it has been read back, because a server may
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
from .matching import MatchResult

Evaluation: TypeAlias = Callable[[Chunk], Verdicts]
"""Returns the verdicts on the records of a chunk."""


@frozen
class Send:
    """Send the batch. `may_have_arrived`: an earlier request with these records got no answer."""

    may_have_arrived: bool = False


@frozen
class Poll:
    """Poll the server job of the batch until it ends; `is_resumed` if an earlier run started the job."""

    request_id: int
    is_resumed: bool = False


@frozen
class Reconcile:
    """Read back the contacts of its events; `refusal` is set if the server answered by refusing the whole batch."""

    refusal: "Refusal | None" = None


@frozen
class Evaluate:
    """Evaluate the answer: find out what became of each record."""

    evaluate: Evaluation


@frozen
class Halve:
    """Send a refused batch in two halves, to find the records that are to blame."""

    refusal: "Refusal"


@frozen
class Split:
    """Split the batch: the records at these indices become batches, each with its own next step."""

    parts: tuple[tuple[tuple[int, ...], "Step"], ...]


@frozen
class Settle:
    """Write down and report what became of the records."""

    verdicts: Verdicts


Step: TypeAlias = Send | Poll | Reconcile | Evaluate | Halve | Split | Settle


@frozen
class Refusal:
    """The server refused a whole request; `is_too_large` if its size was the reason, so that nothing of it was made."""

    reason: str
    is_too_large: bool = False


def state_during(step: Step, before: State) -> State:
    """Return the state of the records if the run ends while this step is carried out."""
    match step:
        case Send(may_have_arrived):
            return "in_doubt" if may_have_arrived else "not_sent"
        case Poll():
            return "submitted"
        case Reconcile():
            return "in_doubt"
        case Halve():
            return "not_sent"
        case Evaluate() | Split() | Settle():
            return before


def resumed(entry: Entry, *, reconciles: bool) -> Step:
    """Return the step at which to resume a chunk that an earlier run left as submitted or in doubt."""
    if entry.state == "in_doubt":
        return Reconcile() if reconciles else Send(may_have_arrived=True)
    if entry.request_id is None:
        return Settle(Verdicts("submitted"))
    return Poll(entry.request_id, is_resumed=True)


def after_verdicts(verdicts: Verdicts, count: int, *, may_reconcile: bool) -> Step:
    """Settle what is known, and reconcile what is in doubt if that is possible.

    Records in doubt always become a batch of their own.
    """
    if "in_doubt" not in verdicts.states():
        return Settle(verdicts)
    known = tuple(index for index in range(count) if verdicts.state_of(index) != "in_doubt")
    in_doubt = tuple(index for index in range(count) if verdicts.state_of(index) == "in_doubt")
    rest: Step = Reconcile() if may_reconcile else Settle(verdicts.part(in_doubt))
    if not known:
        return rest
    return Split(((known, Settle(verdicts.part(known))), (in_doubt, rest)))  # each part has its own line in the journal


def after_refusal(refusal: Refusal, halves: tuple[Sequence[int], Sequence[int]], *, may_search: bool) -> Step:
    """Send two halves, or reject what cannot be halved any further."""
    first, second = halves
    if second and may_search:
        return split((tuple(first), Send()), (tuple(second), Send()))
    others = len(first) + len(second) - 1
    together = f" (refused together with {others} others, any of which may be to blame)" if others else ""
    return Settle(Verdicts("rejected", refusal.reason + together))


def after_refusal_by_indices(refusal: Refusal, reasons: Mapping[int, str], count: int) -> Step:
    """Reject the records that a refusal names by their indices, and send the others; halve if it names none."""
    named = tuple(index for index in range(count) if index in reasons)
    if not named:
        return Halve(refusal)
    others = tuple(index for index in range(count) if index not in reasons)
    verdicts: dict[int, tuple[State, str]] = {place: ("rejected", reasons[index]) for place, index in enumerate(named)}
    return split((named, Settle(Verdicts("rejected", None, verdicts))), (others, Send()))


def after_reading_back(found: MatchResult, refusal: Refusal | None, in_doubt: InDoubt) -> Step:
    """Accept the events that the server has, send the missing ones, and treat the others as the caller has chosen.

    If nothing of a refused request was made, it is halved to find the record to blame. If a part was made, the others
    are sent again unchanged, because it is not known yet that one of them is to blame.
    """
    undecided = tuple(sorted(found.undecided))
    # A server may refuse a request after it has made a part of it. Halving would then blame records that are fine.
    again = Halve(refusal) if refusal and not (found.present or found.undecided) else Send()
    return split(
        (tuple(sorted(found.present)), Settle(Verdicts("accepted"))),
        (tuple(sorted(found.missing)), again),
        (undecided, _undecided(undecided, found.undecided, in_doubt)),
    )


def _undecided(indices: Sequence[int], reasons: Mapping[int, str], in_doubt: InDoubt) -> Step:
    if in_doubt == "send":
        return Send(may_have_arrived=True)
    state: State = "rejected" if in_doubt == "drop" else "in_doubt"
    note = "; given up on request, it may have been applied" if in_doubt == "drop" else ""
    others: dict[int, tuple[State, str]] = {
        place: (state, reasons[index] + note) for place, index in enumerate(indices)
    }
    return Settle(Verdicts(state, None, others))


def split(*parts: tuple[tuple[int, ...], Step]) -> Step:
    """Return the step for several parts of a batch; if only one part has records, return the step of that part."""
    present = tuple(part for part in parts if part[0])
    return present[0][1] if len(present) == 1 else Split(present)
