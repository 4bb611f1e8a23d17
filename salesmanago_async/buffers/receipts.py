"""The receipt for a record that a buffer has taken."""

from collections.abc import Generator
from typing import Any

import anyio

from ..outcome import Outcome


class Receipt:
    """Receipt for a record that a buffer has taken: `await receipt` waits for its outcome, any number of times.

    Cancelling the wait does not affect the record.
    """

    def __init__(self) -> None:
        self._known = anyio.Event()
        self._outcome: Outcome | None = None

    def __repr__(self) -> str:
        return f"<Receipt: {self._outcome.state if self._outcome else 'outcome not known yet'}>"

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the record; None while it is not known."""
        return self._outcome

    async def wait(self) -> Outcome:
        """Wait until the outcome of the record is known, and return it."""
        await self._known.wait()
        assert self._outcome is not None
        return self._outcome

    def __await__(self) -> Generator[Any, Any, Outcome]:
        return self.wait().__await__()

    def resolve(self, outcome: Outcome) -> None:
        """Set the outcome of the record; the buffer calls this once."""
        self._outcome = outcome
        self._known.set()
