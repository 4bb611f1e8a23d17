"""Keepers that share a quota over a real database: what they have, what they give, and how they fail. In real time."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import pairwise
from os import kill
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import define, field

from salesmanago_async import Invalid, NoAnswer
from salesmanago_async.connection import knee
from salesmanago_async.connection.knee import Start
from salesmanago_async.connection.pace import Pace
from salesmanago_async.quotas import _keeper, _postgresql, open_quota
from salesmanago_async.quotas.address import QuotaAddress
from salesmanago_async.quotas.overview import set_quota
from tests.poolers import pooled, pooling
from tests.postgresql import query, serving_postgresql

pytest.importorskip("psycopg")

END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = [pytest.mark.ci, pytest.mark.anyio]


@define
class Server:
    """Counts the requests that are worked at, and those that each process has sent; `begun` are their times."""

    latency: float = 0.05
    in_flight: int = 0
    max_in_flight: int = 0
    begun: list[float] = field(factory=list)

    async def answer(self) -> None:
        self.begun.append(time.monotonic())
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await anyio.sleep(self.latency)
        self.in_flight -= 1


@pytest.fixture(autouse=True)
def whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pace have all that its quota allows from the first moment: what a server takes is not the subject here."""
    monkeypatch.setattr(knee, "FIRST_WINDOW", 1000)


@asynccontextmanager
async def keeping(address: str, concurrency: int = 8) -> AsyncIterator[tuple[Pace, Any]]:
    pace = Pace(concurrency)
    keeper = open_quota(address, pace)
    try:
        yield pace, keeper
    finally:
        await keeper.aclose()


async def send(pace: Pace, server: Server, counts: list[int], who: int = 0) -> None:
    """Send one request after another."""
    while True:
        async with pace.permit():
            with anyio.CancelScope(shield=True):
                await server.answer()
        counts[who] += 1
        await anyio.lowlevel.checkpoint()  # a permit that is free is had without one


async def send_for(seconds: float, server: Server, address: str, processes: int, concurrency: int = 8) -> list[int]:
    """Let several paces send as fast as they can; return how many requests each has sent."""
    counts = [0] * processes

    async def process(who: int) -> None:
        async with keeping(address, concurrency) as (pace, _), anyio.create_task_group() as tasks:
            for _ in range(concurrency):
                tasks.start_soon(send, pace, server, counts, who)
            await anyio.sleep(seconds)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for who in range(processes):
            tasks.start_soon(process, who)
    return counts


