"""Permits and rates under virtual time."""

from itertools import pairwise

import anyio
import pytest

from salesmanago_async import Invalid
from salesmanago_async._pace import Pace

pytestmark = pytest.mark.anyio


async def test_no_more_than_the_cap_hold_a_permit_and_none_is_lost() -> None:
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


async def test_urgent_requests_go_before_those_that_came_first() -> None:
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


async def test_a_cancelled_wait_gives_its_place_up_and_keeps_no_permit() -> None:
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
async def test_a_pace_at_which_nothing_moves_is_refused(concurrency: int, rate: float | None) -> None:
    with pytest.raises(Invalid):
        Pace(concurrency, rate)
