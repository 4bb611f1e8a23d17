"""An import over a server that goes away: killed, and started again in time, or later, or never."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.accounts import ask, contacts_of
from tests.cli.conftest import COMMAND

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

EMAILS = [f"p{number}@patience.pl" for number in range(240)]
PACE = ("--poll-interval", "0.2", "--batch-size", "4", "--concurrency", "4", "--rate", "40")
OF_THE_SERVER = (
    "contact/batch",  # of either kind
    "job/status",
    "contact/list",
    "no answer to a chunk",
)


@contextmanager
def account(port: int, folder: Path, bare: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve an account that lies on the disk, in a process that is killed at the end."""
    command = [*COMMAND, "simulator", "--port", str(port), "--job-seconds", "0.1", "--state", "account.db"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare, cwd=folder) as process:
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(5)]
        try:
            yield dict(line.split("=", 1) for line in lines)
        finally:
            process.kill()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with contacts, and an event for each."""
    (tmp_path / "contacts.csv").write_text("\n".join(["email,name", *(f"{email},N" for email in EMAILS)]))
    rows = [f"{email},2024-05-01,PURCHASE" for email in EMAILS]
    (tmp_path / "events.csv").write_text("\n".join(["email,date,contactExtEventType", *rows]))
    return tmp_path


def make_contacts(environ: Mapping[str, str]) -> None:
    details = [{"contact": {"email": email}} for email in EMAILS]
    ask(environ, "contact/batchupsertv2", upsertDetails=details)
    deadline = time.monotonic() + 20
    while len(list(contacts_of(environ, EMAILS))) < len(EMAILS):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def check_account(environ: Mapping[str, str], kind: str) -> None:
    """Each contact is there; each event once."""
    found = list(contacts_of(environ, EMAILS))
    assert len(found) == len(EMAILS)
    if kind == "events":
        assert [len(one["contactExtEvents"]) for one in found] == [1] * len(EMAILS)
    else:
        assert {one["name"] for one in found} == {"N"}


def wait_until_some_are_done(environ: Mapping[str, str], kind: str) -> None:
    """Wait until the import is under way: one of its first rows is there, and most of the others are not."""
    name = "contactExtEvents" if kind == "events" else "name"
    deadline = time.monotonic() + 20
    while not any(one[name] for one in contacts_of(environ, EMAILS[40:41])):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("away", [4.0, pytest.param(45.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["contacts", "events"])
def test_a_server_that_is_killed_and_started_again_is_waited_for(
    kind: str, away: float, night: Path, port: int, bare: Mapping[str, str], start: Start
) -> None:
    with account(port, night, bare) as environ:
        make_contacts(environ)
        process = start("import", kind, f"{kind}.csv", "--journal", "night.db", *PACE, environ=environ)
        wait_until_some_are_done(environ, kind)
    time.sleep(away)
    assert process.poll() is None
    with account(port, night, bare) as environ:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        check_account(environ, kind)
    assert [line.split() for line in out.splitlines() if line.startswith("accepted")] == [["accepted", "240"]]
    waits = [line for line in err.splitlines() if line.startswith(OF_THE_SERVER)]
    assert any("; try " in line and line.endswith(" s if no answer comes") for line in waits), err
    assert EMAILS[0].partition("@")[2] not in err


@pytest.mark.parametrize("kind", ["contacts", "events"])
def test_a_server_that_stays_away_ends_the_import_and_a_later_one_goes_on(
    kind: str, night: Path, port: int, bare: Mapping[str, str], start: Start, salesmanago: Command
) -> None:
    options = ("--journal", "night.db", "--report", "night.json", "--patience", "2", *PACE)
    with account(port, night, bare) as environ:
        make_contacts(environ)
        process = start("import", kind, f"{kind}.csv", *options, environ=environ)
        wait_until_some_are_done(environ, kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "salesmanago: stopped before the end: no answer for 2 s (last: 127.0.0.1:" in err
    assert err.endswith("to continue:\n  salesmanago resume night.db\n")
    report = json.loads((night / "night.json").read_text())
    assert (report["complete"], report["stopped"][:18]) == (False, "no answer for 2 s ")
    with account(port, night, bare) as environ:
        ended = salesmanago("resume", "night.db", "--patience", "60", environ=environ)
        assert ended.returncode == 0, ended.stderr
        check_account(environ, kind)


def test_a_server_that_was_never_there_is_waited_for_and_named(night: Path, port: int, salesmanago: Command) -> None:
    environ = {"SALESMANAGO_BASE_URL": f"http://127.0.0.1:{port}"}
    began = time.monotonic()
    ended = salesmanago("import", "contacts", "contacts.csv", "--patience", "1.5", *PACE, environ=environ)
    assert ended.returncode == 3, ended.stderr
    assert 1.5 < time.monotonic() - began < 15
    lines = ended.stderr.splitlines()
    assert lines[0].startswith(
        f"contact/batchupsertv2: 127.0.0.1:{port} cannot be reached: no connection could be made; try 2 in "
    )
    assert lines[-2].startswith(
        f"salesmanago: stopped before the end: no answer for 1.5 s (last: 127.0.0.1:{port} cannot be reached"
    )
    assert "check the network and the base URL" in lines[-2]
    assert lines[-1].startswith("this import cannot be continued, only started again; --journal FILE")


@pytest.mark.parametrize("patience", ["-1", "nan", "inf", "soon"])
def test_a_patience_without_sense_is_refused(patience: str, night: Path, salesmanago: Command) -> None:
    ended = salesmanago("import", "contacts", "contacts.csv", "--simulate", "--patience", patience)
    assert ended.returncode == 2
    assert "patience" in ended.stderr
    assert "Traceback" not in ended.stderr