async def eventually(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    with anyio.fail_after(seconds):
        while not is_so():  # noqa: ASYNC110 - what it waits for has no event
            await anyio.sleep(0.01)


def quota(database: str, parameters: str) -> str:
    return f"{database}&quota=account&{parameters}"


# Slots


async def test_all_processes_together_have_as_many_requests_in_flight_as_the_quota_says(database: str) -> None:
    server = Server()
    counts = await send_for(1.5, server, quota(database, "slots=6"), processes=4)
    assert server.max_in_flight == 6
    assert min(counts) > max(counts) / 3 > 5
    assert query(database, "SELECT count(*) FROM salesmanago.quota_slots") == [(0,)]


async def test_more_processes_than_slots_take_turns(database: str) -> None:
    server = Server()
    counts = await send_for(3.0, server, quota(database, "slots=2"), processes=4, concurrency=4)
    assert server.max_in_flight == 2
    assert min(counts) > 3


async def test_a_process_that_begins_gets_its_share_from_one_that_has_all(database: str) -> None:
    server, counts = Server(), [0, 0]
    address = quota(database, "slots=4")
    async with keeping(address) as (first, one), keeping(address) as (second, other):
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(send, first, server, counts, 0)
            await eventually(lambda: one.limit == 4)
            for _ in range(8):
                tasks.start_soon(send, second, server, counts, 1)
            await eventually(lambda: (one.limit, other.limit) == (2, 2))
            tasks.cancel_scope.cancel()
        assert server.max_in_flight == 4


async def test_a_process_without_demand_gives_its_slots_and_is_silent(database: str) -> None:
    async with keeping(quota(database, "slots=4")) as (pace, keeper):
        async with pace.permit():
            assert query(database, "SELECT count(*) FROM salesmanago.quota_slots") == [(1,)]
        await eventually(lambda: keeper.limit == 0)
        await eventually(lambda: query(database, "SELECT count(*) FROM salesmanago.quota_slots") == [(0,)])
        began = time.monotonic()
        async with pace.permit():  # it is woken
            assert time.monotonic() - began < 1


async def test_the_concurrency_of_the_process_still_holds(database: str) -> None:
    server = Server()
    await send_for(0.5, server, quota(database, "slots=6"), processes=1, concurrency=2)
    assert server.max_in_flight == 2


async def test_slots_of_a_lost_session_are_used_after_they_have_settled(database: str) -> None:
    """The first process is cut off while its requests are still worked at."""
    address = quota(database, "slots=3&settle=1")
    async with keeping(address) as (first, _), keeping(address) as (second, other):
        async with first.permit(), first.permit(), first.permit():
            query(database, END_SESSIONS)
            lost_at = time.monotonic()
            async with second.permit():
                assert time.monotonic() - lost_at >= 1
        await eventually(lambda: other.limit == 0)


async def test_slots_that_were_given_need_not_settle(database: str) -> None:
    address = quota(database, "slots=1&settle=60")
    async with keeping(address) as (pace, _), pace.permit():
        pass
    async with keeping(address) as (pace, _):
        with anyio.fail_after(5):
            async with pace.permit():
                pass


async def test_a_process_goes_on_when_its_session_was_ended(database: str) -> None:
    async with keeping(quota(database, "slots=2&settle=0")) as (pace, keeper):
        async with pace.permit():
            query(database, END_SESSIONS)
            await eventually(lambda: keeper.limit == 0)
        with anyio.fail_after(5):
            async with pace.permit():
                pass


async def test_processes_follow_when_the_quota_is_changed(database: str) -> None:
    server, counts = Server(), [0]
    address = quota(database, "slots=6")
    async with keeping(address) as (pace, keeper), anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(send, pace, server, counts)
        await eventually(lambda: keeper.limit == 6)
        set_quota(QuotaAddress.parse(quota(database, "slots=2")))
        await eventually(lambda: keeper.limit == 2 and pace.in_flight <= 2)
        server.max_in_flight = 0
        sent = counts[0]
        await eventually(lambda: counts[0] > sent + 4)
        assert server.max_in_flight == 2
        set_quota(QuotaAddress.parse(quota(database, "slots=4")))
        await eventually(lambda: keeper.limit == 4)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_keeper_works_on_trio(database: str, anyio_backend: str) -> None:
    server = Server()
    counts = await send_for(1.5, server, quota(database, "slots=3"), processes=2)
    assert server.max_in_flight == 3
    assert min(counts) > 1
    assert query(database, "SELECT count(*) FROM salesmanago.quota_slots") == [(0,)]


# A quota that cannot be used


async def refusal(address: str) -> Invalid:
    async with keeping(address) as (pace, _):
        with pytest.raises(Invalid) as caught, anyio.fail_after(15):
            async with pace.permit():
                pass
        with pytest.raises(Invalid), anyio.fail_after(1):  # at once
            async with pace.permit():
                pass
    return caught.value


async def test_other_numbers_than_the_quota_has_are_refused(database: str) -> None:
    async with keeping(quota(database, "slots=6&rate=20")) as (pace, _), pace.permit():
        pass
    error = await refusal(quota(database, "slots=7&rate=20"))
    assert "the quota has slots=6&rate=20&settle=5" in error.rule
    assert error.field == quota(database, "slots=7&rate=20")
    async with keeping(quota(database, "")) as (pace, _), pace.permit():  # no numbers are the right numbers
        pass


async def test_a_quota_that_nobody_has_made_needs_slots(database: str) -> None:
    assert "there is no such quota; give its slots" in (await refusal(quota(database, ""))).rule


async def test_two_quotas_never_share_their_locks(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_postgresql, "key_of", lambda name: 7)
    set_quota(QuotaAddress.parse(f"{database}&quota=other&slots=2"))
    assert "give it another name" in (await refusal(quota(database, "slots=2"))).rule
    with pytest.raises(Invalid, match="give it another name"):
        set_quota(QuotaAddress.parse(quota(database, "slots=2")))


async def test_a_database_that_is_away_at_the_start_is_refused(tmp_path: Path) -> None:
    error = await refusal(f"postgresql://postgres@/postgres?host={tmp_path}&quota=account&slots=3")
    assert "cannot be used: " in error.rule


async def test_all_that_wait_learn_that_the_quota_was_removed(database: str) -> None:
    errors: list[str] = []
    async with keeping(quota(database, "slots=1")) as (pace, _):

        async def wait() -> None:
            with pytest.raises(Invalid) as caught:
                async with pace.permit():
                    pass
            errors.append(caught.value.rule)

        async with anyio.create_task_group() as tasks, pace.permit():
            tasks.start_soon(wait)
            tasks.start_soon(wait)
            await anyio.sleep(0.1)
            query(database, "DELETE FROM salesmanago.quotas")
            await eventually(lambda: len(errors) == 2)
    assert errors == ["cannot be used any longer: it was removed"] * 2


async def test_a_pooler_is_refused(postgresql: str) -> None:
    with pooling(postgresql) as port:
        server = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
        assert "leads to a connection pooler" in (await refusal(quota(server, "slots=1"))).rule


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_a_real_pooler_is_refused(postgresql: str, mode: str) -> None:
    with pooled(postgresql, mode) as port:
        server = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        assert "leads to a connection pooler" in (await refusal(quota(server, "slots=1"))).rule


@contextmanager
def frozen_sessions(database: str) -> Iterator[None]:
    """Freeze the database's processes for the block: they hold their sockets open, and never answer."""
    pids = [pid for (pid,) in query(database, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")]
    [(postmaster,)] = query(database, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int")
    frozen = [int(postmaster), *pids]
    try:
        for pid in frozen:
            with suppress(ProcessLookupError):  # the session that asked for the list ends by itself
                kill(pid, SIGSTOP)
        yield
    finally:
        for pid in frozen:
            with suppress(ProcessLookupError):
                kill(pid, SIGCONT)


async def test_a_database_that_never_answers_hangs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_keeper, "AWAY", 1.0)
    monkeypatch.setattr(_keeper, "LONGEST_TICK", 1.0)
    with serving_postgresql() as server:
        async with keeping(quota(server.address, "slots=1")) as (pace, _):
            async with pace.permit():
                pass
            with frozen_sessions(server.address):
                began = time.monotonic()
                await anyio.sleep(_keeper.LEASE)
                with pytest.raises(NoAnswer, match="out of reach") as caught, anyio.fail_after(15):
                    async with pace.permit():
                        raise AssertionError("it has no lease")
                assert caught.value.sent is False
            assert time.monotonic() - began < 15


async def test_a_database_that_went_away_is_waited_for_and_then_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_keeper, "AWAY", 2.0)
    with serving_postgresql() as server:
        async with keeping(quota(server.address, "slots=2&settle=0.5")) as (pace, keeper):
            async with pace.permit():
                server.kill()
                await eventually(lambda: keeper.limit == 0)  # nothing starts
            began = time.monotonic()
            with pytest.raises(NoAnswer, match="out of reach") as caught, anyio.fail_after(15):
                async with pace.permit():
                    pass
            assert 0.5 < time.monotonic() - began < 6
            assert caught.value.sent is False
            server.start_again()
            with anyio.fail_after(15):  # and it goes on by itself
                while not await has_permit(pace):  # noqa: ASYNC110 - each attempt may raise
                    await anyio.sleep(0.1)


async def has_permit(pace: Pace) -> bool:
    try:
        async with pace.permit():
            return True
    except NoAnswer:
        return False


# Rate and pauses


async def test_all_processes_together_start_no_faster_than_the_rate(database: str) -> None:
    server = Server()
    await send_for(2.0, server, quota(database, "slots=16&rate=20"), processes=2)
    assert 30 <= len(server.begun) <= 42
    assert all(later - earlier < 1.0 for earlier, later in pairwise(server.begun))
    for number, moment in enumerate(server.begun):
        assert sum(moment <= other < moment + 1 for other in server.begun[number:]) <= 20 + 5


async def test_one_retry_after_holds_up_all_processes(database: str) -> None:
    server, counts = Server(), [0, 0]
    address = quota(database, "slots=4")
    async with keeping(address) as (first, _), keeping(address) as (second, _), anyio.create_task_group() as tasks:
        for who, pace in enumerate((first, second)):
            for _ in range(4):
                tasks.start_soon(send, pace, server, counts, who)
        await eventually(lambda: min(counts) > 3)
        first.refused(Start(anyio.current_time(), 0, 1), pause=1.0)
        await anyio.sleep(0.4)  # until both know
        known = len(server.begun)
        await anyio.sleep(0.4)
        assert len(server.begun) == known
        await eventually(lambda: len(server.begun) > known + 8, seconds=3)
        tasks.cancel_scope.cancel()
