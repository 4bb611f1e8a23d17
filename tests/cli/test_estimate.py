"""`salesmanago import --dry-run`: the estimate, in words and as JSON."""

import inspect
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from salesmanago_async import Report, SalesManago
from salesmanago_async.cli._estimate import POLL_INTERVAL, estimate_lines, without_account
from salesmanago_async.file_imports.account import ClientOptions
from salesmanago_async.file_imports.definition import Attempt
from salesmanago_async.imports.estimate import Estimate

Command = Callable[..., subprocess.CompletedProcess[str]]

CONTACTS = Estimate(
    records=2_357_000, chunks=2357, jobs=2357, polls=2357, preparing=9.0,
    concurrency=8, rate=None, poll_interval=60.0, outstanding=1000,
)  # fmt: skip
EVENTS = evolve(CONTACTS, jobs=0, polls=0)


def told(estimate: Estimate | None, latency: float = 0.2, **counts: Any) -> list[str]:
    return list(
        estimate_lines(
            Report(**{"bytes": 12_345_678, "duplicates": 0, "estimate": estimate, **counts}),
            Attempt(latency=latency),
            kind="contacts" if estimate and estimate.jobs else "events",
        )
    )


@pytest.mark.ci
def test_an_estimate_in_words() -> None:
    reasons = {"email: is not an e-mail address": 1200, "name: is … characters long, 1 to 255 are allowed": 3}
    assert told(CONTACTS, duplicates=4321, reasons=reasons) == [
        "",
        "to send    2,357 chunks, 11.8 MiB, at least 7,071 requests",
        "duplicates 4,321: their contact has an earlier record, which must be settled first",
        "rejected   1,200: email: is not an e-mail address",
        "           3: name: is … characters long, 1 to 255 are allowed",
        "time       about 3 min at 0.2 s per request, up to 8 in flight, a poll every 60 s, jobs of 30 s",
        "limit      the server jobs outstanding, then the requests in flight",
    ]


def test_the_estimate_of_events_has_no_polls() -> None:
    assert told(evolve(EVENTS, rate=2.5), latency=1.0, duplicates=2)[1:] == [
        "to send    2,357 chunks, 11.8 MiB, 2,357 requests",
        "duplicates 2: equal to an earlier event in every field",
        "time       about 16 min at 1 s per request, up to 8 in flight, at most 2.5 per second",
        "limit      the requests per second: with --rate 8 about 5 min, then the requests in flight",
    ]


def test_without_an_estimate_there_are_no_lines() -> None:
    assert told(None) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "1 s"),
        (99.4, "99 s"),
        (100.0, "2 min"),
        (5900.0, "98 min"),
        (6000.0, "1 h 40 min"),
        (90_000.0, "25 h 0 min"),
    ],
)
def test_spans_of_time_are_told_in_a_fitting_unit(seconds: float, words: str) -> None:
    assert f"about {words} at" in told(evolve(EVENTS, chunks=0, preparing=seconds))[-1]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1_023_000, "999.0 KiB"),
        (1_500_000, "1.4 MiB"),
        (9 * 1024**5, "9216.0 TiB"),
    ],
)
def test_sizes_are_told_in_a_fitting_unit(count: int, words: str) -> None:
    assert f" {words}," in told(EVENTS, bytes=count)[1]


def test_a_dry_run_is_estimated_at_the_pace_of_the_real_one() -> None:
    assert inspect.signature(SalesManago).parameters["poll_interval"].default == POLL_INTERVAL
    assert without_account(ClientOptions()) == ClientOptions(simulate=True, poll_interval=POLL_INTERVAL)
    assert without_account(ClientOptions(poll_interval=5.0)) == ClientOptions(simulate=True, poll_interval=5.0)
    assert without_account(ClientOptions(simulate=True)) == ClientOptions(simulate=True)


def write_people(path: Path) -> None:
    rows = [f"c{number % 20}@bill.pl,N" for number in range(25)]
    path.write_text("\n".join(["email,name", *rows, "nobody,N", f"a@bill.pl,{'n' * 256}", f"b@bill.pl,{'n' * 300}"]))


def test_a_dry_run_prints_its_estimate_and_writes_it_down(
    salesmanago: Command, bare: Mapping[str, str], tmp_path: Path
) -> None:
    write_people(tmp_path / "people.csv")
    options = (
        "--dry-run",
        "--batch-size",
        "10",
        "--latency",
        "0.5",
        "--job-seconds",
        "20",
        "--concurrency",
        "2",
        "--report",
        "report.json",
    )
    ended = salesmanago("import", "contacts", "people.csv", *options)
    assert ended.returncode == 1, ended.stderr
    counts, estimate = ended.stdout.split("\n\n")
    assert re.search(r"^would be sent +25$", counts, re.MULTILINE)
    lines = estimate.splitlines()
    assert re.fullmatch(r"to send    3 chunks, \d\.\d KiB, at least 9 requests", lines[0])
    assert lines[1].startswith("duplicates 5: their contact")
    assert lines[2] == "rejected   2: name: is … characters long, 1 to 255 are allowed"
    assert lines[3].startswith("           1: email: is not an e-mail address")
    assert lines[4] == "time       about 65 s at 0.5 s per request, up to 2 in flight, a poll every 60 s, jobs of 20 s"
    assert lines[5] == "limit      the wait for the last server jobs: with --poll-interval 20 about 25 s"

    report = json.loads((tmp_path / "report.json").read_text())
    assert report["duplicates"] == 5
    assert list(report["reasons"].values()) == [2, 1]
    assert {name: report["estimate"][name] for name in ("chunks", "requests", "jobs", "latency", "poll_interval")} == {
        "chunks": 3, "requests": 9, "jobs": 3, "latency": 0.5, "poll_interval": 60.0,
    }  # fmt: skip
    assert 64.5 < report["estimate"]["seconds"] < 70
    assert (report["estimate"]["job_seconds"], report["estimate"]["limit"]) == (20.0, "last jobs")


def test_a_run_that_is_no_dry_one_prints_no_bill(salesmanago: Command, tmp_path: Path) -> None:
    write_people(tmp_path / "people.csv")
    ended = salesmanago("import", "contacts", "people.csv", "--poll-interval", "0.2", "--report", "report.json")
    assert ended.returncode == 1, ended.stderr
    assert "time  " not in ended.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["estimate"], report["duplicates"], list(report["reasons"].values())) == (None, None, [2, 1])


def test_a_latency_below_nothing_is_refused(salesmanago: Command, tmp_path: Path) -> None:
    write_people(tmp_path / "people.csv")
    ended = salesmanago("import", "contacts", "people.csv", "--dry-run", "--latency", "-1")
    assert ended.returncode == 2
    assert "'--latency'" in ended.stderr
    assert "is not in the range" in ended.stderr
