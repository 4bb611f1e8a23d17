"""Plans: how long an import takes, what limits it, and that a run under virtual time takes as long as its plan says."""

from math import ceil
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Invalid, Report, SalesManago
from salesmanago_async.planning import Pacing, Plan, make_plan, workload
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER
from tests.conftest import run_virtually, wall_clock
from tests.imports.job_server import JobServer

MILLIONS = 100_000_000


def planned(records: int = MILLIONS, *, follows_jobs: bool = True, **pacing: Any) -> Plan:
    return make_plan(workload(records, follows_jobs=follows_jobs), Pacing(**pacing))


@pytest.mark.parametrize(
    ("pacing", "a_second", "limit"),
    [
        pytest.param({"concurrency": 10}, 16_600, "outstanding", id="the default of 1,000 jobs"),
        pytest.param({"concurrency": 10, "outstanding": 5000}, 24_600, "concurrency", id="more jobs"),
        pytest.param({"concurrency": 10, "latency": 0.5}, 9_900, "concurrency", id="a slow network"),
        pytest.param({"concurrency": 20, "job_seconds": 300.0}, 3_300, "outstanding", id="long jobs"),
        pytest.param({"concurrency": 20, "job_seconds": 1.0}, 49_900, "concurrency", id="jobs of a second"),
        pytest.param({"concurrency": 50, "outstanding": 9000}, 58_000, "preparing", id="one process"),
        pytest.param({"concurrency": 50, "outstanding": 9000, "processes": 3}, 116_300, "concurrency", id="three"),
        pytest.param({"rate": 10.0}, 5_000, "rate", id="a rate"),
    ],
)
def test_the_speed_of_a_hundred_million_contacts(pacing: dict[str, Any], a_second: int, limit: str) -> None:
    plan = planned(**pacing)
    assert plan.records_per_second == pytest.approx(a_second, rel=0.01)
    assert plan.limit == limit
    assert plan.seconds >= 0.9 * plan.bounds[plan.limit]


@pytest.mark.parametrize(
    ("records", "follows_jobs", "pacing", "limit", "change"),
    [
        (MILLIONS, True, {"concurrency": 20, "job_seconds": 300.0}, "outstanding", ("outstanding", 1000, 5264)),
        (MILLIONS, True, {"concurrency": 8, "outstanding": 9000}, "concurrency", ("concurrency", 8, 25)),
        (MILLIONS, False, {"concurrency": 8, "rate": 10.0}, "rate", ("rate", 10.0, 40)),
        (MILLIONS, False, {"concurrency": 100}, "preparing", ("processes", 1, 9)),
        (500, True, {}, "last jobs", ("poll_interval", 60.0, 30.0)),
    ],
)
def test_the_number_behind_the_limit_is_raised_until_something_else_limits(
    records: int, follows_jobs: bool, pacing: dict[str, Any], limit: str, change: tuple[str, float, float]
) -> None:
    plan = planned(records, follows_jobs=follows_jobs, **pacing)
    raised = plan.raised()
    name, before, after = change
    assert plan.limit == limit
    assert raised is not None
    assert (getattr(plan.pacing, name), getattr(raised.pacing, name)) == (before, after)
    assert raised.seconds < plan.seconds
    assert raised.limit != limit or limit == "last jobs"


def test_nothing_shortens_the_wait_for_jobs_that_take_longer_than_an_interval() -> None:
    assert planned(500, job_seconds=200.0).raised() is None


@given(
    records=st.integers(1, 10**9),
    follows_jobs=st.booleans(),
    latency=st.floats(0, 10),
    job_seconds=st.floats(0, 5000),
    concurrency=st.integers(1, 200),
    rate=st.none() | st.floats(0.1, 1000),
    poll_interval=st.floats(0.1, 300),
    outstanding=st.integers(1, 20_000),
    processes=st.integers(1, 20),
)
def test_every_plan_adds_up(records: int, follows_jobs: bool, **pacing: Any) -> None:
    plan = planned(records, follows_jobs=follows_jobs, **pacing)
    assert plan.requests == plan.work.chunks + plan.polls
    assert plan.polls >= plan.jobs == (plan.work.chunks if follows_jobs else 0)
    assert plan.outstanding <= min(plan.jobs, pacing["outstanding"] * pacing["processes"])
    raised = plan.raised()
    assert raised is None or raised.seconds <= plan.seconds * 1.01


def test_requests_that_take_nearly_no_time_have_a_plan() -> None:
    raised = planned(1, follows_jobs=False, latency=5e-323, job_seconds=0.0, concurrency=1, outstanding=1).raised()
    assert raised is None or raised.pacing.processes <= 1_000_000


