"""Run a command; errors become one line that names the place and the remedy, and an exit code.

Nobody sees a traceback: what nobody thought of is a line as well, which SALESMANAGO_DEBUG=1 turns into a traceback.
"""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import anyio
import click

from ..errors import Invalid, JobFailed, NoAnswer, NotAuthenticated, Refused, SalesManagoError, StillRunning
from ._collector import seldom_collecting
from ._option_names import with_option_names
from ._words import in_plain_words

ReturnT = TypeVar("ReturnT")

_CONNECTION, _RUNS = (logging.getLogger(f"salesmanago_async.{name}") for name in ("connection", "runs"))

SOME_REJECTED, UNUSABLE, STOPPED = 1, 2, 3
FAULT = 1
DEBUG = "SALESMANAGO_DEBUG"


class Guarded(click.Group):
    """A group of commands whose errors end in one line, wherever in a command they arise."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get(DEBUG) or _is_broken_pipe(error):
                raise  # click ends quietly where nobody reads its output
            if isinstance(error, SalesManagoError | OSError):
                fail(line_of(error), code_of(error))
            if _is_of_sqlite(error):
                fail(f"a journal, queue or state file cannot be used: {error}")
            fail(f"{_fault(error)}; please report this, with what {DEBUG}=1 shows", FAULT)


def _is_broken_pipe(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _is_of_sqlite(error: Exception) -> bool:
    """Tell whether SQLite raised it; where no command has imported SQLite, it cannot have."""
    sqlite3 = sys.modules.get("sqlite3")
    return sqlite3 is not None and isinstance(error, sqlite3.Error)


def _fault(error: Exception) -> str:
    """Name an error that nobody thought of, and its place: not its text, which may hold anything."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"an error of this program: {type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def run(act: Callable[..., Coroutine[Any, Any, ReturnT]], **arguments: Any) -> ReturnT:
    """Run `act` to its end, and exit in the documented way where it fails."""
    try:
        with seldom_collecting(), _quiet():
            return anyio.run(partial(act, **arguments))
    except (SalesManagoError, OSError) as error:
        fail(line_of(error), code_of(error))
    except KeyboardInterrupt:
        fail("stopped", STOPPED)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have no warnings on stderr: what goes wrong, and how a run has ended, is said by the command, in one line."""
    levels = {logger: logger.level for logger in (_CONNECTION, _RUNS)}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def show_waits() -> None:
    """Have each wait for the server be a line on stderr, where Python shows warnings: for what may take minutes."""
    _CONNECTION.setLevel(logging.WARNING)


def fail(line: str, code: int = UNUSABLE) -> NoReturn:
    """Print one line on stderr and exit."""
    click.echo(f"salesmanago: {' '.join(line.split())}", err=True)
    raise SystemExit(code)


def code_of(error: Exception) -> int:
    """Return the exit code for an error that ended a command."""
    if isinstance(error, StillRunning):
        return STOPPED
    if isinstance(error, Refused | JobFailed) and not isinstance(error, NotAuthenticated):
        return SOME_REJECTED
    return UNUSABLE


def line_of(error: Exception) -> str:
    """Return what an error means to whoever gave the command, and what to do about it."""
    if isinstance(error, NotAuthenticated):
        return f"the server says: {error}; check client id, api key, secret (or sha) and owner with 'salesmanago check'"
    if isinstance(error, NoAnswer):
        return f"{in_plain_words(str(error))}; check the network and the base URL"
    if isinstance(error, Refused):
        return f"the server refuses: {error}"
    if isinstance(error, OSError) and not isinstance(error, Invalid):
        return f"{error.filename or 'input or output'}: {error.strerror or error}"
    return with_option_names(str(error)) if isinstance(error, Invalid) else str(error)
