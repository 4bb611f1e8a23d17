"""Journals that were hardly begun: killed between any two statements, or on a full disk. Nothing was sent yet.

`import` begins in such a journal as in a new one, and `resume` says that nothing was begun, or goes on with what was.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from salesmanago_async.stores.journal import read_note
from salesmanago_async.stores.refusals import NotBegun
from tests.cli.test_journal import limited

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]

QUICK = ("--poll-interval", "0.1")
IMPORT = ("import", "contacts", "people.csv", "--journal", "run.db", *QUICK)

KILLED_AT_EACH = """
import os, signal, sqlite3, sys
from pathlib import Path
import anyio, httpx
from salesmanago_async.stores.journal import open_journal
folder = Path(sys.argv[1])
connect = sqlite3.connect

def killed_at(most):
    count = 0
    def step(statement):
        nonlocal count
        count += 1
        if count == most:
            os.kill(os.getpid(), signal.SIGKILL)
    def traced(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(step)
        return connection
    sqlite3.connect = traced

for most in range(1, 1000):
    place = folder / str(most)
    place.mkdir()
    if not (child := os.fork()):
        killed_at(most)
        anyio.run(open_journal, place / "run.db", {"kind": "contacts"}, {"command": "mine"})
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def killed(folder: Path) -> list[Path]:
    """Return a folder for each statement of opening a journal: what is there where the process was killed before it."""
    subprocess.run([sys.executable, "-c", KILLED_AT_EACH, str(folder)], check=True, timeout=120)
    return sorted(folder.iterdir(), key=lambda path: int(path.name))


def content_of(folder: Path) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_journal_killed_at_any_statement_of_its_beginning_is_a_new_one(tmp_path: Path, run: Command) -> None:
    folders = killed(tmp_path)
    assert len(folders) > 20
    different = {content_of(folder): folder for folder in folders if any(folder.iterdir())}
    assert len(different) >= 3
    for number, folder in enumerate(different.values()):
        (folder / "people.csv").write_text(f"email\na{number}@begun.pl\n")
        again = shutil.copytree(folder, folder.with_name(f"{folder.name}-again"))
        resumed = run("resume", "run.db", folder=again)
        assert resumed.returncode == 2, resumed.stderr
        assert re.search("no import was begun in it|was not begun by", resumed.stderr), resumed.stderr
        ended = run(*IMPORT, folder=folder)
        assert (ended.returncode, ended.stderr) == (0, ""), folder.name
        assert run("resume", "run.db", folder=folder).returncode == 0


def test_alone_or_with_what_is_beside_it_none_of_them_is_damaged(tmp_path: Path) -> None:
    for folder in killed(tmp_path):
        for beside in folder.glob("run.db-journal"):
            if not beside.stat().st_size:
                beside.unlink()
        if (folder / "run.db").exists():
            try:
                assert read_note(folder / "run.db") == {"command": "mine"}
            except NotBegun:
                continue


@pytest.mark.skipif(sys.platform == "win32", reason="limits are set by a shell")
@pytest.mark.parametrize("blocks", [4, 12, 20])
def test_a_journal_begun_on_a_full_disk_is_a_new_one(
    blocks: int, bare: Mapping[str, str], served: Mapping[str, str], salesmanago: Command, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text("email\na@full.pl\n")
    stopped = subprocess.run(
        limited(blocks, *IMPORT), cwd=tmp_path, env={**bare, **served}, capture_output=True, timeout=60, check=False
    )
    assert stopped.returncode == 2, stopped.stderr
    assert b"run.db" in stopped.stderr
    assert b"damaged" not in stopped.stderr
    assert b"Traceback" not in stopped.stderr
    resumed = salesmanago("resume", "run.db")
    assert resumed.returncode == 2
    assert "no import was begun in it" in resumed.stderr
    ended = salesmanago(*IMPORT)
    assert (ended.returncode, ended.stderr) == (0, "")
