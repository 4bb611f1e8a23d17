"""Sources that block or pause: the rest of the program continues, and rows that were read are sent."""

from collections.abc import AsyncGenerator, Iterator
from itertools import pairwise
from random import Random
from typing import Any

import anyio
import pytest
from attrs import define, field

from salesmanago_async import SalesManago
from salesmanago_async.imports.engine import reading as _reading
from salesmanago_async.simulator import Simulator
from tests.conftest import MakeClient

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]

HOUR = 3600.0


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"email": f"c{number}@example.com", **more}


@define
class Sent:
    """The simulator behind a transport that records when how many contacts were sent; an answer takes `seconds`."""

    app: Any
    seconds: float = 0.0
    requests: list[tuple[float, int]] = field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        while message.get("more_body"):
            more = await receive()
            message = {**more, "body": message["body"] + more.get("body", b"")}
        if scope["path"].endswith("batchupsertv2"):
            self.requests.append((anyio.current_time(), message["body"].count(b'"contact":')))
            await anyio.sleep(self.seconds)

        async def again() -> Any:
            return message

        await self.app(scope, again, send)

    @property
    def sizes(self) -> list[int]:
        return [size for _, size in self.requests]


@pytest.fixture
def sent(simulator: Simulator) -> Sent:
    return Sent(simulator)


@pytest.fixture
async def sm(sent: Sent, make_client: MakeClient) -> AsyncGenerator[SalesManago]:
    async with make_client(sent, poll_interval=10.0) as client:
        yield client


