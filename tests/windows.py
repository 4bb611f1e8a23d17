"""What Windows does otherwise, done here: event loops have no signal handlers, there is no fcntl, and open files stay.

python -m tests.windows import contacts …     the command `salesmanago` under these rules
python -m tests.windows script.py             a script
python -m pytest -p tests.windows             tests
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_OPEN = Path("/proc/self/fd")
_MAPPED = Path("/proc/self/maps")


def without_signal_handlers(set_attribute: Callable[..., None] = setattr) -> None:
    """Let no event loop take signal handlers."""

    def add_signal_handler(*_: Any) -> None:
        raise NotImplementedError

    set_attribute(asyncio.SelectorEventLoop, "add_signal_handler", add_signal_handler)


def open_files_stay(set_attribute: Callable[..., None] = setattr) -> None:
    """Refuse to rename, replace or remove a file that this process has open or mapped."""
    for name in ("replace", "rename", "unlink", "remove"):
        set_attribute(os, name, _refusing(getattr(os, name)))


def _refusing(act: Callable[..., None]) -> Callable[..., None]:
    def refuse(*paths: Any, **options: Any) -> None:
        for path in paths:
            if is_open(path):
                raise PermissionError(13, "The process cannot access the file because it is being used", str(path))
        act(*paths, **options)

    return refuse


def is_open(path: Any) -> bool:
    """Return whether this process has a file open, or mapped into its memory."""
    try:
        place = Path(path).stat()
    except OSError:
        return False
    for opened in _OPEN.iterdir():
        try:
            found = opened.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (place.st_dev, place.st_ino):
            return True
    return any(line.split()[4] == str(place.st_ino) for line in _MAPPED.read_text().splitlines())


needs_proc = pytest.mark.skipif(not _OPEN.exists(), reason="needs /proc")


def pytest_configure() -> None:
    """Run tests under these rules; their event loops keep their handlers."""
    open_files_stay()
    sys.modules["fcntl"] = None  # type: ignore[assignment]


def main() -> None:
    """Run the command line, or a script, under these rules."""
    without_signal_handlers()
    pytest_configure()
    if sys.argv[1].endswith(".py"):
        exec(compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec"), {"__name__": "__main__"})
        return
    from salesmanago_async.cli import main as command

    sys.argv[0] = "salesmanago"
    command()


if __name__ == "__main__":
    main()
