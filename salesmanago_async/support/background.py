"""A task group for tasks that run beside a block and end with it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


@asynccontextmanager
async def background() -> AsyncGenerator[anyio.abc.TaskGroup]:
    """Open a task group whose tasks are cancelled when the block ends, and that raises the block's error unwrapped.

    Use it in a coroutine that enters and leaves the block in one task; callers of the library enter a `block` instead
    (see connection/blocks.py). A task group wraps the errors raised inside it in an exception group. The tasks started
    here must not raise, so there is nothing to group.
    """
    error: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as raised:
            error = raised
        tasks.cancel_scope.cancel()
    if error:
        raise error
