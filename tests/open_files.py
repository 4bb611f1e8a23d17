"""The number of open files and sockets of the test process; tests are skipped if it cannot be known."""

from pathlib import Path

import pytest

_OPEN = Path("/proc/self/fd")

needs_proc = pytest.mark.skipif(not _OPEN.exists(), reason="needs /proc")


def open_files() -> int:
    return len(list(_OPEN.iterdir()))
