"""A pipeline killed with SIGKILL in the middle of its package, twice: nothing is lost, and no event is there twice."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Fault
from salesmanago_async.stores.addresses import DatabaseAddress
from tests.cli.accounts import contacts_of
from tests.dlt.conftest import MISSING, MakePipeline
from tests.postgresql import query, run_in
from tests.serving import Counted

pytestmark = pytest.mark.ci
pytest.importorskip("dlt", reason=MISSING)

from salesmanago_async.integrations.dlt import contacts  # noqa: E402 - it needs dlt

EVENTS, BATCH, CONTACTS = 6000, 100, 50
ADD = "contact/batchAddContactExtEvent"
SCRIPT = f"""
import sys

import dlt

from salesmanago_async.integrations.dlt import events

NOON = 1_767_268_800_000


def purchases():
    for number in range({EVENTS}):
        email = f"c{{number % {CONTACTS}}}@example.com"
        yield {{"email": email, "date": NOON, "contactExtEventType": "PURCHASE", "externalId": f"ORDER-{{number:04}}"}}


options = {{"batch_size": {BATCH}, "rate": 20, "concurrency": 4, "poll_interval": 0.2, "patience": 20}}
pipeline = dlt.pipeline("killed", destination=events(journal=sys.argv[1] or None, **options))
if pipeline.has_pending_data:
    pipeline.load()
else:
    pipeline.run(purchases(), table_name="purchases")
"""


@pytest.fixture(params=["", "database"], ids=["file", "database"])
def journal(request: pytest.FixtureRequest) -> str:
    """The journal, as the destination is given it."""
    return "" if not request.param else str(run_in(request.getfixturevalue("database"), "crm"))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.py"
    path.write_text(SCRIPT)
    return path


def start(script: Path, journal: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(sys.path)
    return subprocess.Popen(
        [sys.executable, script, journal],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], account: Counted, requests: int) -> None:
    """Kill a pipeline when the server has got so many requests more, some of which it works at."""
    goal, deadline = account.requests[ADD] + requests, time.monotonic() + 60
    while account.requests[ADD] < goal and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    output, _ = process.communicate()
    assert account.requests[ADD] >= goal, output


def events_of_account() -> Iterator[Any]:
    emails = [f"c{number}@example.com" for number in range(CONTACTS)]
    for contact in contacts_of(os.environ, emails):
        yield from (event["externalId"] for event in contact["contactExtEvents"])


def test_a_pipeline_that_is_killed_twice_loses_and_doubles_nothing(
    script: Path, journal: str, account: Counted, make_pipeline: MakePipeline
) -> None:
    people = [{"email": f"c{number}@example.com"} for number in range(CONTACTS)]
    make_pipeline(contacts(poll_interval=0.1)).run(people, table_name="people")
    account.app.faults = [
        Fault("late", path=ADD, seconds=0.3, share=0.5),
        Fault("reset-before", path=ADD, share=0.05),  # as if it was on its way when the pipeline was killed
    ]
    for requests in (15, 20):
        kill_after(start(script, journal), account, requests)
    ended = start(script, journal)
    output, _ = ended.communicate(timeout=120)
    assert ended.returncode == 0, output
    assert account.requests["contact/list"] > 0, "no chunk was under way when the pipeline was killed"
    found = Counter(events_of_account())
    assert set(found) == {f"ORDER-{number:04}" for number in range(EVENTS)}
    assert set(found.values()) == {1}
    if journal:
        [(name,)] = query(DatabaseAddress.parse(journal), "SELECT name FROM salesmanago.runs")
        assert name.startswith("crm/")
