"""What became of the records: verdicts over a chunk, and an outcome for each record."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from attrs import evolve, field, fields, frozen

from .support.pickling import Carried

State: TypeAlias = Literal["accepted", "submitted", "rejected", "in_doubt", "not_sent"]
"""accepted: confirmed. submitted: taken by the server, its job not followed to the end. rejected: refused, here or by
the server. in_doubt: sent, no answer came, it may have been applied. not_sent: the run ended first."""

PROBLEMS = frozenset({"rejected", "in_doubt"})
STOPPED = "the run was stopped"
"""The reason of what was not sent, or not asked about, where the run was stopped first."""


@frozen
class Outcome:
    """What became of one record.

    `record` is what the caller gave; of a file, the row. `position` counts from 0 over the whole source; `line` is
    where the record begins in its file, from 1, and `file` which file that is. `request_id` names the server job.
    """

    record: Any = field(repr=False)
    position: int
    state: State
    reason: str | None = None
    contact_id: str | None = None
    request_id: int | None = None
    line: int | None = None
    file: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Have it pickled whatever its record is."""
        values = {attribute.name: getattr(self, attribute.name) for attribute in fields(type(self))}
        return {**values, "record": Carried(self.record)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value.value if isinstance(value, Carried) else value)


@frozen
class Verdicts:
    """`state` and `reason` for every record of a chunk, except those at the indices of `others`.

    `contact_ids` maps keys (addresses in canonical form) to the ids the server told.
    """

    state: State
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)
    contact_ids: Mapping[str, str] = field(factory=dict)
    request_id: int | None = None

    def of(self, index: int) -> tuple[State, str | None]:
        """Return the state of the record at an index, and the reason."""
        return self.others.get(index, (self.state, self.reason))

    def state_of(self, index: int) -> State:
        """Return the state of the record at an index."""
        return self.of(index)[0]

    def states(self) -> frozenset[State]:
        """Return the states that records are in, where `state` is one of them (see `part`)."""
        return frozenset((self.state, *(state for state, _ in self.others.values())))

    def part(self, indices: Sequence[int]) -> "Verdicts":
        """Return the verdicts over a part of the chunk, that of the records at these indices.

        Its state is one that at least one of them is in.
        """
        others = {place: self.others[index] for place, index in enumerate(indices) if index in self.others}
        state = others[0][0] if len(others) == len(indices) else self.state
        return evolve(self, state=state, others=others)