class Blocking:
    """A clock for reading only: `block` lets time pass in which no other task of the event loop runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.turns = 0
        self.turns_at_last_row = 0
        self.longest_without_turn = 0.0
        self._without_turn = 0.0
        self.is_over = False
        monkeypatch.setattr(_reading, "perf_counter", lambda: self.now)

    def block(self, seconds: float) -> None:
        if self.turns > self.turns_at_last_row:
            self._without_turn = 0.0
        self.turns_at_last_row = self.turns
        self._without_turn += seconds
        self.longest_without_turn = max(self.longest_without_turn, self._without_turn)
        self.now += seconds

    async def others(self) -> None:
        while not self.is_over:  # after that, virtual time may pass
            self.turns += 1
            await anyio.lowlevel.checkpoint()

    def reading(self, rows: Iterator[Any]) -> Iterator[Any]:
        yield from rows
        self.is_over = True


@pytest.fixture
def blocking(monkeypatch: pytest.MonkeyPatch) -> Blocking:
    return Blocking(monkeypatch)


async def run_beside(blocking: Blocking, sm: SalesManago, source: Any, **options: Any) -> Any:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(blocking.others)
        await anyio.lowlevel.checkpoint()
        return await sm.contacts.upsert_many(blocking.reading(source), wait=False, **options)


@pytest.mark.parametrize(
    ("seconds", "most"), [(0.5, 0.5), (0.03, 0.06), (0.001, 0.06)], ids=["slow", "not so slow", "quick"]
)
async def test_other_tasks_run_while_a_synchronous_source_is_read(
    sm: SalesManago, blocking: Blocking, seconds: float, most: float
) -> None:
    def cursor() -> Iterator[Any]:
        for number in range(200):
            blocking.block(seconds)
            yield person(number)

    report = await run_beside(blocking, sm, cursor())
    assert report.submitted == 200
    assert blocking.longest_without_turn <= most + 1e-6
    assert report.chunks == 1


async def test_other_tasks_run_while_a_source_is_read_again_for_its_journal(
    sm: SalesManago, blocking: Blocking, tmp_path: Any
) -> None:
    people = [person(number) for number in range(40)]
    await sm.contacts.upsert_many(people, wait=False, journal=tmp_path / "run.db")

    def cursor() -> Iterator[Any]:
        for known in people:
            blocking.block(0.5)
            yield known

    report = await run_beside(blocking, sm, cursor(), journal=tmp_path / "run.db")
    assert (report.read, report.submitted, report.chunks) == (40, 40, 0)
    assert blocking.longest_without_turn <= 0.5


async def test_a_request_of_another_task_is_not_slowed_down_by_reading(sm: SalesManago, blocking: Blocking) -> None:
    """A request needs many steps: with one step per row, it would take as long as many rows."""
    steps: list[int] = []

    def cursor() -> Iterator[Any]:
        for number in range(20):
            blocking.block(0.5)
            steps.append(blocking.turns)
            yield person(number)

    await run_beside(blocking, sm, cursor())
    assert min(after - before for before, after in pairwise(steps)) >= 5


async def test_rows_read_before_a_slow_row_are_sent(sm: SalesManago, sent: Sent, blocking: Blocking) -> None:
    def consumer() -> Iterator[Any]:
        for number in range(30):
            if number == 10:
                blocking.block(HOUR)
            if number == 11:
                assert sum(sent.sizes) + waiting() == 11
            yield person(number)

    def waiting() -> int:  # taken by the run, but not sent yet
        return 11 - sum(sent.sizes)

    report = await run_beside(blocking, sm, consumer())
    assert report.submitted == 30
    assert sent.sizes == [11, 19]


async def test_rows_read_before_a_pause_are_sent_after_a_moment(sm: SalesManago, sent: Sent) -> None:
    interrupted = entered = 0

    async def consumer() -> AsyncGenerator[Any]:
        nonlocal interrupted, entered
        for number in range(30):
            if number in {10, 20}:
                entered += 1
                try:
                    await anyio.sleep(HOUR)
                except BaseException:
                    interrupted += 1
                    raise
            yield person(number)

    began = anyio.current_time()
    report = await sm.contacts.upsert_many(consumer())
    assert report.accepted == 30
    assert (entered, interrupted) == (2, 0)
    assert sent.sizes == [10, 10, 10]
    first, second, third = (moment - began for moment, _ in sent.requests)
    assert first <= 2.5
    assert HOUR <= second <= HOUR + 2.5
    assert 2 * HOUR <= third <= 2 * HOUR + 2.5


async def test_a_source_that_never_pauses_for_long_fills_its_requests(sm: SalesManago, sent: Sent) -> None:
    async def consumer() -> AsyncGenerator[Any]:
        for number in range(100):
            await anyio.sleep(0.4)
            yield person(number)

    assert (await sm.contacts.upsert_many(consumer(), batch_size=40)).accepted == 100
    assert sent.sizes == [40, 40, 20]


async def test_a_server_that_is_slower_than_the_source_gets_full_requests(
    simulator: Simulator, make_client: MakeClient
) -> None:
    sent = Sent(simulator, seconds=60.0)

    async def consumer() -> AsyncGenerator[Any]:
        for number in range(200):
            await anyio.sleep(1.5)
            yield person(number)

    async with make_client(sent, concurrency=1) as sm:
        began = anyio.current_time()
        report = await sm.contacts.upsert_many(consumer())
    assert report.accepted == 200
    assert len(sent.requests) <= 10
    assert anyio.current_time() - began < 1000


async def test_a_record_that_waits_for_an_earlier_one_is_sent_in_the_pause_too(sm: SalesManago, sent: Sent) -> None:
    async def consumer() -> AsyncGenerator[Any]:
        yield person(1, name="first")
        await anyio.sleep(5)
        yield person(1, name="second")  # the job of the first is not over
        await anyio.sleep(HOUR)
        yield person(2)

    began = anyio.current_time()
    report = await sm.contacts.upsert_many(consumer())
    assert report.accepted == 3
    assert sent.sizes == [1, 1, 1]
    assert sent.requests[1][0] - began < 200
    (contact,) = await sm.contacts.get("c1@example.com")
    assert contact.name == "second"


async def test_a_run_stops_immediately_in_a_pause(sm: SalesManago, sent: Sent) -> None:
    closed: list[float] = []

    async def consumer() -> AsyncGenerator[Any]:
        try:
            yield person(1)
            await anyio.sleep(HOUR)
        finally:
            closed.append(anyio.current_time())

    async with sm.contacts.upserting(consumer()) as outcomes:
        await anyio.sleep(30)
        stopped = anyio.current_time()
        outcomes.stop()
        states = [outcome.state async for outcome in outcomes]
    assert states == ["submitted"]
    assert closed[0] - stopped < 1
    assert anyio.current_time() - stopped < 30


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_lost_or_sent_twice_whatever_pauses(
    simulator: Simulator, make_client: MakeClient, seed: int
) -> None:
    random = Random(seed)
    sent = Sent(simulator, seconds=random.choice([0.0, 0.5, 3.0]))
    last: dict[int, str] = {}

    async def consumer() -> AsyncGenerator[Any]:
        for turn in range(60):
            await anyio.sleep(random.choice([0, 0, 0, 0.3, 0.9, 1.0, 1.1, 2.0, 40.0]))
            number = random.randrange(40)
            last[number] = f"N{turn}"
            yield person(number, name=last[number])

    async with make_client(sent, concurrency=random.choice([1, 2]), poll_interval=10.0) as sm:
        report = await sm.contacts.upsert_many(consumer(), batch_size=random.choice([1, 7, 1000]))
        found = await sm.contacts.get([f"c{number}@example.com" for number in last])
    assert (report.read, report.accepted) == (60, 60)
    assert sum(sent.sizes) == 60
    assert {contact.email: contact.name for contact in found} == {f"c{n}@example.com": name for n, name in last.items()}


async def test_an_error_of_the_source_in_or_after_a_pause_is_raised_unchanged(sm: SalesManago, sent: Sent) -> None:
    async def consumer() -> AsyncGenerator[Any]:
        yield person(1)
        await anyio.sleep(10)
        raise LookupError("the topic is gone")

    with pytest.raises(LookupError, match="the topic is gone"):
        await sm.contacts.upsert_many(consumer())
    assert sent.sizes == [1]


async def test_a_run_that_is_cut_off_while_it_sends_in_a_pause_counts_everything(
    simulator: Simulator, make_client: MakeClient
) -> None:
    sent = Sent(simulator, seconds=HOUR)

    async def consumer() -> AsyncGenerator[Any]:
        for number in range(8):
            yield person(number)
            await anyio.sleep(2)
        await anyio.sleep(HOUR)

    async with (
        make_client(sent, concurrency=1) as sm,
        sm.contacts.upserting(consumer(), batch_size=1000, stop_within=5.0) as outcomes,
    ):
        await anyio.sleep(40)
        outcomes.stop_at_once()
        assert [outcome.state async for outcome in outcomes] == []
    report = outcomes.report
    assert report.read == 8 == report.in_doubt + report.not_sent
    assert report.in_doubt == 1
