"""How a SQLite file proves to be complete, by itself or with the rollback journal that a kill has left beside it.

All of a commit that has returned is in the main file. The table `proof` has one row: the number of lines, the sum of
their checksums, and the number of commits. Triggers update it in the transaction of each change. So a line that is
lost, older than the others or foreign is noticed, and so is half a transaction. An earlier copy of the whole file is
complete, too: nothing in it shows that there is a later one.

A kill in the middle of a commit leaves NAME-journal, from which SQLite rolls the commit back. SQLite trusts any file of
that name: also a damaged one, an old one, and one whose removal did not reach the disk before a power cut. So the
rollback is tried on a copy first. A file that is complete by itself needs no rollback and keeps its content. So two
writes to the disk are enough for a commit (`synchronous=NORMAL`), and the removal needs none.
"""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import Invalid

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

DAMAGED = "is damaged, so nobody can tell any more what was sent"

_COUNTED = "SELECT lines, row_checksums, commits FROM proof"
_FOUND = """
SELECT count(*), coalesce(sum(row_checksum), 0)
FROM (SELECT row_checksum FROM chunks UNION ALL SELECT row_checksum FROM queue)
"""


def damaged(path: Path, why: object) -> Invalid:
    """Return the error for a file that is not whole."""
    beside = f"if it was copied after a kill, put {path.name}-journal, which was left beside it, here too"
    return Invalid(f"{DAMAGED} ({why}); {beside}", field=str(path))


def is_new(path: Path, connection: sqlite3.Connection) -> bool:
    """Tell whether there is nothing in a file; raise `Invalid` where it is another program's, or another version's."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise Invalid("is no journal, but another database", field=str(path))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise Invalid(
            f"is a journal of version {version}; this program writes {VERSION}, so go on with the program that began "
            "it, or give the run a journal of its own",
            field=str(path),
        )
    return False


def check_whole(connection: sqlite3.Connection) -> int:
    """Return the number of commits; raise `ValueError` or `sqlite3.Error` where the file is not whole."""
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise ValueError(damage)
    lines, row_checksums, commits = connection.execute(_COUNTED).fetchone()
    if (lines, row_checksums) != connection.execute(_FOUND).fetchone():
        raise ValueError("its lines are not those that were written last")
    return int(commits)


@contextmanager
def second_file_settled(path: Path) -> Iterator[None]:
    """Have SQLite find beside a file only what makes it whole; the block is to open it, and take its lock.

    Raises `Invalid`, and changes nothing, where the file is whole neither by itself nor with what lies beside it, or is
    an earlier copy than that.
    """
    if Path(f"{path}-wal").exists():
        raise Invalid(
            f"has {path.name}-wal beside it, which this version does not make: it is another program's, or an older "
            "version's. Take that file away if it does not belong there, or give the run a journal of its own",
            field=str(path),
        )
    beside = Path(f"{path}-journal")
    if not beside.exists():
        yield
        return
    with _alone_with(beside):  # so that nobody else has come meanwhile whose file this is
        if _is_undone(path) and not _is_needed(path, beside):
            beside.unlink()
        yield


def _is_needed(path: Path, beside: Path) -> bool:
    """Tell whether a file is whole only once SQLite has undone what it would."""
    alone = _commits(path, path, check_whole, options="?immutable=1")
    with TemporaryDirectory() as folder:
        copy, copied_beside = Path(folder, path.name), Path(folder, beside.name)

        def undone(commits: Callable[[sqlite3.Connection], int]) -> int | None:
            shutil.copyfile(path, copy)
            shutil.copyfile(beside, copied_beside)
            return _commits(path, copy, commits)

        if alone is None and undone(check_whole) is None:
            raise damaged(path, f"{beside.name} does not make it whole")
        if alone is not None and (undone(_count) or 0) > alone:
            raise Invalid(f"is an earlier copy than {beside.name} beside it; put the newest one here", field=str(path))
    return alone is None


@contextmanager
def _alone_with(beside: Path) -> Iterator[None]:
    """Have no other process of ours look at what lies beside a file; raise `BlockingIOError` where one does."""
    with beside.open("rb") as file:
        if sys.platform != "win32":  # where a file that is open cannot be removed
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _is_undone(path: Path) -> bool:
    """Tell whether SQLite would undo something when it opens the file; raise its error where that is in use."""
    try:
        with closing(_opened(path, "?mode=ro")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise
        return bool(name == "SQLITE_READONLY_ROLLBACK")  # what else is wrong, is said when it is opened in earnest
    return False


def _commits(path: Path, place: Path, commits: Callable[[sqlite3.Connection], int], *, options: str = "") -> int | None:
    """Return the number of commits in the file as it lies in a place, None where it cannot be had."""
    try:
        with closing(_opened(place, options)) as connection:
            return 0 if is_new(path, connection) else commits(connection)
    except Invalid:  # it is of another program, or of another version
        raise
    except (sqlite3.Error, ValueError, TypeError, MemoryError):
        return None


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT commits FROM proof").fetchone()[0])


def _opened(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}{options}", uri=True, timeout=0, isolation_level=None)
