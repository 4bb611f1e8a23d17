"""Records whose outcome is known, as counts, reasons and outcomes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ...outcome import Outcome, State, Verdicts
from ...sources.sources import Source


@frozen
class Settled:
    """Records whose outcome is known."""

    rows: Sequence[Any]
    positions: Sequence[int]
    lines: Sequence[int | None]
    keys: Sequence[str]
    verdicts: Verdicts

    def counts(self) -> Counter[State]:
        """Return the number of records in each state."""
        counts: Counter[State] = Counter()
        for state, _ in self.verdicts.others.values():
            counts[state] += 1
        counts[self.verdicts.state] += len(self.rows) - len(self.verdicts.others)
        return counts

    def reasons(self) -> Counter[tuple[State, str | None]]:
        """Return the number of records with each state and reason."""
        return self.verdicts.reasons(len(self.rows))

    def place_of(self, state: State, reason: str) -> dict[str, int]:
        """Return the line of the first record with this state and reason; its position if it has no line."""
        first = next(index for index in range(len(self.rows)) if self.verdicts.of(index) == (state, reason))
        line = self.lines[first]
        return {"position": self.positions[first]} if line is None else {"line": line}

    def outcomes(self, source: Source) -> list[Outcome]:
        """Return one outcome for each record."""
        return [self._outcome(index, source) for index in range(len(self.rows))]

    def _outcome(self, index: int, source: Source) -> Outcome:
        verdicts, row, key = self.verdicts, self.rows[index], self.keys[index]
        state, reason = verdicts.of(index)
        return Outcome(
            record=source.record(row),
            position=self.positions[index],
            state=state,
            reason=reason,
            contact_id=verdicts.contact_ids.get(key) if state == "accepted" else None,
            request_id=verdicts.request_id,
            line=self.lines[index],
            file=source.file_of(row),
        )
