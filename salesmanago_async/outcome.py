"""The outcome of every record, and verdicts: the outcomes of a whole chunk in compact form."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from attrs import evolve, field, fields, frozen

from .support.pickling import PicklableValue
from .support.readable import readable

State: TypeAlias = Literal["accepted", "submitted", "rejected", "in_doubt", "not_sent"]
"""accepted: confirmed. submitted: taken by the server, but its job was not followed to the end. rejected: refused by
this library or by the server. in_doubt: sent without an answer, so it may have been applied. not_sent: the run
ended first."""

PROBLEMS = frozenset({"rejected", "in_doubt"})
STOPPED = "the run was stopped"
"""The reason of records that were not sent, or whose job was not polled, because the run was stopped first."""


if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    RecordT = TypeVarWithDefault("RecordT", default=Any, covariant=True)
else:
    RecordT = TypeVar("RecordT", covariant=True)


@readable
@frozen
class Outcome(Generic[RecordT]):
    """The outcome of one record. Type checkers know the record of `Outcome[Contact]`; `Outcome` alone is of any.

    `record` is the record as the caller gave it, or the row of a file. In a run, `position` counts from 0 over the
    whole source, and in a sync from 0 over the rows that are to be sent. In a buffer it is the number of the record
    there, from 1. `line` is where the record begins in its file, from 1, and `file` is the path of that file; both are
    None for mappings, frames and buffers. `request_id` is the number of the server job.
    """

    record: RecordT = field(repr=False)
    position: int
    state: State
    reason: str | None = None
    contact_id: str | None = None
    request_id: int | None = None
    line: int | None = None
    file: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Make the outcome picklable even if its record is not."""
        values = {attribute.name: getattr(self, attribute.name) for attribute in fields(type(self))}
        return {**values, "record": PicklableValue(self.record)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value.value if isinstance(value, PicklableValue) else value)


@frozen
class Verdicts:
    """`state` and `reason` for every record of a chunk, except for the records at the indices of `others`.

    `contact_ids` maps keys (addresses in canonical form) to the contact ids that the server returned.
    """

    state: State
    reason: str | None = None
    others: Mapping[int, tuple[State, str]] = field(factory=dict)
    contact_ids: Mapping[str, str] = field(factory=dict)
    request_id: int | None = None

    def of(self, index: int) -> tuple[State, str | None]:
        """Return the state and the reason of the record at an index."""
        return self.others.get(index, (self.state, self.reason))

    def state_of(self, index: int) -> State:
        """Return the state of the record at an index."""
        return self.of(index)[0]

    def states(self) -> frozenset[State]:
        """Return all states of the chunk; `state` must be the state of at least one record (see `part`)."""
        return frozenset((self.state, *(state for state, _ in self.others.values())))

    def reasons(self, size: int) -> Counter[tuple[State, str | None]]:
        """Return the number of records with each state and reason, of `size` records in all."""
        reasons: Counter[tuple[State, str | None]] = Counter(self.others.values())
        reasons[self.state, self.reason] += size - len(self.others)
        return +reasons

    def part(self, indices: Sequence[int]) -> "Verdicts":
        """Return the verdicts for the records at these indices only.

        The `state` of the result is the state of at least one of them.
        """
        if not self.others:
            return self
        others = {place: self.others[index] for place, index in enumerate(indices) if index in self.others}
        state = others[0][0] if len(others) == len(indices) else self.state
        return evolve(self, state=state, others=others)
