"""A run that loses its database while it waits, and another that takes it over: nothing is sent by both."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from salesmanago_async import Report
from salesmanago_async.errors import JournalFailed, SalesManagoError
from salesmanago_async.simulator import Fault
from tests.imports.harness import PATHS, Harness, Kind, account, contact, event, events_of
from tests.postgresql import end_sessions

pytestmark = [pytest.mark.ci, pytest.mark.anyio, pytest.mark.both_loops]

EVENTS = 300


@pytest.fixture
async def harness(postgresql: str, tmp_path: Path) -> Harness:
    return Harness("events", tmp_path, postgresql)


async def make_run(harness: Harness, records: Sequence[Any], ends: list[Report | SalesManagoError]) -> None:
    """Execute a run with a client of its own; remember its report, or its error."""
    async with harness.client() as sm:
        send = sm.contacts.upsert_many if harness.kind == "contacts" else sm.events.add_many
        try:
            ends.append(await send(iter(records), journal=harness.journal, batch_size=100))
        except SalesManagoError as error:
            ends.append(error)


@pytest.mark.parametrize("kind", ["events", "contacts"])
async def test_a_chunk_that_waits_to_be_tried_again_is_left_to_whoever_takes_the_run_over(
    kind: Kind, postgresql: str, tmp_path: Path
) -> None:
    """The first three requests are refused for two minutes; the read-back of the second run is quicker than that."""
    harness = Harness(kind, tmp_path, postgresql)
    harness.watches_jobs = False
    make = contact if kind == "contacts" else event
    records = [make(position) for position in range(EVENTS)]
    await harness.prepare(str(record.email) for record in records)
    harness.simulator.faults = [Fault.parse(f"429,path={PATHS[kind]},retry-after=55,at=1-3")]
    first: list[Report | SalesManagoError] = []
    second: list[Report | SalesManagoError] = []
    with harness.disk():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(make_run, harness, records, first)
            await anyio.sleep(10)
            assert end_sessions(harness.journal) == 1  # type: ignore[arg-type]
            assert harness.gateway.requests[PATHS[kind]] == 3
            await make_run(harness, records, second)
    [error], [report] = first, second
    assert isinstance(error, JournalFailed)
    assert "administrator command" in str(error)
    assert isinstance(report, Report)
    assert report.complete
    assert report.accepted == EVENTS
    assert harness.gateway.requests[PATHS[kind]] == 6
    if kind == "events":
        assert Counter(events_of(harness.simulator).values()) == {1: EVENTS}
    else:
        assert len(account(harness.simulator)) == EVENTS


async def test_a_run_that_has_lost_its_database_leaves_nothing_to_wait_for(harness: Harness) -> None:
    """It does not wait for its retries, and its other chunks are not sent."""
    records = [event(position) for position in range(EVENTS)]
    await harness.prepare(str(record.email) for record in records)
    harness.simulator.faults = [Fault.parse(f"503,path={PATHS['events']},at=1-")]
    ends: list[Report | SalesManagoError] = []
    requests, began = 0, anyio.current_time()
    with harness.disk():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(make_run, harness, records, ends)
            await anyio.sleep(20)
            requests = harness.gateway.requests[PATHS["events"]]
            end_sessions(harness.journal)  # type: ignore[arg-type]
    assert anyio.current_time() - began < 140
    [end] = ends
    assert isinstance(end if isinstance(end, SalesManagoError) else end.stopped, JournalFailed)
    assert harness.gateway.requests[PATHS["events"]] <= requests + 3
    harness.simulator.faults = []
    result = await harness.run(records, batch_size=100)
    assert result.counts == {"accepted": EVENTS}
    assert Counter(events_of(harness.simulator).values()) == {1: EVENTS}
