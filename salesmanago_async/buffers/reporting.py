"""Reports the outcomes of a buffer to the caller's `on_outcome` and to the log."""

import logging
from collections.abc import Callable, Iterable

from attrs import frozen

from ..outcome import PROBLEMS, Outcome

_log = logging.getLogger("salesmanago_async")


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
            _log.warning("Record %d of a buffer is %s; its receipt has the reason", outcome.position, outcome.state)
        if self.on_outcome:
            try:
                self.on_outcome(outcome)
            except Exception as error:
                _log.error("on_outcome has raised %s", type(error).__name__)
