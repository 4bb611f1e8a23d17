"""Saves an export: the options for its file, the progress, and how the export ends."""

import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.abc
import click

from ..errors import Invalid, only_error
from ..file_imports.ending import ExitCode
from ..support.stop_signals import STOP_SIGNALS, receiving_signals
from ..support.wording import counted
from ._file_path import FilePath
from ._run import fail
from ._verbosity import is_quiet

if TYPE_CHECKING:
    from ..exports.damage import Damage
    from ..exports.sinks import Destination, Saved
    from ..jobs import Job

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SECONDS_BETWEEN_LINES = 5.0
STDOUT_NAME = "standard output"
BATCH = 1000

Show = Callable[["Saved"], None]

_OPTIONS = (
    click.option(
        "--out",
        required=True,
        type=FilePath(written=True, standard=True),
        help="The file to write: .jsonl, .json, .csv or .parquet; - for standard output.",
    ),
    click.option(
        "--format",
        type=click.Choice(["json", "jsonl", "csv", "parquet"]),
        help="The format to write.  [default: from the suffix of the file; jsonl for -]",
    ),
    click.option(
        "--raw-cells",
        is_flag=True,
        help="Write CSV cells as they are, without the apostrophe before what a spreadsheet would run as a formula. For"
        " other programs: an import removes it.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Refuse a file with a damaged character. Without this option such characters are replaced and counted.",
    ),
)


shape_option = click.option(
    "--shape",
    type=click.Choice(["flat", "documented"]),
    help="The form of each record in JSON and JSONL: flat as a row of CSV, which an import takes, or documented as in"
    " the server's file.  [default: flat]",
)
"""The option of commands that save the server's own files."""


def saving_options(command: CommandT) -> CommandT:
    """Add the options for the output file to a command."""
    decorated: Any = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def checked_destination(
    out: Path,
    format: Any,  # noqa: A002 - as the option is called
    raw_cells: bool,
    shape: Any = None,
) -> "Destination":
    """Return where records go; raise `Invalid` before the server is asked for anything."""
    from ..exports.sinks import target_of

    target = target_of(out, format=format, safe_cells=not raw_cells, shape=shape or "flat")
    if target.shape == "documented" and target.format in {"csv", "parquet"}:
        raise Invalid(f"documented is a form of JSON and JSONL; the rows of {target.format} are flat", field="--shape")
    return target


async def save_job(job: "Job[Any]", target: "Destination", what: str = "records", *, strict: bool = False) -> None:
    """Wait for the file of a job, write its records, and print how many there were and what was damaged."""
    from ..exports.sinks import Saved

    last = Saved(records=0)
    with showing_progress(what) as show:

        def keep(saved: Saved) -> None:
            nonlocal last
            last = saved
            show(saved)

        await job.save(
            target.path or "-",
            format=target.format,
            safe_cells=target.safe_cells,
            on_progress=keep,
            strict=strict,
            shape=target.shape,
        )
    print_saved(last.records, target, what)
    print_damaged(last.damaged)


async def save_records(
    records: AsyncIterator[Any], target: "Destination", show: Show, *, keeps_old: bool = False
) -> int:
    """Write the records of an iterator; return how many there were. With `keeps_old`, none replace no file."""
    from ..exports.sinks import Saved, saving

    async with saving(target, keeps_old=keeps_old) as sink, aclosing(_batches(records)) as batches:
        async for batch in batches:
            await sink.write(batch)
            show(Saved(records=sink.written))
    return sink.written


async def _batches(records: AsyncIterator[Any]) -> AsyncGenerator[Sequence[Any]]:
    batch: list[Any] = []
    async for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def print_saved(count: int, target: "Destination", what: str = "records") -> None:
    """Print how many records were written: on stdout, or on stderr if the records went to stdout."""
    click.echo(f"{_amount(count, what)} in {target.path or STDOUT_NAME}", err=target.path is None)


def print_damaged(damage: "Damage") -> None:
    """Print what was damaged in the written records, if anything."""
    if damage:
        click.echo(f"{damage}; --strict refuses such a file", err=True)


async def stoppable(act: Callable[[], Awaitable[None]]) -> None:
    """Run `act`; exit with the documented code if a signal or the reader of a pipe ends it early."""
    is_done = False
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_cancel_on_signal, tasks.cancel_scope)
            await act()
            is_done = True
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = only_error(group)
        if isinstance(error, BrokenPipeError) and error.filename == STDOUT_NAME:
            _end_quietly()
        raise error from None
    if not is_done:
        fail("stopped before the end", ExitCode.STOPPED)


async def _cancel_on_signal(
    scope: anyio.CancelScope, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with receiving_signals(*STOP_SIGNALS) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


def _end_quietly() -> None:
    """Exit without a message: the reader of the pipe wanted no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(ExitCode.STOPPED)


@contextmanager
def showing_progress(what: str = "records") -> Iterator[Show]:
    """Show the progress of saving: a bar on a terminal, otherwise a line every few seconds."""
    from rich.console import Console

    if is_quiet():
        yield lambda _: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    counts = TextColumn("{task.fields[counts]}")
    with Progress(SpinnerColumn(), counts, BarColumn(), DownloadColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("", total=None, counts="waiting for the server")

        def show(saved: "Saved") -> None:
            bar.update(task, completed=saved.received, total=saved.total, counts=_amount(saved.records, what))

        yield show


def _lines(what: str) -> Show:
    last = time.monotonic()

    def show(saved: "Saved") -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            click.echo(f"{_amount(saved.records, what)}{_bytes(saved)}", err=True)

    return show


def _amount(count: int, what: str) -> str:
    """Return a count with its noun, which is given in the plural."""
    return counted(count, what.removesuffix("s"))


def _bytes(saved: "Saved") -> str:
    if not saved.received:
        return ""
    whole = f" of {saved.total / 1e6:,.1f}" if saved.total else ""
    return f", {saved.received / 1e6:,.1f}{whole} MB"
