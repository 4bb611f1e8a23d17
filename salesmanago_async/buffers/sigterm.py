"""SIGTERM for programs that no web server runs: they end in order, as they do at Ctrl-C."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from ..support.stop_signals import receiving_signals


@asynccontextmanager
async def until_sigterm() -> AsyncGenerator[None]:
    """Cancel the block at SIGTERM, so that everything opened in it is closed; then the process ends by that signal.

    A second SIGTERM ends the process immediately. Use it in the main thread only; web servers handle the signal
    themselves. Like a time-out, it is a scope around the task that enters it: use it in the main coroutine, not in a
    generator or a fixture.
    """
    was_heard = False

    async def listen(scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        nonlocal was_heard
        with receiving_signals(signal.SIGTERM) as signals:
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
