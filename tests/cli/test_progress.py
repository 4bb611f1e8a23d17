"""The screen of an import: what it waits for and until when, how far it is, and how fast; and the options -v and -q."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import evolve

from salesmanago_async import Report
from salesmanago_async.cli import _progress
from salesmanago_async.cli._status import Status, counts, headline
from tests.cli.conftest import COMMAND

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]


def status(seconds: float = 10.0, *, accepted: int = 0, rejected: int = 0, records: int = 0, **others: Any) -> Status:
    return Status(report=Report(read=records, accepted=accepted, rejected=rejected), seconds=seconds, **others)


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        pytest.param(status(1.0, read=10, total=100), "0:00:01 sending", id="too early to judge"),
        pytest.param(
            status(10.0, records=500, read=20, total=100), "0:00:10 sending, about 0:00:40 left to read", id="a fifth"
        ),
        pytest.param(
            status(75.4, read=100, total=100, outstanding=1, next_poll=41.7),
            "0:01:15 waiting for 1 server job, next look in 42 s",
            id="a job",
        ),
        pytest.param(
            status(75.0, read=100, total=100, outstanding=3), "0:01:15 waiting for 3 server jobs", id="being polled"
        ),
        pytest.param(
            status(75.0, read=10, total=10, outstanding=2, next_poll=1.0, waits_for="unanswered request"),
            "0:01:15 waiting for 2 unanswered requests, next look in 1 s",
            id="events in doubt",
        ),
        pytest.param(status(5.0, outstanding=2, next_poll=1.0), "0:00:05 sending", id="a pipe of unknown length"),
    ],
)
def test_the_headline_says_what_is_done_or_awaited(shown: Status, line: str) -> None:
    assert headline(shown) == line


def test_counts_name_what_is_under_way_and_the_speed_while_rows_are_read() -> None:
    reading = status(10.0, records=25_000, accepted=20_000, rejected=3, read=50, total=100)
    assert counts(reading) == "25,000 read: 20,000 accepted, 3 rejected, 4,997 under way, 2,500 rows/s"
    found = status(10.0, read=50, total=100)
    found = evolve(found, report=Report(read=25_000, accepted=25_000, requests=25, concurrency=24))
    assert counts(found) == "25,000 read: 25,000 accepted, 2,500 rows/s, up to 24 requests at once"
    guessed = evolve(found, report=Report(read=25_000, accepted=25_000, requests=25, concurrency=3))
    assert counts(guessed) == "25,000 read: 25,000 accepted, 2,500 rows/s"
    waiting = status(40.0, records=25_000, accepted=24_000, rejected=1000, read=100, total=100)
    assert counts(waiting) == "25,000 read: 24,000 accepted, 1,000 rejected"


def test_in_a_pipe_a_line_comes_when_counts_change_and_seldom_when_they_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("salesmanago_async.cli._progress.time.monotonic", lambda: now)
    with _progress.progress() as show:
        for now, records in ((1.0, 100), (5.0, 500), (6.0, 600), (11.0, 900), (30.0, 900), (72.0, 900), (80.0, 900)):
            show(status(now, records=records))
    assert [line.partition(":")[2].partition(":")[2] for line in capsys.readouterr().err.splitlines()] == [
        "05 sending: 500 read: none settled yet, 500 under way, 100 rows/s",
        "11 sending: 900 read: none settled yet, 900 under way, 82 rows/s",
        "12 sending: 900 read: none settled yet, 900 under way, 12 rows/s",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("columns", ["60", "100"])
def test_a_terminal_shows_when_the_next_look_comes(bare: Mapping[str, str], tmp_path: Path, columns: str) -> None:
    import pty

    (tmp_path / "people.csv").write_text("email\nann@example.com\nnobody\n")
    ours, theirs = pty.openpty()
    environ = {**bare, "TERM": "xterm", "COLUMNS": columns}
    command = [*COMMAND, "import", "contacts", "people.csv", "--simulate", "--poll-interval", "2"]
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environ, cwd=tmp_path)
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    printed, _ = process.communicate(timeout=20)
    lines = [line for line in click.unstyle(shown.decode()).replace("\r", "\n").splitlines() if line.strip()]
    assert any("waiting for 1 server job, next look in 2 s" in line for line in lines)
    assert any("2 read: 1 rejected, 1 under way" in line for line in lines)
    assert b"accepted              1" in printed
    assert lines[-1].startswith("people.csv:3: rejected")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the command has ended
        return b""


def test_verbose_prints_jobs_with_the_time_and_quiet_neither_progress_nor_waits(
    salesmanago: Command, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\nann@example.com\n")
    command = ("import", "contacts", "people.csv", "--poll-interval", "0.2")
    usual, verbose, quiet = (salesmanago(*command, *options) for options in ((), ("-v",), ("-q",)))
    assert usual.stderr == quiet.stderr == ""
    texts = [line.split(" ", 1)[1] for line in verbose.stderr.splitlines()]
    assert texts[0] == "A run of contacts begins"
    assert re.fullmatch(r"Job \d+ has 1 records", texts[1])
    assert re.fullmatch(r"Job \d+: done after \d\.\d s", texts[2])
    assert texts[3:] == ["A run of contacts has ended: 1 read: 1 accepted"]
    assert all("accepted              1" in ended.stdout for ended in (usual, verbose, quiet))


def test_quiet_hides_waits_for_a_server_that_is_away_but_not_why_the_import_stopped(
    salesmanago: Command, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\nann@example.com\n")
    away = {"SALESMANAGO_BASE_URL": "http://127.0.0.1:9"}
    command = ("import", "contacts", "people.csv", "--patience", "1", "--journal")
    usual = salesmanago(*command, "usual.db", environ=away)
    quiet = salesmanago(*command, "quiet.db", "-q", environ=away)
    assert usual.returncode == quiet.returncode == 3
    assert len(quiet.stderr.splitlines()) < len(usual.stderr.splitlines())
    assert "no connection could be made" in quiet.stderr
