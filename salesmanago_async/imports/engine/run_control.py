"""Whether a run goes on: what ends it early, as a state that every part can read and wait for."""

from typing import Self

import anyio

from ...connection.connection import Traffic
from ...connection.pace import Pace
from ...errors import JournalFailed, SalesManagoError
from ...outcome import State
from ...report_page.samples import Sample
from .tally import Tally


class RunControl:
    """The control of one run. Reading may end early; after `stop`, so does the following of server jobs.

    `reading_ended` is set when nothing more is read or sent; `halted` when, in addition, no job is followed any more.
    """

    def __init__(self, tally: Tally, pace: Pace) -> None:
        self.tally = tally
        self._pace = pace
        self.is_reading = True
        """Whether records are still read and sent; an attribute, because it is asked for every row."""
        self.reading_ended = anyio.Event()
        self.halted = anyio.Event()
        self.callers_error: Exception | None = None
        """What the caller's code raised; it is raised again when everything that was read is sent and settled."""

    @classmethod
    def begin(cls, pace: Pace, goal: State) -> Self:
        """Return the control of a new run, with new counts; `goal` is the state that records should reach."""
        return cls(Tally(Traffic(), goal=goal), pace)

    @property
    def is_following(self) -> bool:
        """Whether jobs are still followed, and requests retried."""
        return not self.halted.is_set()

    @property
    def because(self) -> str:
        """Why the run has stopped, to be appended to a message about the stop; empty if the caller has stopped it."""
        return f": {self.tally.stopped}" if self.tally.stopped else ""

    def sample(self) -> None:
        """Take a sample of the run for its report."""
        tally = self.tally
        if tally.ended_at is None:
            tally.samples.add(
                Sample(
                    seconds=tally.seconds,
                    read=tally.read,
                    settled=sum(tally.states.values()) - tally.states["not_sent"],
                    in_flight=self._pace.in_flight,
                    limit=self._pace.limit,
                )
            )

    def stop_for(self, error: SalesManagoError) -> None:
        """Stop reading, because other requests would get the same error.

        If the journal has failed, retries and jobs end as well: nothing more may be sent, and no outcome can be written
        down. After `stop`, an error only says that the run was stopped, so it is not the reason for the stop.
        """
        if self.is_following:
            self.tally.stopped = self.tally.stopped or error
        if isinstance(error, JournalFailed):
            self.stop()
        self.read_no_further()

    def give_up(self, error: SalesManagoError) -> None:
        """Stop, because the server was silent for the whole patience of the run; `error` was its last failure."""
        self.tally.stopped = self.tally.stopped or error
        self.stop()

    def fail_with(self, error: Exception) -> None:
        """Stop reading, because the caller's code has failed."""
        self.callers_error = self.callers_error or error
        self.read_no_further()

    def stop(self) -> None:
        """Stop reading, retrying and following jobs."""
        self.tally.halted = True
        self.halted.set()
        self.read_no_further()
        self._pace.recheck()  # requests that wait for a permit learn that they are not sent

    def read_no_further(self) -> None:
        """Stop reading and sending."""
        self.is_reading = False
        self.reading_ended.set()
