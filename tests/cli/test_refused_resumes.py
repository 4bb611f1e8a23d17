"""What cannot be gone on with: exit 2, one line on stderr that names place and remedy; nothing is sent or changed."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from salesmanago_async.stores.sqlite import _row_checksum

Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--poll-interval", "0.1")
HEADER, ROW = "email,name\n", "ann@refused.pl,Ann\n"


@frozen
class Refused:
    """What is run, what its line must say, and the SQL or the act that spoils the journal of a complete import."""

    name: str
    says: Sequence[str]
    arguments: Sequence[str] = ("resume", "run.db")
    sql: str | None = None
    spoil: Callable[[Path], Any] | None = None
    environ: Mapping[str, str] = field(factory=dict)


@contextmanager
def edited(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the folder's journal to change what the run is in it, as if it had been begun so."""
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.create_function("row_checksum", -1, _row_checksum)
        yield database
        database.execute("UPDATE run SET row_checksum = row_checksum(what, note)")


def note(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the note in a journal."""
    with edited(folder) as database:
        ((text,),) = database.execute("SELECT note FROM run").fetchall()
        kept = json.loads(text)
        change(kept)
        database.execute("UPDATE run SET note = ?", (json.dumps(kept),))


def move(folder: Path, kept: dict[str, Any]) -> None:
    kept["arguments"] |= {"files": [str(folder / "people.csv")], "rejects": str(folder / "bad.csv")}


def another_database(folder: Path) -> None:
    (folder / "run.db").unlink()
    with closing(sqlite3.connect(folder / "run.db")) as database:
        database.execute("CREATE TABLE songs (title TEXT)")


def a_folder(folder: Path) -> None:
    (folder / "run.db").unlink()
    (folder / "run.db").mkdir()


def import_with(*options: str) -> Sequence[str]:
    return ("import", "contacts", "people.csv", *QUICK, *options)


REFUSED = [
    # the journal
    Refused("no-such-file", ["nosuch.db", "no such journal"], ("resume", "nosuch.db")),
    Refused("a-folder", ["run.db", "no such journal"], spoil=a_folder),
    Refused("empty", ["run.db", "is empty"], spoil=lambda folder: (folder / "run.db").write_bytes(b"")),
    Refused("text", ["run.db", "no journal"], spoil=lambda folder: (folder / "run.db").write_text("email\n" * 200)),
    Refused("another-database", ["run.db", "another database"], spoil=another_database),
    Refused("another-version", ["run.db", "version 99"], sql="PRAGMA user_version = 99"),
    Refused("of-a-program", ["run.db", "'salesmanago import'", "program"], sql="UPDATE run SET note = NULL"),
    Refused("of-a-program-with-a-note", ["run.db", "program"], sql="UPDATE run SET note = '[\"nightly\"]'"),
    Refused("of-another-command", ["run.db", "another version of this program"],
        spoil=lambda folder: note(folder, lambda kept: kept["arguments"].update(nosuch=1))),
    Refused("without-arguments", ["run.db", "another version of this program"],
        spoil=lambda folder: note(folder, lambda kept: kept.pop("arguments"))),
    # the run
    Refused("another-owner", ["run.db", "a different owner"], ("resume", "run.db", "--owner", "other@vendor.pl")),
    Refused("another-account", ["run.db", "a different account"], environ={"SALESMANAGO_CLIENT_ID": "other"}),
    Refused("no-credentials", ["SALESMANAGO_API_KEY"], environ={"SALESMANAGO_API_KEY": ""}),
    Refused("contacts-in-doubt", ["--in-doubt", "contacts"], ("resume", "run.db", "--in-doubt", "drop")),
    Refused("file-of-variables-gone", ["gone.env", "no such file"],
        spoil=lambda folder: note(folder, lambda kept: kept["arguments"]["client"].update(env_file="gone.env"))),
    # the source
    Refused("source-gone", ["people.csv", "No such file"], spoil=lambda folder: (folder / "people.csv").unlink()),
    Refused("source-changed", ["record 1 (line 3)", "has changed"],
        spoil=lambda folder: (folder / "people.csv").write_text(HEADER + ROW + "bob@refused.pl,B\n")),
    Refused("source-cut", ["ends after 1 record", "has changed"],
        spoil=lambda folder: (folder / "people.csv").write_text(HEADER + ROW)),
    Refused("another-source", ["record 0 (line 2)", "has changed"],
        import_with("--journal", "run.db", "--map", "name=company")),
    # the names of files
    Refused("journal-is-input", ["people.csv", "--journal"], import_with("--journal", "people.csv")),
    Refused("journal-is-rejects", ["x.csv", "--rejects"],
        import_with("--journal", "x.csv", "--rejects", "x.csv")),
    Refused("journal-is-report", ["x.db", "--report"], import_with("--journal", "x.db", "--report", "./x.db")),
    Refused("doubts-are-input", ["in-doubt.csv", "--journal"],
        ("import", "contacts", "x.in-doubt.csv", "--journal", "x.db"),
        spoil=lambda folder: (folder / "x.in-doubt.csv").write_text(HEADER + ROW)),
    Refused("doubts-are-rejects", ["x.in-doubt.csv", "rows in doubt"],
        import_with("--journal", "x.db", "--rejects", "x.in-doubt.csv")),
    Refused("journal-in-no-folder", ["no/x.db"], import_with("--journal", "no/x.db")),
]  # fmt: skip


@pytest.fixture(scope="module")
def complete(run: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the journal of a complete import."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "people.csv").write_text(HEADER + ROW + "bob@refused.pl,Bob\nnobody,\n")
    options = ("--journal", "run.db", "--rejects", "bad.csv")
    assert run(*import_with(*options), folder=folder).returncode == 1
    return folder


@pytest.fixture(scope="module")
def folders(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A folder for each case: that of the complete import, whose journal knows its new place, spoilt."""
    folders = {refused.name: tmp_path_factory.mktemp(refused.name) / "spoilt" for refused in REFUSED}
    for refused in REFUSED:
        folder = shutil.copytree(complete, folders[refused.name])
        note(folder, partial(move, folder))
        if refused.sql:
            with edited(folder) as database:
                database.execute(refused.sql)
        if refused.spoil:
            refused.spoil(folder)
    return folders


@pytest.fixture(scope="module")
def before(folders: Mapping[str, Path]) -> Mapping[str, Mapping[str, bytes | str]]:
    return {name: content_of(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def ended(
    run: Command, folders: Mapping[str, Path], before: Mapping[str, Any]
) -> Iterator[Mapping[str, Future[subprocess.CompletedProcess[str]]]]:
    """What became of each command, run beside each other."""
    with ThreadPoolExecutor(4) as pool:
        yield {
            refused.name: pool.submit(run, *refused.arguments, folder=folders[refused.name], environ=refused.environ)
            for refused in REFUSED
        }


def content_of(folder: Path) -> dict[str, bytes | str]:
    """Return what the files of a folder hold; of a journal its tables, as SQLite may pack them otherwise."""
    return {path.name: tables_of(path) or path.read_bytes() for path in folder.iterdir() if path.is_file()}


def tables_of(path: Path) -> str:
    if not path.read_bytes().startswith(b"SQLite"):
        return ""
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


@pytest.mark.sampled
@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name)
def test_what_cannot_go_on_is_said_in_one_line(
    refused: Refused,
    ended: Mapping[str, Future[subprocess.CompletedProcess[str]]],
    folders: Mapping[str, Path],
    before: Mapping[str, Mapping[str, bytes | str]],
) -> None:
    process = ended[refused.name].result()
    assert "Traceback" not in process.stderr
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1), process.stderr
    assert process.stderr.startswith("salesmanago: ")
    for part in refused.says:
        assert part in process.stderr
    assert content_of(folders[refused.name]) == before[refused.name]


def test_a_journal_in_use_is_left_alone(salesmanago: Command, complete: Path) -> None:
    with closing(sqlite3.connect(complete / "run.db", isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN IMMEDIATE")
        ended = salesmanago("resume", complete / "run.db")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "run.db: is in use" in ended.stderr
