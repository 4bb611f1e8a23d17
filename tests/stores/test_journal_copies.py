"""Journals and queues that were killed, copied in part, cut, damaged and mixed: nothing that was written is forgotten.

Whatever is done to the files, opening one either fails with a message that names the file, or returns every line whose
commit had returned, as it was written last.
"""

import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

import anyio
import pytest
from attrs import define, field, frozen

from salesmanago_async import Invalid
from salesmanago_async.outcome import Verdicts
from salesmanago_async.stores.journal import open_journal
from salesmanago_async.stores.journal_rows import SqliteJournal
from salesmanago_async.stores.queue import StoredQueue
from salesmanago_async.stores.queue_rows import SqliteQueue
from salesmanago_async.stores.values import RowChecksums

IDENTITY: Mapping[str, Any] = {"server": "app2.salesmanago.com", "account": "5cd3", "kind": "contacts"}
MAGIC = bytes.fromhex("d9d505f920a163d7")
"""The first bytes of the file from which SQLite rolls back half a transaction."""
PAGE, SECTOR = 4096, 512
RANK = {"not_sent": 0, "in_doubt": 1, "submitted": 2, "accepted": 3}
"""States in the order in which the writers below write them."""

LineStates = dict[int, str]
"""The state of each line."""


def lines_of_journal(path: Path) -> LineStates:
    store, entries = SqliteJournal.open(path, IDENTITY, None)
    store.close()
    return {entry.number: entry.state for entry in entries}


def lines_of_queue(path: Path) -> LineStates:
    store, lines = SqliteQueue.open(path, IDENTITY)
    store.close()
    return {line.number: line.state for line in lines}


def read_or_refused(read: Callable[[Path], LineStates], path: Path) -> LineStates | None:
    """Return the content of a file; None if it is refused with a message that names it."""
    try:
        return read(path)
    except Invalid as raised:
        error = raised
    assert error.field == str(path)
    assert error.rule
    return None


def misses(found: LineStates, written: LineStates) -> list[int]:
    """Return the lines that were written and are missing, or are there in an earlier state."""
    return [number for number, state in written.items() if RANK[found.get(number, "not_sent")] < RANK[state]]


@define
class Place:
    """A folder in which damaged copies are opened, each in its own folder."""

    folder: Path
    numbers: Iterator[int] = field(factory=count)

    def put(self, main: bytes | None, second: bytes | None) -> Path:
        folder = self.folder / f"copy-{next(self.numbers)}"
        folder.mkdir()
        if main is not None:
            (folder / "run.db").write_bytes(main)
        if second is not None:
            (folder / "run.db-journal").write_bytes(second)
        return folder / "run.db"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# Half a commit, made by this test: any of the changed pages may have been written


