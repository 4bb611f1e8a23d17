"""Many entries are polled when they are due, by a few workers."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.poll_times import EARLY_WAIT, MOST_FRUITLESS, EarlyPolls
from salesmanago_async.polling import JobScheduler, PollResult
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]

INTERVAL = 60.0

PollEntry = Callable[[int], Awaitable[PollResult]]


@define
class Polls:
    """Polls entries, each settled at poll number `needed`; records when each poll began and ended."""

    needed: Callable[[int], int] = lambda _: 1
    seconds: float = 0.0
    otherwise: PollResult = "running"
    begun: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    ended: defaultdict[int, list[float]] = field(factory=lambda: defaultdict(list))
    concurrent: int = 0
    most_concurrent: int = 0

    async def __call__(self, entry: int) -> PollResult:
        self.begun[entry].append(anyio.current_time())
        self.concurrent += 1
        self.most_concurrent = max(self.concurrent, self.most_concurrent)
        await anyio.sleep(self.seconds)
        self.concurrent -= 1
        self.ended[entry].append(anyio.current_time())
        return "settled" if len(self.begun[entry]) >= self.needed(entry) else self.otherwise


class Polling(JobScheduler[int]):
    """A scheduler of entries that are all polled by one function."""

    def __init__(self, poll: PollEntry, connection: Any, *, outstanding: int) -> None:
        super().__init__(connection, outstanding=outstanding)
        self._poll = poll

    async def poll_entries(self) -> None:
        """Work with that function."""
        await self.work(self._poll)


@pytest.fixture
def make_scheduler(make_client: MakeClient, simulator: Simulator) -> Callable[..., "Polling"]:
    client = make_client(simulator, poll_interval=INTERVAL)

    def make_scheduler(poll: PollEntry, *, outstanding: int = 10_000) -> Polling:
        return Polling(poll, client._connection, outstanding=outstanding)

    return make_scheduler


MakeScheduler = Callable[..., Polling]


async def follow(scheduler: Polling, entries: int, *, workers: int) -> None:
    """Add the entries while the workers poll, and wait until all are settled."""
    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(scheduler.poll_entries)
        for entry in range(entries):
            await scheduler.add(entry)
        scheduler.close()


@pytest.mark.parametrize(("entries", "workers", "seconds"), [(1, 1, 0.0), (50, 1, 3.0), (200, 4, 0.5), (7, 20, 10.0)])
async def test_no_entry_is_polled_sooner_than_an_interval_after_its_last_poll(
    make_scheduler: MakeScheduler, entries: int, workers: int, seconds: float
) -> None:
    polls = Polls(lambda entry: 1 + entry % 4, seconds)
    scheduler = make_scheduler(polls)
    await follow(scheduler, entries, workers=workers)
    assert {entry: len(begun) for entry, begun in polls.begun.items()} == {n: 1 + n % 4 for n in range(entries)}
    for entry in range(entries):
        since = [0.0, *polls.ended[entry]]
        waits = [begun - ended for begun, ended in zip(polls.begun[entry], since, strict=False)]
        assert min(waits) >= INTERVAL
    assert polls.most_concurrent <= workers
    assert scheduler.held == 0


async def test_with_spare_workers_no_entry_waits_much_longer_than_its_interval(
    make_scheduler: MakeScheduler,
) -> None:
    polls = Polls(lambda _: 3)
    await follow(make_scheduler(polls), 100, workers=4)
    for begun in polls.begun.values():
        first, second, third = (later - earlier for earlier, later in zip([0.0, *begun], begun, strict=False))
        assert max(first, second) <= INTERVAL * 1.1
        assert third <= 2 * INTERVAL * 1.1, "two polls have found a long job"
    assert len({begun[0] for begun in polls.begun.values()}) > 90, "jobs started together are polled apart"


@pytest.mark.sampled
async def test_thousands_of_entries_need_few_workers(make_scheduler: MakeScheduler) -> None:
    polls = Polls(lambda _: 2, seconds=0.01)
    await follow(make_scheduler(polls), 3000, workers=3)
    assert sum(map(len, polls.begun.values())) == 6000
    assert polls.most_concurrent == 3


async def test_add_waits_for_capacity(make_scheduler: MakeScheduler) -> None:
    polls = Polls(lambda _: 2)
    scheduler = make_scheduler(polls, outstanding=3)
    added: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scheduler.poll_entries)
        for entry in range(7):
            await scheduler.add(entry)
            added.append(anyio.current_time())
            assert scheduler.held <= 3
        scheduler.close()
    assert added[:3] == [0.0] * 3
    # An entry is settled by its second poll, at 120 to 126 seconds (5 % jitter); then there is capacity for one more.
    assert all(120 <= moment <= 126 for moment in added[3:6])
    assert 240 <= added[6] <= 252
    assert len(polls.begun) == 7


async def test_two_that_wait_for_the_same_place_do_not_both_get_it(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(Polls(), outstanding=1)
    most = 0

    async def add(entry: int) -> None:
        nonlocal most
        await scheduler.add(entry)
        most = max(most, scheduler.held)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scheduler.poll_entries)
        async with anyio.create_task_group() as adding:
            for entry in range(5):
                adding.start_soon(add, entry)
        scheduler.close()
    assert most == 1


async def test_poll_all_now_polls_everything_immediately(make_scheduler: MakeScheduler) -> None:
    polls = Polls()
    scheduler = make_scheduler(polls)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scheduler.poll_entries)
        for entry in range(20):
            await scheduler.add(entry)
        await anyio.sleep(10)
        assert polls.begun == {}
        scheduler.poll_all_now()
        scheduler.close()
    assert {tuple(begun) for begun in polls.begun.values()} == {(10.0,)}
    assert len(polls.begun) == 20


async def test_work_ends_when_closed_and_not_before(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(Polls(lambda _: 2))
    ended: list[float] = []

    async def work() -> None:
        await scheduler.poll_entries()
        ended.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(work)
        await scheduler.add(1)
        await anyio.sleep(1000)
        assert scheduler.held == 0
        assert ended == []
        await scheduler.add(2)
        scheduler.close()
        await anyio.sleep(30)
        assert ended == []
    assert len(ended) == 3
    assert all(1120 <= moment <= 1126 for moment in ended)


async def test_work_without_entries_ends_immediately_when_closed(make_scheduler: MakeScheduler) -> None:
    await follow(make_scheduler(Polls()), 0, workers=3)
    assert anyio.current_time() == 0.0


# Long jobs, and early polls


@pytest.mark.parametrize(
    ("otherwise", "outstanding", "entries", "gaps"),
    [
        pytest.param("running", 10, 2, [1, 1, 2, 2, 2], id="a long job"),
        pytest.param("unclear", 10, 2, [1, 1, 1, 1, 1], id="polls that say nothing"),
        pytest.param("running", 1, 2, [1, 1, 1, 1, 1], id="a long job that keeps another one waiting"),
        pytest.param("running", 1, 1, [1, 1, 2, 2, 2], id="no other one waits for the last place"),
    ],
)
async def test_a_long_job_is_polled_less_often_unless_others_wait_for_its_place(
    make_scheduler: MakeScheduler, otherwise: PollResult, outstanding: int, entries: int, gaps: list[int]
) -> None:
    polls = Polls(lambda _: 5, otherwise=otherwise)
    await follow(make_scheduler(polls, outstanding=outstanding), entries, workers=2)
    waits = [later - earlier for earlier, later in zip([0.0, *polls.begun[0]], polls.begun[0], strict=False)]
    assert [round(wait / INTERVAL) for wait in waits] == gaps
    assert all(gap <= wait / INTERVAL <= 1.05 * gap for gap, wait in zip(gaps, waits, strict=True))


@define
class JobsOf:
    """Jobs that run for some seconds; counts their polls, and records when each was found ended."""

    seconds: Callable[[int], float]
    begun: dict[int, float] = field(factory=dict)
    polls: Counter[int] = field(factory=Counter)
    ended: dict[int, float] = field(factory=dict)

    async def __call__(self, entry: int) -> PollResult:
        self.polls[entry] += 1
        await anyio.sleep(0.2)
        if anyio.current_time() < self.begun[entry] + self.seconds(entry):
            return "running"
        self.ended[entry] = anyio.current_time()
        return "settled"

    async def follow(self, scheduler: Polling, count: int, *, a_second: float) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(scheduler.workers):
                tasks.start_soon(scheduler.poll_entries)
            for entry in range(count):
                await scheduler.wait_for_capacity()
                self.begun[entry] = anyio.current_time()
                scheduler.add_nowait(entry, early=EARLY_WAIT)
                await anyio.sleep(1 / a_second)
            scheduler.close()

    @property
    def extra(self) -> int:
        """The polls that found a job running."""
        return self.polls.total() - len(self.ended)


@pytest.mark.parametrize("count", [1, 10, 400])
async def test_jobs_of_seconds_are_found_ended_in_seconds_with_one_poll_each(
    make_scheduler: MakeScheduler, count: int
) -> None:
    jobs = JobsOf(lambda _: 1.0)
    await jobs.follow(make_scheduler(jobs), count, a_second=40.0)
    assert jobs.polls == dict.fromkeys(range(count), 1)
    assert max(jobs.ended.values()) <= count / 40.0 + EARLY_WAIT + 3.0


@pytest.mark.parametrize("count", [1, 10, 400])
async def test_early_polls_end_when_they_find_jobs_running(make_scheduler: MakeScheduler, count: int) -> None:
    jobs = JobsOf(lambda _: 20.0)
    await jobs.follow(make_scheduler(jobs), count, a_second=40.0)
    assert jobs.extra == min(count, MOST_FRUITLESS)
    late = [jobs.ended[entry] - jobs.begun[entry] for entry in range(count)]
    assert max(late) <= EARLY_WAIT + 1.05 * INTERVAL + 1.0


@given(seconds=st.lists(st.sampled_from([1.0, 20.0, 100.0, 500.0]), max_size=60))
def test_early_polls_cost_at_most_ten_requests_more_than_they_save(seconds: list[float]) -> None:
    """Compared with the regular polls of each job, whatever the order of quick and slow jobs."""
    early = EarlyPolls()
    fruitless = 0
    for each in seconds:
        if early.are_worthwhile:
            early.begin()
            if each <= EARLY_WAIT:
                early.found_ended()
            else:
                fruitless += 1
    assert fruitless <= MOST_FRUITLESS + sum(each <= EARLY_WAIT for each in seconds)
