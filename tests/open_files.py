"""How many files and sockets the process of the tests has open; where that cannot be known, tests of it are skipped."""

from pathlib import Path

import pytest

_OPEN = Path("/proc/self/fd")

needs_proc = pytest.mark.skipif(not _OPEN.exists(), reason="needs /proc")


def open_files() -> int:
    return len(list(_OPEN.iterdir()))
