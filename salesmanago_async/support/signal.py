"""A signal that wakes every task that waits for a change."""

import anyio


class Signal:
    """Wakes all waiting tasks each time it is given; tasks that wait later are not woken by it."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def give(self) -> None:
        """Wake every task that waits now."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        """Wait until the signal is given."""
        await self._event.wait()
