"""Whether a run goes on: what ends it early, and who has to hear of that."""

from collections.abc import Callable

from ...connection.connection import Connection
from ...errors import SalesManagoError
from .tally import Tally


class RunControl:
    """The course of one run. Reading may end early; so may, by `stop`, the following of server jobs."""

    def __init__(self, connection: Connection, tally: Tally) -> None:
        self._connection = connection
        connection.out_of_patience = self.give_up
        self._tally = tally
        self._listeners: list[Callable[[], None]] = []
        self.is_reading = True
        self.is_following = True
        self.callers_error: Exception | None = None
        """What code of the caller's raised: told when all that was read is sent and settled."""

    def when_stopped(self, act: Callable[[], None]) -> None:
        """Have `act` called when the reading ends early, and again when the following does."""
        self._listeners.append(act)

    def stop_for(self, error: SalesManagoError) -> None:
        """Read no further, as other requests would meet this error, too.

        After `stop`, an error says only that the run was stopped: it is no reason for that.
        """
        if self.is_following:
            self._tally.stopped = self._tally.stopped or error
        self.read_no_further()

    def give_up(self, error: SalesManagoError) -> None:
        """Stop, as the server has been silent for as long as the run has patience; this was its last failure."""
        self._tally.stopped = self._tally.stopped or error
        self.stop()

    @property
    def because(self) -> str:
        """Why the run is stopped, to be added to words that say so; empty where the caller has stopped it."""
        return f": {self._tally.stopped}" if self._tally.stopped else ""

    def fail_with(self, error: Exception) -> None:
        """Read no further, as the caller's code has failed."""
        self.callers_error = self.callers_error or error
        self.read_no_further()

    def stop(self) -> None:
        """Read no further, try nothing again and follow no job any longer."""
        self.is_following = False
        self._tally.halted = True
        self._connection.halt()
        self.read_no_further()

    def read_no_further(self) -> None:
        """Read, and send, nothing more."""
        self.is_reading = False
        for act in self._listeners:
            act()
