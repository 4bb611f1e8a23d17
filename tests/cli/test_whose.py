"""A journal and a state are of one account, one server, and of a real or a simulated run: all else is refused.

A rehearsal never makes the real import a no-op, and never falsifies what is known of one.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from salesmanago_async.simulator import DEMO_OWNER, Simulator
from tests.cli.accounts import ask, contacts_of
from tests.serving import serving_account

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

QUICK = ("--poll-interval", "0.1")
EMAILS = ["real1@whose.pl", "real2@whose.pl"]
FILES = {
    "contacts": "email,name\n" + "".join(f"{email},A\n" for email in EMAILS),
    "events": "email,date,contactExtEventType,value\n"
    + "".join(f"{email},2024-05-01,PURCHASE,7\n" for email in EMAILS),
}


@frozen
class Servers:
    """Two accounts with the same credentials, on two ports: the variables that lead to each."""

    first: Mapping[str, str]
    second: Mapping[str, str]


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(serving_account(Simulator(job_seconds=0.05))) for _ in range(2))
        for environ in (first, second):
            ask(environ, "contact/upsert", contact={"email": EMAILS[0]})
            ask(environ, "contact/upsert", contact={"email": EMAILS[1]})
        yield Servers(first, second)


def host_of(environ: Mapping[str, str]) -> str:
    return environ["SALESMANAGO_BASE_URL"].removeprefix("http://")


def there(environ: Mapping[str, str], kind: str) -> list[Any]:
    """Return what an import has made: the names of the contacts, or the values of their events."""
    found = list(contacts_of(environ, EMAILS))
    if kind == "contacts":
        return [contact["name"] for contact in found if contact.get("name")]
    return [event["value"] for contact in found for event in contact["contactExtEvents"]]


def tables_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


def check_refused(ended: subprocess.CompletedProcess[str], *said: str) -> None:
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended.stderr
    for part in said:
        assert part in ended.stderr


@pytest.mark.parametrize("kind", ["contacts", "events"])
def test_after_a_rehearsal_the_real_import_is_refused_its_journal_and_made_with_another(
    kind: str, servers: Servers, salesmanago: Command, tmp_path: Path
) -> None:
    (tmp_path / "two.csv").write_text(FILES[kind])
    command = ("import", kind, "two.csv", *QUICK, "--journal")
    rehearsed = salesmanago(*command, "two.db", "--simulate", environ=servers.first)
    assert rehearsed.returncode == 0, rehearsed.stderr
    before = tables_of(tmp_path / "two.db")
    for again in (command, ("resume",)):
        if again == command:
            refused = salesmanago(*again, "two.db", environ=servers.first)
            check_refused(refused, "two.db: was begun with a simulated server", host_of(servers.first), "of its own")
        else:
            assert salesmanago(*again, "two.db", environ=servers.first).returncode == 0  # as it was begun: simulated
        assert tables_of(tmp_path / "two.db") == before
    assert there(servers.first, kind) == []
    real = salesmanago(*command, "real.db", environ=servers.first)
    assert (real.returncode, real.stderr) == (0, "")
    assert len(there(servers.first, kind)) == 2


@pytest.mark.parametrize("kind", ["contacts", "events"])
def test_a_journal_is_of_one_server(kind: str, servers: Servers, salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(FILES[kind])
    command = ("import", kind, "two.csv", *QUICK, "--journal", "two.db")
    assert salesmanago(*command, environ=servers.first).returncode == 0
    before = tables_of(tmp_path / "two.db")
    second = servers.second["SALESMANAGO_BASE_URL"]
    for other in ((*command, "--base-url", second), ("resume", "two.db", "--base-url", second)):
        refused = salesmanago(*other, environ=servers.first)
        check_refused(refused, "two.db: was begun with", host_of(servers.first), host_of(servers.second))
        assert tables_of(tmp_path / "two.db") == before
    assert there(servers.second, kind) == []


def test_a_true_journal_is_not_gone_on_with_in_a_simulation(salesmanago: Command, start: Start, tmp_path: Path) -> None:
    emails = [f"p{number}@whose.pl" for number in range(2000)]
    (tmp_path / "people.csv").write_text("\n".join(["email", *emails]))
    with serving_account(Simulator(job_seconds=3.0)) as environ:
        process = start(
            "import", "contacts", "people.csv", "--journal", "s.db", "--poll-interval", "30", environ=environ
        )
        deadline = time.monotonic() + 20
        while len(list(contacts_of(environ, emails[-1:]))) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        process.kill()
        process.wait()
        before = tables_of(tmp_path / "s.db")
        check_refused(
            salesmanago("resume", "s.db", "--simulate", environ=environ),
            f"s.db: was begun with {host_of(environ)}, and this is for a simulated server",
        )
        assert tables_of(tmp_path / "s.db") == before
        ended = salesmanago("resume", "s.db", *QUICK, environ=environ)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert len(list(contacts_of(environ, emails))) == 2000


def test_a_state_of_an_export_is_of_one_server_and_of_a_real_or_a_simulated_one(
    servers: Servers, salesmanago: Command, tmp_path: Path
) -> None:
    command = ("export", "contacts", "--modified-since", "2024-01-01", "--state", "nightly.json", "--out", "out.jsonl")

    def simulated(*words: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return salesmanago(*words, "--simulate", environ=environ)

    real = salesmanago
    assert real(*command, environ=servers.first).returncode == 0
    kept = (tmp_path / "nightly.json").read_bytes()
    assert DEMO_OWNER.encode() not in kept
    check_refused(
        real(*command, environ=servers.second), "nightly.json", host_of(servers.first), host_of(servers.second)
    )
    check_refused(simulated(*command, environ=servers.first), "nightly.json", "a simulated server")
    assert (tmp_path / "nightly.json").read_bytes() == kept
    assert real(*command, environ=servers.first).returncode == 0
    (tmp_path / "nightly.json").unlink()
    assert simulated(*command, environ=servers.first).returncode == 0
    check_refused(real(*command, environ=servers.first), "nightly.json: was begun with a simulated server")


def test_a_state_of_an_older_version_is_refused(servers: Servers, salesmanago: Command, tmp_path: Path) -> None:
    old = {"version": 1, "owner": DEMO_OWNER, "since": 0, "until": 1, "seen": {}, "unavailable": []}
    (tmp_path / "nightly.json").write_text(json.dumps(old))
    command = ("export", "contacts", "--state", "nightly.json", "--out", "out.jsonl")
    check_refused(salesmanago(*command, environ=servers.first), "nightly.json: is a state of version 1")


APP = """
import os, sys
import anyio, httpx
from salesmanago_async import SalesManago
from salesmanago_async.simulator import Simulator

