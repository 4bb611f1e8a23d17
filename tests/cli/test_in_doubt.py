"""Rows of which nobody can find out whether they arrived: they go to a file, and are settled by whoever can decide."""

import csv
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from salesmanago_async.simulator import Fault, Simulator
from tests.cli.accounts import Gateway, ask, contacts_of
from tests.serving import serving_account

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--poll-interval", "0.1", "--concurrency", "1")
EMAILS = [f"d{number}@doubt.pl" for number in range(8)]
ROWS = [[email, "2024-05-01", "PURCHASE", str(number), "Kraków, Rynek"] for number, email in enumerate(EMAILS)]
DOUBTFUL = ROWS[2:6]
ARRIVED = ROWS[4:6]
"""Those in doubt, and of these the ones that are there: the second request never arrived, the third one's answer."""
FAULTS = [
    Fault("status", path="contact/batchAddContactExtEvent", status=502, at=2),
    Fault("status-after", path="contact/batchAddContactExtEvent", status=502, at=3),
]


@frozen
class Doubtful:
    """An account with the contacts, whose answers to two requests were lost, and the folder of the import."""

    front: Gateway
    environ: Mapping[str, str]
    folder: Path

    def times(self) -> Counter[int]:
        """Return how often the event of each row is there."""
        self.front.answers.clear()
        found = contacts_of(self.environ, EMAILS)
        return Counter(int(event["value"]) for contact in found for event in contact["contactExtEvents"])

    def rows(self, name: str) -> list[list[str]]:
        """Return the rows of a file in the folder, without its header."""
        return list(csv.reader((self.folder / name).read_text().splitlines()))[1:]

    def files(self) -> set[str]:
        """Return what is in the folder, the input aside."""
        return {path.name for path in self.folder.iterdir()} - {"events.csv"}


@pytest.fixture
def doubtful(tmp_path: Path) -> Iterator[Doubtful]:
    front = Gateway(Simulator())
    with (tmp_path / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["email", "date", "contactExtEventType", "value", "description"], *ROWS])
    with serving_account(front) as environ:
        front.simulator.faults = FAULTS
        for email in EMAILS:
            ask(environ, "contact/upsert", contact={"email": email})
        front.answers["/api/contact/list"] = hidden
        yield Doubtful(front, environ, tmp_path)


def hidden(body: bytes) -> dict[str, Any]:
    """Answer contact/list as a server does that will not show these contacts."""
    return {"success": True, "message": [], "contacts": [], "unavailableContacts": json.loads(body)["email"]}


@pytest.fixture
def begun(doubtful: Doubtful, salesmanago: Command) -> Doubtful:
    """The same, after an import with a journal."""
    options = ("--journal", "nightly.db", "--rejects", "bad.csv", "--report", "report.json", "--batch-size", "2")
    ended = salesmanago("import", "events", "events.csv", *options, *QUICK, environ=doubtful.environ)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.splitlines()[-7:] == [
        "rows in doubt: 4; they were sent, and no answer says whether they arrived; they are in nightly.in-doubt.csv",
        "to look for the events in the account once more:",
        "  salesmanago resume nightly.db",
        "to send them, which may create duplicates:",
        "  salesmanago resume nightly.db --in-doubt send",
        "to drop them, which may lose some:",
        "  salesmanago resume nightly.db --in-doubt drop",
    ]
    assert json.loads((doubtful.folder / "report.json").read_text())["in_doubt"] == 4
    return doubtful


def test_rows_in_doubt_are_written_as_they_came_with_the_reason(begun: Doubtful) -> None:
    rows = begun.rows("nightly.in-doubt.csv")
    assert sorted(row[:6] for row in rows) == [[*row, line] for row, line in zip(DOUBTFUL, "4567", strict=True)]
    assert {row[6] for row in rows} == {"its contact cannot be read back"}
    assert begun.files() == {"nightly.db", "nightly.in-doubt.csv", "bad.csv", "report.json"}
    assert begun.rows("bad.csv") == []


