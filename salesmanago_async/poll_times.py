"""When a server job is polled: once early, then after each interval, and less often when it runs long. Pure: no clock.

The reference recommends a poll every 60 seconds, and that is the rule here: after its first poll, a job is never polled
sooner than one interval after the poll before. Two things are different for a reason:

- Early: a small import would wait a whole interval for jobs that take seconds. So a job may be polled first after 3
  seconds, as long as such polls are worth it: see `EarlyPolls`. After that, the intervals follow.
- Long jobs: a job that has run for two intervals is polled every other interval: after 60, 120, 240, 360, … seconds.
  That saves up to half the polls, and its end is noticed at most one interval later than otherwise.
"""

from math import ceil, inf

from attrs import define, frozen

EARLY_WAIT = 3.0
"""Seconds after which a job may be polled early."""

MOST_FRUITLESS = 10
"""How many early polls may find jobs running, beyond those that found a job ended."""

FEWEST_WORKERS = 4

LONG = 2
"""The age at which a job is long, and then the wait between two of its polls, in intervals."""


def workers(concurrency: int) -> int:
    """Return how many tasks poll; each poll is a request, so more than `concurrency` are useless."""
    return max(FEWEST_WORKERS, concurrency)


def early_wait(interval: float) -> float:
    """Return the seconds after which a job may be polled early; infinite if the first regular poll comes as soon."""
    return EARLY_WAIT if interval > EARLY_WAIT else inf


def wait_at(age: float, interval: float) -> float:
    """Return the seconds until the next poll of a job that is found running at this age, in seconds."""
    return interval if age < LONG * interval else LONG * interval


@define
class EarlyPolls:
    """Says whether another early poll is worth its request.

    An early poll that finds a job ended costs nothing, as every job needs this one poll. One that finds a job running
    is an extra request. So early polls end when ten of them were extra, unless as many others found a job ended.
    """

    _left: int = MOST_FRUITLESS

    @property
    def are_worthwhile(self) -> bool:
        """Whether a job may be polled early now."""
        return self._left > 0

    def begin(self) -> None:
        """Count an early poll."""
        self._left -= 1

    def found_ended(self) -> None:
        """Note that an early poll found a job ended: it pays for itself and for another one."""
        self._left = min(MOST_FRUITLESS, self._left + 2)


@frozen
class LastPoll:
    """The poll that finds a job ended: its number, counted from 1, and the age of the job then, in seconds."""

    number: int
    age: float


def last_poll(job_seconds: float, interval: float, *, steady: bool = False) -> LastPoll:
    """Return the regular poll that finds a job of `job_seconds` ended; with `steady`, all polls are an interval apart.

    Early polls, and the random part of the waits, are not included.
    """
    steady_polls = max(1, ceil(job_seconds / interval))
    if steady or steady_polls <= LONG:
        return LastPoll(steady_polls, steady_polls * interval)
    long_waits = ceil((job_seconds / interval - LONG) / LONG)
    return LastPoll(LONG + long_waits, (1 + long_waits) * LONG * interval)
