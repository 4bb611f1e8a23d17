"""Answers that confirm nothing, and characters that are damaged, as the command line tells of them."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Simulator
from tests.cli.accounts import Gateway
from tests.serving import serving_account

Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--poll-interval", "0.05")
ALL = {"a@x.pl": "1", "b@x.pl": "2"}


@pytest.fixture
def front() -> Gateway:
    return Gateway(Simulator(job_seconds=0.02))


@pytest.fixture
def environ(front: Gateway) -> Iterator[Mapping[str, str]]:
    with serving_account(front) as found:
        yield found


@pytest.mark.ci
@pytest.mark.parametrize(
    "result",
    [
        {"success": True, "contactIds": {"x@x.pl": "1", "y@x.pl": "2"}, "invalidContacts": []},
        {"success": True, "contactIds": dict.fromkeys(ALL), "invalidContacts": []},
        {"success": True, "contactIds": ["1"], "invalidContacts": []},
        {"success": "maybe", "contactIds": ALL, "invalidContacts": []},
        {"success": True, "contactIds": ALL, "invalidContacts": 6},
        {"success": True, "contacts": []},
    ],
    ids=json.dumps,
)
def test_an_import_whose_result_confirms_nothing_does_not_end_well(
    salesmanago: Command, tmp_path: Path, front: Gateway, environ: Mapping[str, str], result: dict[str, Any]
) -> None:
    (tmp_path / "people.csv").write_text("email\na@x.pl\nb@x.pl\n")
    front.answers["/files/"] = lambda _: result
    done = salesmanago("import", "contacts", "people.csv", "--report", "report.json", *QUICK, environ=environ)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["accepted"] == 0
    assert report["in_doubt"] + report["submitted"] == 2
    assert done.returncode != 0


@pytest.mark.parametrize(
    "answer",
    [
        {"success": "no", "createdAmount": 2, "failedAmount": 0, "failedContacts": []},
        {"success": True, "createdAmount": False, "failedAmount": 0, "failedContacts": []},
        {"success": True, "createdAmount": 2, "failedAmount": 0, "failedContacts": "all"},
    ],
    ids=json.dumps,
)
def test_an_import_of_events_whose_answer_confirms_nothing_does_not_end_well(
    salesmanago: Command, tmp_path: Path, front: Gateway, environ: Mapping[str, str], answer: dict[str, Any]
) -> None:
    (tmp_path / "events.csv").write_text(
        "email,date,contactExtEventType\na@x.pl,2024-05-01,VISIT\nb@x.pl,2024-05-01,VISIT\n"
    )
    front.answers["/api/contact/batchAddContactExtEvent"] = lambda _: answer
    done = salesmanago("import", "events", "events.csv", "--report", "report.json", *QUICK, environ=environ)
    assert json.loads((tmp_path / "report.json").read_text())["accepted"] == 0
    assert done.returncode != 0


# Damaged characters


def test_damaged_characters_are_counted_and_their_first_record_is_named(
    salesmanago: Command, tmp_path: Path, environ: Mapping[str, str], front: Gateway
) -> None:
    damaged = [{"1": {"contactData": {"email": "a@x.pl", "name": "Ann"}}}, {"2": {"contactData": {"name": "B\t\t"}}}]
    content = json.dumps(damaged).encode().replace(b"\\t\\t", b"\xff\t")
    front.answers["/files/"] = lambda _: content
    export = ("export", "contacts", "--tag", "VIP", *QUICK)
    said = "2 damaged characters were replaced, the first in record 2; --strict refuses such a file"

    done = salesmanago(*export, "--out", "some.jsonl", environ=environ)
    assert (done.returncode, done.stdout) == (0, "2 contacts in some.jsonl\n")
    assert said in done.stderr
    assert "B\ufffd\\t" in (tmp_path / "some.jsonl").read_text()

    number = done.stderr.split()[1]
    saved = salesmanago("job", "save", number, "--out", "again.csv", environ=environ)
    assert (saved.returncode, saved.stdout) == (0, "2 records in again.csv\n")
    assert said in saved.stderr

    for command in ((*export, "--strict"), ("job", "save", number, "--strict")):
        refused = salesmanago(*command, "--out", "strict.jsonl", environ=environ)
        assert refused.returncode == 2
        assert "damaged" in refused.stderr
    assert not (tmp_path / "strict.jsonl").exists()


def test_strict_is_for_exports_by_file(salesmanago: Command) -> None:
    refused = salesmanago("export", "contacts", "--modified-since", "2024-01-01", "--strict", "--out", "x.jsonl")
    assert refused.returncode == 2
    assert "--strict" in refused.stderr
