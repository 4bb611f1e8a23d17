"""Metrics: records by outcome, retries, waits, jobs, the limits of clients and the lag of buffers."""

import gc

import anyio
import pytest

from salesmanago_async import Contact
from salesmanago_async.simulator import Fault, Simulator
from tests.conftest import MakeClient, wall_clock
from tests.telemetry.conftest import Observed

pytestmark = pytest.mark.anyio

HOST = "app2.salesmanago.com"


async def test_a_run_counts_records_retries_waits_and_jobs(make_client: MakeClient, observed: Observed) -> None:
    faults = [Fault("429", path="contact/batchupsertv2", at=1, retry_after=20)]
    contacts = [*(Contact(email=f"c{n}@example.com") for n in range(4)), {"email": "no address"}]
    async with make_client(Simulator(faults=faults, job_seconds=30.0, clock=wall_clock)) as sm:
        report = await sm.contacts.upsert_many(contacts, batch_size=2)
    kind = "salesmanago.kind"
    assert observed.values("salesmanago.records", kind, "salesmanago.state") == {
        ("contacts", "accepted"): 4,
        ("contacts", "rejected"): 1,
    }
    assert observed.values("salesmanago.retries", "salesmanago.path", "error.type") == {
        ("contact/batchupsertv2", "429"): report.retries
    }
    waits = observed.values("salesmanago.wait.duration", "salesmanago.reason")
    assert waits[("pause",)] == 20
    assert waits[("retry",)] >= 20
    (jobs,) = observed.metrics()["salesmanago.job.duration"]
    assert jobs.count == report.jobs == 2
    assert jobs.sum >= 60
    requests = observed.metrics()["http.client.request.duration"]
    assert sum(point.count for point in requests) == report.requests
    assert {point.attributes["http.response.status_code"] for point in requests} == {200, 429}


async def test_gauges_show_the_clients_that_exist(make_client: MakeClient, observed: Observed) -> None:
    simulator = Simulator(faults=[Fault("late", seconds=5, path="contact/hasContact")])
    async with make_client(simulator, concurrency=2) as sm, anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(sm.contacts.has, f"c{number}@example.com")
        await anyio.sleep(1)
        for name, value in (("in_flight", 2), ("waiting", 3), ("limit", 2)):
            simulated = observed.values(f"salesmanago.requests.{name}", "server.address")
            assert simulated[(sm._connection.http.server,)] >= value
    server = (sm._connection.http.server,)
    before = observed.values("salesmanago.requests.limit", "server.address")[server]
    del sm, tasks
    gc.collect()
    assert observed.values("salesmanago.requests.limit", "server.address").get(server, 0) < before


async def test_gauges_show_what_waits_in_buffers(
    make_client: MakeClient, simulator: Simulator, observed: Observed
) -> None:
    def lag_and_records() -> tuple[float, int]:
        kind = ("contacts",)
        lag = observed.values("salesmanago.buffer.lag", "salesmanago.kind")[kind]
        return lag, observed.values("salesmanago.buffer.records", "salesmanago.kind")[kind]

    async with make_client(simulator) as sm, sm.contacts.buffer(max_delay=1000) as buffer:
        before, empty = lag_and_records()
        await buffer.add(Contact(email="ann@example.com"))
        lag, records = lag_and_records()
        assert (before, empty, records) == (0, 0, 1)
        assert 0 < lag < 60
