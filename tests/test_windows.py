"""Where loops have no signal handlers, and open files stay where they are: tried on this system, not on Windows."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio
import pytest

from salesmanago_async.support.stop_signals import STOP_SIGNALS, receiving_signals
from tests.readme import ROOT
from tests.serving import serving
from tests.windows import is_open, needs_proc, open_files_stay, without_signal_handlers

QUICK = ("--poll-interval", "0.1")


def test_signals_are_received_without_handlers_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    without_signal_handlers(monkeypatch.setattr)
    before = [signal.getsignal(number) for number in STOP_SIGNALS]

    async def main() -> list[signal.Signals]:
        with receiving_signals(*STOP_SIGNALS) as signals:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            with anyio.fail_after(5):
                return [await anext(signals), await anext(signals)]

    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(main()) == [signal.SIGTERM, signal.SIGINT]
    finally:
        loop.close()
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


@needs_proc
def test_the_rules_are_those_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_files_stay(monkeypatch.setattr)
    path, other = tmp_path / "a", tmp_path / "b"
    other.write_text("b")
    with path.open("w"):
        assert is_open(path)
        for refused in (path.unlink, lambda: path.rename(tmp_path / "c"), lambda: other.replace(path)):
            with pytest.raises(PermissionError):
                refused()
    path.unlink()


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    with serving(job_seconds=0.1) as environ:
        yield environ


def start(folder: Path, environ: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.windows", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environ, "PYTHONPATH": str(ROOT)}, stdout=pipe, stderr=pipe, text=True
    )


def run(folder: Path, environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command that has to succeed, and return what it prints."""
    process = start(folder, environ, *arguments)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return shown


def wait_for(path: Path) -> None:
    """Wait until a file is there: a process that has opened its journal handles signals."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_proc
@pytest.mark.ci
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_import_stops_in_order_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    rows = "".join(f"p{row}@stop.pl\n" for row in range(3000))
    (tmp_path / "people.csv").write_text(f"email\n{rows}bad\n")
    files = ("--journal", "run.db", "--rejects", "bad.csv", "--report", "run.html")
    with serving(job_seconds=0.1) as environ:
        slow = ("--batch-size", "50", "--rate", "15", "--concurrency", "2")
        process = start(tmp_path, environ, "import", "contacts", "people.csv", *files, *QUICK, *slow)
        wait_for(tmp_path / "run.db")
        time.sleep(1)
        process.send_signal(number)
        shown, errors = process.communicate(timeout=60)
        assert process.returncode == 3, (shown, errors)
        assert "salesmanago resume run.db" in errors
        resumed = start(tmp_path, environ, "resume", "run.db", *QUICK)
        shown, errors = resumed.communicate(timeout=90)
    assert resumed.returncode == 1, errors
    assert "accepted          3,000" in shown
    assert "bad" in (tmp_path / "bad.csv").read_text()


@needs_proc
@pytest.mark.ci
def test_files_are_replaced_and_removed_when_they_are_closed(tmp_path: Path, served: dict[str, str]) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,name\n" + "".join(f"p{row}@files.pl,Ann\n" for row in range(300)))
    sync = ("sync", "contacts", "people.csv", "--state", "state.db", "--removed", "tag:GONE", "--yes", *QUICK)
    run(tmp_path, served, *sync)
    people.write_text("email,name\n" + "".join(f"p{row}@files.pl,Bob\n" for row in range(290)))
    assert "changed             290" in run(tmp_path, served, *sync)
    assert "unchanged           290" in run(tmp_path, served, *sync)
    assert {path.name for path in tmp_path.iterdir()} == {"people.csv", "state.db"}
    for name in ("all.csv", "all.jsonl", "all.csv"):
        run(tmp_path, served, "export", "contacts", "--all", "--out", name, *QUICK)
    for _ in range(2):
        since = ("--modified-since", "2020-01-01", "--state", "changes.json", "--out", "changes.jsonl")
        run(tmp_path, served, "export", "contacts", *since, *QUICK)


BUFFER = """
import asyncio, sys
from salesmanago_async import SalesManago
from salesmanago_async.buffers.sigterm import until_sigterm

async def main():
    async with until_sigterm(), SalesManago.from_env(poll_interval=0.1) as sm:
        async with sm.contacts.buffer(journal="people.db", max_delay=60) as buffer:
            for number in range(20):
                await buffer.add({"email": f"p{number}@buffer.pl"})
            print("added", flush=True)
            await asyncio.sleep(60)

asyncio.run(main())
"""


@needs_proc
@pytest.mark.ci
def test_a_buffer_sends_what_it_has_at_sigterm(tmp_path: Path, served: dict[str, str]) -> None:
    (tmp_path / "script.py").write_text(BUFFER)
    process = start(tmp_path, served, "script.py")
    assert process.stdout
    assert process.stdout.readline() == "added\n"
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM, errors
    check = ("call", "contact/hasContact", '{"email": "p19@buffer.pl"}')
    assert '"result": true' in run(tmp_path, served, *check)


@needs_proc
@pytest.mark.ci
def test_journals_and_replaced_files_keep_their_promises(tmp_path: Path) -> None:
    """The tests of rollback journals, saved files, states and feeds, where open files stay and there are no locks."""
    subjects = (
        "tests/stores/test_journal_copies.py",
        "tests/exports/test_sinks.py",
        "tests/sync/test_sync.py",
        "tests/groups/test_export_modified.py",
        "tests/file_imports",
        "tests/integrations/test_leadoo_feeds.py",
    )
    options = ("-q", "-x", "-p", "tests.windows", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'files'}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *subjects],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout
