"""Tasks outside any task group: for work that must finish even if the caller is cancelled, or that another task ends.

Frameworks may open an app in one task and close it in another (pytest fixtures do), which a task group forbids. Also,
asyncio's own cancellation, as of `asyncio.timeout`, ignores the shields of anyio.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

_running: set[asyncio.Task[None]] = set()
"""Strong references to the running tasks: an event loop keeps only weak ones."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]], *, when_ended: Callable[[], None] = lambda: None) -> None:
    """Start a task, which sees the context variables of the caller. The task must not raise.

    `when_ended` is always called at the end of the task, even if the task is cancelled before its first step.
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
    """Return an object that identifies the running event loop, for as long as the object is kept."""
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
