"""There are about as many senders as the pace has use for: each holds a batch with its body in memory."""

from typing import Any, cast

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from attrs import define, field

from salesmanago_async.imports.engine.senders import FOR_EACH_REQUEST, SPARE, Senders

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops]


@define
class AnyPace:
    limit: int
    concurrency: int = 64


@define
class Account:
    """A feed, a driver and a scheduler in one; sending a batch takes a second."""

    received: MemoryObjectReceiveStream[tuple[int, str]]
    busy: int = 0
    most_busy: int = 0
    sent: list[int] = field(factory=list)

    @property
    def scheduler(self) -> "Account":
        return self

    def receiving(self) -> MemoryObjectReceiveStream[tuple[int, str]]:
        return self.received.clone()

    async def wait_for_capacity(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def go(self, batch: int, step: str) -> None:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await anyio.sleep(0.01)
        self.busy -= 1
        self.sent.append(batch)


async def most_busy(pace: AnyPace, *, limits: dict[int, int] | None = None, batches: int = 300) -> list[int]:
    """Send batches; return how many were busy at most, up to each batch at which the limit of the pace changes."""
    to_senders, received = anyio.create_memory_object_stream[tuple[int, str]]()
    account = Account(received)
    found: list[int] = []
    with received:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Senders(*(cast("Any", each) for each in (pace, account, account))).work)
            with to_senders:
                for number in range(batches):
                    if limits and number in limits:
                        found.append(account.most_busy)
                        pace.limit = limits[number]
                    if limits and number - 100 in limits:
                        account.most_busy = 0  # a hundred batches later, the senders that were too many have ended
                    await to_senders.send((number, "send"))
    assert sorted(account.sent) == list(range(batches))
    return [*found, account.most_busy]


@pytest.mark.parametrize("limit", [0, 1, 3, 20])
async def test_senders_are_enough_to_keep_the_allowed_requests_in_flight_and_hardly_more(limit: int) -> None:
    assert await most_busy(AnyPace(limit)) == [FOR_EACH_REQUEST * limit + SPARE]


async def test_there_are_never_more_than_requests_may_ever_be_in_flight() -> None:
    assert await most_busy(AnyPace(10, concurrency=1)) == [1]
    assert await most_busy(AnyPace(64, concurrency=5)) == [5]


async def test_they_follow_a_limit_that_rises_and_falls() -> None:
    assert await most_busy(AnyPace(1), limits={100: 10, 300: 2}, batches=600) == [4, 22, 6]