path, kind, act = sys.argv[1:]

async def main():
    transport = httpx.ASGITransport(app=Simulator()) if kind == "simulated" else None
    sm = SalesManago.from_env(transport=transport, poll_interval=0.1)
    async with sm.contacts.buffer(journal=path, max_delay=3600 if act == "die" else 0.1) as buffer:
        if act == "die":
            await buffer.add({"email": "signed-up@whose.pl"})
            os._exit(0)
        await buffer.join()

anyio.run(main)
"""


@pytest.mark.parametrize("kind", ["simulated", "real"])
def test_a_buffer_sends_nothing_that_was_taken_for_another_server(
    kind: str, servers: Servers, bare: Mapping[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "signups.db"

    def run_app(kind: str, act: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", APP, str(path), kind, act]
        env = {**bare, **environ}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert run_app(kind, "die", servers.first).returncode == 0
    others = [("simulated", servers.first), ("real", servers.second)] if kind == "real" else [("real", servers.first)]
    for other, environ in others:
        refused = run_app(other, "join", environ)
        assert refused.returncode == 1
        said = refused.stderr.splitlines()[-1]
        assert "signups.db: holds records; it was begun with" in said
        for one in (kind, other):
            known = servers.first if one is kind else environ
            assert ("a simulated server" if one == "simulated" else host_of(known)) in said
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT state FROM queue").fetchall() == [("not_sent",)]
    assert run_app(kind, "join", servers.first).returncode == 0
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT state FROM queue").fetchall() == []
