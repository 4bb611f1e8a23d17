"""Many calls, so many of them in flight at once."""

import asyncio
from collections.abc import Awaitable, Callable


async def call_all(call: Callable[[int], Awaitable[object]], count: int, *, in_flight: int) -> int:
    """Make so many calls, each worker one after the other; return how many came to something."""
    numbers = iter(range(count))

    async def work() -> int:
        return sum([bool(await call(number)) for number in numbers])

    return sum(await asyncio.gather(*(work() for _ in range(in_flight))))
