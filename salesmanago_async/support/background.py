"""Tasks that work beside a block, and end with it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


@asynccontextmanager
async def background() -> AsyncGenerator[anyio.abc.TaskGroup]:
    """Open a task group whose tasks are cancelled where the block ends, and that raises what the block does, as it is.

    It is for a coroutine of ours that enters and leaves it in one task; what callers enter is a `block` (see _blocks).
    A task group packs up what is raised inside it; here its tasks must not raise, so there is nothing to pack together.
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
