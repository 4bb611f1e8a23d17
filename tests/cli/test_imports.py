"""`salesmanago import`: what is counted, written down, and sent."""

import csv
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Ask = Callable[..., dict[str, Any]]

QUICK = ("--poll-interval", "0.1")
STATES = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")


def write_table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def read_table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def read_report(path: Path) -> dict[str, Any]:
    """Read a report, which must account for every record."""
    report: dict[str, Any] = json.loads(path.read_text())
    assert report["read"] == sum(report[state] for state in STATES)
    return report


def counted(report: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: report[name] for name in names}


def test_bad_rows_are_written_down_and_go_through_once_corrected(
    salesmanago: Command, ask: Ask, tmp_path: Path
) -> None:
    header = ["email", "name", "birthday", "tags"]
    rows = [[f"p{number}@bulk.pl", f"Person {number}", "19870605", "A,B"] for number in range(2500)]
    rows[3][0], rows[1200][2], rows[2499][1] = "no address", "19871305", "ń" * 256
    people = write_table(tmp_path / "people.csv", [header, *rows], ";")
    files = ("--rejects", "bad.csv", "--report", "report.json")

    first = salesmanago("import", "contacts", people, *files, *QUICK)

    assert first.returncode == 1, first.stderr
    report = read_report(tmp_path / "report.json")
    assert counted(report, "read", *STATES, "chunks", "jobs", "retries", "stopped") == {
        "read": 2500, "accepted": 2497, "submitted": 0, "rejected": 3, "in_doubt": 0, "not_sent": 0,
        "chunks": 3, "jobs": 3, "retries": 0, "stopped": None,
    }  # fmt: skip
    assert report["requests"] >= 3 + 3 + 3  # the chunks, at least one look at each job, the result files
    assert 0 < report["seconds"] < 30
    rejects = read_table(tmp_path / "bad.csv", ";")
    assert list(rejects[0]) == [*header, "_line", "_reason"]
    assert [[row[name] for name in header] for row in rejects] == [rows[3], rows[1200], rows[2499]]
    assert [row["_line"] for row in rejects] == ["5", "1202", "2501"]
    assert [row["_reason"].split(":")[0] for row in rejects] == ["email", "birthday", "name"]
    assert ask("contact/hasContact", email="p2499@bulk.pl")["result"] is False

    corrections = {"email": "p3@bulk.pl", "birthday": "0605", "name": "Short"}
    for row, (name, value) in zip(rejects, corrections.items(), strict=True):
        row[name] = value
    fixed = write_table(tmp_path / "fixed.csv", [list(rejects[0]), *(list(row.values()) for row in rejects)], ";")
    second = salesmanago("import", "contacts", fixed, *files, *QUICK)

    assert second.returncode == 0, second.stderr
    assert counted(read_report(tmp_path / "report.json"), "read", "accepted") == {"read": 3, "accepted": 3}
    assert read_table(tmp_path / "bad.csv", ";") == []
    (found,) = ask("contact/list", email=["p2499@bulk.pl"])["contacts"]
    assert (found["name"], [tag["tagName"] for tag in found["contactTags"]]) == ("Short", ["A", "B"])


