"""Something has changed: wakes every task that waits to hear it."""

import anyio


class Signal:
    """Wakes all that wait, each time it is given; nothing is kept for who comes later."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def give(self) -> None:
        """Wake everyone who waits now."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        """Wait until it is given."""
        await self._event.wait()
