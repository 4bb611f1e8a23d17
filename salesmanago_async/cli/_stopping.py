"""What Ctrl-C and SIGTERM do to a run: the first ends it in order, the second at once, and both with a report."""

import signal
import sys
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import click

from ..errors import only_error
from ..imports.runs import Outcomes
from ._run import STOPPED


class Stopper:
    """Stops a run when signals come."""

    def __init__(self) -> None:
        self.signals = 0
        self._outcomes: Outcomes | None = None

    def take(self, outcomes: Outcomes) -> None:
        """Take over the run that is to be stopped; it is at once, where a signal came before it."""
        self._outcomes = outcomes
        if self.signals:
            outcomes.stop()

    def signalled(self) -> None:
        """Stop the run in order at the first signal, and at once at the next."""
        self.signals += 1
        if self.signals == 1:
            after_key = "\n" if sys.stderr.isatty() else ""  # the terminal has just shown ^C
            click.echo(
                f"{after_key}stopping: requests in flight are finished (at most 20 s); once more stops at once",
                err=True,
            )
        if self._outcomes and self.signals == 1:
            self._outcomes.stop()
        elif self._outcomes:
            self._outcomes.stop_at_once()


async def with_signals(act: Callable[[], Awaitable[int]], stopper: Stopper) -> int:
    """Return the exit code that `act` ends with; in its place the stopper hears of every SIGINT and SIGTERM."""
    code = STOPPED
    try:
        async with anyio.create_task_group() as tasks:
            if sys.platform != "win32":
                await tasks.start(_listen, stopper)
            code = await act()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = only_error(group)
        raise error from error.__cause__
    return code


async def _listen(stopper: Stopper, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            stopper.signalled()
