"""Imports with a journal in a PostgreSQL database, as processes: frozen, killed, overtaken, without their server."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP
from uuid import uuid4

import pytest

from salesmanago_async.simulator import Fault
from salesmanago_async.stores.addresses import DatabaseAddress
from tests.cli.accounts import contacts_of
from tests.cli.test_kill import Account, as_kept, finish, purchases, resets, serving, wait_for_a_moment, write_table
from tests.postgresql import Server, end_sessions, run_in, serving_postgresql

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

ROWS = 300
PACE = ("--poll-interval", "0.2", "--concurrency", "3")
STOPPED = 3
UNUSABLE = 2


@pytest.fixture
def account(salesmanago: Command, postgresql: str, tmp_path: Path) -> Iterator[Account]:
    """An account with contacts whose purchases are in events.csv, and a run in a database as the journal."""
    rows = purchases(ROWS)
    write_table(tmp_path / "events.csv", rows)
    write_table(tmp_path / "people.csv", [{"email": email} for email in sorted({row["email"] for row in rows})])
    with serving() as account:
        made = salesmanago("import", "contacts", "people.csv", "--poll-interval", "0.05", environ=account.environ)
        assert made.returncode == 0, made.stderr
        account.requests = 0
        account.journal = str(run_in(postgresql))
        yield account


def import_events(account: Account) -> tuple[object, ...]:
    files = ("--journal", account.journal, "--report", "report.json", "--rejects", "bad.csv")
    return ("import", "events", "events.csv", *files, "--batch-size", 20, *PACE)


def assert_each_event_is_there_once(account: Account) -> None:
    account.simulator.faults = []
    rows = purchases(ROWS)
    there = [
        (contact["email"], *(event[name] for name in ("date", "value", "detail1", "externalId")))
        for contact in contacts_of(account.environ, sorted({row["email"] for row in rows}))
        for event in contact["contactExtEvents"]
    ]
    assert Counter(there) == Counter(map(as_kept, rows))


def wait_for_requests(account: Account, count: int) -> None:
    deadline = time.monotonic() + 60
    while account.requests < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_second_process_is_refused_while_the_first_one_works(
    account: Account, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    account.simulator.faults = [Fault.parse("slow,path=contact/batchAddContactExtEvent,seconds=3,at=1-3")]
    first = start(*import_events(account), environ=account.environ)
    wait_for_requests(account, 3)
    second = salesmanago("resume", account.journal, environ=account.environ)
    assert second.returncode == UNUSABLE
    assert f"is in use by another run; wait for its end (salesmanago {first.pid} on " in second.stderr
    _, err = first.communicate()
    assert first.returncode == 0, err
    assert_each_event_is_there_once(account)


def test_a_process_that_was_frozen_and_overtaken_sends_nothing_any_more(
    account: Account, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    account.simulator.faults = [Fault.parse("429,path=contact/batchAddContactExtEvent,retry-after=2,at=4-9")]
    first = start(*import_events(account), environ=account.environ)
    wait_for_requests(account, 7)
    first.send_signal(SIGSTOP)
    assert end_sessions(DatabaseAddress.parse(account.journal)) == 1
    ended = salesmanago("resume", account.journal, environ=account.environ)
    assert ended.returncode == 0, ended.stderr
    before = account.requests
    first.send_signal(SIGCONT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == STOPPED, err
    assert "cannot be" in err
    assert "salesmanago resume" in err
    assert account.requests == before
    assert_each_event_is_there_once(account)


def test_a_session_that_is_lost_before_anything_was_sent_ends_the_import_in_order(
    account: Account, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    account.simulator.faults = [Fault.parse("429,path=contact/batchAddContactExtEvent,retry-after=3,at=1-")]
    header, rows = (tmp_path / "events.csv").read_text().split("\n", 1)
    (tmp_path / "events.csv").write_text(f"{header}\nno address\n{rows}")
    first = start(*import_events(account), environ=account.environ)
    wait_for_requests(account, 1)
    assert end_sessions(DatabaseAddress.parse(account.journal)) == 1
    out, err = first.communicate(timeout=60)
    assert first.returncode == STOPPED, err
    assert "not sent" in out
    assert "salesmanago resume" in err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["accepted"], report["rejected"], report["not_sent"] > 0) == (0, 1, True)
    assert "no address" in (tmp_path / "bad.csv").read_text()
    account.simulator.faults = []
    ended = salesmanago("resume", account.journal, environ=account.environ)
    assert ended.returncode == 1, ended.stderr
    assert_each_event_is_there_once(account)


def test_an_import_with_a_quota_is_killed_again_and_again(
    account: Account, start: Start, salesmanago: Command, postgresql: str, tmp_path: Path
) -> None:
    """The slots of the killed process come back after `settle` seconds, and its run goes on where it was."""
    account.simulator.faults = resets("contact/batchAddContactExtEvent", "contact/list")
    quota = f"{postgresql}&quota={uuid4().hex}&slots=2&settle=0.5"
    random, kills = Random(7), 0
    while kills < 4:
        before = account.requests
        process = start(*import_events(account), "--quota", quota, "--rate", "20", environ=account.environ)
        wait_for_a_moment(process, account, random)
        process.kill()
        process.communicate(timeout=60)
        kills += account.requests > before
    finish(salesmanago, account, tmp_path, ROWS)
    assert_each_event_is_there_once(account)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test alone, whose commits are on the disk."""
    with serving_postgresql(is_durable=True) as server:
        yield server


def test_the_server_of_the_database_is_killed_again_and_again(
    server: Server, account: Account, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    account.journal = str(run_in(server.address))
    account.simulator.faults = resets("contact/batchAddContactExtEvent", "contact/list")
    random, kills = Random(5), 0
    while kills < 4:
        before = account.requests
        process = start(*import_events(account), "--rate", "20", environ=account.environ)
        wait_for_a_moment(process, account, random)
        server.kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode in {STOPPED, *([UNUSABLE] if account.requests == before else [])}, err
        kills += account.requests > before
        server.start_again()
    finish(salesmanago, account, tmp_path, ROWS)
    assert_each_event_is_there_once(account)
