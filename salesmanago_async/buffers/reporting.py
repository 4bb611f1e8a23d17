"""Reports the outcomes of a buffer to the caller's `on_outcome` and to the log."""

from collections.abc import Callable, Iterable

from attrs import frozen

from ..outcome import PROBLEMS, Outcome
from ..telemetry import tell
from ..telemetry.buffer_events import BufferRecordFailed, CallbackFailed


@frozen
class Reporter:
    """Reports outcomes; an error of the caller's `on_outcome` is logged."""

    on_outcome: Callable[[Outcome], None] | None

    def report(self, outcomes: Iterable[Outcome]) -> None:
        """Report the outcomes of records."""
        for outcome in outcomes:
            self._report(outcome)

    def _report(self, outcome: Outcome) -> None:
        if outcome.state in PROBLEMS:
            tell(BufferRecordFailed(position=outcome.position, state=outcome.state))
        if self.on_outcome:
            try:
                self.on_outcome(outcome)
            except Exception as error:
                tell(CallbackFailed(failure=type(error).__name__))
