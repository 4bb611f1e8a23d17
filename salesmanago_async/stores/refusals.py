"""Why a journal cannot be opened, as errors that both kinds of store raise."""

from ..connection.identity import Difference
from ..errors import Invalid

IN_USE = "is in use by another run; wait for its end"

IN_USE_BY_APP = "is in use by a running app or command; stop that first"


class InUse(Invalid):
    """The journal is open in another process, or twice in this one."""


class NotBegun(Invalid):
    """The journal is empty: no import was begun in it, or its tables are missing."""


class NotOurs(Invalid):
    """The journal is not one that this run can use: `problem` says why, `advice` what can be done about that, if any.

    The journal may lie beside the file that the user gave, such as the state of a sync: `advising` then says what to
    do with that file.
    """

    def __init__(self, problem: str, advice: str | None = None, *, field: str | None = None) -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(self.advising("give the run a journal of its own"), field=field)

    def advising(self, other: str) -> str:
        """Return the rule with this advice, after the other one."""
        return f"{self.problem}; {f'{self.advice}, or ' if self.advice else ''}{other}"


class OtherRun(NotOurs):
    """The journal is of a run that differs in this."""

    def __init__(self, difference: Difference, *, field: str) -> None:
        said = difference.servers or f"was begun with a different {difference.name}"
        super().__init__(said, "go on as it was begun", field=field)
        self.difference = difference


def other_buffer(name: str, servers: str | None) -> str:
    """Return the rule that a buffer breaks whose `name` (or whose server) differs from that of the queue."""
    if servers:
        return f"holds records; it {servers}: give this buffer a file of its own"
    return f"holds records that were taken for another {name}"


HOLDS_A_BUFFER = "holds the records of a buffer"
IS_OF_AN_IMPORT = "is the journal of an import, not of a buffer"
