"""The count of a run: while it goes on, and when it has ended."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import anyio
from attrs import asdict, define, field, frozen

from .._connection import Traffic
from ..errors import SalesManagoError
from ._bill import LATENCY, Bill
from ._reasons import Reasons
from .outcome import Outcome, State

MOST_PROBLEMS = 20

_NOT_COUNTS = frozenset({"stopped", "problems", "bill"})


@frozen(kw_only=True)
class Report:
    """The count of a run: `read == accepted + submitted + rejected + in_doubt + not_sent`, always once it has ended.

    `read_all` tells whether the source was read to its end, `stopped` is the error that ended the run early, or None.
    `bytes` are those of the bodies sent, `seconds` the time it took, `problems` the first 20 outcomes that are rejected
    or in doubt. `reasons` tells how many were rejected for what, the most frequent first, without the particular values
    (… stands for them). Of the records `earlier` were settled by an earlier run of the same journal; `journal` is its
    path.

    In a dry run `chunks` and `bytes` are what would be sent. Once it has ended, `duplicates` are the records of a
    contact that came before (they would wait for the earlier one), or the events that are the same in every field as an
    earlier one (a mistake, probably), and `bill` is what the run would cost; in other runs both are None.
    """

    read: int = 0
    read_all: bool = False
    accepted: int = 0
    submitted: int = 0
    rejected: int = 0
    in_doubt: int = 0
    not_sent: int = 0
    chunks: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    jobs: int = 0
    earlier: int = 0
    seconds: float = 0.0
    journal: str | None = None
    stopped: SalesManagoError | None = None
    problems: tuple[Outcome, ...] = ()
    reasons: Mapping[str, int] = field(factory=dict)
    duplicates: int | None = None
    bill: Bill | None = None

    def __str__(self) -> str:
        states = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")
        counts = [f"{getattr(self, state):,} {state.replace('_', ' ')}" for state in states if getattr(self, state)]
        return f"{self.read:,} read: {', '.join(counts) or 'none settled yet'}"

    def as_dict(self, *, latency: float = LATENCY) -> dict[str, Any]:
        """Return the counts as plain JSON, without any record; `latency` (seconds) is for the bill's estimate."""
        counts = asdict(self, filter=lambda attribute, _: attribute.name not in _NOT_COUNTS)
        return {
            **counts,
            "seconds": round(self.seconds, 3),
            "stopped": str(self.stopped) if self.stopped else None,
            "bill": self.bill.as_dict(latency=latency) if self.bill else None,
        }


@define
class Tally:
    """The counts of a run while it goes on."""

    traffic: Traffic
    started: float = field(factory=anyio.current_time)
    states: Counter[State] = field(factory=Counter)
    read: int = 0
    read_all: bool = False
    chunks: int = 0
    bytes: int = 0
    jobs: int = 0
    earlier: int = 0
    rejected_here: int = 0
    journal: str | None = None
    problems: list[Outcome] = field(factory=list)
    stopped: SalesManagoError | None = None
    reasons: Reasons = field(factory=Reasons)
    duplicates: int | None = None
    bill: Bill | None = None

    def add(self, states: Mapping[State, int]) -> None:
        """Count records that are settled."""
        self.states.update(states)

    def note_problems(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the first outcomes that somebody will want to see, and count why records were rejected."""
        for outcome in outcomes:
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(outcome)
            if outcome.state == "rejected":
                self.reasons.add(outcome.reason or "no reason was given")

    def anything_sent(self) -> bool:
        """Tell whether the server had anything to do with any record."""
        return sum(self.states.values()) - self.states["not_sent"] - self.rejected_here > 0

    def report(self) -> Report:
        """Return the counts as they are now."""
        return Report(
            read=self.read,
            read_all=self.read_all,
            accepted=self.states["accepted"],
            submitted=self.states["submitted"],
            rejected=self.states["rejected"],
            in_doubt=self.states["in_doubt"],
            not_sent=self.states["not_sent"],
            chunks=self.chunks,
            bytes=self.bytes,
            requests=self.traffic.requests,
            retries=self.traffic.retries,
            jobs=self.jobs,
            earlier=self.earlier,
            journal=self.journal,
            seconds=anyio.current_time() - self.started,
            stopped=self.stopped,
            problems=tuple(self.problems),
            reasons=self.reasons.most_frequent(),
            duplicates=self.duplicates,
            bill=self.bill,
        )
