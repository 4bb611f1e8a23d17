"""Permits and rates under virtual time."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import Any, Literal

import anyio
import pytest
from attrs import define, field, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salesmanago_async import Invalid, NoAnswer
from salesmanago_async.connection.knee import Start
from salesmanago_async.connection.pace import HEAD_START, LONGEST_PAUSE, Pace
from tests.conftest import BACKENDS, run_virtually

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


async def test_no_more_permits_than_the_cap_are_held_and_none_is_lost() -> None:
    pace, holding, most = Pace(3), 0, 0

    async def work() -> None:
        nonlocal holding, most
        async with pace.permit():
            holding += 1
            most = max(most, holding)
            await anyio.sleep(1)
            holding -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(work)
    assert (most, holding) == (3, 0)
    assert anyio.current_time() >= 4


async def test_urgent_requests_go_before_earlier_ones() -> None:
    pace, order = Pace(1), list[str]()

    async def work(name: str, urgent: bool) -> None:
        async with pace.permit(urgent=urgent):
            order.append(name)
            await anyio.sleep(1)

    async with anyio.create_task_group() as tasks:
        for name, urgent in (("first", False), ("new", False), ("retry", True)):
            tasks.start_soon(work, name, urgent)
            await anyio.sleep(0.1)
    assert order == ["first", "retry", "new"]


async def test_a_cancelled_wait_leaves_the_queue_and_keeps_no_permit() -> None:
    pace = Pace(1)
    async with pace.permit():
        with anyio.move_on_after(1):
            async with pace.permit():
                pytest.fail("there was no permit to have")
    with anyio.fail_after(1):
        async with pace.permit():
            pass


async def test_a_permit_handed_to_a_wait_that_is_cancelled_at_that_moment_is_passed_on() -> None:
    pace = Pace(1)
    scope = anyio.CancelScope()

    async def wait() -> None:
        with scope:
            async with pace.permit():
                await anyio.sleep(100)

    async with anyio.create_task_group() as tasks:
        async with pace.permit():
            tasks.start_soon(wait)
            await anyio.sleep(1)
        scope.cancel()
    with anyio.fail_after(1):
        async with pace.permit():
            pass


async def test_requests_begin_no_faster_than_the_rate() -> None:
    pace, begun = Pace(100, rate=4), list[float]()
    async with anyio.create_task_group() as tasks:

        async def work() -> None:
            async with pace.permit():
                begun.append(anyio.current_time())

        for _ in range(9):
            tasks.start_soon(work)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) == pytest.approx(0.25)
    assert begun[-1] - begun[0] == pytest.approx(2.0)


@pytest.mark.parametrize(("concurrency", "rate"), [(0, None), (1, 0), (1, -1.0)])
async def test_an_invalid_pace_is_refused(concurrency: int, rate: float | None) -> None:
    with pytest.raises(Invalid):
        Pace(concurrency, rate)


async def test_the_rate_holds_after_idle_time_and_after_a_wait_for_a_permit() -> None:
    pace, begun = Pace(2, rate=4), list[float]()

    async def work() -> None:
        async with pace.permit():
            begun.append(anyio.current_time())
            await anyio.sleep(3)

    async with anyio.create_task_group() as tasks:
        for pause in (0, 0, 0, 0, 100, 0):
            await anyio.sleep(pause)
            tasks.start_soon(work)
    assert begun == pytest.approx([0.0, 0.25, 3.0, 3.25, 100.0, 100.25])


async def test_a_rate_finer_than_timers_is_kept_on_average() -> None:
    pace, begun = Pace(1, rate=1000), list[float]()
    for number in range(1000):
        async with pace.permit():
            begun.append(anyio.current_time())
            await anyio.sleep(0.0005 if number % 2 else 0.0015)  # so that every other start is late
    assert begun[-1] - begun[0] == pytest.approx(1.0, abs=0.01)


async def test_a_retry_overtakes_requests_that_wait_for_the_rate() -> None:
    pace, order = Pace(8, rate=1), list[str]()

    async def work(name: str, urgent: bool) -> None:
        async with pace.permit(urgent=urgent):
            order.append(name)

    async with anyio.create_task_group() as tasks:
        for name, urgent in (("first", False), ("second", False), ("third", False), ("retry", True)):
            tasks.start_soon(work, name, urgent)
            await anyio.sleep(0.1)
    assert order == ["first", "retry", "second", "third"]


# The limit


@asynccontextmanager
async def at_once(pace: Pace, requests: int) -> AsyncGenerator[list[Start]]:
    """Hold that many requests in flight; return how they began."""
    await anyio.sleep(0.1)
    async with AsyncExitStack() as stack:
        starts = [await stack.enter_async_context(pace.permit()) for _ in range(requests)]
        await anyio.sleep(0.1)
        yield starts


async def get_answers(pace: Pace, answers: int, *, seconds: float = 0.0) -> None:
    """Have that many requests answered, always as many in flight as there may be."""
    left = answers

    async def work() -> None:
        nonlocal left
        while left:
            left -= 1
            async with pace.permit() as start:
                await anyio.sleep(seconds)
                pace.answered(start, "post", seconds)

    async with anyio.create_task_group() as tasks:
        for _ in range(pace.concurrency):
            tasks.start_soon(work)


@pytest.mark.parametrize("concurrency", [1, 2, 3, 8, 20])
async def test_the_limit_starts_with_three_and_grows_to_the_cap_while_answers_take_no_longer(concurrency: int) -> None:
    pace = Pace(concurrency)
    assert pace.limit == min(3, concurrency)
    await get_answers(pace, 100, seconds=0.1)
    assert pace.limit == pace.concurrency == concurrency


async def test_the_limit_stays_at_three_while_no_more_are_wanted() -> None:
    pace = Pace(20)
    for _ in range(100):
        async with pace.permit() as start:
            pace.answered(start, "post", 0.1)
    assert pace.limit == 3


async def test_concurrent_time_outs_count_once() -> None:
    pace = Pace(8)
    await get_answers(pace, 100, seconds=0.1)
    for before, after in ((8, 4), (4, 2), (2, 1), (1, 1)):
        async with at_once(pace, before) as starts:
            for start in starts:
                pace.timed_out(start)
        assert pace.limit == after


async def test_a_server_that_refuses_a_whole_window_gets_half_of_it() -> None:
    pace = Pace(8)
    await get_answers(pace, 100, seconds=0.1)
    async with at_once(pace, 1) as starts:
        pace.refused(starts[0])
    assert pace.rate_limit, "others were taken, so the rate is tried first"
    for before, after in ((8, 4), (4, 2), (2, 1), (1, 1)):
        async with at_once(pace, before) as starts:
            for start in starts:
                pace.refused(start)
        assert pace.limit == after


@pytest.mark.sampled
async def test_refusals_space_the_starts_and_the_own_rate_stays_the_upper_bound() -> None:
    pace, own = Pace(3), Pace(3, rate=5)
    for one in (pace, own):
        await get_answers(one, 100, seconds=0.1)
        async with one.permit() as start:
            one.refused(start)
    assert pace.rate_limit == pytest.approx(0.92 * 30, rel=0.1)
    assert own.rate_limit == pytest.approx(0.92 * 5, rel=0.1)
    begun = list[float]()
    for _ in range(10):
        async with pace.permit():
            begun.append(anyio.current_time())
    assert begun[-1] - begun[0] == pytest.approx(9 / (0.92 * 30), rel=0.1)
    await get_answers(own, 1000, seconds=0.1)
    assert own.rate_limit == 5


async def test_nothing_starts_while_more_are_in_flight_than_the_limit_allows() -> None:
    pace, begun, together = Pace(4), list[float](), list[int]()
    await get_answers(pace, 30, seconds=0.1)
    then = anyio.current_time()
    in_flight = 0

    async def work(seconds: float) -> None:
        nonlocal in_flight
        async with pace.permit() as start:
            in_flight += 1
            begun.append(anyio.current_time() - then)
            together.append(in_flight)
            await anyio.sleep(seconds)
            if seconds == 1:
                pace.timed_out(start)
            in_flight -= 1

    async with anyio.create_task_group() as tasks:
        for seconds in (1, 2, 3, 4, 10, 10, 10):
            tasks.start_soon(work, seconds)
            await anyio.sleep(0.1)
    # After the first second 3 are in flight and 2 allowed: the next start when only 1 is left.
    assert begun == pytest.approx([0.0, 0.1, 0.2, 0.3, 3.2, 4.3, 13.2])
    assert together == [1, 2, 3, 4, 2, 2, 2]


async def test_a_raised_limit_starts_more_requests_immediately() -> None:
    pace, begun = Pace(8), list[float]()
    await get_answers(pace, 7, seconds=0.1)
    then = anyio.current_time()

    async def work() -> None:
        async with pace.permit() as start:
            begun.append(anyio.current_time() - then)
            await anyio.sleep(1)
            pace.answered(start, "post", 0.1)
            await anyio.sleep(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(work)
    assert begun == pytest.approx([0, 0, 0, 1, 1, 1])


# Pauses


async def pause(pace: Pace, seconds: float) -> None:
    async with pace.permit(urgent=True) as start:
        pace.refused(start, pause=seconds)


@pytest.mark.parametrize(
    ("seconds", "start"),
    [(0.0, 0.0), (5.0, 5.0 + HEAD_START), (60.0, 60.0 + HEAD_START), (86_400.0, LONGEST_PAUSE + HEAD_START)],
)
async def test_a_pause_delays_all_requests(seconds: float, start: float) -> None:
    pace, begun = Pace(8), list[float]()
    await pause(pace, seconds)

    async def work() -> None:
        async with pace.permit():
            begun.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(work)
    assert begun == pytest.approx([start] * 20)


async def test_another_pause_can_only_extend_a_pause() -> None:
    pace, begun = Pace(8), list[float]()
    await get_answers(pace, 100, seconds=0.1)

    async def work() -> None:
        async with pace.permit():
            begun.append(anyio.current_time() - then)

    async with at_once(pace, 3) as starts, anyio.create_task_group() as tasks:
        then = anyio.current_time()
        pace.refused(starts[0], pause=10)
        tasks.start_soon(work)
        await anyio.sleep(1)
        pace.refused(starts[1], pause=30)
        await anyio.sleep(1)
        pace.refused(starts[2], pause=2)
    assert begun == pytest.approx([31 + HEAD_START])


async def test_requests_in_flight_continue_during_a_pause() -> None:
    pace = Pace(8)
    async with at_once(pace, 2) as starts:
        pace.refused(starts[0], pause=30)
        await anyio.sleep(1)
    assert anyio.current_time() == pytest.approx(1.2)


@pytest.mark.parametrize("arrivals", [(0.0, 3.0), (3.0, 5.0), (5.0, 5.1), (5.04, 5.04)])
async def test_retries_go_first_after_a_pause_even_if_they_arrive_at_its_end(arrivals: tuple[float, float]) -> None:
    pace, order = Pace(1), list[str]()
    await pause(pace, 5)

    async def work(name: str, urgent: bool, arrival: float) -> None:
        await anyio.sleep(arrival)
        async with pace.permit(urgent=urgent):
            order.append(name)
            await anyio.sleep(1)

    async with anyio.create_task_group() as tasks:
        for name, urgent, arrival in (
            ("new", False, 0.0),
            ("new", False, 1.0),
            *(("retry", True, arrival) for arrival in arrivals),
        ):
            tasks.start_soon(work, name, urgent, arrival)
    assert order == ["retry", "retry", "new", "new"]


# Random schedules


@frozen
class Work:
    """One request: its arrival, its duration and its result; it is cancelled after `patience` seconds."""

    arrival: int
    urgent: bool
    seconds: int
    patience: float
    result: Literal["an answer", "a refusal", "a time-out", "another failure"]
    pause: int | None


@define
class Watch:
    """Runs requests through a pace, and checks the guarantees of the pace at each start."""

    pace: Pace
    in_flight: int = 0
    paused_until: float = 0.0
    waiting: list[tuple[bool, int]] = field(factory=list)
    arrivals: int = 0
    given_up: int = 0
    done: int = 0

    async def do(self, work: Work) -> None:
        await anyio.sleep(work.arrival)
        self.arrivals += 1
        place = (not work.urgent, self.arrivals)
        self.waiting.append(place)
        self.given_up += 1
        try:
            with anyio.move_on_after(work.patience):
                async with self.pace.permit(urgent=work.urgent) as start:
                    await self._hold(work, start, place)
                    self.given_up -= 1
                    self.done += 1
        finally:
            if place in self.waiting:
                self.waiting.remove(place)

    async def _hold(self, work: Work, start: Start, place: tuple[bool, int]) -> None:
        assert place == min(self.waiting)
        assert self.in_flight < self.pace.limit <= self.pace.concurrency
        assert anyio.current_time() >= self.paused_until
        self.waiting.remove(place)
        self.in_flight += 1
        try:
            await anyio.sleep(work.seconds)
        finally:
            self.in_flight -= 1
        if work.result == "an answer":
            self.pace.answered(start, "post", work.seconds)
        elif work.result != "another failure":
            (self.pace.refused if work.result == "a refusal" else self.pace.timed_out)(start, pause=work.pause)
            self.paused_until = max(self.paused_until, anyio.current_time() + min(work.pause or 0, LONGEST_PAUSE))


async def assert_no_permit_is_lost(pace: Pace) -> None:
    """Hold as many permits as the limit allows, and check that there is no further one."""
    async with AsyncExitStack() as stack:
        with anyio.fail_after(LONGEST_PAUSE + HEAD_START + 10 * pace.limit):
            for _ in range(pace.limit):
                await stack.enter_async_context(pace.permit())
        with anyio.move_on_after(100) as scope:
            await stack.enter_async_context(pace.permit(urgent=True))
        assert scope.cancelled_caught


WORKS = st.lists(
    st.builds(
        Work,
        arrival=st.integers(0, 4),
        urgent=st.booleans(),
        seconds=st.integers(0, 3),
        patience=st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, HEAD_START, math.inf, math.inf]),
        result=st.sampled_from(["an answer", "a refusal", "a time-out", "another failure"]),
        pause=st.sampled_from([None, 0, 1, 2, 3, 1000]),
    ),
    max_size=25,
)


@pytest.mark.parametrize("backend", BACKENDS)
@given(works=WORKS, concurrency=st.integers(1, 6), rate=st.sampled_from([None, None, 1.0, 2.0, 500.0]))
@example(works=[Work(0, False, 1, 1.0, "an answer", None)] * 6, concurrency=2, rate=None)
@example(works=[Work(0, True, 1, 2.0, "a refusal", 1)] * 6, concurrency=4, rate=1.0)
@settings(deadline=None)
def test_every_start_respects_the_limits_and_no_permit_is_lost(
    backend: str, works: list[Work], concurrency: int, rate: float | None
) -> None:
    async def run() -> None:
        watch = Watch(Pace(concurrency, rate))
        with anyio.fail_after(10_000):
            async with anyio.create_task_group() as tasks:
                for work in works:
                    tasks.start_soon(watch.do, work)
        assert watch.done + watch.given_up == len(works)
        assert watch.done >= sum(work.patience == math.inf for work in works)
        await assert_no_permit_is_lost(watch.pace)

    run_virtually(backend, run)


async def hold(pace: Pace, seconds: float, *, urgent: bool = True) -> float:
    """Hold a permit for that long; return when it was granted."""
    async with pace.permit(urgent=urgent):
        began = anyio.current_time()
        await anyio.sleep(seconds)
    return began


SHUT_UNTIL_10: dict[str, Callable[[Pace], Any]] = {
    "by a permit": lambda pace: hold(pace, 10),
    "by the rate": lambda pace: hold(pace, 0),
    "by a pause": lambda pace: pause(pace, 10),
}


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize("given_up_at", [1, 5, 10, 10 + HEAD_START, 15])
@pytest.mark.parametrize("shut", SHUT_UNTIL_10)
async def test_a_cancellation_during_any_wait_loses_no_permit_and_delays_no_request(
    shut: str, given_up_at: float, urgent: bool
) -> None:
    pace = Pace(1, rate=0.1 if shut == "by the rate" else None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(SHUT_UNTIL_10[shut], pace)
        await anyio.sleep(1)
        with anyio.CancelScope(deadline=given_up_at):
            await hold(pace, 20, urgent=urgent)
        began = await hold(pace, 0, urgent=urgent)
        spacing = 10 if shut == "by the rate" else 0
        assert 10 <= began <= max(10 + HEAD_START, given_up_at) + spacing
    await assert_no_permit_is_lost(pace)


async def test_a_halted_request_gets_no_permit() -> None:
    pace, halt = Pace(1), anyio.Event()
    given_up: list[float] = []

    async def wait_for_permit() -> None:
        with pytest.raises(NoAnswer) as caught:
            async with pace.permit(halt=halt):
                raise AssertionError("it was sent")
        assert caught.value.sent is False
        given_up.append(anyio.current_time())

    async with anyio.create_task_group() as tasks, pace.permit():
        tasks.start_soon(wait_for_permit)
        tasks.start_soon(wait_for_permit)
        await anyio.sleep(5)
        halt.set()
        pace.recheck()
        await anyio.sleep(5)
    assert given_up == [5.0, 5.0]
    async with pace.permit():
        assert pace.limit == 1