def test_they_stay_in_doubt_until_they_can_be_found_and_then_only_what_is_missing_is_sent(
    begun: Doubtful, salesmanago: Command
) -> None:
    again = salesmanago("resume", "nightly.db", environ=begun.environ)
    assert again.returncode == 1
    assert len(begun.rows("nightly.in-doubt.csv")) == 4
    begun.front.answers.clear()
    ended = salesmanago("resume", "nightly.db", environ=begun.environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert begun.times() == dict.fromkeys(range(8), 1)
    assert begun.files() == {"nightly.db", "bad.csv", "report.json"}


def test_they_are_sent_on_request(begun: Doubtful, salesmanago: Command) -> None:
    ended = salesmanago("resume", "nightly.db", "--in-doubt", "send", environ=begun.environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert begun.times() == {**dict.fromkeys(range(8), 1), **{int(row[3]): 2 for row in ARRIVED}}
    assert begun.files() == {"nightly.db", "bad.csv", "report.json"}


def test_they_are_given_up_on_request(begun: Doubtful, salesmanago: Command) -> None:
    for command in (("resume", "nightly.db", "--in-doubt", "drop"), ("resume", "nightly.db")):
        ended = salesmanago(*command, environ=begun.environ)
        assert ended.returncode == 1, ended.stderr
        assert "in doubt" not in ended.stderr
        assert sorted(row[:5] for row in begun.rows("bad.csv")) == DOUBTFUL
        assert begun.files() == {"nightly.db", "bad.csv", "report.json"}
    gone = {int(row[3]) for row in DOUBTFUL} - {int(row[3]) for row in ARRIVED}
    assert begun.times() == {number: 1 for number in range(8) if number not in gone}


def test_without_a_journal_they_go_beside_the_rejects(doubtful: Doubtful, salesmanago: Command) -> None:
    options = ("--rejects", "bad.csv", "--batch-size", "2", *QUICK)
    ended = salesmanago("import", "events", "events.csv", *options, environ=doubtful.environ)
    assert ended.returncode == 1
    assert sorted(row[:5] for row in doubtful.rows("bad.in-doubt.csv")) == DOUBTFUL
    doubts, remedy = ended.stderr.splitlines()[-2:]
    assert doubts.endswith("they are in bad.in-doubt.csv")
    assert remedy.startswith("look for the events in the account before you send them again")


def test_with_neither_the_summary_says_how_many_there_are(doubtful: Doubtful, salesmanago: Command) -> None:
    ended = salesmanago("import", "events", "events.csv", "--batch-size", "2", *QUICK, environ=doubtful.environ)
    assert ended.returncode == 1
    doubts, remedy = ended.stderr.splitlines()[-2:]
    assert doubts == "rows in doubt: 4; they were sent, and no answer says whether they arrived"
    assert remedy.startswith("look for the events in the account before you send them again")
    assert doubtful.files() == set()


def test_files_that_have_no_form_in_common_are_imported_all_the_same(doubtful: Doubtful, salesmanago: Command) -> None:
    (doubtful.folder / "more.csv").write_text(f"date,email,contactExtEventType\n2024-01-01,{EMAILS[0]},CART\n")
    options = ("--journal", "nightly.db", "--batch-size", "2", *QUICK)
    ended = salesmanago("import", "events", "events.csv", "more.csv", *options, environ=doubtful.environ)
    assert ended.returncode == 1
    assert "no answer says whether they arrived\n" in ended.stderr
    assert doubtful.files() == {"more.csv", "nightly.db"}


def test_a_file_of_doubts_that_another_journal_left_is_not_removed(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nnew@doubt.pl\n")
    (tmp_path / "nightly.in-doubt.csv").write_text("email\nold@doubt.pl\n")
    assert salesmanago("import", "contacts", "people.csv", "--journal", "nightly.db", *QUICK).returncode == 0
    assert (tmp_path / "nightly.in-doubt.csv").read_text() == "email\nold@doubt.pl\n"


MINE = "email,remark\nann@doubt.pl,call her\n"


def test_a_file_that_somebody_has_changed_is_left_and_said(begun: Doubtful, salesmanago: Command) -> None:
    (begun.folder / "nightly.in-doubt.csv").write_text(MINE)
    begun.front.answers.clear()
    ended = salesmanago("resume", "nightly.db", environ=begun.environ)
    assert ended.returncode == 0
    assert "nightly.in-doubt.csv stays as it is" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert (begun.folder / "nightly.in-doubt.csv").read_text() == MINE


def test_rows_in_doubt_never_replace_a_file_of_somebody_elses(doubtful: Doubtful, salesmanago: Command) -> None:
    """They go beside it; a journal replaces, and removes in the end, what it has written itself."""
    (doubtful.folder / "nightly.in-doubt.csv").write_text(MINE)
    options = ("--journal", "nightly.db", "--batch-size", "2", *QUICK)
    first = salesmanago("import", "events", "events.csv", *options, environ=doubtful.environ)
    again = salesmanago("resume", "nightly.db", environ=doubtful.environ)
    for ended in (first, again):
        assert "they are in" in ended.stderr
        assert "nightly.in-doubt-2.csv\n" in ended.stderr
    assert sorted(row[:5] for row in doubtful.rows("nightly.in-doubt-2.csv")) == DOUBTFUL
    doubtful.front.answers.clear()
    assert salesmanago("resume", "nightly.db", environ=doubtful.environ).returncode == 0
    assert doubtful.files() == {"nightly.db", "nightly.in-doubt.csv"}
    assert (doubtful.folder / "nightly.in-doubt.csv").read_text() == MINE


def test_without_a_journal_those_of_the_night_before_stay(doubtful: Doubtful, salesmanago: Command) -> None:
    (doubtful.folder / "bad.in-doubt.csv").write_text(MINE)
    options = ("--rejects", "bad.csv", "--batch-size", "2", *QUICK)
    ended = salesmanago("import", "events", "events.csv", *options, environ=doubtful.environ)
    assert "bad.in-doubt-2.csv" in ended.stderr
    assert (doubtful.folder / "bad.in-doubt.csv").read_text() == MINE


def test_contacts_in_doubt_are_sent_again_and_cannot_be_given_up(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\na@doubt.pl\nb@doubt.pl\n")
    front = Gateway(Simulator(job_seconds=0.05))
    front.answers["/files/"] = lambda _: {"success": True, "contactIds": {"a@doubt.pl": "1"}, "invalidContacts": []}
    with serving_account(front) as environ:
        begun = salesmanago("import", "contacts", "people.csv", "--journal", "nightly.db", *QUICK, environ=environ)
        assert begun.returncode == 1
        assert (tmp_path / "nightly.in-doubt.csv").read_text().splitlines()[1].startswith("b@doubt.pl,3,")
        assert begun.stderr.endswith(
            "to send the contacts again, which does no harm:\n  salesmanago resume nightly.db\n"
        )
        refused = salesmanago("resume", "nightly.db", "--in-doubt", "drop", environ=environ)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "--in-doubt" in refused.stderr
        front.answers.clear()
        ended = salesmanago("resume", "nightly.db", environ=environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (tmp_path / "nightly.in-doubt.csv").exists()
