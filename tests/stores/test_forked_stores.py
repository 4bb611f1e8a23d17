"""Journals, quotas and handled keys that were opened before a fork: the child shares none of them with its parent."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import run_in
from tests.serving import serving

pytestmark = [pytest.mark.ci, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]

COMMON = """
import anyio, os, sys, threading, time
from pathlib import Path

def in_child(act):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            act()
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    deadline = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.01)
    assert ended[1] == 0, ended
"""


def run(script: str, folder: Path, *arguments: object, environ: dict[str, str] | None = None) -> list[str]:
    """Run a script, and return what it prints."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", COMMON + script, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environ or {}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


JOURNALS = """
from salesmanago_async import JournalFailed
from salesmanago_async.outcome import Verdicts
from salesmanago_async.stores.addresses import journal_place
from salesmanago_async.stores.journal import open_journal
from salesmanago_async.stores.values import RowChecksums

place, identity = journal_place(sys.argv[1]), {"kind": "contacts"}

def rows(number):
    return RowChecksums.of([number], [b"item"])

async def try_all(journal):
    for act in (journal.confirm, lambda: journal.begin(rows(7)), lambda: journal.checksums(1), journal.aclose):
        try:
            await act()
            print("done")
        except JournalFailed as error:
            print("before this process was forked" in str(error))

async def main():
    journal, _ = await open_journal(place, identity, None)
    await journal.begin(rows(1))
    await anyio.to_thread.run_sync(in_child, lambda: anyio.run(try_all, journal))
    await journal.confirm()
    await journal.begin(rows(2))
    await journal.aclose()
    again, entries = await open_journal(place, identity, None)
    print([entry.spans for entry in entries])
    await again.aclose()

anyio.run(main)
"""


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest) -> str:
    return "run.db" if request.param == "file" else str(run_in(request.getfixturevalue("postgresql")))


def test_a_child_neither_reads_nor_writes_nor_closes_the_journal_of_its_parent(place: str, tmp_path: Path) -> None:
    shown = run(JOURNALS, tmp_path, place)
    assert shown == ["True", "True", "True", "done", "[((1, 1),), ((2, 2),)]"]


OPENING = """
from salesmanago_async.stores.journal import open_journal
from salesmanago_async.stores import sqlite

async def open_another():
    journal, _ = await open_journal(Path("other.db"), {"kind": "contacts"}, None)
    await journal.aclose()
    print("opened")

with sqlite._OPENING:  # as while another thread opens a file
    in_child(lambda: anyio.run(open_another))
anyio.run(open_another)
"""


def test_a_child_that_was_forked_while_a_file_was_being_opened_opens_its_own(tmp_path: Path) -> None:
    assert run(OPENING, tmp_path) == ["opened", "opened"]


QUOTAS = """
from salesmanago_async import SalesManago

async def main():
    async with SalesManago.from_env(quota=sys.argv[1]) as sm:
        await sm.tags.list()
        await anyio.to_thread.run_sync(in_child, lambda: anyio.run(sm.aclose))
        await anyio.sleep(0.5)
        for _ in range(20):
            with anyio.fail_after(2):
                print((await sm.tags.list()).success)

anyio.run(main)
"""


def test_a_quota_is_kept_by_the_parent(postgresql: str, tmp_path: Path) -> None:
    separator = "&" if "?" in postgresql else "?"
    with serving() as environ:
        shown = run(QUOTAS, tmp_path, f"{postgresql}{separator}quota=forked&slots=2&settle=30", environ=environ)
    assert shown == ["True"] * 20


SEEN = """
from salesmanago_async.integrations.livechat import Seen

seen, used = Seen("seen.db"), Seen("used.db")

async def add(name):
    await seen.add(name)
    print(await seen.has(name))

async def use():
    await used.add("a")

async def use_in_child():
    try:
        await used.has("a")
    except RuntimeError as error:
        print("before this process was forked" in str(error))
    used.close()

anyio.run(use)
for name in "ab":
    in_child(lambda: anyio.run(add, name))
in_child(lambda: anyio.run(use_in_child))

async def look():
    print([await seen.has(name) for name in "abc"], await used.has("a"))

anyio.run(look)
"""


def test_handled_keys_are_opened_by_each_child(tmp_path: Path) -> None:
    assert run(SEEN, tmp_path) == ["True", "True", "True", "[True, True, False] True"]
