"""The counts of a run while it goes on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import anyio
from attrs import define, evolve, field

from ...connection.connection import Traffic
from ...errors import SalesManagoError
from ...outcome import STOPPED, Outcome, State
from ...report_page.samples import Samples
from ...sources.warnings import ReadWarning
from ...telemetry import tell
from ...telemetry.run_events import RecordsSettled
from ..estimate import Estimate
from ..report import Report
from .reasons import Reasons, kind_of
from .settled import Settled

MAX_PROBLEMS = 20

MAX_EXAMPLES = 3
"""The most problems of one kind that are kept as examples of it."""

MAX_EXAMPLE_KINDS = 20

MAX_REQUEST_IDS = 1000

MAX_UNKNOWN = 100
"""The most names that are not fields, of all records; what a record is made of may be its key."""

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
    kind: str = "records"
    ended_at: float | None = None
    halted: bool = False
    problems: list[Outcome] = field(factory=list)
    examples: dict[str, tuple[Outcome, ...]] = field(factory=dict)
    samples: Samples = field(factory=Samples)
    stopped: SalesManagoError | None = None
    reasons: Reasons = field(factory=Reasons)
    first_reasons: dict[State, str] = field(factory=dict)
    unfollowed: int = 0
    request_ids: dict[int, None] = field(factory=dict)
    duplicates: int | None = None
    estimate: Estimate | None = None
    unknown: dict[tuple[str | None, str], ReadWarning] = field(factory=dict)
    """Names in records that are not fields, by file and name."""
    remarks: dict[str, ReadWarning] = field(factory=dict)
    """What the server says of records that it accepts, by kind."""

    def add(self, states: Mapping[State, int]) -> None:
        """Count records that are settled."""
        self.states.update(states)
        for state, records in states.items():
            if records:
                tell(RecordsSettled(kind=self.kind, state=state, records=records))

    def note_problems(self, outcomes: Sequence[Outcome]) -> None:
        """Keep the first outcomes that are problems, and the first of each kind of reason."""
        self.problems.extend(islice(outcomes, MAX_PROBLEMS - len(self.problems)))
        for outcome in outcomes:
            kind = kind_of(outcome.reason or NO_REASON)
            known = self.examples.get(kind, ())
            if len(known) < MAX_EXAMPLES and (known or len(self.examples) < MAX_EXAMPLE_KINDS):
                self.examples[kind] = (*known, outcome)

    def note_reasons(self, settled: Settled) -> None:
        """Count why records were not accepted, and which jobs were not followed."""
        for (state, reason), count in settled.reasons().items():
            if state == "submitted":
                self.note_unfollowed(settled.verdicts.request_id)
            if state != "accepted" and reason and reason != STOPPED:
                self.first_reasons.setdefault(state, reason)
            if state == "accepted" and reason:
                self._note_remark(settled, reason, count)
            if state in _WITH_REASONS or (state == "submitted" and reason):
                self.reasons.add(reason or NO_REASON, count)

    def _note_remark(self, settled: Settled, reason: str, count: int) -> None:
        """Count what the server says of records that it accepts: an example is a text that it has trimmed."""
        kind = kind_of(reason)
        found = self.remarks.get(kind)
        if found is None and len(self.remarks) < MAX_UNKNOWN:
            column, _, text = kind.rpartition(": ")
            place: Any = settled.place_of("accepted", reason)
            found = ReadWarning(column=column or "a record", text=f"was taken with a remark: {text}", count=0, **place)
        if found is not None:
            self.remarks[kind] = evolve(found, count=(found.count or 0) + count)

    def note_unknown(self, findings: Mapping[str, str], *, file: str | None, line: int | None, position: int) -> None:
        """Count the names in a record that are not fields, each with what to do about it."""
        for name, text in findings.items():
            found = self.unknown.get((file, name))
            if found is None and len(self.unknown) < MAX_UNKNOWN:
                place: Any = {"position": position} if line is None else {"line": line}
                found = ReadWarning(column=name, text=text, count=0, file=file, **place)
            if found is not None:
                self.unknown[file, name] = evolve(found, count=(found.count or 0) + 1)

    def note_unfollowed(self, request_id: int | None) -> None:
        """Remember a server job that was not followed to its end."""
        if request_id is not None and request_id not in self.request_ids:
            self.unfollowed += 1
            if len(self.request_ids) < MAX_REQUEST_IDS:
                self.request_ids[request_id] = None

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return (anyio.current_time() if self.ended_at is None else self.ended_at) - self.started

    def end(self) -> None:
        """Stop the time: the run is over."""
        self.ended_at = anyio.current_time()

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
            concurrency=self.traffic.concurrency,
            jobs=self.jobs,
            unfollowed=self.unfollowed,
            earlier=self.earlier,
            journal=self.journal,
            seconds=self.seconds,
            stopped=self.stopped,
            problems=tuple(self.problems),
            examples=dict(self.examples),
            samples=self.samples.all(),
            ended=self.ended_at is not None,
            halted=self.halted,
            goal=self.goal,
            reasons=self.reasons.most_frequent(),
            first_reasons=dict(self.first_reasons),
            request_ids=tuple(self.request_ids),
            duplicates=self.duplicates,
            estimate=self.estimate,
            warnings=(*self.unknown.values(), *self.remarks.values()),
        )
