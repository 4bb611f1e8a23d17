"""Progress of an import on stderr: a bar on a terminal, otherwise a line every few seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..imports.report import Report

SECONDS_BETWEEN_LINES = 5.0

Show = Callable[[Report, int], None]
"""Shows the counts so far and the number of bytes read."""


@contextmanager
def progress(total_bytes: int, *, doing: str = "sending") -> Iterator[Show]:
    """Show the progress of a run; `total_bytes` is the size of its input, and `doing` names what the run does."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("reading", total=total_bytes or None, counts="")

            def show(report: Report, read: int) -> None:
                is_waiting = read >= total_bytes and _is_waiting(report)
                description = "waiting for server jobs" if is_waiting else doing
                bar.update(task, completed=read, description=description, counts=str(report))

            yield show
    else:
        yield _lines()


def _bar(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def _is_waiting(report: Report) -> bool:
    settled = report.accepted + report.submitted + report.rejected + report.in_doubt + report.not_sent
    return report.jobs > 0 and settled < report.read


def _lines() -> Show:
    last = time.monotonic()

    def show(report: Report, _: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            click.echo(str(report), err=True)

    return show
