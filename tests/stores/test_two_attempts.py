"""Two processes that make the same run at once, with the same rows in another order: one waits for the other."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from signal import SIGKILL

import anyio
import orjson
import pytest

from salesmanago_async import Contact, SalesManago
from salesmanago_async.simulator import Simulator
from tests.imports.harness import events_of
from tests.postgresql import run_in
from tests.serving import Counted, SlowAccount, serving_account

pytest.importorskip("psycopg")
pytestmark = pytest.mark.ci

EVENTS = 3000
PEOPLE = 50
ADD = "contact/batchAddContactExtEvent"

ATTEMPT = """
import anyio, orjson, sys
from random import Random
from salesmanago_async import ExternalEvent, SalesManago

async def main(journal, seed):
    events = [
        ExternalEvent(
            email=f"c{number % PEOPLE}@example.com",
            date=1_700_000_000_000 + 1000 * number,
            contact_ext_event_type="PURCHASE",
            external_id=f"E{number}",
        )
        for number in range(EVENTS)
    ]
    Random(seed).shuffle(events)
    async with SalesManago.from_env(poll_interval=0.3, concurrency=2) as sm:
        report = await sm.events.add_many(
            events, journal=journal, batch_size=50, known_by="content", when_busy="wait", lock_timeout=60
        )
    print(orjson.dumps(report.as_dict()).decode())

anyio.run(main, sys.argv[1], int(sys.argv[2]))
""".replace("EVENTS", str(EVENTS)).replace("PEOPLE", str(PEOPLE))


@contextmanager
def serving() -> Iterator[tuple[Counted, Mapping[str, str]]]:
    """Serve an account that takes its time, and has the contacts of the events."""
    account = Counted(SlowAccount(simulator=Simulator(job_seconds=0.05)))
    with serving_account(account) as environ:
        anyio.run(_make_people, environ)
        yield account, environ


async def _make_people(environ: Mapping[str, str]) -> None:
    async with SalesManago.from_env(environ, poll_interval=0.05) as sm:
        people = [Contact(email=f"c{number}@example.com") for number in range(PEOPLE)]
        assert (await sm.contacts.upsert_many(people)).accepted == PEOPLE


def attempt(environ: Mapping[str, str], journal: str, seed: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", ATTEMPT, journal, str(seed)]
    return subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE)


def report_of(process: "subprocess.Popen[bytes]") -> Mapping[str, int]:
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    return orjson.loads(out)  # type: ignore[no-any-return]


@pytest.fixture
def journal(postgresql: str) -> str:
    return str(run_in(postgresql))


def test_the_second_attempt_waits_and_then_sends_nothing(journal: str) -> None:
    with serving() as (account, environ):
        first = attempt(environ, journal, 1)
        account.wait_for(ADD, 3)
        second = attempt(environ, journal, 2)
        reports = [report_of(process) for process in (first, second)]
    assert [report["accepted"] for report in reports] == [EVENTS, EVENTS]
    assert [report["earlier"] for report in reports] == [0, EVENTS]
    assert account.requests[ADD] == EVENTS / 50
    assert set(events_of(account.app.simulator).values()) == {1}


def test_the_second_attempt_goes_on_when_the_first_is_killed(journal: str) -> None:
    with serving() as (account, environ):
        first = attempt(environ, journal, 1)
        account.wait_for(ADD, 3)
        second = attempt(environ, journal, 2)
        account.wait_for(ADD, 13)
        first.send_signal(SIGKILL)
        first.communicate()
        assert first.returncode == -SIGKILL
        report = report_of(second)
    assert report["accepted"] == EVENTS
    assert 0 < report["earlier"] < EVENTS
    assert sorted(events_of(account.app.simulator).values()) == [1] * EVENTS
