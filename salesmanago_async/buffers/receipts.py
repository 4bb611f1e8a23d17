"""What whoever gave a record to a buffer is told of it."""

from collections.abc import Generator
from typing import Any

import anyio

from ..outcome import Outcome


class Receipt:
    """For a record that a buffer has taken: `await receipt` waits for its outcome, as often as you like.

    Whoever stops waiting changes nothing for the record.
    """

    def __init__(self) -> None:
        self._known = anyio.Event()
        self._outcome: Outcome | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What became of the record; None while that is not known."""
        return self._outcome

    async def wait(self) -> Outcome:
        """Wait until it is known what became of the record."""
        await self._known.wait()
        assert self._outcome is not None
        return self._outcome

    def __await__(self) -> Generator[Any, Any, Outcome]:
        return self.wait().__await__()

    def tell(self, outcome: Outcome) -> None:
        """Say what became of the record: the buffer does, once."""
        self._outcome = outcome
        self._known.set()
