"""`import … --double-opt-in`: how many e-mails it has sent is said first, and nothing is sent before that is wanted."""

import json
import os
import pty
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import COMMAND

Command = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., dict[str, Any]]
QUICK = ("--poll-interval", "0.1")
PEOPLE = "email,forceOptIn,forceOptOut\nasked@doi.pl,true,\nasked2@doi.pl,true,\nnew@doi.pl,,\nout@doi.pl,,true\n"
COUNTED = "up to 3 confirmation e-mails: 2 to contacts that opt in (forceOptIn), 1 to contacts that may be new"


@pytest.fixture(autouse=True)
def people(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "leads.csv").write_text("email,name\nlead@doi.pl,Ann\n")


def is_there(ask: Ask, email: str) -> bool:
    return bool(ask("contact/hasContact", email=email)["result"])


@pytest.mark.ci
def test_a_dry_run_counts_the_e_mails(salesmanago: Command, tmp_path: Path) -> None:
    options = ("--dry-run", "--double-opt-in", "--report", "report.json")
    ended = salesmanago("import", "contacts", "people.csv", *options)
    assert ended.returncode == 0, ended.stderr
    assert f"e-mails    {COUNTED}" in ended.stdout.splitlines()
    estimate = json.loads((tmp_path / "report.json").read_text())["estimate"]
    assert (estimate["confirmations"], estimate["confirmations_if_new"]) == (2, 1)
    assert "e-mail" not in salesmanago("import", "contacts", "people.csv", "--dry-run").stdout


@pytest.mark.parametrize(
    ("arguments", "email", "says"),
    [(("contacts", "people.csv"), "asked@doi.pl", COUNTED), (("leadoo", "leads.csv"), "lead@doi.pl", "up to 1 conf")],
)
def test_a_scheduler_has_to_say_yes(
    salesmanago: Command, ask: Ask, arguments: tuple[str, ...], email: str, says: str
) -> None:
    refused = salesmanago("import", *arguments, "--double-opt-in", *QUICK)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1), refused.stderr
    assert says in refused.stderr
    assert "--yes" in refused.stderr
    assert not is_there(ask, email)
    done = salesmanago("import", *arguments, "--double-opt-in", "--yes", *QUICK)
    assert done.returncode == 0, done.stderr
    assert says in done.stderr, "it is said all the same"
    assert is_there(ask, email)


def test_nothing_is_asked_where_no_e_mail_is_sent(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("email,forceOptOut\nout@doi.pl,true\n")
    for options in ((), ("--no-double-opt-in",), ("--double-opt-in", "--simulate")):
        ended = salesmanago("import", "contacts", "people.csv", *options, *QUICK)
        assert (ended.returncode, "e-mail" in ended.stderr) == (0, False), ended.stderr
    assert salesmanago("import", "contacts", "out.csv", "--double-opt-in", *QUICK).returncode == 0


def test_what_was_wanted_when_it_was_begun_is_not_asked_again(salesmanago: Command) -> None:
    command = ("import", "contacts", "people.csv", "--double-opt-in", "--journal", "run.db", *QUICK)
    assert salesmanago(*command).returncode == 2
    assert salesmanago(*command, "--yes").returncode == 0
    assert salesmanago(*command).returncode == 0
    assert salesmanago("resume", "run.db").returncode == 0


def test_a_journal_of_one_is_not_gone_on_with_as_the_other(salesmanago: Command) -> None:
    command = ("import", "contacts", "people.csv", "--journal", "run.db", *QUICK)
    assert salesmanago(*command).returncode == 0
    other = salesmanago(*command, "--double-opt-in", "--yes")
    assert other.returncode == 2
    assert "useApiDoubleOptIn" in other.stderr


@pytest.fixture
def at_a_terminal(bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that runs a command at a terminal, answers its question, and gives code and screen."""
    ends: list[int] = []

    def run(answer: str, *arguments: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        ends.append(ours)
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=tmp_path, env={**bare, **served, "COLUMNS": "200", "TERM": "dumb"},
            stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, answer.encode())
        screen = b""
        try:
            while piece := os.read(ours, 4096):
                screen += piece
        except OSError:  # the other end is closed: the command has ended
            pass
        return process.wait(20), screen.decode()

    yield run
    for end in ends:
        os.close(end)


@pytest.mark.ci
@pytest.mark.parametrize(("answer", "code", "arrives"), [("n\n", 2, False), ("\n", 2, False), ("y\n", 0, True)])
def test_at_a_terminal_it_is_asked(
    at_a_terminal: Callable[..., tuple[int, str]], ask: Ask, tmp_path: Path, answer: str, code: int, arrives: bool
) -> None:
    email = f"terminal{len(answer)}{code}@doi.pl"
    (tmp_path / "one.csv").write_text(f"email,forceOptIn\n{email},true\n")
    ended, screen = at_a_terminal(answer, "import", "contacts", "one.csv", "--double-opt-in", *QUICK)
    assert (ended, "up to 1 confirmation e-mail:" in screen) == (code, True), screen
    assert is_there(ask, email) is arrives


def test_a_plain_call_says_it_too(salesmanago: Command) -> None:
    body = orjson.dumps({"upsertDetails": [{"contact": {"email": "call@doi.pl"}, "forceOptIn": True}]}).decode()
    assert salesmanago("call", "contact/batchupsertv2", body).returncode == 0
    assert "useApiDoubleOptIn" in salesmanago("call", "contact/batchupsertv2", "--fields").stdout