def test_a_row_with_too_many_cells_keeps_their_text_among_the_rejects(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("email,name\na@wide.pl,one,two\n")
    assert salesmanago("import", "contacts", "wide.csv", "--rejects", "bad.csv", *QUICK).returncode == 1
    header, row = (tmp_path / "bad.csv").read_text().splitlines()
    assert header == "email,name,_line,_reason"
    assert row.startswith("a@wide.pl,one,two,2,")


def test_events_arrive_with_all_their_columns(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    ann = ask("contact/upsert", contact={"email": "ann@events.pl"})["contactId"]
    header = ["email", "contactId", "date", "contact_ext_event_type", "products", "value", "detail1", "external_id"]
    rows = [
        ["ann@events.pl", "", "2024-05-01T10:00:00+02:00", "PURCHASE", "p1,p2", "12.50", "card", "E1"],
        ["", ann, "1714550400000", "CART", "", "", "", ""],
        ["nobody@events.pl", "", "2024-05-01", "CART", "", "", "", ""],
        ["ann@events.pl", "", "1714550400", "CART", "", "", "", "in seconds"],
    ]
    events = write_table(tmp_path / "events.csv", [header, *rows])
    ended = salesmanago("import", "events", events, "--report", "report.json", "--rejects", "bad.csv")

    assert ended.returncode == 1
    assert counted(read_report(tmp_path / "report.json"), "accepted", "rejected", "jobs") == {
        "accepted": 2, "rejected": 2, "jobs": 0,
    }  # fmt: skip
    rejects = {row["_line"]: row for row in read_table(tmp_path / "bad.csv")}
    assert rejects.keys() == {"4", "5"}
    assert [rejects["4"][name] for name in header] == rows[2]
    assert rejects["5"]["_reason"].startswith("date: ")
    (found,) = ask("contact/list", email=["ann@events.pl"])["contacts"]
    names = ("date", "contactExtEventType", "products", "value", "detail1", "externalId")
    assert sorted(tuple(event[name] for name in names) for event in found["contactExtEvents"]) == [
        (1714550400000, "CART", None, None, None, None),
        (1714550400000, "PURCHASE", "p1,p2", 12.5, "card", "E1"),
    ]


COLUMNS: Mapping[str, tuple[str, Sequence[str], dict[str, Any]]] = {
    "tag": ("email,tags\n{},C;D", ("--tag", "A", "--tag", "Żółw"), {"contactTags": ["C", "D", "A", "ZOLW"]}),
    "map": ("E-mail,Full name\n{},Ann", ("--map", "E-mail=email", "--map", "Full name=name"), {"name": "Ann"}),
    "map-with-equals": ("email;a=b\n{};Ann", ("--map", "a=b=name"), {"name": "Ann"}),
    "properties": (
        "email,size\n{},XL",
        ("--extra-columns", "properties"),
        {"properties": [{"name": "size", "value": "XL"}]},
    ),
    "ignore": ("email,size,name\n{},XL,Ann", ("--extra-columns", "ignore"), {"properties": [], "name": "Ann"}),
    "snake-case": ("email|city|zip_code\n{}|Łódź|90-001", (), {"address": {"city": "Łódź", "zipCode": "90-001"}}),
    "tabs-and-quotes": ("email\tcompany\n{}\t" + '"A ""B"", C"', (), {"company": 'A "B", C'}),
}
"""A file's text, where {} is an address, and options; what the contact has then."""


@pytest.fixture(scope="module")
def imported(run: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[Any]]]:
    """The imports of COLUMNS, run beside each other."""
    folder = tmp_path_factory.mktemp("columns")
    with ThreadPoolExecutor(3) as pool:

        def start(name: str, text: str, options: Sequence[str]) -> Future[Any]:
            (folder / f"{name}.csv").write_text(text.format(f"{name}@columns.pl") + "\n", encoding="utf-8")
            return pool.submit(run, "import", "contacts", f"{name}.csv", *options, *QUICK, folder=folder)

        yield {name: start(name, text, options) for name, (text, options, _) in COLUMNS.items()}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_become_fields(name: str, imported: Mapping[str, Future[Any]], ask: Ask) -> None:
    ended = imported[name].result()
    assert ended.returncode == 0, ended.stderr
    (found,) = ask("contact/list", email=[f"{name}@columns.pl"])["contacts"]
    found["contactTags"] = [tag["tagName"] for tag in found["contactTags"]]
    found["address"] = {part: value for part, value in found["address"].items() if value is not None}
    expected = COLUMNS[name][2]
    assert {field: found[field] for field in expected} == expected


def test_an_unknown_column_is_an_error_where_that_is_asked_for(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email,size\nextra@columns.pl,XL\n")
    ended = salesmanago("import", "contacts", "people.csv", "--extra-columns", "error", *QUICK)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "size" in ended.stderr
    assert ask("contact/hasContact", email="extra@columns.pl")["result"] is False


def test_a_legacy_encoding_is_read_and_kept_among_the_rejects(salesmanago: Command, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email;name\nz@cp.pl;Żółć\nbad;Gęś\n", encoding="cp1250")
    options = ("--encoding", "cp1250", "--rejects", "bad.csv")
    assert salesmanago("import", "contacts", "people.csv", *options, *QUICK).returncode == 1
    assert "bad;Gęś;3;" in (tmp_path / "bad.csv").read_text(encoding="cp1250")
    assert ask("contact/list", email=["z@cp.pl"])["contacts"][0]["name"] == "Żółć"


@pytest.mark.parametrize("bad", [0, 2])
def test_a_dry_run_checks_and_counts_and_sends_nothing(
    bad: int, salesmanago: Command, ask: Ask, tmp_path: Path
) -> None:
    rows = [["email"], *([f"d{number}@dry.pl"] for number in range(1500)), *[["bad"]] * bad]
    write_table(tmp_path / "people.csv", rows)
    ended = salesmanago("import", "contacts", "people.csv", "--dry-run", "--report", "report.json")
    assert ended.returncode == (1 if bad else 0), ended.stderr
    assert counted(read_report(tmp_path / "report.json"), "read", "not_sent", "chunks", "requests", "rejected") == {
        "read": 1500 + bad, "not_sent": 1500, "chunks": 2, "requests": 0, "rejected": bad,
    }  # fmt: skip
    assert ask("contact/hasContact", email="d0@dry.pl")["result"] is False


def test_without_waiting_a_run_ends_at_submitted(salesmanago: Command, tmp_path: Path) -> None:
    write_table(tmp_path / "people.csv", [["email"], *([f"n{number}@wait.pl"] for number in range(30))])
    options = ("--no-wait", "--batch-size", "10", "--report", "report.json")
    ended = salesmanago("import", "contacts", "people.csv", *options)
    assert ended.returncode == 0, ended.stderr
    assert counted(read_report(tmp_path / "report.json"), "submitted", "accepted", "chunks", "requests", "jobs") == {
        "submitted": 30, "accepted": 0, "chunks": 3, "requests": 3, "jobs": 3,
    }  # fmt: skip
    first, *others = read_report(tmp_path / "report.json")["request_ids"]
    assert len(others) == 2
    assert f"server jobs not followed: {first}, {others[0]}, {others[1]}; " in ended.stderr
    assert f"jobs not followed {3:>5}" in ended.stdout
    asked = salesmanago("job", "status", str(first))
    assert json.loads(asked.stdout)["request_id"] == first


def test_several_files_are_one_run_whose_rejects_name_their_file(salesmanago: Command, tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", [["email", "name"], ["a@several.pl", "A"], ["bad", "B"]])
    write_table(tmp_path / "b.csv", [["email", "name"], ["worse", "C"], ["b@several.pl", "D"]])
    options = ("--rejects", "bad.csv", "--report", "report.json")
    ended = salesmanago("import", "contacts", "a.csv", "b.csv", *options, *QUICK)
    assert ended.returncode == 1, ended.stderr
    assert counted(read_report(tmp_path / "report.json"), "read", "accepted", "chunks") == {
        "read": 4, "accepted": 2, "chunks": 1,
    }  # fmt: skip
    rejects = read_table(tmp_path / "bad.csv")
    assert [(row["email"], row["_file"], row["_line"]) for row in rejects] == [
        ("bad", "a.csv", "3"),
        ("worse", "b.csv", "2"),
    ]
    assert "a.csv:3: rejected: email" in ended.stderr


@pytest.mark.parametrize(("option", "name"), [("--rejects", "alias.csv"), ("--report", "people.csv")])
def test_no_output_may_overwrite_an_input(option: str, name: str, salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nbad\n")
    (tmp_path / "alias.csv").symlink_to("people.csv")
    ended = salesmanago("import", "contacts", "people.csv", option, name, *QUICK)
    assert (tmp_path / "people.csv").read_text() == "email\nbad\n"
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert name in ended.stderr


def test_json_lines_are_rejected_as_they_came_and_go_through_once_corrected(
    salesmanago: Command, ask: Ask, tmp_path: Path
) -> None:
    records = [
        {"email": "a@lines.pl", "tags": ["X"], "properties.size": "XL"},
        {"contact": {"email": "b@lines.pl", "address": {"city": "Kraków"}}, "forceOptOut": True},
        {"email": "bad", "name": "Ć"},
        {"email": "c@lines.pl", "nosuch": 1},
    ]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    (tmp_path / "people.jsonl").write_text("\n".join([*lines[:2], "", "{broken", *lines[2:]]) + "\n", encoding="utf-8")
    files = ("--rejects", "bad.jsonl", "--report", "report.json")
    ended = salesmanago("import", "contacts", "people.jsonl", *files, *QUICK)

    assert ended.returncode == 1, ended.stderr
    assert counted(read_report(tmp_path / "report.json"), "read", "accepted", "rejected") == {
        "read": 5, "accepted": 2, "rejected": 3,
    }  # fmt: skip
    (b,) = ask("contact/list", email=["b@lines.pl"])["contacts"]
    assert (b["address"]["city"], b["optedOut"]) == ("Kraków", True)
    broken, bad, unknown = map(json.loads, (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines())
    assert (broken["_line"], bad["_line"], unknown["_line"]) == (4, 5, 6)
    assert "{broken" in broken.values()
    assert "nosuch" in unknown["_reason"]
    assert [{name: row[name] for name in row if name not in ("_line", "_reason")} for row in (bad, unknown)] == records[
        2:
    ]

    fixed = [{**bad, "email": "d@lines.pl"}, {name: value for name, value in unknown.items() if name != "nosuch"}]
    (tmp_path / "fixed.jsonl").write_text("\n".join(map(json.dumps, fixed)))
    ended = salesmanago("import", "contacts", "fixed.jsonl", *files, *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert ask("contact/list", email=["d@lines.pl"])["contacts"][0]["name"] == "Ć"


def test_a_mapped_json_line_is_rejected_as_it_came(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.jsonl").write_text('{"mail": "bad", "Full name": "Ann"}\n')
    options = ("--map", "mail=email", "--map", "Full name=name", "--rejects", "bad.jsonl")
    assert salesmanago("import", "contacts", "people.jsonl", *options, *QUICK).returncode == 1
    (rejected,) = map(json.loads, (tmp_path / "bad.jsonl").read_text().splitlines())
    assert {name: rejected.get(name) for name in ("mail", "Full name")} == {"mail": "bad", "Full name": "Ann"}


def test_a_pipe_gets_results_on_stdout_and_plain_lines_on_stderr(salesmanago: Command, tmp_path: Path) -> None:
    write_table(tmp_path / "people.csv", [["email"], *([f"x{number}@pipe.pl"] for number in range(2000)), ["bad"]])
    ended = salesmanago("import", "contacts", "people.csv", *QUICK)
    assert ended.returncode == 1
    lines = [re.fullmatch(r"(\w[\w ]*?) +([\d,.]+)", line) for line in ended.stdout.splitlines()]
    counts: dict[str, str] = {line[1]: line[2] for line in lines if line}
    assert None not in lines, ended.stdout
    assert {name: counts[name] for name in ("read", "accepted", "rejected", "in doubt", "not sent")} == {
        "read": "2,001", "accepted": "2,000", "rejected": "1", "in doubt": "0", "not sent": "0",
    }  # fmt: skip
    assert ended.stderr == (
        "people.csv:2002: rejected: email: is not an e-mail address (up to 64 characters, @, a domain; 254 in all)\n"
    )


def interrupted(process: subprocess.Popen[str], ask: Ask, email: str, by: signal.Signals) -> tuple[int, str, str]:
    """Send a signal once the run's first contact is there; return exit code, stdout and stderr."""
    deadline = time.monotonic() + 20
    while not ask("contact/hasContact", email=email)["result"]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(by)
    out, err = process.communicate(timeout=15)
    return process.returncode, out, err


@pytest.mark.ci
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order_with_a_true_report(
    by: signal.Signals, start: Start, ask: Ask, tmp_path: Path
) -> None:
    emails = [f"{by.name}{number}@signal.pl" for number in range(1000)]
    write_table(tmp_path / "people.csv", [["email"], *([email] for email in emails)])
    slow = ("--concurrency", "1", "--rate", "10", "--batch-size", "5", "--report", "report.json")
    process = start("import", "contacts", "people.csv", *slow, *QUICK)
    code, out, err = interrupted(process, ask, emails[0], by)

    assert code == 3, err
    assert "Traceback" not in err
    report = read_report(tmp_path / "report.json")
    assert report["not_sent"] > 0
    assert (report["rejected"], report["in_doubt"]) == (0, 0)
    assert f"not sent   {report['not_sent']:>12,}" in out
    time.sleep(0.4)  # the last jobs end: what was told to be sent is all there, and nothing else
    there = [
        contact["email"]
        for first in range(0, 200, 50)
        for contact in ask("contact/list", email=emails[first : first + 50])["contacts"]
    ]
    assert len(there) == report["accepted"] + report["submitted"]


@pytest.mark.ci
def test_a_signal_while_jobs_are_awaited_is_a_stop_before_the_end(start: Start, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\njob@signal.pl\n")
    process = start("import", "contacts", "people.csv", "--poll-interval", "30", "--report", "report.json")
    code, _, err = interrupted(process, ask, "job@signal.pl", signal.SIGINT)
    assert read_report(tmp_path / "report.json")["submitted"] == 1
    assert code == 3, f"exit 0 would say that all is accepted: {err}"


def test_trying_it_out_needs_no_account(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("email,date,contactExtEventType\na@simulate.pl,2024-01-01,CART\n")
    nobody = {f"SALESMANAGO_{name}": "" for name in ("CLIENT_ID", "API_KEY", "API_SECRET", "BASE_URL")}
    ended = salesmanago("import", "events", "events.csv", "--simulate", "--report", "report.json", environ=nobody)
    assert ended.returncode == 0, ended.stderr
    assert counted(read_report(tmp_path / "report.json"), "read", "accepted") == {"read": 1, "accepted": 1}


@pytest.mark.ci
def test_a_second_signal_ends_a_run_at_once_and_what_was_sent_is_in_doubt(start: Start, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nann@silent.pl\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start("import", "contacts", "people.csv", "--base-url", address, "--report", "report.json")
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(4)  # the request is on its way, and will not be answered
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=15)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    report = read_report(tmp_path / "report.json")
    assert (report["read"], report["in_doubt"]) == (1, 1)
