"""Run a command's coroutine; errors become one line that names the place and the remedy, and an exit code."""

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn, TypeVar

import anyio
import click

from ..errors import Invalid, JobFailed, NoAnswer, NotAuthenticated, Refused, SalesManagoError, StillRunning
from ._collector import seldom_collecting

ReturnT = TypeVar("ReturnT")

SOME_REJECTED, UNUSABLE, STOPPED = 1, 2, 3


def run(act: Callable[..., Coroutine[Any, Any, ReturnT]], **arguments: Any) -> ReturnT:
    """Run `act` to its end, and exit in the documented way where it fails.

    Warnings of what it waits for appear on stderr, as Python shows them; how a run has ended is said by the command.
    """
    logging.getLogger("salesmanago_async.runs").setLevel(logging.ERROR)
    try:
        with seldom_collecting():
            return anyio.run(partial(act, **arguments))
    except (SalesManagoError, OSError) as error:
        fail(line_of(error), code_of(error))
    except KeyboardInterrupt:
        fail("stopped", STOPPED)


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
        return f"{error}; check the network and the base URL"
    if isinstance(error, Refused):
        return f"the server refuses: {error}"
    if isinstance(error, OSError) and not isinstance(error, Invalid):
        return f"{error.filename or 'input or output'}: {error.strerror or error}"
    return str(error)
