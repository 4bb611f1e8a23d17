"""Progress of an import on stderr: two live lines on a terminal, otherwise a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ._status import Status, counts, headline
from ._verbosity import is_quiet

SECONDS_BETWEEN_LINES = 5.0

SECONDS_BETWEEN_EQUAL_LINES = 60.0
"""Seconds between two lines with the same counts: then the import waits, and says for what."""

WIDTH_OF_BAR = 12

Show: TypeAlias = Callable[[Status], None]
"""Shows the status of an import."""


@contextmanager
def progress() -> Iterator[Show]:
    """Show the progress of an import during the block; with --quiet, show nothing."""
    console = Console(stderr=True)
    if is_quiet():
        yield lambda _: None
    elif console.is_terminal:
        screen = _Screen()
        with Live(screen, console=console, transient=True, refresh_per_second=4) as live:

            def show(status: Status) -> None:
                screen.status = status
                live.refresh()

            yield show
    else:
        yield _Lines().show


class _Screen:
    """The live lines; rich draws them anew several times per second."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self._spinner = Spinner("dots")

    def __rich__(self) -> RenderableType:
        if self.status is None:
            return Text("starting")
        line = Table.grid(padding=(0, 1))
        head = Text(headline(self.status), no_wrap=True, overflow="ellipsis")
        if self.status.has_read_all or not self.status.total:
            line.add_row(self._spinner, head)
        else:
            bar = ProgressBar(total=self.status.total, completed=self.status.read, width=WIDTH_OF_BAR)
            line.add_row(self._spinner, bar, head)
        return Group(line, Text(f"  {counts(self.status)}", no_wrap=True, overflow="ellipsis"))


class _Lines:
    """Lines for a file or a pipe: when counts have changed, or after a longer time when they have not."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._counts = ""

    def show(self, status: Status) -> None:
        passed = time.monotonic() - self._last
        has_changed = str(status.report) != self._counts
        if passed >= (SECONDS_BETWEEN_LINES if has_changed else SECONDS_BETWEEN_EQUAL_LINES):
            self._last, self._counts = time.monotonic(), str(status.report)
            click.echo(f"{headline(status)}: {counts(status)}", err=True)
