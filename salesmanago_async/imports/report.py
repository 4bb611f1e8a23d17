"""The report of a run: its counts while it goes on, and when it has ended."""

from collections.abc import Mapping
from typing import Any, cast

from attrs import asdict, field, frozen

from ..errors import RunIncomplete, SalesManagoError
from ..outcome import Outcome, State
from ..sources.warnings import ReadWarning
from .estimate import LATENCY, Estimate

_NOT_COUNTS = frozenset({"ended", "halted", "goal", "stopped", "problems", "first_reasons", "estimate", "warnings"})


@frozen(kw_only=True)
class Report:
    """The counts of a run: `read == accepted + submitted + rejected + in_doubt + not_sent`, always once it has ended.

    `complete` says whether the run has done everything it was asked for; if not, `raise_if_incomplete()` raises
    `RunIncomplete`. `read_all` says whether the source was read to its end. `stopped` is the error that ended the run
    early, or None. `ended` says whether the run is over, `halted` whether it was stopped or cancelled before its work
    was done. `goal` is the state that records should reach: "accepted", or "submitted" with `wait=False`, or "not_sent"
    in a dry run.

    `bytes` is the total length of the bodies sent, `seconds` the time it took. `problems` has the first 20 outcomes
    that are rejected or in doubt. `reasons` counts why records were rejected, are in doubt, or are submitted with a job
    that was not followed to its end: the most frequent reason first, with … in place of particular values.
    `first_reasons` has the first reason of each of these states, unchanged. `unfollowed` counts the server jobs that
    were not followed to their end; `request_ids` has the first 1,000 of them. `earlier` counts the records that were
    settled by an earlier run of the same journal; `journal` is its path.

    `warnings` are what was taken from files and looks wrong, each with its column, count and first line. With the
    option `strict` such rows are rejected.

    In a dry run, `chunks` and `bytes` are what would be sent. When it has ended, `duplicates` counts the records of a
    contact that came before (they would wait for the earlier record), or the events that are equal in every field to an
    earlier one (probably a mistake), and `estimate` is what the run would cost. In other runs both are None.
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
    unfollowed: int = 0
    earlier: int = 0
    seconds: float = 0.0
    journal: str | None = None
    ended: bool = False
    halted: bool = False
    goal: State = "accepted"
    stopped: SalesManagoError | None = None
    problems: tuple[Outcome, ...] = ()
    reasons: Mapping[str, int] = field(factory=dict)
    first_reasons: Mapping[State, str] = field(factory=dict)
    request_ids: tuple[int, ...] = ()
    duplicates: int | None = None
    estimate: Estimate | None = None
    warnings: tuple[ReadWarning, ...] = ()

    def __str__(self) -> str:
        early = f"; {self.early_end}" if self.early_end else ""
        return f"{self.counts}{early}"

    @property
    def counts(self) -> str:
        """The counts in words."""
        states = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")
        counts = [f"{getattr(self, state):,} {state.replace('_', ' ')}" for state in states if getattr(self, state)]
        return f"{self.read:,} read: {', '.join(counts) or 'none settled yet'}"

    @property
    def complete(self) -> bool:
        """Whether the source was read to its end, and every record was accepted or rejected.

        With `wait=False` records may also be submitted, and in a dry run not sent.
        """
        final = self.rejected + self.accepted
        if self.goal != "accepted":
            final += getattr(self, self.goal)
        return self.ended and self.read_all and self.stopped is None and final == self.read

    @property
    def early_end(self) -> str | None:
        """A text that says that, and why, the run stopped before its end; None if it did not, or still goes on."""
        if self.stopped:
            return f"stopped before the end: {self.stopped}"
        if not self.ended:
            return None
        for state, is_early in (
            ("not_sent", not self.read_all or (self.not_sent > 0 and self.goal != "not_sent")),
            ("submitted", self.submitted > 0 and self.goal == "accepted"),
            ("in_doubt", self.in_doubt > 0 and self.halted),
        ):
            if is_early:
                why = self.first_reasons.get(cast("State", state))
                return f"stopped before the end{f': {why}' if why else ''}"
        return None

    def raise_if_incomplete(self) -> None:
        """Raise `RunIncomplete`, which carries this report, unless the run is `complete`."""
        if not self.complete:
            raise RunIncomplete(f"the run is not complete: {self}", self)

    def as_dict(self, *, latency: float = LATENCY) -> dict[str, Any]:
        """Return the counts as plain JSON, without any record; `latency` (seconds) is for the estimate."""
        counts = asdict(self, filter=lambda attribute, _: attribute.name not in _NOT_COUNTS)
        return {
            **counts,
            "seconds": round(self.seconds, 3),
            "complete": self.complete,
            "stopped": str(self.stopped) if self.stopped else None,
            "request_ids": list(self.request_ids),
            "warnings": [asdict(warning) for warning in self.warnings],
            "estimate": self.estimate.as_dict(latency=latency) if self.estimate else None,
        }
