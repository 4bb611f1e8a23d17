"""When a job is polled: fewer polls of long jobs, and no end that is noticed more than an interval later."""

from math import ceil, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.poll_times import EARLY_WAIT, LastPoll, early_wait, last_poll, wait_at


def ages(interval: float, until: float) -> list[float]:
    """The ages of a job at its polls, up to the first one at `until` or later."""
    found = [interval]
    while found[-1] < until:
        found.append(found[-1] + wait_at(found[-1], interval))
    return found


def test_long_jobs_are_polled_every_other_interval() -> None:
    assert ages(60.0, 600.0) == [60.0, 120.0, 240.0, 360.0, 480.0, 600.0]


@given(job_seconds=st.floats(0, 10_000), interval=st.floats(0.1, 300))
def test_no_end_is_noticed_more_than_an_interval_later_than_by_steady_polls(
    job_seconds: float, interval: float
) -> None:
    steady = last_poll(job_seconds, interval, steady=True)
    stretched = last_poll(job_seconds, interval)
    assert steady.age <= stretched.age <= steady.age + interval * 1.000_001
    assert ceil(steady.number / 2) <= stretched.number <= steady.number
    assert stretched.number <= steady.number / 2 + 1.5


@given(minutes=st.integers(0, 500))
def test_the_last_poll_is_the_one_that_the_waits_lead_to(minutes: int) -> None:
    polled = ages(60.0, minutes * 60.0)
    assert last_poll(minutes * 60.0, 60.0) == LastPoll(len(polled), polled[-1])


@pytest.mark.parametrize(("interval", "wait"), [(60.0, EARLY_WAIT), (3.1, EARLY_WAIT), (3.0, inf), (0.2, inf)])
def test_there_is_no_early_poll_where_the_first_one_comes_as_soon(interval: float, wait: float) -> None:
    assert early_wait(interval) == wait
