"""Journals in a PostgreSQL database, on the command line: made, resumed, listed, removed, and no password shown."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import Fault, Simulator
from salesmanago_async.stores.addresses import HIDDEN, DatabaseAddress
from tests.postgresql import of_database, query, run_in
from tests.serving import serving_account

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "tajne7"


@pytest.fixture
def address(postgresql: str) -> str:
    """A run, in an address with a password that the server does not ask for."""
    return str(run_in(postgresql)).replace("postgres@", f"postgres:{SECRET}@")


@pytest.fixture
def shown(address: str) -> str:
    return address.replace(SECRET, HIDDEN)


@pytest.fixture(autouse=True)
def people(tmp_path: Path) -> None:
    rows = "".join(f"c{number}@example.com\n" for number in range(10))
    (tmp_path / "people.csv").write_text(f"email\n{rows}")


def runs(listed: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert listed.returncode == 0, listed.stderr
    return {run["run"]: run for run in map(json.loads, listed.stdout.splitlines())}


def test_an_import_is_made_listed_shown_and_removed(salesmanago: Command, address: str, shown: str) -> None:
    command = ("import", "contacts", "people.csv", "--journal", address, "--poll-interval", "0.05")
    assert salesmanago(*command).returncode == 0
    name = DatabaseAddress.parse(address).run
    assert name is not None
    run = runs(salesmanago("journal", "list", address.partition("&run=")[0]))[name]
    assert (run["kind"], run["lines"], run["unsettled"], run["in_use"]) == ("import", 1, 0, False)
    found = json.loads(salesmanago("journal", "show", address).stdout)
    assert found["records"] == {"accepted": 10}
    again = salesmanago(*command)
    assert again.returncode == 0
    assert "settled earlier      10" in again.stdout
    removed = salesmanago("journal", "remove", address)
    assert (removed.returncode, removed.stderr) == (0, f"{shown} was removed\n")
    for words in (("journal", "show", address), ("journal", "remove", address), ("resume", address)):
        missing = salesmanago(*words)
        assert missing.returncode == 2
        assert missing.stderr.startswith(f"salesmanago: {shown}: there is no such run")


def test_a_stopped_import_is_resumed_from_another_folder_without_a_file(
    run: Any, salesmanago: Command, address: str, shown: str, tmp_path: Path
) -> None:
    simulator = Simulator(job_seconds=0.05)
    simulator.faults = [Fault.parse("503,path=contact/batchupsertv2,at=2-")]
    with serving_account(simulator) as environ:
        words = ("import", "contacts", tmp_path / "people.csv", "--journal", address, "--batch-size", "5")
        stopped = salesmanago(*words, "--patience", "0.5", "--poll-interval", "0.05", environ=environ)
        assert stopped.returncode in {1, 3}, stopped.stderr
        assert f"salesmanago resume '{shown}'" in stopped.stderr
        refused = salesmanago("journal", "remove", address)
        assert refused.returncode == 2
        assert "whose outcome is not known; let it be resumed first" in refused.stderr
        simulator.faults = []
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        resumed = run("resume", address, folder=elsewhere, environ=environ)
        assert resumed.returncode == 0, resumed.stderr
        assert list(elsewhere.iterdir()) == []
    assert json.loads(salesmanago("journal", "show", address).stdout)["records"] == {"accepted": 10}
    for done in (stopped, refused, resumed):
        assert SECRET not in done.stdout + done.stderr


def test_an_unsettled_run_is_removed_by_force(salesmanago: Command, address: str) -> None:
    words = ("import", "contacts", "people.csv", "--journal", address, "--no-wait")
    assert salesmanago(*words).returncode == 0
    assert salesmanago("journal", "remove", address).returncode == 2
    assert salesmanago("journal", "remove", address, "--force").returncode == 0


def test_the_command_that_goes_on_with_other_arguments_shows_no_password(
    salesmanago: Command, address: str, shown: str
) -> None:
    simulator = Simulator(job_seconds=0.05)
    simulator.faults = [Fault.parse("503,path=contact/batchupsertv2,at=1-")]
    with serving_account(simulator) as environ:
        words = ("import", "contacts", "people.csv", f"--journal={address}", "--patience", "0.2")
        first = salesmanago(*words, environ=environ)
        second = salesmanago(*words, "--strict", environ=environ)
    assert f"--journal={shown}" in second.stderr.replace("'", "")
    for done in (first, second):
        assert done.returncode == 3
        assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("resume", "{}", "extra", "{}"),
        ("journal", "show", "{}", "{}"),
        ("job", "status", "{}"),
        ("import", "contacts", "missing.csv", "--journal", "{}"),
        ("import", "contacts", "people.csv", "--journal", "{}@"),
        ("export", "contacts", "--state", "{}", "--out", "x.csv", "--bad"),
    ],
)
def test_no_message_about_arguments_shows_a_password(
    words: tuple[str, ...], salesmanago: Command, address: str
) -> None:
    done = salesmanago(*(word.replace("{}", address) for word in words))
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr


def test_an_administrator_prepares_it_for_others(salesmanago: Command, database: str) -> None:
    name = database.partition("/test_")[2].partition("?")[0]
    query(database, f"CREATE ROLE importer_{name} LOGIN")
    theirs = f"{database.replace('postgres@', f'importer_{name}@')}&run=nightly"
    command = ("import", "contacts", "people.csv", "--poll-interval", "0.05", "--journal", theirs)
    refused = salesmanago(*command)
    assert refused.returncode == 2
    assert "salesmanago journal init ADDRESS --grant USER" in refused.stderr
    prepared = salesmanago("journal", "init", database, "--grant", f"importer_{name}")
    assert (prepared.returncode, prepared.stderr) == (0, f"{database} has the tables of journals\n")
    assert salesmanago(*command).returncode == 0
    query(database, f"DROP OWNED BY importer_{name}")
    query(database, f"DROP ROLE importer_{name}")


def test_the_state_of_an_export_is_in_a_database(salesmanago: Command, address: str, tmp_path: Path) -> None:
    made = salesmanago("import", "contacts", "people.csv", "--poll-interval", "0.05")
    assert made.returncode == 0
    words = ("export", "contacts", "--state", address, "--out")
    assert salesmanago(*words, "first.csv", "--modified-since", "2020-01-01").returncode == 0
    assert salesmanago(*words, "second.csv").returncode == 0
    assert len((tmp_path / "first.csv").read_text().splitlines()) > 10
    name = DatabaseAddress.parse(address).run
    assert name is not None
    assert runs(salesmanago("journal", "list", address))[name] == {"run": name, "kind": "state"}
    assert salesmanago("journal", "remove", address).returncode == 0


def test_a_database_that_is_not_there_stops_before_anything_is_sent(salesmanago: Command, postgresql: str) -> None:
    missing = f"{of_database(postgresql, 'missing')}&run=nightly"
    done = salesmanago("import", "contacts", "people.csv", "--journal", missing)
    assert done.returncode == 2
    assert 'database "missing" does not exist' in done.stderr
