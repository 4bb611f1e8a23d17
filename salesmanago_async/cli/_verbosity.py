"""The options -v and -q, which commands with a client share, and what they change."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

_KEY = "salesmanago_async.verbosity"
_LOGGER = logging.getLogger("salesmanago_async")
_CONNECTION, _RUNS = (logging.getLogger(f"salesmanago_async.{name}") for name in ("connection", "runs"))

QUIET, NORMAL, VERBOSE = -1, 0, 1


def _note(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def note(context: click.Context, _: click.Parameter, is_given: bool) -> None:
        if is_given:
            context.meta[_KEY] = level

    return note


verbosity_options: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_note(VERBOSE),
        help="Also print server jobs, retries and pauses as they come, with the time.",
    ),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_note(QUIET),
        help="Print results and errors only: no progress, no waits.",
    ),
)


def _verbosity() -> int:
    context = click.get_current_context(silent=True)
    return context.meta.get(_KEY, NORMAL) if context else NORMAL


def is_quiet() -> bool:
    """Whether the command was given -q."""
    return _verbosity() == QUIET


@contextmanager
def logging_as_asked() -> Iterator[None]:
    """Keep warnings of the library off stderr during the block, as commands print what goes wrong; with -v, print all.

    With -v these are milestones, server jobs, retries and pauses, with the time.
    """
    is_verbose = _verbosity() == VERBOSE
    levels = {logger: logger.level for logger in (_LOGGER, _CONNECTION, _RUNS)}
    handler = _Printing()
    if is_verbose:
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.addHandler(handler)
    else:
        _CONNECTION.setLevel(logging.ERROR)
        _RUNS.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        for logger, level in levels.items():
            logger.setLevel(level)


def show_waits() -> None:
    """Print each wait for the server as a line on stderr, for commands that may take minutes; not with -q."""
    if _verbosity() == NORMAL:
        _CONNECTION.setLevel(logging.WARNING)


class _Printing(logging.Handler):
    """Prints records to what stderr is at that moment: a live screen moves down for them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)
