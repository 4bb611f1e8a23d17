"""Quotas on the command line: set, shown and used, and no password shown."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Fault, Simulator
from salesmanago_async.stores.addresses import HIDDEN
from tests.postgresql import query
from tests.serving import serving_account

pytest.importorskip("psycopg")

Command = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "tajne7"


@pytest.fixture
def address(database: str) -> str:
    """A database, in an address with a password that the server does not ask for."""
    return database.replace("postgres@", f"postgres:{SECRET}@")


@pytest.fixture(autouse=True)
def people(tmp_path: Path) -> None:
    rows = "".join(f"c{number}@example.com\n" for number in range(10))
    (tmp_path / "people.csv").write_text(f"email\n{rows}")


def shown(salesmanago: Command, address: str) -> list[dict[str, Any]]:
    done = salesmanago("quota", "show", address)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.ci
def test_a_quota_is_set_shown_used_and_changed(salesmanago: Command, address: str) -> None:
    quota = f"{address}&quota=account"
    done = salesmanago("quota", "set", f"{quota}&slots=2&rate=50")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("&quota=account&slots=2&rate=50 is set\n")
    assert f":{HIDDEN}@" in done.stderr
    numbers = {"quota": "account", "slots": 2, "rate": 50.0, "settle": 5.0, "pause": 0.0, "left": 0, "processes": []}
    assert shown(salesmanago, quota) == shown(salesmanago, address) == [numbers]
    pace = ("--poll-interval", "0.05", "--batch-size", "2")
    made = salesmanago("import", "contacts", "people.csv", *pace, environ={"SALESMANAGO_QUOTA": quota})
    assert made.returncode == 0, made.stderr
    refused = salesmanago("import", "contacts", "people.csv", *pace, "--quota", f"{quota}&slots=3")
    assert refused.returncode == 2 or "slots=2&rate=50&settle=5" in refused.stdout + refused.stderr
    assert "the quota has slots=2&rate=50&settle=5; give the same numbers or none" in refused.stdout + refused.stderr
    assert SECRET not in refused.stdout + refused.stderr
    assert salesmanago("quota", "set", f"{quota}&slots=3").returncode == 0
    assert shown(salesmanago, quota) == [{**numbers, "slots": 3}]
    assert salesmanago("quota", "set", f"{quota}&rate=none&settle=9").returncode == 0
    assert shown(salesmanago, quota) == [{**numbers, "slots": 3, "rate": None, "settle": 9.0}]
    wrong = salesmanago("check", "--quota", f"{quota}&slots=4")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "the quota has slots=3&rate=none&settle=9" in wrong.stderr


def test_a_quota_that_is_not_there_or_is_none_is_refused(salesmanago: Command, address: str) -> None:
    for words, message in (
        (("show", f"{address}&quota=account"), "there is no such quota; make it with 'salesmanago quota set'"),
        (("set", f"{address}&quota=account"), "there is no such quota; give its slots, as in &slots=16"),
        (("set", address), "the address names no quota; add quota=NAME"),
        (("set", f"{address}&quota=a&slots=x"), "slots is no number"),
    ):
        done = salesmanago("quota", *words)
        assert done.returncode == 2
        assert message in done.stderr
        assert SECRET not in done.stderr
    done = salesmanago("check", "--quota", "quota.db")
    assert done.returncode == 2
    assert "give the address of a quota" in done.stderr


def test_a_journal_keeps_the_quota_without_its_password(
    salesmanago: Command, address: str, database: str, tmp_path: Path
) -> None:
    """The import goes on with it, if the password is given once more, and where it stops, it names no password."""
    quota = f"{address}&quota=account&slots=2"
    simulator = Simulator(job_seconds=0.05, faults=[Fault.parse("401,path=contact/batchupsertv2,at=2-")])
    words = ("import", "contacts", "people.csv", "--journal", "run.db", "--quota", quota)
    pace = ("--poll-interval", "0.05", "--batch-size", "2", "--concurrency", "1")
    with serving_account(simulator) as environ:
        stopped = salesmanago(*words, *pace, environ=environ)
        assert stopped.returncode != 0
        assert SECRET not in stopped.stdout + stopped.stderr
        assert SECRET.encode() not in (tmp_path / "run.db").read_bytes()
        simulator.faults = []
        missing = salesmanago("resume", "run.db", environ=environ)
        assert missing.returncode == 2
        assert "stands for a password; write it out" in missing.stderr
        resumed = salesmanago("resume", "run.db", "--quota", quota, environ=environ)
        assert resumed.returncode == 0, resumed.stderr
    assert query(database, "SELECT count(*) FROM salesmanago.quota_slots") == [(0,)]
