"""How an import has ended: the exit code and what is printed, for each way that it can end."""

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from salesmanago_async import Invalid, NoAnswer, Outcome, Report
from salesmanago_async.file_imports.account import ClientOptions
from salesmanago_async.file_imports.definition import Attempt, FileImport, definition_of, note_of
from salesmanago_async.file_imports.ending import ExitCode, FileImportResult
from salesmanago_async.outcome import State

FULL = OSError(errno.ENOSPC, "No space left on device", "bad.csv")
GONE = NoAnswer("connection refused", sent=False)

ENDINGS: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], str, int, str]] = [
    # counts, what else happened, the goal, exit code, a part of the line
    ({"accepted": 3}, {}, "accepted", 0, ""),
    ({"submitted": 3}, {}, "submitted", 0, ""),
    ({"not_sent": 3}, {}, "not_sent", 0, ""),
    ({"accepted": 3}, {"was_stopped": True}, "accepted", 0, ""),
    ({"accepted": 2, "rejected": 1}, {}, "accepted", 1, ""),
    ({"accepted": 2, "in_doubt": 1}, {}, "accepted", 1, ""),
    ({"accepted": 2, "in_doubt": 1, "stopped": GONE}, {}, "accepted", 3, "1 row may or may not have arrived"),
    ({"accepted": 2, "in_doubt": 1, "stopped": GONE}, {}, "accepted", 3, "connection refused; check the network"),
    ({"accepted": 3, "stopped": GONE}, {}, "accepted", 3, "stopped before the end: connection refused"),
    ({"not_sent": 2, "rejected": 1}, {}, "not_sent", 1, ""),
    ({"accepted": 3}, {"error": Invalid("is no text", field="a.csv")}, "accepted", 2, "a.csv: is no text"),
    ({"accepted": 3}, {"unwritten": (FULL, FULL)}, "accepted", 2, "bad.csv: No space left on device"),
    ({"accepted": 2, "not_sent": 1}, {}, "accepted", 3, "1 of the rows read were not sent"),
    ({"accepted": 2, "not_sent": 1, "stopped": GONE}, {}, "accepted", 3, "connection refused"),
    ({"accepted": 2, "not_sent": 1}, {"unwritten": (FULL,)}, "accepted", 3, "; bad.csv: No space left on device"),
    ({"accepted": 3, "read_all": False}, {}, "accepted", 3, "before the end of the input"),
    ({"not_sent": 3, "read_all": False}, {}, "not_sent", 3, "before the end of the input"),
    ({"submitted": 3}, {}, "accepted", 3, "the server jobs of 3 rows were not followed"),
    ({"submitted": 3, "stopped": GONE}, {}, "accepted", 3, "connection refused"),
    ({"submitted": 3, "first_reasons": {"submitted": "job 7 is gone"}}, {}, "accepted", 3, "the end: job 7 is gone; "),
    ({"in_doubt": 1}, {"was_stopped": True}, "accepted", 3, "may or may not have arrived"),
]


EVENTS = FileImport(kind="events", files=(Path("a.csv"),))
ONCE = Attempt()
RESUME = ("salesmanago", "resume", "the run.db")


def result(counts: Mapping[str, Any], attempt: Attempt = ONCE, **facts: Any) -> FileImportResult:
    report = Report(**{"read": 3, "read_all": True, **counts})
    return FileImportResult(**{"definition": EVENTS, "attempt": attempt, "report": report, **facts})


@pytest.mark.parametrize(("counts", "facts", "goal", "code", "says"), ENDINGS)
def test_each_ending_has_its_exit_code(
    counts: Mapping[str, Any], facts: Mapping[str, Any], goal: str, code: int, says: str
) -> None:
    ended = result({"goal": goal, **counts}, **facts)
    assert (ended.exit_code, bool(ended.line)) == (ExitCode(code), bool(says))
    assert says in (ended.line or "")
    assert (ended.line or "").count("No space") <= 1


def remedies(counts: Mapping[str, Any], attempt: Attempt, **facts: Any) -> list[str]:
    return list(result(counts, attempt, **facts).remedies)


def test_what_is_in_doubt_is_settled_only_once_everything_is_sent() -> None:
    attempt = Attempt(continue_command=(*RESUME, "--in-doubt", "send"), resume_command=RESUME)
    stopped = remedies({"in_doubt": 1, "not_sent": 1}, attempt)
    assert stopped == ["to continue:", "  salesmanago resume 'the run.db' --in-doubt send"]
    assert [line for line in remedies({"in_doubt": 1}, attempt) if line.startswith("  ")] == [
        "  salesmanago resume 'the run.db'",
        "  salesmanago resume 'the run.db' --in-doubt send",
        "  salesmanago resume 'the run.db' --in-doubt drop",
    ]


def test_the_file_of_rows_in_doubt_is_named_with_what_is_in_it() -> None:
    """A run that is stopped at once does not tell which rows it leaves in doubt."""
    path = Path("run.in-doubt.csv")

    def lines(count: int, path: Path | None) -> list[str]:
        ended = result({"in_doubt": 1000}, in_doubt_file=path, in_doubt_rows=count)
        return [line.rpartition("arrived")[2] for line in ended.warnings]

    assert lines(1000, path) == ["; they are in run.in-doubt.csv"]
    assert lines(3, path) == ["; 3 of them are in run.in-doubt.csv"]
    assert lines(0, None) == [""]
    assert result({"accepted": 3}).warnings == ()


