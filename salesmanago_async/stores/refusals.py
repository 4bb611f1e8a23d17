"""Why a journal cannot be opened, as errors that both kinds of store raise."""

from ..errors import Invalid

IN_USE = "is in use by another run; wait for its end"

IN_USE_BY_APP = "is in use by a running app or command; stop that first"


class InUse(Invalid):
    """The journal is open in another process, or twice in this one."""


class NotBegun(Invalid):
    """The journal is empty: no import was begun in it, or its tables are missing."""


def other_run(name: str, servers: str | None) -> str:
    """Return the rule that a run breaks whose `name` (or whose server) differs from that of the journal."""
    said = servers or f"belongs to a run with another {name}"
    return f"{said}; go on as it was begun, or give a new run a journal of its own"


def other_buffer(name: str, servers: str | None) -> str:
    """Return the rule that a buffer breaks whose `name` (or whose server) differs from that of the queue."""
    if servers:
        return f"holds records; it {servers}: give this buffer a file of its own"
    return f"holds records that were taken for another {name}"


HOLDS_A_BUFFER = "holds the records of a buffer; give the run a journal of its own"
IS_OF_AN_IMPORT = "is the journal of an import, not of a buffer"
