"""`salesmanago export` and `job save`: what is written where, and how it ends."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from salesmanago_async.cli import _saving, exports
from salesmanago_async.cli._commands import salesmanago as salesmanago_command
from salesmanago_async.exports.sinks import Saved
from tests.cli.conftest import COMMAND

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Ask = Callable[..., dict[str, Any]]

QUICK = ("--poll-interval", "0.1")
TAGGED = ("export", "contacts", "--tag", "SAVED", "--data", "CONTACT,TAG,PROPERTIES", *QUICK)

InProcess = Callable[..., Result]


@pytest.fixture(scope="module")
def people(ask: Ask) -> Iterator[list[str]]:
    """Three contacts of the tag SAVED, with details; the third has one that the others have not."""
    emails = [f"{name}@saved.pl" for name in ("ann", "bob", "cyd")]
    for number, email in enumerate(emails):
        properties = {"size": "XL", **({"hat": "=7+5"} if number == 2 else {})}
        contact = {"email": email, "name": f"-{number}+x", "phone": "+48 123 456 789"}
        ask("contact/upsert", contact=contact, tags=["SAVED", f"T{number}"], properties=properties)
    yield emails
    ask("contact/batchDelete", contacts=[{"addresseeType": "tag", "value": "SAVED"}])


@pytest.fixture
def command(served: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Return a function that runs a command in this process, which is quicker."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> Result:
        return CliRunner().invoke(salesmanago_command, [*map(str, arguments)], env=dict(served))

    return command


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def read_table(path: Path) -> list[dict[str, str]]:
    return table(path.read_bytes().decode())


def test_contacts_become_rows_of_csv(salesmanago: Command, people: list[str], tmp_path: Path) -> None:
    ended = salesmanago(*TAGGED, "--out", "some.csv")
    assert (ended.returncode, ended.stdout) == (0, "3 contacts in some.csv\n"), ended.stderr
    rows = read_table(tmp_path / "some.csv")
    assert [row["email"] for row in rows] == people
    assert [row["tags"] for row in rows] == ["SAVED,T0", "SAVED,T1", "SAVED,T2"]
    assert [row["properties.hat"] for row in rows] == ["", "", "'=7+5"]
    assert [row["name"] for row in rows] == ["'-0+x", "'-1+x", "'-2+x"]
    assert {row["phone"] for row in rows} == {"+48 123 456 789"}


def test_contacts_become_rows_of_parquet(command: InProcess, people: list[str], tmp_path: Path) -> None:
    ended = command(*TAGGED, "--out", "some.parquet")
    assert ended.exit_code == 0, ended.stderr
    rows = pq.read_table(tmp_path / "some.parquet").to_pylist()
    assert [(row["email"], row["tags"], row["properties.hat"]) for row in rows] == [
        (email, ["SAVED", f"T{number}"], "=7+5" if number == 2 else None) for number, email in enumerate(people)
    ]


def test_a_dash_is_standard_output_which_carries_nothing_else(
    salesmanago: Command, command: InProcess, people: list[str]
) -> None:
    ended = salesmanago(*TAGGED, "--out", "-")
    assert ended.returncode == 0
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["email"] for record in records] == people
    assert ended.stderr.endswith("3 contacts in standard output\n")
    as_csv = command(*TAGGED, "--out", "-", "--format", "csv", "--raw-cells")
    assert [row["properties.hat"] for row in table(as_csv.stdout)] == ["", "", "=7+5"]


def test_a_job_is_saved_in_the_same_formats(command: InProcess, people: list[str], tmp_path: Path) -> None:
    number = command(*TAGGED, "--out", "some.json").stderr.split()[1]
    for arguments, name in ((("--format", "csv"), "a.txt"), (("--raw-cells",), "b.csv")):
        saved = command("job", "save", number, "--out", name, *arguments, *QUICK)
        assert (saved.exit_code, saved.stdout) == (0, f"3 records in {name}\n")
    assert [row["name"] for row in read_table(tmp_path / "a.txt")] == ["'-0+x", "'-1+x", "'-2+x"]
    assert [row["name"] for row in read_table(tmp_path / "b.csv")] == ["-0+x", "-1+x", "-2+x"]


def test_what_was_exported_can_be_imported_again(
    command: InProcess, ask: Ask, people: list[str], tmp_path: Path
) -> None:
    def exported(name: str) -> list[dict[str, str]]:
        assert command(*TAGGED, "--out", name, "--raw-cells").exit_code == 0
        kept = ("email", "name", "phone", "tags", "properties.size", "properties.hat")
        return sorted(({field: row[field] for field in kept} for row in read_table(tmp_path / name)), key=str)

    before = exported("before.csv")
    ask("contact/batchDelete", contacts=[{"addresseeType": "tag", "value": "SAVED"}])
    ended = command("import", "contacts", "before.csv", *QUICK)
    assert ended.exit_code == 0, ended.stderr
    assert exported("after.csv") == before
    assert [row["email"] for row in before] == people


def test_all_contacts_are_a_line_each(command: InProcess, people: list[str], tmp_path: Path) -> None:
    ended = command("export", "contacts", "--all", "--out", "all.csv", *QUICK)
    assert ended.exit_code == 0, ended.stderr
    rows = read_table(tmp_path / "all.csv")
    assert ended.stdout == f"{len(rows):,} contacts in all.csv\n"
    assert {row["email"] for row in rows} >= set(people)
    assert len({row["id"] for row in rows}) == len(rows)


def test_night_after_night_each_change_comes_once(
    command: InProcess, ask: Ask, people: list[str], tmp_path: Path
) -> None:
    nightly = ("export", "contacts", "--state", "nightly.json")
    began = int(time.time() * 1000) - 3000
    ask("contact/upsert", contact={"email": people[0], "name": "Ann"})

    first = command(*nightly, "--modified-since", began, "--out", "1.jsonl")
    assert first.exit_code == 0, first.stderr
    assert people[0] in (tmp_path / "1.jsonl").read_text()
    again = command(*nightly, "--out", "2.jsonl")
    assert (again.exit_code, again.stdout) == (0, "0 contacts in 2.jsonl\n")
    assert (tmp_path / "2.jsonl").read_text() == ""

    ask("contact/upsert", contact={"email": people[1], "name": "Bob"})
    third = command(*nightly, "--out", "3.csv", "--unordered")
    assert third.stdout == "1 contact in 3.csv\n"
    (row,) = read_table(tmp_path / "3.csv")
    assert (row["email"], row["name"], row["properties.size"]) == (people[1], "Bob", "XL")
    assert "modified from 20" in third.stderr
    assert {entry.name for entry in tmp_path.iterdir()} == {"1.jsonl", "2.jsonl", "3.csv", "nightly.json"}


def test_a_night_without_changes_leaves_the_file_of_the_night_before(
    command: InProcess, ask: Ask, people: list[str], tmp_path: Path
) -> None:
    nightly = ("export", "contacts", "--state", "quiet.json", "--out")
    began = int(time.time() * 1000) - 3000
    ask("contact/upsert", contact={"email": people[0], "name": "Ann"})
    for name in ("changes.jsonl", "changes.csv"):
        (tmp_path / "quiet.json").unlink(missing_ok=True)
        assert command(*nightly, name, "--modified-since", began).exit_code == 0
        changes = (tmp_path / name).read_bytes()
        assert people[0].encode() in changes
        quiet = command(*nightly, name)
        assert (quiet.exit_code, quiet.stdout) == (0, "")
        assert f"nothing new since the last run; {name} is as it was" in quiet.stderr
        assert (tmp_path / name).read_bytes() == changes
    assert {entry.name for entry in tmp_path.iterdir()} == {"changes.jsonl", "changes.csv", "quiet.json"}


def test_who_is_not_available_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    exports._print_unavailable([f"id{number}" for number in range(12)], Path("nightly.json"))
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in told[:10]] == [f"id{number}" for number in range(10)]
    assert told[10:] == ["… and 2 more; all are in nightly.json"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--tag"),
        (("--tag", "A", "--all"), "--tag"),
        (("--all", "--modified-since", "2026-01-01"), "--all"),
        (("--all", "--data", "TAG"), "--data"),
        (("--tag", "A", "--unordered"), "--unordered"),
        (("--modified-since", "soon"), "--modified-since"),
        (("--modified-since", "2999-01-01"), "since"),
        (("--state", "none.json"), "since"),
        (("--state", "missing/none.json"), "missing"),
        (("--all", "--out", "a.xml"), "a.xml"),
        (("--all", "--out", "missing/a.csv"), "missing"),
        (("--all", "--out", "/dev/null", "--format", "csv"), "/dev/null"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_names_it(
    command: InProcess, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    out = () if "--out" in arguments else ("--out", "a.csv")
    ended = command("export", "contacts", *arguments, *out)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended.stderr
    assert told in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_option_is_told_of_in_the_help(command: InProcess) -> None:
    told = command("export", "contacts", "--help").stdout
    options = (
        "--all",
        "--modified-since",
        "--state",
        "--unordered",
        "--out",
        "--format",
        "--raw-cells",
        "--shape",
        "parquet",
    )
    assert [option for option in options if option not in told] == []


# How it ends


@pytest.mark.ci
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    people: list[str], served: Mapping[str, str], bare: Mapping[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [*COMMAND, *TAGGED, "--out", "-"],
        cwd=tmp_path,
        env={**bare, **served},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 3
    assert told.count("\n") == 1  # which job it is
    assert "rror" not in told


@pytest.mark.ci
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_signal_leaves_nothing_behind(
    start: Start, people: list[str], tmp_path: Path, number: signal.Signals, name: str
) -> None:
    (tmp_path / name).write_text("before")
    waiting = start("export", "contacts", "--all", "--out", name, "--poll-interval", "60")
    deadline = time.monotonic() + 20
    while len(list(tmp_path.iterdir())) == 1 and time.monotonic() < deadline:
        time.sleep(0.05)  # until it has begun its file
    waiting.send_signal(number)
    out, err = waiting.communicate(timeout=20)
    assert (waiting.returncode, out) == (3, ""), err
    assert err == "salesmanago: stopped before the end\n"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"


# Progress


def test_in_a_pipe_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("salesmanago_async.cli._saving.time.monotonic", lambda: now)
    with _saving.showing_progress("contacts") as show:
        for seconds in (1.0, 5.0, 6.0, 9.0, 11.0):
            now = seconds
            show(Saved(records=int(seconds * 1000), received=int(seconds * 1e6), total=20_000_000))
        now = 20.0
        show(Saved(records=20_000))
    assert capsys.readouterr().err.splitlines() == [
        "5,000 contacts, 5.0 of 20.0 MB",
        "11,000 contacts, 11.0 of 20.0 MB",
        "20,000 contacts",
    ]


TERMINAL = """
import os, pty, sys
from salesmanago_async.cli._saving import showing_progress
from salesmanago_async.exports.sinks import Saved

with showing_progress("contacts") as show:
    show(Saved(records=1234, received=500_000, total=1_000_000))
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_gets_a_bar_of_records_and_bytes(bare: Mapping[str, str]) -> None:
    import pty

    ours, theirs = pty.openpty()
    environ = {**bare, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([sys.executable, "-c", TERMINAL], stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # it has ended
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=20) == 0
    assert b"1,234 contacts" in click.unstyle(shown.decode()).encode()
    assert b"0.5/1.0 MB" in click.unstyle(shown.decode()).encode()
