"""Runs a command. An error becomes an exit code and one line, which names the place and says what to do.

Users never see a traceback: an unexpected error is one line, too. SALESMANAGO_DEBUG=1 shows its traceback.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import anyio
import click

from ..errors import SalesManagoError
from ..file_imports.ending import ExitCode, code_of, line_of
from ..stores.addresses import hide_passwords
from ._collector import collecting_less_often
from ._option_names import with_option_names
from ._verbosity import logging_as_asked

ReturnT = TypeVar("ReturnT")

FAULT = 1
DEBUG = "SALESMANAGO_DEBUG"


class Guarded(click.Group):
    """A group of commands; an error anywhere in a command ends it with one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = hide_passwords(error.message)  # it may quote any argument
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get(DEBUG) or _is_broken_pipe(error):
                raise  # click ends quietly if the reader of a pipe has gone
            if isinstance(error, SalesManagoError | OSError):
                fail(_line_with_notes(error), code_of(error))
            if _is_of_sqlite(error):
                fail(f"a journal, queue or state file cannot be used: {error}")
            fail(f"{_place_of(error)}; please report this, with the traceback that {DEBUG}=1 shows", FAULT)


def _is_broken_pipe(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _is_of_sqlite(error: Exception) -> bool:
    """Return whether SQLite raised the error; it did not if no command has imported SQLite."""
    sqlite3 = sys.modules.get("sqlite3")
    return sqlite3 is not None and isinstance(error, sqlite3.Error)


def _place_of(error: Exception) -> str:
    """Return the type and the place of an unexpected error, without its text, which may contain personal data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"an error of this program: {type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def run(act: Callable[..., Coroutine[Any, Any, ReturnT]], **arguments: Any) -> ReturnT:
    """Run `act`; exit with the documented code if it fails."""
    try:
        with collecting_less_often(), logging_as_asked():
            return anyio.run(partial(act, **arguments))
    except (SalesManagoError, OSError) as error:
        fail(_line_with_notes(error), code_of(error))
    except KeyboardInterrupt:
        fail("stopped", ExitCode.STOPPED)


def _line_with_notes(error: SalesManagoError | OSError) -> str:
    """Return what an error means, with its notes: that a request is in doubt, or which path may have been meant."""
    notes = [note.removesuffix(".") for note in getattr(error, "__notes__", ())]
    return "; ".join([line_of(error), *notes])


def fail(line: str, code: int = ExitCode.UNUSABLE) -> NoReturn:
    """Print one line on stderr and exit."""
    click.echo(f"salesmanago: {' '.join(with_option_names(line).split())}", err=True)
    raise SystemExit(code)
