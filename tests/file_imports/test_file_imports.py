"""Imports of files made with the room alone: real files, a served simulator, and the result as a value."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from attrs import evolve, frozen

from salesmanago_async import Invalid, NotAuthenticated, SalesManago
from salesmanago_async import file_imports as room
from salesmanago_async.file_imports import (
    ExitCode,
    FileImport,
    FileImportResult,
    import_files,
    importing,
    resume_import,
)
from salesmanago_async.file_imports.opening import attempt_with, open_import
from salesmanago_async.integrations.leadoo import LeadShape, with_own
from salesmanago_async.simulator import Fault, Simulator
from tests.cli.accounts import Gateway, ask, contacts_of
from tests.serving import serving_account

ReturnT = TypeVar("ReturnT")

HEADER = ["email", "date", "contactExtEventType", "value"]
EMAILS = [f"f{number}@files.pl" for number in range(8)]
ROWS = [[email, "2024-05-01", "PURCHASE", str(number)] for number, email in enumerate(EMAILS)]
LOST = [
    Fault("status", path="contact/batchAddContactExtEvent", status=502, at=2),
    Fault("status-after", path="contact/batchAddContactExtEvent", status=502, at=3),
]
"""The second request never arrives, and the answer to the third is lost: rows 2 to 5 are in doubt."""


@frozen
class Account:
    """A served account, and a folder for the files of an import."""

    front: Gateway
    environ: Mapping[str, str]
    folder: Path

    def write(self, name: str, *rows: list[str]) -> Path:
        path = self.folder / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return path

    def rows(self, name: str) -> list[list[str]]:
        return list(csv.reader((self.folder / name).read_text().splitlines()))[1:]

    def made(self, act: Callable[[SalesManago], Coroutine[Any, Any, ReturnT]], **options: Any) -> ReturnT:
        """Return what an act returns that is given an open client."""

        async def with_client() -> ReturnT:
            chosen = {"poll_interval": 0.1, "concurrency": 1, **options}
            async with SalesManago.from_env(self.environ, **chosen) as sm:
                return await act(sm)

        return anyio.run(with_client)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    front = Gateway(Simulator(job_seconds=0.05))
    with serving_account(front) as environ:
        yield Account(front, environ, tmp_path)


@pytest.fixture
def lossy(account: Account) -> Account:
    """The same, with contacts whose events it will not show, and an input whose answers are partly lost."""
    for email in EMAILS:
        ask(account.environ, "contact/upsert", contact={"email": email})
    account.front.simulator.faults = LOST
    account.front.answers["/api/contact/list"] = lambda body: {
        "success": True, "message": [], "contacts": [], "unavailableContacts": json.loads(body)["email"],
    }  # fmt: skip
    account.write("events.csv", HEADER, *ROWS)
    return account


def events(account: Account, **options: Any) -> FileImport:
    return FileImport(kind="events", files=(account.folder / "events.csv",), batch_size=2, **options)


def test_an_accepted_import_has_nothing_to_say(account: Account, capfd: pytest.CaptureFixture[str]) -> None:
    path = account.write("people.csv", ["email", "name"], ["ann@files.pl", "Ann"], ["bob@files.pl", "Bob"])
    seen: list[int] = []
    definition = FileImport(kind="contacts", files=(path,), tags=("FILES",), report_file=account.folder / "report.json")
    result = account.made(lambda sm: import_files(sm, definition, on_progress=lambda report: seen.append(report.read)))
    assert (result.exit_code, result.line) == (ExitCode.ACCEPTED, None)
    assert (result.warnings, result.remedies, result.rejects, result.in_doubt_file) == ((), (), None, None)
    assert (result.report.read, result.report.accepted) == (2, 2)
    assert seen[-1] == 2
    assert json.loads((account.folder / "report.json").read_text())["accepted"] == 2
    assert [each["name"] for each in contacts_of(account.environ, ["ann@files.pl", "bob@files.pl"])] == ["Ann", "Bob"]
    assert capfd.readouterr() == ("", "")


def test_rejected_rows_are_written_and_named(account: Account) -> None:
    path = account.write("people.csv", ["email", "name"], ["ann@files.pl", "Ann"], ["nobody", "N"])
    definition = FileImport(kind="contacts", files=(path,), rejects=account.folder / "bad.csv")
    result = account.made(lambda sm: import_files(sm, definition))
    assert (result.exit_code, result.line, result.remedies) == (ExitCode.SOME_REJECTED, None, ())
    assert result.rejects == account.folder / "bad.csv"
    assert [row[:3] for row in account.rows("bad.csv")] == [["nobody", "N", "3"]]
    (warning,) = result.warnings
    assert warning.startswith(f"{path}:3: rejected: email: ")


@pytest.mark.ci
def test_rows_in_doubt_are_written_and_the_journal_resumes(lossy: Account) -> None:
    journal = lossy.folder / "nightly.db"
    begun = lossy.made(lambda sm: import_files(sm, events(lossy), journal=journal))
    assert begun.exit_code == ExitCode.SOME_REJECTED
    assert begun.report.in_doubt == begun.in_doubt_rows == 4
    assert begun.in_doubt_file == lossy.folder / "nightly.in-doubt.csv"
    assert sorted(row[:5] for row in lossy.rows("nightly.in-doubt.csv")) == [
        [*row, str(number)] for number, row in enumerate(ROWS[2:6], 4)
    ]
    assert f"  salesmanago resume {journal} --in-doubt send" in begun.remedies

    lossy.front.answers.clear()
    resumed = lossy.made(lambda sm: resume_import(sm, journal))
    assert (resumed.exit_code, resumed.warnings, resumed.in_doubt_file) == (ExitCode.ACCEPTED, (), None)
    assert (resumed.report.accepted, resumed.report.earlier) == (8, 4)
    assert not (lossy.folder / "nightly.in-doubt.csv").exists()
    found = [event["value"] for each in contacts_of(lossy.environ, EMAILS) for event in each["contactExtEvents"]]
    assert sorted(map(float, found)) == list(range(8))


@pytest.mark.ci
def test_rows_in_doubt_stand_as_they_came_and_are_in_doubt_again(lossy: Account) -> None:
    rows = [f'"{email}";2024-05-01;PURCHASE; "{number}"' for number, email in enumerate(EMAILS)]
    path, rejects = lossy.folder / "events.csv", lossy.folder / "bad.csv"
    path.write_bytes("\r\n".join([";".join(HEADER), *rows]).encode("utf-16"))
    begun = lossy.made(lambda sm: import_files(sm, events(lossy, rejects=rejects)))
    assert begun.in_doubt_file
    assert begun.in_doubt_file.name == "bad.in-doubt.csv"
    notes = [f';{line};"its contact cannot be read back"' for line in range(4, 8)]
    written = [";".join([*HEADER, "_line", "_reason"]), *map(str.__add__, rows[2:6], notes), ""]
    assert begun.in_doubt_file.read_bytes() == "\r\n".join(written).encode("utf-16")

    path.write_bytes(begun.in_doubt_file.read_bytes())
    lossy.front.simulator.faults = [evolve(fault, at=at) for at, fault in enumerate(LOST, 1)]
    again = lossy.made(lambda sm: import_files(sm, events(lossy, rejects=lossy.folder / "again.csv")))
    assert again.report.in_doubt == 4
    assert again.in_doubt_file
    assert again.in_doubt_file.read_text("utf-16").splitlines() == [
        line.replace(f";{number + 2};", f";{number};") for number, line in enumerate(written[:-1], 1)
    ]


@pytest.mark.ci
def test_events_in_doubt_are_dropped_on_request(lossy: Account) -> None:
    journal, definition = lossy.folder / "nightly.db", events(lossy, rejects=lossy.folder / "bad.csv")
    lossy.made(lambda sm: import_files(sm, definition, journal=journal))
    dropped = lossy.made(lambda sm: resume_import(sm, journal, in_doubt="drop"))
    assert (dropped.exit_code, dropped.report.rejected, dropped.rejects) == (1, 4, lossy.folder / "bad.csv")
    assert sorted(row[:4] for row in lossy.rows("bad.csv")) == ROWS[2:6]
    assert dropped.attempt.continue_command == ("salesmanago", "resume", str(journal), "--in-doubt", "drop")


@pytest.mark.ci
def test_an_edited_file_of_rows_in_doubt_stays_and_is_named(lossy: Account) -> None:
    journal, edited = lossy.folder / "nightly.db", lossy.folder / "nightly.in-doubt.csv"
    lossy.made(lambda sm: import_files(sm, events(lossy), journal=journal))
    edited.write_text("mine\n")
    lossy.front.answers.clear()
    resumed = lossy.made(lambda sm: resume_import(sm, journal))
    assert resumed.exit_code == ExitCode.ACCEPTED
    assert resumed.untouched_files == (edited,)
    (warning,) = resumed.warnings
    assert warning.startswith(f"{edited} stays as it is: it is not the file that this import wrote")
    assert edited.read_text() == "mine\n"


@pytest.mark.parametrize("with_journal", [True, False])
def test_an_import_that_was_stopped_says_how_it_is_continued(account: Account, with_journal: bool) -> None:
    account.write("events.csv", HEADER, *ROWS)
    for email in EMAILS:
        ask(account.environ, "contact/upsert", contact={"email": email})
    journal = account.folder / "the run.db"
    attempt = attempt_with(events(account), journal)

    async def stopped(sm: SalesManago) -> FileImportResult:
        chosen = attempt if with_journal else evolve(attempt, journal=None, resume_command=None, continue_command=None)
        with open_import(events(account), chosen) as opened:
            async with importing(sm, opened) as running:
                running.stop()
                return await running.finish()

    result = account.made(stopped)
    assert (result.exit_code, result.was_stopped) == (ExitCode.STOPPED, True)
    assert result.line
    assert result.line.startswith("stopped before the end")
    if with_journal:
        assert result.remedies == ("to continue:", f"  salesmanago resume '{journal}'")
        resumed = account.made(lambda sm: import_files(sm, events(account), journal=journal))
        assert (resumed.exit_code, resumed.report.accepted) == (ExitCode.ACCEPTED, 8)
    else:
        assert [line.partition(",")[0] for line in result.remedies] == ["this import cannot be continued"]


@pytest.mark.ci
def test_a_journal_begun_with_other_arguments_is_not_said_to_resume_this_import(lossy: Account) -> None:
    journal = lossy.folder / "nightly.db"
    lossy.made(lambda sm: import_files(sm, events(lossy), journal=journal))
    other = events(lossy, rejects=lossy.folder / "bad.csv")
    assert attempt_with(other, journal).continue_command is None
    ended = FileImportResult(
        definition=other,
        attempt=attempt_with(other, journal),
        report=lossy.made(lambda sm: import_files(sm, other, journal=journal)).report,
        was_stopped=True,
    )
    assert ended.remedies == ("to continue, make the same import with the same journal again",)


def test_a_dry_run_sends_nothing_and_estimates(account: Account) -> None:
    path = account.write("people.csv", ["email"], ["ann@files.pl"])
    definition = FileImport(kind="contacts", files=(path,))
    result = account.made(lambda sm: import_files(sm, definition, dry_run=True))
    assert (result.exit_code, result.report.not_sent) == (ExitCode.ACCEPTED, 1)
    assert result.report.estimate
    assert list(contacts_of(account.environ, ["ann@files.pl"])) == []


def test_an_empty_input_is_named(account: Account) -> None:
    path = account.write("people.csv", ["email"])
    result = account.made(lambda sm: import_files(sm, FileImport(kind="contacts", files=(path,))))
    assert (result.exit_code, result.warnings) == (ExitCode.ACCEPTED, (f"no rows in {path}",))


def test_what_comes_before_anything_was_sent_is_raised(account: Account) -> None:
    path = account.write("people.csv", ["email"], ["ann@files.pl"])
    definition = FileImport(kind="contacts", files=(path,))
    with pytest.raises(Invalid, match="is the same file as"):
        account.made(lambda sm: import_files(sm, evolve(definition, rejects=path)))
    with pytest.raises(Invalid, match="there is no such journal"):
        account.made(lambda sm: resume_import(sm, account.folder / "no.db"))
    stranger = evolve(account, environ={**account.environ, "SALESMANAGO_API_SECRET": "wrong"})
    with pytest.raises(NotAuthenticated):
        stranger.made(lambda sm: import_files(sm, definition))


def test_leads_are_read_by_the_shape_that_the_caller_passes(account: Account) -> None:
    path = account.write("leads.csv", ["email", "Full name"], ["ann@files.pl", "Ann"])
    leads: Any = {"form": "leadoo", "maps": ("Full name=name",), "extra_columns": "ignore"}
    definition = FileImport(kind="contacts", files=(path,), **leads)
    with pytest.raises(Invalid, match="lead_shape"):
        account.made(lambda sm: import_files(sm, definition))
    result = account.made(
        lambda sm: import_files(
            sm,
            definition,
            lead_shape=lambda columns, extra: LeadShape(with_own(columns), extra=extra, needed=tuple(columns)),
        )
    )
    assert result.exit_code == ExitCode.ACCEPTED
    (contact,) = contacts_of(account.environ, ["ann@files.pl"])
    assert contact["name"] == "Ann"


@pytest.mark.ci
def test_the_room_brings_no_terminal() -> None:
    code = "import salesmanago_async.file_imports.making, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert "salesmanago_async.file_imports.ending" in loaded
    assert loaded & {"click", "rich", "httpx", "salesmanago_async.cli", "salesmanago_async.integrations"} == set()


def test_the_room_gives_what_it_names() -> None:
    assert dir(room) == sorted(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)
    with pytest.raises(AttributeError, match="no attribute 'import_file'"):
        _ = vars(room)["__getattr__"]("import_file")
