"""Clients with a quota: calls, runs and retries go through it, and what it cannot do is told in order. In real time."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.postgresql import query

pytest.importorskip("psycopg")
pytestmark = pytest.mark.anyio

SLOTS = "SELECT count(*) FROM salesmanago.quota_slots"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
PEOPLE = [{"email": f"c{number}@example.com"} for number in range(20)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def client(quota: str, simulator: Simulator | None = None, **options: Any) -> SalesManago:
    transport = httpx.ASGITransport(app=simulator or Simulator(job_seconds=0.05))
    return SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, poll_interval=0.05, quota=quota, **options
    )


async def test_a_run_goes_through_the_quota_which_is_given_back_at_the_end(database: str) -> None:
    simulator = Simulator(job_seconds=0.05, faults=[Fault.parse("503,path=contact/batchupsertv2,at=2")])
    async with client(f"{database}&quota=account&slots=2&rate=200", simulator) as sm:
        assert query(database, SESSIONS) == [(0,)]  # nothing before the first request
        report = await sm.contacts.upsert_many(PEOPLE, batch_size=4)
        assert (report.accepted, report.complete) == (20, True)
    assert query(database, SLOTS) == [(0,)]
    await eventually_no_sessions(database)


async def test_a_run_whose_quota_cannot_be_used_sends_nothing_and_says_why(tmp_path: Path) -> None:
    simulator = Simulator()
    address = f"postgresql://postgres:tajne7@/postgres?host={tmp_path}&quota=account&slots=3"
    async with client(address, simulator) as sm:
        with pytest.raises(Invalid, match="cannot be used: ") as failed, anyio.fail_after(15):
            await sm.contacts.upsert_many(PEOPLE, batch_size=4, journal=tmp_path / "run.db")
        assert "20 read: 20 not sent. Repeat the call" in failed.value.__notes__[0]
        assert "tajne7" not in f"{failed.value} {failed.value.__notes__}"
        with pytest.raises(Invalid) as caught:
            await sm.contacts.get(["c1@example.com"])
        assert not caught.value.in_doubt


async def test_what_is_no_quota_is_refused_by_the_client() -> None:
    with pytest.raises(Invalid, match="quota: give the address of a quota"):
        client("quota.db")


def test_a_client_that_is_closed_in_another_loop_ends_its_session(database: str) -> None:
    sm = client(f"{database}&quota=account&slots=3&settle=0")

    async def ask() -> None:
        await sm.contacts.get(["c1@example.com"])

    asyncio.run(ask())
    asyncio.run(sm.aclose())
    asyncio.run(eventually_no_sessions(database))


async def eventually_no_sessions(database: str) -> None:
    with anyio.fail_after(5):
        while query(database, SESSIONS) != [(0,)]:  # noqa: ASYNC110 - the server needs a moment to end a session
            await anyio.sleep(0.01)
