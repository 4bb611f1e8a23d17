"""The counts of a run while it goes on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

import anyio
from attrs import define, field

from ...connection.connection import Traffic
from ...errors import SalesManagoError
from ...outcome import STOPPED, Outcome, State
from ..estimate import Estimate
from ..report import Report
from .reasons import Reasons
from .settled import Settled

MAX_PROBLEMS = 20

MAX_REQUEST_IDS = 1000

_WITH_REASONS = frozenset({"rejected", "in_doubt"})
NO_REASON = "no reason was given"


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
    goal: State = "accepted"
    ended: bool = False
    halted: bool = False
    problems: list[Outcome] = field(factory=list)
    stopped: SalesManagoError | None = None
    reasons: Reasons = field(factory=Reasons)
    first_reasons: dict[State, str] = field(factory=dict)
    unfollowed: int = 0
    request_ids: dict[int, None] = field(factory=dict)
    duplicates: int | None = None
    estimate: Estimate | None = None

    def add(self, states: Mapping[State, int]) -> None:
        """Count records that are settled."""
        self.states.update(states)

    def note_problems(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the first outcomes that are problems."""
        self.problems.extend(islice(outcomes, MAX_PROBLEMS - len(self.problems)))

    def note_reasons(self, settled: Settled) -> None:
        """Count why records were not accepted, and which jobs were not followed."""
        for (state, reason), count in settled.reasons().items():
            if state == "submitted":
                self.note_unfollowed(settled.verdicts.request_id)
            if state != "accepted" and reason and reason != STOPPED:
                self.first_reasons.setdefault(state, reason)
            if state in _WITH_REASONS or (state == "submitted" and reason):
                self.reasons.add(reason or NO_REASON, count)

    def note_unfollowed(self, request_id: int | None) -> None:
        """Remember a server job that was not followed to its end."""
        if request_id is not None and request_id not in self.request_ids:
            self.unfollowed += 1
            if len(self.request_ids) < MAX_REQUEST_IDS:
                self.request_ids[request_id] = None

    def anything_sent(self) -> bool:
        """Return whether any record was sent."""
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
            unfollowed=self.unfollowed,
            earlier=self.earlier,
            journal=self.journal,
            seconds=anyio.current_time() - self.started,
            stopped=self.stopped,
            problems=tuple(self.problems),
            ended=self.ended,
            halted=self.halted,
            goal=self.goal,
            reasons=self.reasons.most_frequent(),
            first_reasons=dict(self.first_reasons),
            request_ids=tuple(self.request_ids),
            duplicates=self.duplicates,
            estimate=self.estimate,
        )
