"""A client of the simulator, with a gateway between them, and a disk that takes its time."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

import anyio
import anyio.to_thread
import pytest

from salesmanago_async import Retries, SalesManago
from salesmanago_async.simulator import Simulator
from tests.buffers.gateways import Gateway

ReturnT = TypeVar("ReturnT")
DISK_SECONDS = 0.005


@pytest.fixture
def gateway(simulator: Simulator) -> Gateway:
    return Gateway(simulator)


@pytest.fixture
async def sm(gateway: Gateway, make_client: Callable[..., SalesManago]) -> AsyncIterator[SalesManago]:
    async with make_client(gateway, retries=Retries(tries=2)) as client:
        yield client


@pytest.fixture
def disk() -> Iterator[None]:
    """Do disk work in virtual time, without a thread: virtual time would run ahead of a thread."""

    async def run_sync(act: Callable[..., ReturnT], *args: Any, **_: Any) -> ReturnT:
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(DISK_SECONDS)
        return act(*args)

    with mock.patch.object(anyio.to_thread, "run_sync", run_sync):
        yield
