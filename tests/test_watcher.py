"""The watcher: what is due is looked at, by few, however many there are."""

from collections import defaultdict
from collections.abc import Awaitable, Callable

import anyio
import pytest
from attrs import define, field

from salesmanago_async._watcher import JobWatcher
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]

INTERVAL = 60.0

Look = Callable[[int], Awaitable[bool]]


@define
class Looks:
    """Looks at entries, each settled at look number `needed`; notes when each look began and ended."""

    needed: Callable[[int], int] = lambda _: 1
    seconds: float = 0.0
    begun: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    ended: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, entry: int) -> bool:
        self.begun[entry].append(anyio.current_time())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await anyio.sleep(self.seconds)
        self.at_once -= 1
        self.ended[entry].append(anyio.current_time())
        return len(self.begun[entry]) >= self.needed(entry)


@pytest.fixture
def watch(make_client: MakeClient, simulator: Simulator) -> Callable[..., JobWatcher[int]]:
    client = make_client(simulator, poll_interval=INTERVAL)

    def watch(look: Look, *, outstanding: int = 10_000) -> JobWatcher[int]:
        return JobWatcher(look, connection=client._connection, outstanding=outstanding)

    return watch


Watch = Callable[..., JobWatcher[int]]


async def follow(watcher: JobWatcher[int], entries: int, *, workers: int) -> None:
    """Add the entries while the workers look, and wait until all are settled."""
    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(watcher.work)
        for entry in range(entries):
            await watcher.add(entry)
        watcher.close()


@pytest.mark.parametrize(("entries", "workers", "seconds"), [(1, 1, 0.0), (50, 1, 3.0), (200, 4, 0.5), (7, 20, 10.0)])
async def test_no_entry_is_looked_at_sooner_than_an_interval_after_its_last_look(
    watch: Watch, entries: int, workers: int, seconds: float
) -> None:
    looks = Looks(lambda entry: 1 + entry % 4, seconds)
    watcher = watch(looks)
    await follow(watcher, entries, workers=workers)
    assert {entry: len(begun) for entry, begun in looks.begun.items()} == {n: 1 + n % 4 for n in range(entries)}
    for entry in range(entries):
        since = [0.0, *looks.ended[entry]]
        waits = [begun - ended for begun, ended in zip(looks.begun[entry], since, strict=False)]
        assert min(waits) >= INTERVAL
    assert looks.most_at_once <= workers
    assert watcher.held == 0


async def test_with_workers_to_spare_no_entry_waits_much_longer_than_its_interval(watch: Watch) -> None:
    looks = Looks(lambda _: 3)
    await follow(watch(looks), 100, workers=4)
    for begun in looks.begun.values():
        waits = [later - earlier for earlier, later in zip([0.0, *begun], begun, strict=False)]
        assert max(waits) <= INTERVAL * 1.1
    assert len({begun[0] for begun in looks.begun.values()}) > 90, "jobs started together are not asked for together"


async def test_thousands_of_entries_need_few_workers(watch: Watch) -> None:
    looks = Looks(lambda _: 2, seconds=0.01)
    await follow(watch(looks), 3000, workers=3)
    assert sum(map(len, looks.begun.values())) == 6000
    assert looks.most_at_once == 3


async def test_add_waits_for_room(watch: Watch) -> None:
    looks = Looks(lambda _: 2)
    watcher = watch(looks, outstanding=3)
    added: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        for entry in range(7):
            await watcher.add(entry)
            added.append(anyio.current_time())
            assert watcher.held <= 3
        watcher.close()
    assert added[:3] == [0.0] * 3
    # An entry is settled by its second look, at 120 to 126 seconds (5 % jitter); then there is room for one more.
    assert all(120 <= moment <= 126 for moment in added[3:6])
    assert 240 <= added[6] <= 252
    assert len(looks.begun) == 7


async def test_two_that_wait_for_the_same_room_do_not_both_get_it(watch: Watch) -> None:
    watcher = watch(Looks(), outstanding=1)
    most = 0

    async def add(entry: int) -> None:
        nonlocal most
        await watcher.add(entry)
        most = max(most, watcher.held)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        async with anyio.create_task_group() as adding:
            for entry in range(5):
                adding.start_soon(add, entry)
        watcher.close()
    assert most == 1


async def test_hurry_has_everything_looked_at_now(watch: Watch) -> None:
    looks = Looks()
    watcher = watch(looks)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher.work)
        for entry in range(20):
            await watcher.add(entry)
        await anyio.sleep(10)
        assert looks.begun == {}
        watcher.hurry()
        watcher.close()
    assert {tuple(begun) for begun in looks.begun.values()} == {(10.0,)}
    assert len(looks.begun) == 20


async def test_work_ends_when_closed_and_not_before(watch: Watch) -> None:
    watcher = watch(Looks(lambda _: 2))
    ended: list[float] = []

    async def work() -> None:
        await watcher.work()
        ended.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
        await watcher.add(1)
        await anyio.sleep(1000)
        assert watcher.held == 0
        assert ended == []
        await watcher.add(2)
        watcher.close()
        await anyio.sleep(30)
        assert ended == []
    assert len(ended) == 3
    assert all(1120 <= moment <= 1126 for moment in ended)


async def test_work_without_entries_ends_at_once_when_closed(watch: Watch) -> None:
    await follow(watch(Looks()), 0, workers=3)
    assert anyio.current_time() == 0.0
