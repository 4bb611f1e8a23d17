"""`salesmanago plan`: the time, the requests, the jobs, and the one number to raise."""

import json
import subprocess
from collections.abc import Callable, Mapping

import pytest
from click.testing import CliRunner

from salesmanago_async.cli._commands import salesmanago as command

Command = Callable[..., subprocess.CompletedProcess[str]]


def lines_of(*arguments: str) -> list[str]:
    ended = CliRunner().invoke(command, ["plan", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended.output.splitlines()


def test_a_plan_needs_no_account_and_names_the_number_to_raise(salesmanago: Command, bare: Mapping[str, str]) -> None:
    ended = salesmanago("plan", "100M", "--slots", "20", "--job-seconds", "300")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "time       about 8 h 22 min: 3,322 records per second",
        "requests   600,010: 100,000 chunks, 500,010 polls, and as many result files as jobs",
        "jobs       100,000, about 1,000 at once",
        "limit      the server jobs outstanding: with --outstanding 5264 about 1 h 40 min, then the requests in flight",
    ]


def test_a_small_import_waits_for_its_last_jobs() -> None:
    assert lines_of("500") == [
        "time       about 64 s: 8 records per second",
        "requests   3: 1 chunk, 2 polls, and as many result files as jobs",
        "jobs       1, about 1 at once",
        "limit      the wait for the last server jobs: with --poll-interval 30 about 34 s",
    ]
    assert lines_of("500", "--job-seconds", "200")[-1] == (
        "limit      the wait for the last server jobs; no option shortens it"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--events", "--concurrency", "8"),
            "limit      the requests in flight: with --concurrency 12 about 84 s, then reading",
        ),
        (
            ("--rate", "5"),
            "limit      the requests per second: with --rate 34 about 5 min, then the server jobs outstanding",
        ),
        (("--events", "--concurrency", "200"), "limit      reading and checking the records: with 17 processes"),
    ],
)
def test_each_limit_has_an_option(arguments: tuple[str, ...], line: str) -> None:
    assert lines_of("5M", *arguments)[-1].startswith(line)


@pytest.mark.parametrize(
    ("given", "count"), [("250000", 250_000), ("2,000,000", 2_000_000), ("500k", 500_000), ("1.5M", 1_500_000)]
)
def test_a_number_may_be_short(given: str, count: int) -> None:
    plan = json.loads("\n".join(lines_of(given, "--json")))
    assert plan["work"]["records"] == count
    assert {"seconds", "requests", "polls", "jobs", "outstanding", "limit", "pacing", "raised"} <= plan.keys()


@pytest.mark.parametrize("given", ["0", "many", "2 million", "-5", ""])
def test_what_is_no_number_is_refused_with_examples(given: str) -> None:
    ended = CliRunner().invoke(command, ["plan", "--", given])
    assert ended.exit_code == 2
    assert "is not a number of records such as 250000, 500k or 1.5M" in ended.output


def test_products_go_a_hundred_at_a_time_and_have_no_jobs() -> None:
    assert lines_of("40k", "--products", "--concurrency", "8") == [
        "time       about 11 s: 3,774 records per second",
        "requests   400: 400 chunks",
        "jobs       none are followed",
        "limit      the requests in flight: with --concurrency 120 about 2 s, then reading and checking the records",
    ]
    assert lines_of("40k", "--products", "--batch-size", "50")[1] == "requests   800: 800 chunks"


@pytest.mark.parametrize("arguments", [("--products", "--batch-size", "101"), ("--products", "--events")])
def test_what_products_cannot_have_is_refused(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(command, ["plan", "10k", *arguments]).exit_code == 2
