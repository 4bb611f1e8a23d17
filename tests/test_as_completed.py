"""`as_completed`: many jobs are polled together, and each is yielded once, when it is over."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator

import anyio
import httpx
import orjson
import pytest
from attrs import define, field

from salesmanago_async import Job, JobFailed, JobNotFound, NotAuthenticated
from tests.conftest import MakeClient

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


@define
class Account(httpx.AsyncBaseTransport):
    """Jobs that end at different times; those with a number in `failing` fail."""

    over_at: dict[int, float]
    failing: frozenset[int] = frozenset()
    link_seconds: float = 300.0
    refusal: str | None = None
    polls: Counter[int] = field(factory=Counter)
    at_once: int = 0
    most_at_once: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/files/"):
            return self._file(request.url.path.removeprefix("/files/"))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await anyio.sleep(0.1)
        self.at_once -= 1
        number = orjson.loads(request.content)["requestId"]
        self.polls[number] += 1
        return httpx.Response(200, json=self._answer(number))

    def _answer(self, number: int) -> dict[str, object]:
        if self.refusal:
            return {"success": False, "message": [self.refusal]}
        if anyio.current_time() < self.over_at[number]:
            return {"success": True, "message": ["Job not start yet"]}
        if number in self.failing:
            return {"success": False, "message": ["Job failed: disk full"]}
        until = anyio.current_time() + self.link_seconds
        return {"success": True, "message": [], "fileUrl": f"https://files.example.com/files/{number}/{until}"}

    def _file(self, path: str) -> httpx.Response:
        number, until = path.split("/")
        dead = anyio.current_time() > float(until)
        return httpx.Response(403) if dead else httpx.Response(200, content=f'[{{"job":{number}}}]'.encode())


async def record_of(job: Job[object]) -> object:
    async with job.records(raw=True) as records:
        return [record async for record in records]


async def test_each_job_is_yielded_once_when_it_is_over(make_client: MakeClient) -> None:
    account = Account({number: 30.0 * number for number in range(8)})
    given = []
    async with (
        make_client(None, transport=account) as sm,
        sm.jobs.as_completed(map(sm.jobs.attach, account.over_at)) as finished,
    ):
        async for job in finished:
            given.append((job.request_id, anyio.current_time()))
            assert await record_of(job) == [{"job": job.request_id}]
    assert sorted(number for number, _ in given) == list(account.over_at)
    for number, moment in given:
        over_at = account.over_at[number]
        assert over_at <= moment <= over_at + (65 if over_at <= 120 else 130), "an interval, or two for a long job"


@pytest.mark.ci
async def test_thousands_are_followed_by_few_workers_and_less_often_once_they_are_long(make_client: MakeClient) -> None:
    account = Account(dict.fromkeys(range(300), 600.0))
    async with (
        make_client(None, transport=account, concurrency=50) as sm,
        sm.jobs.as_completed(map(sm.jobs.attach, account.over_at), outstanding=300) as finished,
    ):
        given = Counter([job.request_id async for job in finished])
    assert given == Counter(range(300))
    assert account.most_at_once <= 50
    assert 6 <= min(account.polls.values()) <= max(account.polls.values()) <= 8


async def test_the_reported_link_is_used_without_another_poll(make_client: MakeClient) -> None:
    account = Account({1: 100.0})
    async with make_client(None, transport=account) as sm, sm.jobs.as_completed([sm.jobs.attach(1)]) as finished:
        job = await anext(finished)
        assert account.polls[1] == 3
        assert await record_of(job) == [{"job": 1}]
        assert account.polls[1] == 3
        assert await record_of(job) == [{"job": 1}]
        assert account.polls[1] == 4


async def test_the_link_that_dies_first_is_yielded_first_and_no_dead_link_stops_a_slow_consumer(
    make_client: MakeClient,
) -> None:
    account = Account({number: float(number) for number in range(40)}, link_seconds=20.0)
    given = []
    async with (
        make_client(None, transport=account, concurrency=1, poll_interval=1.0) as sm,
        sm.jobs.as_completed(map(sm.jobs.attach, account.over_at)) as finished,
    ):
        async for job in finished:
            await anyio.sleep(30.0)
            assert await record_of(job) == [{"job": job.request_id}]
            given.append(job.request_id)
    assert sorted(given) == list(account.over_at)
    assert given[:4] == [0, 1, 2, 3]


async def test_a_failed_job_is_yielded_too_and_opening_it_raises_the_reason(make_client: MakeClient) -> None:
    account = Account({1: 0.0, 2: 0.0}, failing=frozenset({1}))
    outcomes = {}
    async with (
        make_client(None, transport=account) as sm,
        sm.jobs.as_completed(map(sm.jobs.attach, [1, 2])) as finished,
    ):
        async for job in finished:
            try:
                outcomes[job.request_id] = await record_of(job)
            except JobFailed as error:
                outcomes[job.request_id] = error.messages
    assert outcomes == {1: ("Job failed: disk full",), 2: [{"job": 2}]}


async def test_an_unknown_job_is_yielded_after_enough_polls(make_client: MakeClient) -> None:
    unknown = httpx.MockTransport(lambda _: httpx.Response(200, json={"success": False, "message": ["Job not found"]}))
    async with (
        make_client(None, transport=unknown, poll_interval=1.0) as sm,
        sm.jobs.as_completed([sm.jobs.attach(1)]) as finished,
    ):
        job = await anext(finished)
        found = anyio.current_time()
        assert 4.0 <= found < 5.0
        with pytest.raises(JobNotFound):
            await record_of(job)
        assert anyio.current_time() == found


async def test_a_job_that_cannot_be_polled_is_yielded_with_its_error(make_client: MakeClient) -> None:
    async with (
        make_client(None, transport=Account({1: 0.0}, refusal="Not authenticated")) as sm,
        sm.jobs.as_completed([sm.jobs.attach(1)]) as finished,
    ):
        job = await anext(finished)
        with pytest.raises(NotAuthenticated):
            await record_of(job)


async def test_jobs_are_taken_while_there_is_capacity(make_client: MakeClient) -> None:
    account = Account(dict.fromkeys(range(20), 0.0))
    started = 0

    async with make_client(None, transport=account, concurrency=1) as sm:

        async def starting() -> AsyncGenerator[Job[object]]:
            nonlocal started
            for number in account.over_at:
                started += 1
                yield sm.jobs.attach(number)

        async with sm.jobs.as_completed(starting(), outstanding=3) as finished:
            taken = 0
            async for _ in finished:
                taken += 1
                await anyio.sleep(10)
                assert started <= taken + 4
    assert taken == started == 20


async def test_what_the_source_raises_comes_after_the_jobs_before_it(make_client: MakeClient) -> None:
    def jobs() -> Iterator[Job[object]]:
        yield sm.jobs.attach(1)
        raise LookupError("no more")

    async with (
        make_client(None, transport=Account({1: 100.0})) as sm,
        sm.jobs.as_completed(jobs()) as finished,
    ):
        assert (await anext(finished)).request_id == 1
        with pytest.raises(LookupError, match="no more"):
            await anext(finished)


async def test_without_jobs_there_is_nothing(make_client: MakeClient) -> None:
    async with make_client(None, transport=Account({})) as sm, sm.jobs.as_completed(list[Job[object]]()) as finished:
        assert [job async for job in finished] == []
    assert anyio.current_time() == 0.0


async def test_leaving_early_ends_the_polling(make_client: MakeClient) -> None:
    account = Account({number: 60.0 * number for number in range(50)})
    async with make_client(None, transport=account) as sm:
        async with sm.jobs.as_completed(map(sm.jobs.attach, account.over_at)) as finished:
            await anext(finished)
        polls = account.polls.total()
        await anyio.sleep(1000)
    assert account.polls.total() == polls


async def test_an_error_of_the_block_is_raised_as_it_is(make_client: MakeClient) -> None:
    async with make_client(None, transport=Account({1: 100.0})) as sm:
        with pytest.raises(ZeroDivisionError):
            async with sm.jobs.as_completed([sm.jobs.attach(1)]):
                raise ZeroDivisionError
