"""Says in words how long a planned run takes, what limits it, and which one number to change."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..planning import Limit, Pacing, Plan

MOST_RECORDS, MOST_PRODUCTS = 1000, 100
"""The most contacts or events, and the most products of a request: as in api/, which the help must not load."""

_NAMES: "dict[Limit, str]" = {
    "preparing": "reading and checking the records",
    "concurrency": "the requests in flight",
    "rate": "the requests per second",
    "outstanding": "the server jobs outstanding",
    "last jobs": "the wait for the last server jobs",
}


def limit_text(plan: "Plan") -> str:
    """Return what limits a run, and what changing the one number behind it gives."""
    name, raised = _NAMES[plan.limit], plan.raised()
    if raised is None:
        return f"{name}; no option shortens it"
    then = f", then {_NAMES[raised.limit]}" if raised.limit != plan.limit else ""
    if duration(raised.seconds) == duration(plan.seconds):
        return f"{name}{then}"
    return f"{name}: with {_change(plan.limit, raised.pacing)} about {duration(raised.seconds)}{then}"


def _change(limit: "Limit", pacing: "Pacing") -> str:
    """Return the option of the command line that changes a limit, with its value."""
    match limit:
        case "preparing":
            return f"{pacing.processes} processes, each with a part of the records,"
        case "concurrency":
            return f"--concurrency {pacing.concurrency}"
        case "rate":
            return f"--rate {pacing.rate:g}"
        case "outstanding":
            return f"--outstanding {pacing.outstanding}"
        case "last jobs":
            return f"--poll-interval {pacing.poll_interval:g}"


def duration(seconds: float) -> str:
    """Return a duration with a fitting unit."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
