"""SIGTERM for programs that no web server runs, so that they end as they do at Ctrl-C: in order."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


@asynccontextmanager
async def until_sigterm() -> AsyncGenerator[None]:
    """Have SIGTERM cancel the block, so that what it has opened is closed; then the process ends by that signal.

    A second one ends it at once. In the main thread only; web servers hear the signal themselves. As a time-out is, it
    is a scope around the task that enters it: use it in the main coroutine, not in a generator or a fixture.
    """
    was_heard = False

    async def listen(scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        nonlocal was_heard
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                was_heard = True
                scope.cancel()

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen, tasks.cancel_scope)
        yield
        tasks.cancel_scope.cancel()
    if was_heard:
        signal.raise_signal(signal.SIGTERM)
