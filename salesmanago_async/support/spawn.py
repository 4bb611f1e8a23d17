"""Tasks that belong to nobody's block: what must be finished whoever is cancelled, or is ended by another task.

Frameworks open an app in one task and close it in another (fixtures of pytest do), which a task group forbids. And
asyncio's own cancellation, as of `asyncio.timeout`, does not stop at anyio's shields.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

_running: set[asyncio.Task[None]] = set()
"""An event loop keeps no hard reference to its tasks."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]], *, when_ended: Callable[[], None] = lambda: None) -> None:
    """Start a task, which sees the context variables of the caller. It must not raise.

    `when_ended` is called however the task ends, also where it is cancelled before its first step.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _start_on_trio(work, when_ended)
        return
    task = loop.create_task(work())
    _running.add(task)
    task.add_done_callback(_running.discard)
    task.add_done_callback(lambda _: when_ended())


def current_loop() -> object:
    """Return what tells this event loop from any other, as long as it is kept."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        import trio

        return trio.lowlevel.current_trio_token()


def _start_on_trio(work: Callable[[], Coroutine[Any, Any, None]], when_ended: Callable[[], None]) -> None:
    import trio

    async def run() -> None:
        try:
            await work()
        finally:
            when_ended()

    trio.lowlevel.spawn_system_task(run, context=copy_context())