def problem(state: State) -> Outcome:
    return Outcome(None, 0, state, "why", line=2, file="a.csv")


PROBLEMS: Sequence[tuple[Mapping[str, Any], Path | None, list[str]]] = [
    # counts, the file of rejects, the lines
    ({}, None, []),
    ({"in_doubt": 600}, None, []),  # it was stopped at once, so none is told; another line counts them
    ({"in_doubt": 600}, Path("bad.csv"), []),
    ({"in_doubt": 600, "problems": (problem("in_doubt"),)}, Path("bad.csv"), ["in doubt", "… and 599 more in doubt"]),
    ({"rejected": 5, "problems": (problem("rejected"),) * 5}, None, ["rejected"] * 5),
    (
        {"rejected": 7, "problems": (problem("rejected"),) * 7},
        None,
        ["rejected"] * 5 + ["… and 2 more rejected; --rejects FILE writes the rejected rows to a file"],
    ),
    (
        {"rejected": 7, "in_doubt": 3, "problems": (problem("rejected"),) * 4 + (problem("in_doubt"),) * 3},
        Path("bad.csv"),
        ["rejected"] * 4 + ["in doubt", "… and 3 more rejected, 2 more in doubt; the rejected rows are in bad.csv"],
    ),
    ({"rejected": 7}, None, ["rows rejected: 7; --rejects FILE writes the rejected rows to a file"]),
]


@pytest.mark.parametrize(("counts", "rejects", "expected"), PROBLEMS)
def test_problems_that_are_not_shown_are_counted_by_what_they_are(
    counts: Mapping[str, Any], rejects: Path | None, expected: list[str]
) -> None:
    ended = result(counts, definition=evolve(EVENTS, rejects=rejects), rejects=rejects)
    lines = [line.removeprefix("a.csv:2: ").removesuffix(": why") for line in ended.warnings]
    assert [line for line in lines if not line.startswith("rows in doubt")] == expected


def test_rejects_that_could_not_be_written_are_not_named() -> None:
    counts = {"rejected": 7, "problems": (problem("rejected"),) * 5}
    ended = result(counts, definition=evolve(EVENTS, rejects=Path("bad.csv")), unwritten=(FULL,))
    assert ended.warnings[-1] == "… and 2 more rejected"
    assert ended.line == "bad.csv: No space left on device"


def test_nothing_is_said_where_nothing_can_be_done() -> None:
    assert remedies({"rejected": 1}, Attempt(continue_command=RESUME, resume_command=RESUME)) == []
    assert remedies({"not_sent": 1}, Attempt(dry_run=True)) == []
    assert remedies({}, Attempt(), error=GONE) == []


def test_a_journal_keeps_the_whole_command_with_paths_that_hold_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    client = ClientOptions(simulate=True, env_file=Path("e"), owner="o@x.pl", base_url="https://x.pl", concurrency=2,
        rate=1.5, poll_interval=0.25)  # fmt: skip
    command = FileImport(kind="contacts", files=(Path("a.csv"), tmp_path / "b.csv"), maps=("A=name",),
        encoding="cp1250", extra_columns="ignore", delimiter=";", rejects=Path("r.csv"), report_file=Path("r.json"),
        batch_size=7, no_wait=True, tags=("T",), double_opt_in=False, lang="PL", fire_events=True,
        client=client)  # fmt: skip
    kept = definition_of(note_of(command), Path("run.db"))
    assert kept.files == (tmp_path / "a.csv", tmp_path / "b.csv")
    assert (kept.rejects, kept.report_file) == (tmp_path / "r.csv", tmp_path / "r.json")
    assert kept.client.env_file == tmp_path / "e"
    here = {"files": command.files, "rejects": command.rejects, "report_file": command.report_file}
    assert attrs_but(kept, *here, "client") == attrs_but(command, *here, "client")
    assert attrs_but(kept.client, "env_file") == attrs_but(client, "env_file")


def attrs_but(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__annotations__ if name not in names}


def test_a_journal_cannot_keep_what_is_no_text() -> None:
    with pytest.raises(Invalid, match="not valid UTF-8"):
        note_of(FileImport(kind="events", files=(Path("\udcff.csv"),), client=ClientOptions()))


def test_options_given_anew_replace_those_of_then_and_are_printed() -> None:
    begun = ClientOptions(simulate=True, owner="a@x.pl", concurrency=2, rate=5.0)
    given = ClientOptions(owner="b@x.pl", poll_interval=0.5, env_file=Path("my env"))
    now = given.over(begun)
    assert now == ClientOptions(
        simulate=True, owner="b@x.pl", concurrency=2, rate=5.0, poll_interval=0.5, env_file=Path("my env")
    )
    assert given.arguments() == ["--env-file", "my env", "--owner", "b@x.pl", "--poll-interval", "0.5"]
    assert ClientOptions(simulate=True).arguments() == ["--simulate"]
