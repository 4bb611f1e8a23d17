"""Errors of files that name their file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def errors_naming(path: Path) -> Iterator[None]:
    """Make each `OSError` of the block name this file, even if the failed call did not know the name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
