"""`--journal` and `salesmanago resume`: whatever ends an import, it goes on, and nothing is lost or sent twice."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Fault, Simulator
from tests.cli.accounts import contacts_of
from tests.serving import serving_account

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Ask = Callable[..., dict[str, Any]]

QUICK = ("--poll-interval", "0.1")
SLOW = ("--batch-size", "5", "--rate", "15", *QUICK)

_numbers = count()


def write_events(folder: Path, emails: Sequence[str], bad: int = 0) -> Path:
    """Write an event for each address, and some rows that are none."""
    path = folder / "events.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["email", "date", "contactExtEventType", "value"])
        table.writerows([email, 1_700_000_000_000 + number, "PURCHASE", number] for number, email in enumerate(emails))
        table.writerows(["nobody", 1_700_000_000_000, "CART", ""] for _ in range(bad))
    return path


def values_of(environ: Mapping[str, str], emails: Sequence[str]) -> Counter[tuple[str, float]]:
    """Return how often each event is there: by its address and its value, which is the number of its row."""
    return Counter(
        (contact["email"], event["value"])
        for contact in contacts_of(environ, emails)
        for event in contact["contactExtEvents"]
    )


def each_once(emails: Sequence[str]) -> dict[tuple[str, float], int]:
    return {(email, number): 1 for number, email in enumerate(emails)}


@pytest.fixture
def people(run: Command, tmp_path: Path) -> list[str]:
    """The addresses of 300 contacts of the served account, which no other test has."""
    emails = [f"p{number}@journal-{next(_numbers)}.pl" for number in range(300)]
    (tmp_path / "people.csv").write_text("\n".join(["email", *emails]))
    assert run("import", "contacts", "people.csv", *QUICK, folder=tmp_path).returncode == 0
    return emails


def wait_for_an_event(process: subprocess.Popen[str], environ: Mapping[str, str], email: str) -> None:
    deadline = time.monotonic() + 20
    while not values_of(environ, [email]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.ci
def test_a_killed_import_goes_on_from_another_folder(
    start: Start, run: Command, served: Mapping[str, str], people: list[str], tmp_path: Path
) -> None:
    write_events(tmp_path, people, bad=2)
    files = ("--journal", "nightly.db", "--rejects", "bad.csv", "--report", "report.json")
    process = start("import", "events", "events.csv", *files, *SLOW)
    wait_for_an_event(process, served, people[20])
    process.kill()
    process.wait()
    (tmp_path / "elsewhere").mkdir()
    ended = run("resume", tmp_path / "nightly.db", "--rate", "1000", folder=tmp_path / "elsewhere")

    assert ended.returncode == 1, ended.stderr
    assert values_of(served, people) == each_once(people)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["read"], report["accepted"], report["rejected"]) == (302, 300, 2)
    assert report["earlier"] >= 20
    assert report["chunks"] <= (300 - report["earlier"]) // 5 + 8, "what was accepted is not sent again"
    assert report["journal"] == str(tmp_path / "nightly.db")
    rejects = csv.DictReader((tmp_path / "bad.csv").read_text().splitlines())
    assert [row["_line"] for row in rejects] == ["302", "303"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bad.csv", "elsewhere", "events.csv", "nightly.db", "people.csv", "report.json",
    ]  # fmt: skip


@pytest.mark.ci
def test_a_stopped_import_prints_the_command_that_goes_on(
    start: Start, bare: Mapping[str, str], served: Mapping[str, str], people: list[str], tmp_path: Path
) -> None:
    write_events(tmp_path, people)
    process = start("import", "events", "events.csv", "--journal", "night's run.db", *SLOW)
    wait_for_an_event(process, served, people[0])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 3, err
    assert err.startswith("stopping: requests in flight are finished (at most 20 s); press Ctrl-C again to stop imm")
    printed = err.splitlines()[-1]
    assert printed == "  " + shlex.join(["salesmanago", "resume", "night's run.db"])
    installed = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    resumed = subprocess.run(
        f"{printed} --rate 1000",
        shell=True,
        cwd=tmp_path,
        env={**bare, **served, **installed},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert values_of(served, people) == each_once(people)


@pytest.mark.ci
def test_without_a_journal_a_stopped_import_says_what_it_takes(
    start: Start, served: Mapping[str, str], people: list[str], tmp_path: Path
) -> None:
    write_events(tmp_path, people)
    process = start("import", "events", "events.csv", *SLOW)
    wait_for_an_event(process, served, people[0])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert err.splitlines()[-1].startswith("this import cannot be continued, only started again; --journal FILE")


@pytest.mark.ci
def test_the_same_import_goes_on_too_and_a_complete_one_sends_nothing(
    salesmanago: Command, start: Start, served: Mapping[str, str], people: list[str], tmp_path: Path
) -> None:
    write_events(tmp_path, people, bad=1)
    files = ("--journal", "nightly.db", "--rejects", "bad.csv", "--report", "report.json")
    process = start("import", "events", "events.csv", *files, *SLOW)
    wait_for_an_event(process, served, people[0])
    process.kill()
    process.wait()
    for command in (
        ("import", "events", "events.csv", *files, "--batch-size", "7", *QUICK),
        ("import", "events", "events.csv", *files, *QUICK),
        ("resume", "nightly.db"),
    ):
        (tmp_path / "bad.csv").unlink(missing_ok=True)
        ended = salesmanago(*command)
        assert ended.returncode == 1, ended.stderr
        assert len((tmp_path / "bad.csv").read_text().splitlines()) == 2
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["accepted"], report["earlier"], report["requests"], report["rejected"]) == (300, 300, 0, 1)
    assert values_of(served, people) == each_once(people)


@pytest.mark.ci
def test_a_journal_begun_otherwise_goes_on_by_the_command_that_was_given(
    start: Start, served: Mapping[str, str], people: list[str], salesmanago: Command, tmp_path: Path
) -> None:
    write_events(tmp_path, people[:2])
    begun = ("import", "events", "events.csv", "--journal", "nightly.db", *QUICK)
    assert salesmanago(*begun).returncode == 0
    write_events(tmp_path, people)
    again = (*begun, "--rejects", "other.csv", *SLOW)
    process = start(*again)
    wait_for_an_event(process, served, people[5])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.splitlines()[-1]) == (3, f"  {shlex.join(['salesmanago', *again])}")


@pytest.mark.ci
def test_what_is_given_to_resume_replaces_what_was_given_then(
    start: Start, salesmanago: Command, ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\nslow@resume.pl\n")
    files = ("--journal", "nightly.db", "--report", "report.json")
    process = start("import", "contacts", "people.csv", *files, "--poll-interval", "600")
    deadline = time.monotonic() + 20
    while not ask("contact/hasContact", email="slow@resume.pl")["result"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    ended = salesmanago("resume", "nightly.db", *QUICK)
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["accepted"], report["chunks"]) == (1, 0)


@pytest.mark.ci
def test_when_the_server_fails_for_good_the_import_stops_and_goes_on_later(
    salesmanago: Command, start: Start, tmp_path: Path
) -> None:
    emails = [f"g{number}@gone.pl" for number in range(40)]
    (tmp_path / "people.csv").write_text("\n".join(["email", *emails]))
    write_events(tmp_path, emails)
    simulator = Simulator(job_seconds=0.05)
    with serving_account(simulator) as account:
        assert salesmanago("import", "contacts", "people.csv", *QUICK, environ=account).returncode == 0
        simulator.faults = [Fault("status", path="contact/batchAddContactExtEvent", status=502, at=range(4, 1000))]
        options = ("--journal", "nightly.db", "--batch-size", "4", "--concurrency", "1", "--patience", "3", *QUICK)
        stopped = salesmanago("import", "events", "events.csv", *options, environ=account)
        simulator.faults = []
        ended = salesmanago("resume", "nightly.db", environ=account)
        there = values_of(account, emails)
    assert stopped.returncode == 3, stopped.stderr
    assert "502" in stopped.stderr
    assert stopped.stderr.endswith("to continue:\n  salesmanago resume nightly.db\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert there == each_once(emails)


def limited(blocks: int, *arguments: str) -> list[str]:
    """Return a command that may write no file longer than so many KiB, as on a full disk."""
    command = shlex.join([sys.executable, "-m", "salesmanago_async.cli", *arguments])
    return ["bash", "-c", f"ulimit -f {blocks}; exec {command}"]


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="limits are set by a shell")
def test_when_the_journal_cannot_be_written_the_import_stops_and_goes_on_later(
    bare: Mapping[str, str], served: Mapping[str, str], salesmanago: Command, people: list[str], tmp_path: Path
) -> None:
    write_events(tmp_path, people)
    command = ("import", "events", "events.csv", "--journal", "nightly.db", "--batch-size", "3", *QUICK)
    stopped = subprocess.run(
        limited(32, *command),
        cwd=tmp_path,
        env={**bare, **served},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert stopped.returncode == 3, stopped.stderr
    assert "nightly.db cannot be written" in stopped.stderr
    assert stopped.stderr.endswith("to continue:\n  salesmanago resume nightly.db\n")
    assert 0 < values_of(served, people).total() < 300
    ended = salesmanago("resume", "nightly.db")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert values_of(served, people) == each_once(people)


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="limits are set by a shell")
def test_when_the_rejects_cannot_be_written_the_import_stops(
    bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\n" + "nobody\n" * 20_000)
    command = ("import", "contacts", "people.csv", "--rejects", "bad.csv", "--report", "report.json")
    stopped = subprocess.run(
        limited(100, *command),
        cwd=tmp_path,
        env={**bare, **served},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert stopped.returncode == 3, stopped.stderr
    assert "bad.csv: File too large" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["read"] == report["rejected"] < 20_000


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="limits are set by a shell")
def test_rejects_are_said_to_be_where_they_are_only_once_they_are_there(
    bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path
) -> None:
    """The rows fit into what is written of them first, and no longer into the file when it is put into its place."""
    (tmp_path / "people.csv").write_text("email\n" + "nobody\n" * 150)
    for blocks in (4, 1000):
        stopped = subprocess.run(
            limited(blocks, "import", "contacts", "people.csv", "--rejects", "bad.csv"),
            cwd=tmp_path,
            env={**bare, **served},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "… and 145 more" in stopped.stderr
        is_there = (tmp_path / "bad.csv").exists()
        assert is_there == (blocks == 1000)
        assert ("the rejected rows are in" in stopped.stderr) == is_there, stopped.stderr
        assert stopped.returncode == (1 if is_there else 2)


def test_a_source_that_breaks_off_is_gone_on_with_once_it_is_mended(salesmanago: Command, tmp_path: Path) -> None:
    good = "\n".join(["email", *(f"h{number}@half.pl" for number in range(5000))]).encode("utf-16")
    (tmp_path / "people.csv").write_bytes(good + b"\0")
    options = ("--journal", "nightly.db", "--report", "report.json", *QUICK)
    broken = salesmanago("import", "contacts", "people.csv", *options)
    assert broken.returncode == 2
    assert "Traceback" not in broken.stderr
    why, *to_go_on = broken.stderr.splitlines()[-3:]
    assert why.startswith("salesmanago: people.csv: line ")
    assert to_go_on == ["to continue:", "  salesmanago resume nightly.db"]
    assert json.loads((tmp_path / "report.json").read_text())["accepted"] > 0
    (tmp_path / "people.csv").write_bytes(good)
    ended = salesmanago("resume", "nightly.db")
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["accepted"] == 5000
    assert report["earlier"] > 0


def test_a_dry_run_neither_makes_nor_changes_a_journal(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\ndry@journal.pl\n")
    options = ("import", "contacts", "people.csv", "--journal", "nightly.db")
    assert salesmanago(*options, "--dry-run").returncode == 0
    assert not (tmp_path / "nightly.db").exists()
    assert salesmanago(*options, *QUICK).returncode == 0
    (tmp_path / "nightly.in-doubt.csv").write_text("email\n")
    before = (tmp_path / "nightly.db").read_bytes()
    assert salesmanago(*options, "--dry-run").returncode == 0
    assert (tmp_path / "nightly.db").read_bytes() == before
    assert (tmp_path / "nightly.in-doubt.csv").exists()


def test_a_journal_is_its_owners_and_holds_no_secret_and_no_address(
    salesmanago: Command, served: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\nsecret@journal.pl\nnobody\n")
    lines = "".join(f"{name}={value}\n" for name, value in served.items())
    (tmp_path / "account.env").write_text(lines)
    options = ("--journal", "nightly.db", "--env-file", "account.env", *QUICK)
    assert salesmanago("import", "contacts", "people.csv", *options).returncode == 1
    content = (tmp_path / "nightly.db").read_bytes()
    for word in (served["SALESMANAGO_API_KEY"], served["SALESMANAGO_API_SECRET"], "secret@journal.pl"):
        assert word.encode() not in content
    assert (tmp_path / "nightly.db").stat().st_mode & 0o777 == 0o600