def test_events_have_no_jobs_and_no_polls() -> None:
    plan = planned(5_000_000, follows_jobs=False, concurrency=8)
    assert (plan.jobs, plan.polls, plan.requests, plan.outstanding) == (0, 0, 5000, 0)
    assert plan.seconds == pytest.approx((3 + 2 + ceil((5000 - 3 * 3 - 2 * 6) / 8)) * 0.2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("latency", -1.0), ("job_seconds", float("nan")), ("concurrency", 0), ("rate", 0.0), ("outstanding", -5)],
)
def test_a_pace_that_is_none_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(Invalid, match=name):
        Pacing(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["records", "batch_size", "prepared_per_second"])
def test_a_workload_that_is_none_is_refused_by_name(name: str) -> None:
    given = {"records": 1000, "batch_size": 1000, "prepared_per_second": 60_000.0}
    with pytest.raises(Invalid, match=name):
        workload(**{**given, name: 0}, follows_jobs=True)  # type: ignore[arg-type]


def imported(server: JobServer, chunks: int, *, outstanding: int, **client: Any) -> Report:
    """Import so many chunks of one contact, with one process and virtual time."""

    async def run() -> Report:
        async with SalesManago(
            DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=server, clock=wall_clock, random=Random(7), **client
        ) as sm:
            contacts = ({"email": f"c{number}@example.com"} for number in range(chunks))
            return await sm.contacts.upsert_many(contacts, batch_size=1, outstanding=outstanding)

    return run_virtually("asyncio", run)


CASES = [
    pytest.param(1, 30.0, {}, id="one job"),
    pytest.param(1, 1.0, {}, id="one job of a second"),
    pytest.param(10, 30.0, {}, id="ten jobs"),
    pytest.param(200, 1.0, {}, id="jobs of a second"),
    pytest.param(300, 30.0, {"concurrency": 2}, id="the requests in flight"),
    pytest.param(300, 40.0, {"outstanding": 50}, id="the jobs outstanding"),
    pytest.param(300, 300.0, {"outstanding": 100}, id="the jobs outstanding, which are long"),
    pytest.param(200, 30.0, {"rate": 2.0}, id="the rate"),
]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("chunks", "job_seconds", "options"),
    [
        *CASES,
        (2000, 30.0, {}),
        (2000, 300.0, {}),
        (2000, 100.0, {"concurrency": 4}),
        (600, 700.0, {"outstanding": 100, "concurrency": 8}),
    ],
)
def test_a_run_takes_as_long_as_its_plan(chunks: int, job_seconds: float, options: dict[str, Any]) -> None:
    client = {**options}
    outstanding = client.pop("outstanding", 1000)
    server = JobServer(job_seconds=job_seconds)
    report = imported(server, chunks, outstanding=outstanding, **client)
    assert report.accepted == chunks
    plan = make_plan(
        workload(chunks, follows_jobs=True, batch_size=1, prepared_per_second=1e9),
        Pacing(job_seconds=job_seconds, outstanding=outstanding, **client),
    )
    assert 0.95 * plan.seconds <= report.seconds <= 1.25 * plan.seconds


# Looks per job, and the time to the end


@pytest.mark.ci
@pytest.mark.parametrize(
    ("jobs", "job_seconds", "polls", "seconds"),
    [
        pytest.param(1, 1.0, 1, 4, id="a job of a second: one poll"),
        pytest.param(1, 30.0, 2, 65, id="a job of half a minute: one poll more"),
        pytest.param(10, 1.0, 10, 4.3, id="ten jobs of a second"),
        pytest.param(10, 30.0, 20, 67.2, id="ten jobs of half a minute"),
        pytest.param(300, 30.0, 310, 85, id="300 jobs: ten polls more"),
        pytest.param(10_000, 1.0, 10_000, 660, id="10,000 jobs of a second", marks=pytest.mark.slow),
        pytest.param(10_000, 30.0, 10_010, 760, id="10,000 jobs of half a minute", marks=pytest.mark.slow),
    ],
)
def test_early_polls_are_cheap_and_small_imports_end_in_seconds(
    jobs: int, job_seconds: float, polls: int, seconds: float
) -> None:
    server = JobServer(job_seconds=job_seconds)
    report = imported(server, jobs, outstanding=1000)
    assert report.accepted == jobs
    assert server.polls.total() <= polls
    assert report.seconds <= seconds


@pytest.mark.ci
@pytest.mark.parametrize(("job_seconds", "most"), [(300.0, 4.1), (600.0, 6.1)])
def test_long_jobs_take_fewer_polls_and_are_noticed_at_most_an_interval_later(job_seconds: float, most: float) -> None:
    """Polls once an interval would take 5, and 10; an end is noticed within two intervals instead of one."""
    server = JobServer(job_seconds=job_seconds)
    imported(server, 200, outstanding=1000)
    assert server.polls.total() / 200 <= most
    late = [ended - server.begun[number - 1] - job_seconds for number, ended in server.ended.items()]
    assert max(late) <= 2 * 60.0 * 1.05 + 2.0
