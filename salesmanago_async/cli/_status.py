"""What the screen of an import says: what it does or waits for, how far it is, and how fast. Pure: no clock, no I/O."""

from datetime import timedelta

from attrs import frozen

from ..imports.report import Report
from ..support.wording import counted

SECONDS_TO_JUDGE = 2.0
"""Seconds after which the speed so far says something about the time that remains."""


@frozen(kw_only=True)
class Status:
    """An import at one moment: its counts, and the `seconds` since it began.

    `read` of `total` bytes of the input are read; `total` is 0 if it is not known. `outstanding` server jobs, or
    requests whose events are looked for, wait for their next poll, which comes in `next_poll` seconds.
    """

    report: Report
    seconds: float
    read: int = 0
    total: int = 0
    outstanding: int = 0
    next_poll: float | None = None
    waits_for: str = "server job"
    doing: str = "sending"

    @property
    def has_read_all(self) -> bool:
        """Whether nothing is left to read."""
        return self.report.read_all or 0 < self.total <= self.read

    @property
    def unsettled(self) -> int:
        """The records whose outcome is not known yet."""
        report = self.report
        settled = report.accepted + report.submitted + report.rejected + report.in_doubt + report.not_sent
        return report.read - settled


def headline(status: Status) -> str:
    """Return how long the import has taken, and what it does now, or what it waits for and until when.

    While files are read, it also says how long that will take; how long server jobs take is not known.
    """
    remaining = _remaining(status)
    left = f", about {clock(remaining)} left to read" if remaining is not None else ""
    return f"{clock(status.seconds)} {_activity(status)}{left}"


def _activity(status: Status) -> str:
    if not (status.has_read_all and status.outstanding):
        return status.doing
    what = f"waiting for {counted(status.outstanding, status.waits_for)}"
    return what if status.next_poll is None else f"{what}, next look in {status.next_poll:.0f} s"


def counts(status: Status) -> str:
    """Return the counts by outcome, those that are under way, and while rows are read, how fast that is.

    How many requests are sent at once at most is what the client has found that the server takes.
    """
    under_way = f", {status.unsettled:,} under way" if status.unsettled else ""
    speed = f", {status.report.read / status.seconds:,.0f} rows/s" if _is_judged(status) else ""
    is_found = speed and status.report.has_found_concurrency
    most = f", up to {status.report.concurrency} requests at once" if is_found else ""
    return f"{status.report}{under_way}{speed}{most}"


def _is_judged(status: Status) -> bool:
    return status.seconds >= SECONDS_TO_JUDGE and status.report.read > 0 and not status.has_read_all


def _remaining(status: Status) -> float | None:
    if not (_is_judged(status) and status.read and status.total):
        return None
    return status.seconds * (status.total - status.read) / status.read


def clock(seconds: float) -> str:
    """Return a duration as 0:01:40."""
    return str(timedelta(seconds=round(seconds)))