@frozen
class Commit:
    """The file before and after a commit, and what had been written by then."""

    before: bytes
    after: bytes
    written: LineStates

    def changed(self) -> list[int]:
        """Return the pages that it changes or adds, from 1."""
        pages = range(1, max(len(self.before), len(self.after)) // PAGE + 1)
        return [page for page in pages if page_of(self.before, page) != page_of(self.after, page)]

    def half(self, pages: list[int]) -> bytes:
        """Return the file when only these pages have been written."""
        content = bytearray(self.before)
        for page in pages:
            content.extend(bytes(max(0, page * PAGE - len(content))))
            content[(page - 1) * PAGE : page * PAGE] = page_of(self.after, page)
        return bytes(content)

    def second_file(self, nonce: int = 0x5EED) -> bytes:
        """Return SQLite's rollback journal during the commit: the pages as they were, each with its checksum."""
        old = [page for page in self.changed() if page * PAGE <= len(self.before)]
        header = struct.pack(">8s5I", MAGIC, len(old), nonce, len(self.before) // PAGE, SECTOR, PAGE)
        records = (record(page, page_of(self.before, page), nonce) for page in old)
        return header.ljust(SECTOR, b"\0") + b"".join(records)


def page_of(content: bytes, page: int) -> bytes:
    return content[(page - 1) * PAGE : page * PAGE]


def record(page: int, content: bytes, nonce: int) -> bytes:
    checksum = nonce + sum(content[place] for place in range(PAGE - 200, 0, -200))
    return struct.pack(">I", page) + content + struct.pack(">I", checksum & 0xFFFFFFFF)


class Recorder:
    """Makes commits, and keeps each: the file before and after it, and what had been written by then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: LineStates = {}
        self.commits: list[Commit] = []

    async def step(self, write: Awaitable[Any], numbers: Iterable[int], state: str | None) -> None:
        """Make a commit after which these lines are in that state, or gone."""
        before = self._path.read_bytes()
        await write
        gone = {} if state else dict.fromkeys(numbers, "")
        stays = {number: state for number, state in self._lines.items() if number not in gone}
        self.commits.append(Commit(before, self._path.read_bytes(), stays))  # a deleted line may be gone already
        self._lines = {**stays, **dict.fromkeys(numbers, state)} if state else stays


async def commits_of_a_journal(path: Path) -> list[Commit]:
    journal, _ = await open_journal(path, IDENTITY, None)
    recorder = Recorder(path)
    for number in range(1, 13):
        positions = range(1000 * number, 1000 * number + (700 if number % 3 == 0 else 20))
        marks = RowChecksums.of(positions, [b"%d" % one for one in positions])
        await recorder.step(journal.begin(marks), [number], "in_doubt")
        if number % 2:
            await recorder.step(journal.submitted(number, 1000 + number), [number], "submitted")
        else:
            await recorder.step(journal.settle(number, Verdicts("accepted"), positions), [number], "accepted")
    await journal.aclose()
    return recorder.commits


async def commits_of_a_queue(path: Path) -> list[Commit]:
    queue, _ = await StoredQueue.open(path, IDENTITY)
    recorder = Recorder(path)
    for number in range(1, 25):
        item = b'{"contact":{"email":"c%d@example.com","name":"%s"}}' % (number, b"n" * (60 * number % 900))
        await recorder.step(queue.insert(number, item), [number], "not_sent")
        if number % 4 == 0:
            sent = range(number - 3, number + 1)
            await recorder.step(queue.mark(sent, "in_doubt", chunk=number), sent, "in_doubt")
            await recorder.step(queue.mark(sent, "submitted", number, 7), sent, "submitted")
        if number % 8 == 0:
            await recorder.step(queue.delete(range(number - 7, number - 3)), range(number - 7, number - 3), None)
    await queue.aclose()
    return recorder.commits


@frozen
class Kind:
    """A kind of file: how it is read, and its commits."""

    read: Callable[[Path], LineStates]
    commits: Sequence[Commit]


KINDS = {"journal": (lines_of_journal, commits_of_a_journal), "queue": (lines_of_queue, commits_of_a_queue)}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kind:
    read, commits = KINDS[request.param]
    return Kind(read, anyio.run(commits, tmp_path_factory.mktemp("whole") / "run.db"))


def check(kind: Kind, path: Path, written: LineStates, how: str) -> LineStates | None:
    """Open a damaged copy, and check that nothing is forgotten; return its content, None if it is refused."""
    found = read_or_refused(kind.read, path)
    if found is not None:
        assert not misses(found, written), f"{how}: {misses(found, written)} are forgotten"
    shutil.rmtree(path.parent)
    return found


@pytest.mark.ci
def test_a_rollback_journal_undoes_half_a_commit(kind: Kind, place: Place) -> None:
    """The files made by this test are like those of SQLite. A file that is complete already is kept."""
    random = Random(1)
    for commit in kind.commits:
        changed = commit.changed()
        for pages in ([], changed, random.sample(changed, random.randint(0, len(changed)))):
            path = place.put(commit.half(pages), commit.second_file())
            is_whole = read_or_refused(kind.read, place.put(commit.half(pages), None)) is not None
            either = [kind.read(place.put(content, None)) for content in (commit.before, commit.after)]
            assert kind.read(path) in (either if is_whole else either[:1])


def test_the_main_file_alone_is_enough_after_each_commit(kind: Kind, place: Place) -> None:
    for commit in kind.commits:
        found = check(kind, place.put(commit.before, None), commit.written, "before")
        assert found is not None
        assert check(kind, place.put(commit.after, None), commit.written, "after") is not None


def test_half_a_commit_without_its_rollback_journal_is_refused_or_forgets_nothing(kind: Kind, place: Place) -> None:
    random = Random(2)
    refused = 0
    for commit in kind.commits:
        changed = commit.changed()
        assert len(changed) > 1
        for _ in range(6):
            pages = random.sample(changed, random.randint(1, len(changed) - 1))
            found = check(kind, place.put(commit.half(pages), None), commit.written, f"pages {pages} of {changed}")
            refused += found is None
    assert refused > len(kind.commits)


def test_pages_of_an_earlier_time_are_noticed_or_nothing_is_forgotten(kind: Kind, place: Place) -> None:
    """For example, writes that a disk has lost."""
    last = kind.commits[-1]
    for earlier in kind.commits[:-1]:
        for page in Commit(last.after, earlier.before, {}).changed():
            if page_of(earlier.before, page) and page_of(last.after, page):
                older = Commit(last.after, earlier.before, {}).half([page])
                check(kind, place.put(older, None), last.written, f"page {page}")


@pytest.mark.ci
def test_a_rollback_journal_may_be_cut_and_damaged_anywhere(kind: Kind, place: Place) -> None:
    random = Random(3)
    for commit in kind.commits:
        changed, second = commit.changed(), commit.second_file()
        for _ in range(12):
            main = commit.half(random.sample(changed, random.randint(0, len(changed))))
            spoilt = random.choice([cut, flipped])(second, random)
            check(kind, place.put(main, spoilt), commit.written, "a spoilt second file")


@pytest.mark.ci
def test_a_main_file_may_be_cut_and_damaged_anywhere(kind: Kind, place: Place) -> None:
    random = Random(4)
    for commit in kind.commits:
        for second in (None, commit.second_file()):
            for spoil in (cut, flipped, flipped):
                main = spoil(commit.after, random)
                if main:  # else there is no file, which is a new one
                    check(kind, place.put(main, second), commit.written, f"{spoil.__name__} with {bool(second)}")


def cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def flipped(content: bytes, random: Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(random.choice([1, 1, 3])):
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
    return bytes(spoilt)


@pytest.mark.sampled
def test_a_complete_file_keeps_its_content_whatever_its_rollback_journal(kind: Kind, place: Place) -> None:
    """It was used elsewhere and put back to where it was killed; or the power failed before the removal."""
    last = kind.commits[-1]
    for earlier in kind.commits:
        for second in (earlier.second_file(), cut(earlier.second_file(), Random(6))):
            found = check(kind, place.put(last.after, second), last.written, "an earlier second file")
            assert found == kind.read(place.put(last.after, None))


def test_an_earlier_copy_is_refused_if_its_rollback_journal_belongs_to_a_later_one(kind: Kind, place: Place) -> None:
    last = kind.commits[-1]
    for earlier in kind.commits[:-2]:
        path = place.put(earlier.before, last.second_file())
        with pytest.raises(Invalid, match=r"earlier copy than run\.db-journal|damaged"):
            kind.read(path)
        assert path.read_bytes() == earlier.before


def test_what_is_refused_stays_as_it_is_until_the_right_file_is_there(kind: Kind, place: Place) -> None:
    commit = next(one for one in kind.commits if len(one.changed()) > 2)
    main, second = commit.half(commit.changed()[:2]), commit.second_file()
    path = place.put(main, second[: len(second) // 2])
    with pytest.raises(Invalid, match=r"run\.db-journal"):
        kind.read(path)
    assert path.read_bytes() == main
    path.with_name("run.db-journal").write_bytes(second)
    assert not misses(kind.read(path), commit.written)


def test_a_file_that_sqlite_would_take_for_newer_writes_is_refused(kind: Kind, place: Place) -> None:
    path = place.put(kind.commits[-1].after, None)
    Path(f"{path}-wal").write_bytes(b"")
    with pytest.raises(Invalid, match=r"run\.db-wal"):
        kind.read(path)


# Real kills

WRITERS = {
    "journal": """
async def work():
    journal, entries = await open_journal(path, what, None)
    print("open", *(f"{entry.number}:{entry.state}" for entry in entries), flush=True)
    numbers = count(max((entry.number for entry in entries), default=0) + 1)
    async def one():
        while True:
            first = 1000 * next(numbers)
            marks = RowChecksums.of(range(first, first + 1000), [b"x"] * 1000)
            number = await journal.begin(marks)
            print(f"{number}:in_doubt", flush=True)
            await journal.submitted(number, number)
            print(f"{number}:submitted", flush=True)
            await journal.settle(number, Verdicts("accepted"), [])
            print(f"{number}:accepted", flush=True)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(one)
""",
    "queue": """
async def work():
    queue, lines = await StoredQueue.open(path, what)
    print("open", *(f"{line.number}:{line.state}" for line in lines), flush=True)
    numbers = count(max((line.number for line in lines), default=0) + 1)
    async def one():
        while True:
            number = next(numbers)
            await queue.insert(number, b'{"contact":{"email":"%d"}}' % number)
            print(f"{number}:not_sent", flush=True)
            await queue.mark([number], "in_doubt", chunk=number)
            print(f"{number}:in_doubt", flush=True)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
""",
}
FRAME = """
import sys
from itertools import count
from pathlib import Path
import anyio
from salesmanago_async.stores.queue import StoredQueue
from salesmanago_async.stores.queue_rows import SqliteQueue
from salesmanago_async.stores.journal import open_journal
from salesmanago_async.stores.values import RowChecksums
from salesmanago_async.outcome import Verdicts
path, what = Path(sys.argv[1]), {what}
{work}
anyio.run(work)
"""


def killed_after(seconds: float, name: str, path: Path) -> LineStates:
    """Run a process that writes until it is killed; return what its commits had returned for."""
    code = FRAME.format(what=dict(IDENTITY), work=WRITERS[name])
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        opened = process.stdout.readline().split()
        assert opened[:1] == ["open"]
        time.sleep(seconds)
        process.kill()
        told = opened[1:] + process.stdout.read().splitlines()
    assert process.returncode == -SIGKILL
    lines: LineStates = {}
    for line in told:
        number, _, state = line.partition(":")
        if state in RANK:  # the last line may be cut
            lines[int(number)] = state
    return lines


@pytest.mark.ci
@pytest.mark.parametrize("name", ["journal", "queue"])
def test_a_killed_process_leaves_a_main_file_that_is_enough_alone(name: str, place: Place) -> None:
    """Killed, copied alone and with its rollback journal, damaged, and resumed from what was left, again and again."""
    read = {"journal": lines_of_journal, "queue": lines_of_queue}[name]
    random = Random(5)
    path = place.put(None, None)
    whole = 0
    for _ in range(8):
        written = killed_after(random.uniform(0.05, 0.3), name, path)
        assert len(written) > 3
        beside = path.with_name("run.db-journal")
        main, second = path.read_bytes(), beside.read_bytes() if beside.exists() else None
        together = read(place.put(main, second))
        assert not misses(together, written)
        alone = read_or_refused(read, place.put(main, None))
        assert alone is None or not misses(alone, written)
        whole += alone is not None
        for spoil in (cut, flipped):
            spoilt = place.put(main, spoil(second, random) if second else None)
            found = read_or_refused(read, spoilt)
            assert found is None or not misses(found, written)
    assert whole > 0
