"""Tasks that belong to nobody's block: what must be finished whoever is cancelled, or is ended by another task.

Frameworks open an app in one task and close it in another (fixtures of pytest do), which a task group forbids. And
asyncio's own cancellation, as of `asyncio.timeout`, does not stop at anyio's shields.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_running: set[asyncio.Task[None]] = set()
"""An event loop keeps no hard reference to its tasks."""


def start_beside(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start a task; it must not raise, and has to say itself when it ends."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        trio.lowlevel.spawn_system_task(work)
        return
    task = loop.create_task(work())
    _running.add(task)
    task.add_done_callback(_running.discard)
