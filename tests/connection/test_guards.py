"""The guard of a request: asked before each try, when the try has its permit and may start at once."""

from typing import Any

import anyio
import orjson
import pytest

from salesmanago_async import SalesManago
from salesmanago_async.connection.knee import FIRST_WINDOW
from salesmanago_async.connection.wire import Post
from salesmanago_async.errors import JournalFailed
from salesmanago_async.simulator import DEMO_OWNER, Fault, Simulator

pytestmark = pytest.mark.anyio


class Guard:
    """Notes when it is asked; raises from the second time on, if it is to."""

    def __init__(self, *, raises: bool) -> None:
        self.asked: list[float] = []
        self._raises = raises

    async def __call__(self) -> None:
        self.asked.append(anyio.current_time())
        if self._raises and len(self.asked) > 1:
            raise JournalFailed("it is lost")


def post(guard: Guard) -> Post:
    body = orjson.dumps({"email": "ann@example.com", "owner": DEMO_OWNER})
    return Post("contact/hasContact", body, repeatable=True, guard=guard)


@pytest.fixture
def connection(sm: SalesManago) -> Any:
    return sm._connection


async def test_a_guard_is_asked_before_each_try(connection: Any, simulator: Simulator) -> None:
    simulator.faults = [Fault.parse("429,retry-after=5,at=1-2")]
    guard = Guard(raises=False)
    began = anyio.current_time()
    await connection.post(post(guard))
    assert [moment - began for moment in guard.asked] == pytest.approx([0, 5, 10], abs=1)


async def test_a_guard_that_raises_ends_the_request_before_it_is_sent_and_says_nothing_about_the_server(
    connection: Any, simulator: Simulator
) -> None:
    simulator.faults = [Fault.parse("429,retry-after=5,at=1-")]
    guard = Guard(raises=True)
    with pytest.raises(JournalFailed, match="it is lost") as caught:
        await connection.post(post(guard))
    assert not caught.value.maybe_applied
    assert len(guard.asked) == 2
    assert connection.traffic.requests == 1
    assert connection.pace.limit == FIRST_WINDOW  # one refusal is no full window, and the guard's is none at all


async def test_a_guard_is_asked_when_its_request_may_start_and_no_earlier(
    connection: Any, simulator: Simulator
) -> None:
    simulator.faults = [Fault.parse("slow,seconds=10,at=1-8")]
    guard = Guard(raises=False)
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(connection.pace.limit):
            tasks.start_soon(connection.call, "contact/hasContact", {"email": "ann@example.com"})
        await anyio.sleep(1)
        await connection.post(post(guard))
    assert guard.asked[0] - began >= 10
