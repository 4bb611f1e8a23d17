"""The report of a run: its counts while it goes on, and when it has ended."""

from collections.abc import Mapping
from typing import Any, cast

from attrs import asdict, frozen

from ..errors import RunIncomplete
from ..outcome import State
from ..planning import JOB_SECONDS, LATENCY
from .counts import RunCounts

_NOT_COUNTS = frozenset(
    {"ended", "halted", "goal", "stopped", "problems", "examples", "samples", "first_reasons", "estimate", "warnings"}
)


@frozen(kw_only=True)
class Report(RunCounts):
    """The counts of a run: `read == accepted + submitted + rejected + in_doubt + not_sent`, always once it has ended.

    `complete` says whether the run has done everything it was asked for; if not, `raise_if_incomplete()` raises
    `RunIncomplete`. `read_all` says whether the source was read to its end. `stopped` is the error that ended the run
    early, or None. `ended` says whether the run is over, `halted` whether it was stopped or cancelled before its work
    was done. `goal` is the state that records should reach: "accepted", or "submitted" with `wait=False`, or "not_sent"
    in a dry run.

    `bytes` is the total length of the bodies sent, `seconds` the time it took. `concurrency` is how many requests the
    client let be in flight at the end: as many as the server takes, as far as that was found out. A client begins with
    a few, so after a run of few requests it is no more than that; 0 if nothing was sent. `problems` has the first 20
    outcomes that are rejected or in doubt, `examples` the first three of each kind of reason, and `samples` how the run
    went on over time; `html()` shows all of it. `reasons` counts why records were rejected, are in doubt, or are
    submitted with a job that was not followed to its end: the most frequent reason first, with … in place of
    particular values. `first_reasons` has the first reason of each of these states, unchanged. `unfollowed` counts the
    server jobs that were not followed to their end; `request_ids` has the first 1,000 of them. `earlier` counts the
    records that were settled by an earlier run of the same journal; `journal` is its path or address, without a
    password.

    `warnings` are what was taken and looks wrong, each with its column, count and first line (or position, if there is
    no file); `of_sample` says that the count is not of all rows. With the option `strict` such rows are rejected. Keys
    of records that are not fields are among them, each once, although all records that have one are rejected. So is
    what the server says of products that it accepts.

    In a dry run, `chunks` and `bytes` are what would be sent. When it has ended, `duplicates` counts the records of a
    contact that came before (they would wait for the earlier record), or the events that are equal in every field to an
    earlier one (probably a mistake), and `estimate` is what the run would cost. In other runs both are None.
    """

    def __repr__(self) -> str:
        return f"<Report: {self}>"

    def __str__(self) -> str:
        early = f"; {self.early_end}" if self.early_end else ""
        return f"{self.counts}{early}"

    @property
    def counts(self) -> str:
        """The counts in words."""
        states = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")
        counts = [f"{getattr(self, state):,} {state.replace('_', ' ')}" for state in states if getattr(self, state)]
        return f"{self.read:,} {self.label_of_read}: {', '.join(counts) or 'none settled yet'}"

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
            why = None if self.early_end else self.first_reasons.get("in_doubt")
            raise RunIncomplete(f"the run is not complete: {self}{f'; first reason: {why}' if why else ''}", self)

    @property
    def verdict(self) -> str:
        """How the run ended, in one sentence, without any record."""
        if self.early_end:
            return f"Stopped before the end{f': {self.stopped}' if self.stopped else ''}."
        if self.goal == "not_sent":
            return "A dry run: nothing was sent."
        if not self.ended:
            return "The run still goes on."
        left = {"rejected": self.rejected, "in doubt": self.in_doubt}
        some = " and ".join(f"{count:,} {state}" for state, count in left.items() if count)
        done = "submitted" if self.goal == "submitted" else "accepted"
        return f"All was sent; {some}." if some else f"All records were {done}."

    @property
    def differences(self) -> Mapping[str, int]:
        """How the source differs from what was known, by kind; only a sync knows."""
        return {}

    def html(self, *, title: str = "Report of a run", rows: bool = True) -> str:
        """Return the report as one HTML page without outside resources: counts, plots, reasons, warnings.

        It holds nothing personal but the first rejected rows of each reason; `rows=False` leaves these out.
        """
        from .page import page_of  # imported here because few programs need it

        return page_of(
            self,
            title=title,
            rows=rows,
            verdict=self.verdict,
            is_complete=self.complete,
            differences=self.differences,
            remedies=self._remedies,
        )

    @property
    def _remedies(self) -> tuple[str, ...]:
        """How to go on, in lines."""
        if self.complete and not self.in_doubt:
            return ()
        if self.journal:
            return (f"The same call with {self.journal_name}={self.journal!r} goes on with the run.",)
        return (f"The run had no {self.journal_name}, so another call starts from the beginning.",)

    def as_dict(self, *, latency: float = LATENCY, job_seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """Return the counts as plain JSON, without any record.

        `latency` and `job_seconds` (the seconds of a request and of a server job) are for the estimate.
        """
        estimate = self.estimate.as_dict(latency=latency, job_seconds=job_seconds) if self.estimate else None
        counts = asdict(self, filter=lambda attribute, _: attribute.name not in _NOT_COUNTS)
        return {
            **counts,
            "seconds": round(self.seconds, 3),
            "complete": self.complete,
            "stopped": str(self.stopped) if self.stopped else None,
            "request_ids": list(self.request_ids),
            "warnings": [asdict(warning) for warning in self.warnings],
            "estimate": estimate,
        }
