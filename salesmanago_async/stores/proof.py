"""How a SQLite file proves to be complete, alone or with the rollback journal that a kill has left beside it.

When a commit has returned, all of it is in the main file. The table `proof` has one row: the number of lines, the sum
of their checksums, and the number of commits. Triggers update it in the transaction of each change. So a line that is
missing, outdated or foreign is noticed, and so is half a transaction. An earlier copy of the whole file is complete,
too: nothing in it shows that there is a later one.

A kill in the middle of a commit leaves NAME-journal, from which SQLite rolls the commit back. SQLite trusts any file
with that name: also a damaged one, an old one, and one whose removal did not reach the disk before a power cut. So the
rollback is tried on a copy first. A file that is complete alone needs no rollback, and keeps its content. Therefore two
writes to the disk are enough for a commit (`synchronous=NORMAL`), and the removal needs none.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import Invalid
from .refusals import NotOurs

APPLICATION_ID = 0x534D4A4E
VERSION = 3

_OF_A_TABLE = """
CREATE TRIGGER {table}_gains AFTER INSERT ON {table} BEGIN
    UPDATE proof SET lines = lines + 1, row_checksums = row_checksums + coalesce(NEW.row_checksum, 0);
END;
CREATE TRIGGER {table}_loses AFTER DELETE ON {table} BEGIN
    UPDATE proof SET lines = lines - 1, row_checksums = row_checksums - coalesce(OLD.row_checksum, 0);
END;
CREATE TRIGGER {table}_changes AFTER UPDATE OF row_checksum ON {table} BEGIN
    UPDATE proof SET row_checksums = row_checksums - coalesce(OLD.row_checksum, 0) + coalesce(NEW.row_checksum, 0);
END;
"""

PROOF_SCHEMA = """
CREATE TABLE proof (lines INTEGER NOT NULL, row_checksums INTEGER NOT NULL, commits INTEGER NOT NULL);
INSERT INTO proof VALUES (0, 0, 0);
""" + "".join(_OF_A_TABLE.format(table=table) for table in ("queue", "chunks"))

COUNT_COMMIT = "UPDATE proof SET commits = commits + 1"
"""The first statement of each transaction."""

DAMAGED = "is damaged, so it no longer shows what was sent"

_COUNTED = "SELECT lines, row_checksums, commits FROM proof"
_FOUND = """
SELECT count(*), coalesce(sum(row_checksum), 0)
FROM (SELECT row_checksum FROM chunks UNION ALL SELECT row_checksum FROM queue)
"""


def damaged(path: Path, why: object) -> Invalid:
    """Return the error for a file that is not complete."""
    advice = f"if it was copied after a kill, put {path.name}-journal, which was left beside it, here too"
    return Invalid(f"{DAMAGED} ({why}); {advice}", field=str(path))


def is_new(path: Path, connection: sqlite3.Connection) -> bool:
    """Return whether a file is empty; raise `Invalid` if it belongs to another program or version."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise Invalid("is no journal, but another database", field=str(path))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise NotOurs(
            f"is a journal of version {version}, and this program writes {VERSION}",
            "go on with the program that began it",
            field=str(path),
        )
    return False


def check_complete(connection: sqlite3.Connection) -> int:
    """Return the number of commits; raise `ValueError` or `sqlite3.Error` if the file is not complete."""
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise ValueError(damage)
    lines, row_checksums, commits = connection.execute(_COUNTED).fetchone()
    if (lines, row_checksums) != connection.execute(_FOUND).fetchone():
        raise ValueError("its lines are not those that were written last")
    return int(commits)


@contextmanager
def checked_rollback_file(path: Path) -> Iterator[None]:
    """Remove a rollback journal that SQLite must not use; open the file, and lock it, inside the block.

    Raises `Invalid`, and changes nothing, if the file is not complete, neither alone nor with its rollback journal, or
    if it is an earlier copy than the rollback journal.
    """
    if Path(f"{path}-wal").exists():
        raise NotOurs(
            f"has {path.name}-wal beside it, which this version does not make: it is another program's, or an older "
            "version's",
            "take that file away if it does not belong there",
            field=str(path),
        )
    rollback_file = Path(f"{path}-journal")
    if not rollback_file.exists():
        yield
        return
    with _locked(rollback_file):  # else another process may have opened the file meanwhile, and written this one
        if _has_hot_journal(path) and not _needs_rollback(path, rollback_file):
            rollback_file.unlink()
        yield


def _needs_rollback(path: Path, rollback_file: Path) -> bool:
    """Return whether a file is complete only after SQLite has rolled it back."""
    commits_alone = _commits(path, path, check_complete, options="?immutable=1")
    with TemporaryDirectory() as folder:
        copy, rollback_copy = Path(folder, path.name), Path(folder, rollback_file.name)

        def rolled_back(commits: Callable[[sqlite3.Connection], int]) -> int | None:
            shutil.copyfile(path, copy)
            shutil.copyfile(rollback_file, rollback_copy)
            return _commits(path, copy, commits)

        if commits_alone is None and rolled_back(check_complete) is None:
            raise damaged(path, f"{rollback_file.name} does not make it whole")
        if commits_alone is not None and (rolled_back(_count) or 0) > commits_alone:
            raise Invalid(
                f"is an earlier copy than {rollback_file.name} beside it; put the newest one here", field=str(path)
            )
    return commits_alone is None


@contextmanager
def _locked(rollback_file: Path) -> Iterator[None]:
    """Lock the rollback journal against other processes; raise `BlockingIOError` if one of them has locked it."""
    try:
        import fcntl
    except ImportError:  # Windows has other locks, and does not remove a file that another process has open
        yield
        return
    with rollback_file.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _has_hot_journal(path: Path) -> bool:
    """Return whether SQLite would roll back when it opens the file (a "hot journal").

    Raises SQLite's error if the file is in use.
    """
    try:
        with closing(_opened(path, "?mode=ro")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise
        return bool(name == "SQLITE_READONLY_ROLLBACK")  # any other problem is reported when the file is really opened
    return False


def _commits(path: Path, file: Path, commits: Callable[[sqlite3.Connection], int], *, options: str = "") -> int | None:
    """Return the number of commits in a copy of the file; None if the copy cannot be read."""
    try:
        with closing(_opened(file, options)) as connection:
            return 0 if is_new(path, connection) else commits(connection)
    except Invalid:  # the file belongs to another program, or to another version
        raise
    except (sqlite3.Error, ValueError, TypeError, MemoryError):
        return None


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT commits FROM proof").fetchone()[0])


def _opened(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}{options}", uri=True, timeout=0, isolation_level=None)
