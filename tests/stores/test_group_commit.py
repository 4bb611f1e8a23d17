"""Group commits: what waits for a store gets its turn, whatever else is written meanwhile."""

import threading
import time
from collections.abc import Sequence

import anyio
import pytest
from attrs import define, field

from salesmanago_async.errors import JournalFailed
from salesmanago_async.stores.group_commit import GroupCommit, StoreLost

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


@define
class SlowStore:
    """A store whose commits take a moment of real time; it notes what it does."""

    name: str = "a store"
    failures: type[Exception] = StoreLost
    confirms_at_once: bool = False
    acts: list[str] = field(factory=list)
    lost: bool = False
    users: int = 0
    threads: set[int] = field(factory=set)

    def commit(self, changes: Sequence[int]) -> None:
        self._use("commit")

    def confirm(self) -> None:
        self._use("confirm")

    def close(self) -> None:
        self._use("close")

    def _use(self, act: str) -> None:
        self.users += 1
        assert self.users == 1, "two threads use the store at once"
        self.threads.add(threading.get_ident())
        time.sleep(0.002)
        self.users -= 1
        self.acts.append(act)
        if self.lost:
            raise StoreLost("it is lost")


async def test_a_confirmation_does_not_wait_for_the_end_of_writes_that_follow_each_other() -> None:
    store = SlowStore()
    commits: GroupCommit[SlowStore, int] = GroupCommit(store)

    async def write_a_hundred_times() -> None:
        for _ in range(100):
            await commits.write(1)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_a_hundred_times)
        while not store.users:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(
            write_a_hundred_times
        )  # during a commit: from now on, one of the two always waits for the next one
        while store.acts.count("commit") < 5:
            await anyio.lowlevel.checkpoint()
        before = len(store.acts)
        await commits.confirm()
        assert store.acts.index("confirm") <= before + 2
        tasks.cancel_scope.cancel()
    await commits.aclose()
    assert store.acts[-1] == "close"
    assert "close" not in store.acts[:-1]


async def test_closing_writes_what_waits() -> None:
    store = SlowStore()
    commits: GroupCommit[SlowStore, int] = GroupCommit(store)
    done: list[int] = []

    async def write(number: int) -> None:
        await commits.write(number)
        done.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(write, number)
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(commits.aclose)
    assert sorted(done) == [0, 1, 2]
    assert store.acts[-1] == "close"


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_store_that_is_lost_says_so_to_everyone(at_once: bool) -> None:
    store = SlowStore(lost=True, confirms_at_once=at_once)
    commits: GroupCommit[SlowStore, int] = GroupCommit(store)
    with pytest.raises(JournalFailed, match="a store cannot be used any longer: it is lost"):
        await commits.confirm()
    with pytest.raises(JournalFailed, match="a store cannot be written: it is lost"):
        await commits.write(1)
    with pytest.raises(JournalFailed, match="a store cannot be read: it is lost"):
        await commits.read(lambda store: store.confirm())
