"""A disk for tests with virtual time: it takes its time, and needs no thread."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import anyio
import anyio.lowlevel
import anyio.to_thread

DISK_SECONDS = 0.005
ReturnT = TypeVar("ReturnT")


@contextmanager
def virtual_disk(on_step: Callable[[], object] = lambda: None) -> Generator[None]:
    """Do in virtual time, without a thread, what is otherwise done in one: virtual time would run ahead of it.

    Besides, a loop that has nothing to do while a thread works does not wait: it lets one timer after the other expire.
    `on_step` is called before and after each piece of work.
    """

    async def run_sync(act: Callable[..., ReturnT], *args: Any, **_: Any) -> ReturnT:
        done: list[ReturnT] = []
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True):
            on_step()
            await anyio.sleep(DISK_SECONDS)
            done.append(act(*args))
            on_step()
            await anyio.sleep(DISK_SECONDS)
        return done[0]

    with mock.patch.object(anyio.to_thread, "run_sync", run_sync):
        yield
