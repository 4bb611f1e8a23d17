"""Ctrl-C and SIGTERM during an import: the first signal stops it in order, the second immediately.

The result is printed in both cases.
"""

import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import click

from ..errors import raising_only_error
from ..file_imports.making import RunningImport

Signals = AsyncIterator[signal.Signals]


@asynccontextmanager
async def stopping_on_signals(signals: Signals, running: RunningImport) -> AsyncGenerator[None]:
    """Stop an import of the block when signals arrive, or have arrived before it."""
    with raising_only_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop, signals, running)
            yield
            tasks.cancel_scope.cancel()


async def _stop(signals: Signals, running: RunningImport) -> None:
    await anext(signals)
    after_key = "\n" if sys.stderr.isatty() else ""  # the terminal has just shown ^C
    click.echo(
        f"{after_key}stopping: requests in flight are finished (at most 20 s); press Ctrl-C again to stop immediately",
        err=True,
    )
    running.stop()
    async for _ in signals:
        running.stop_at_once()
