"""`salesmanago sync contacts`: what it prints, its exit codes, and what it asks before contacts are removed."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.accounts import contacts_of
from tests.serving import serving

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def account() -> Iterator[Mapping[str, str]]:
    """The variables of an account of its own."""
    with serving(job_seconds=0.05) as environ:
        yield environ


@pytest.fixture
def sync(salesmanago: Command, account: Mapping[str, str], tmp_path: Path) -> Command:
    """Return a function that syncs people with these names to the account."""

    def sync(names: str, *options: str) -> subprocess.CompletedProcess[str]:
        rows = [f"{name}@{tmp_path.name}.example.com,{name}" for name in names.split()]
        (tmp_path / "people.csv").write_text("\n".join(["email,name", *rows]))
        return salesmanago(
            "sync",
            "contacts",
            "people.csv",
            "--state",
            "people.db",
            "--poll-interval",
            "0.1",
            *options,
            environ=account,
        )

    return sync


def counts(printed: str) -> dict[str, int]:
    """What a command counts."""
    lines = [line.rsplit(maxsplit=1) for line in printed.splitlines() if line.rsplit(maxsplit=1)[1:]]
    return {name.strip(): int(count.replace(",", "")) for name, count in lines if count.replace(",", "").isdigit()}


def test_only_what_changed_is_sent(sync: Command) -> None:
    first = sync("ann bob")
    assert first.returncode == 0, first.stderr
    assert counts(first.stdout)["added"] == 2
    second = sync("ann bob cid")
    found = counts(second.stdout)
    assert (found["to be sent"], found["added"], found["unchanged"]) == (1, 1, 2)


def test_an_empty_file_is_told_and_one_without_changes_is_not(sync: Command) -> None:
    sync("ann bob")
    assert "no rows in" not in sync("ann bob").stderr
    assert "no rows in people.csv" in sync("").stderr


def test_a_dry_run_counts(sync: Command, tmp_path: Path) -> None:
    sync("ann bob")
    before = (tmp_path / "people.db").read_bytes()
    shown = sync("ann cid", "--dry-run")
    assert shown.returncode == 0
    found = counts(shown.stdout)
    assert (found["added"], found["unchanged"], found["removed"]) == (1, 1, 1)
    assert "contacts that are no longer in the input: 1; kept" in shown.stderr
    assert [line.partition(": ")[0] for line in shown.stderr.splitlines() if '"contact":' in line] == ["people.csv:3"]
    assert (tmp_path / "people.db").read_bytes() == before


def test_contacts_are_removed_only_if_that_is_agreed_to(
    sync: Command, account: Mapping[str, str], tmp_path: Path
) -> None:
    removing = ("--removed", "delete", "--max-removed", "50%")
    sync("ann bob", *removing, "--yes")
    refused = sync("ann", *removing)
    assert refused.returncode == 2
    assert "--removed: deletes 1 contact; nothing was sent: add --yes if you want this" in refused.stderr
    done = sync("ann", *removing, "--yes")
    assert done.returncode == 0, done.stderr
    assert "contacts that are no longer in the input: 1; deleted" in done.stderr
    left = contacts_of(account, [f"{name}@{tmp_path.name}.example.com" for name in ("ann", "bob")])
    assert [contact["name"] for contact in left] == ["ann"]


def test_nothing_is_asked_if_removed_contacts_are_too_many(sync: Command) -> None:
    sync("ann bob", "--removed", "delete", "--yes")
    done = sync("ann", "--removed", "delete")
    assert done.returncode == 1
    assert "nothing was done to them, because they are 50.0% of the known contacts" in done.stderr


def test_too_many_removed_contacts_are_left_and_told(sync: Command) -> None:
    sync("ann bob", "--removed", "tag:GONE", "--yes")
    done = sync("ann", "--removed", "tag:GONE", "--yes")
    assert done.returncode == 1
    assert "nothing was done to them, because they are 50.0% of the known contacts" in done.stderr


def test_rejected_rows_are_written_and_reported(sync: Command, tmp_path: Path) -> None:
    shown = sync("ann b@d", "--rejects", "bad.csv", "--report", "report.json")
    assert shown.returncode == 1
    assert "b@d" in (tmp_path / "bad.csv").read_text()
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["added"], report["rejected"], report["journal"]) == (1, 1, "people.db")


def test_resume_of_a_state(sync: Command, salesmanago: Command) -> None:
    sync("ann")
    shown = salesmanago("resume", "people.db")
    assert shown.returncode == 2
    assert "people.db: is the state of a sync that has ended" in shown.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-removed", "200%"), "'200%' is not a part such as 2% or 0.02"),
        (("--removed", "gone"), "removed: is 'gone', not one of keep, tag:NAME, stop_monitoring, delete"),
        (("--rejects", "people.db"), "is the same file as"),
    ],
)
def test_options_that_do_not_fit(sync: Command, options: tuple[str, ...], said: str) -> None:
    shown = sync("ann", *options)
    assert shown.returncode == 2
    assert said in shown.stderr
