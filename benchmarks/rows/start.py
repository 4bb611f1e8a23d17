"""What starting costs: the import of the library, and what `--help` has to import. Each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.row import FLOOR, OURS, Row, Ways, at_most, times

DEPENDENCIES = "httpx, anyio, attrs, cattrs, orjson"
WITH_ALL = "salesmanago_async.client, salesmanago_async.connection.http"
_IMPORT = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"
_HELP = """
import contextlib, io, sys
from salesmanago_async.cli import main
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    sys.argv = ["salesmanago", "--help"]
    main()
assert "import" in shown.getvalue(), shown.getvalue()
print(sum(name.split(".")[0] == "httpx" or name.startswith("salesmanago_async.simulator") for name in sys.modules))
"""


def _told_by(code: str) -> float:
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(shown.stdout)


def seconds_of_import(modules: str) -> float:
    """Return the processor's time for an import, in a process that has imported nothing yet."""
    return _told_by(_IMPORT.format(modules))


@contextmanager
def _start(_: int) -> Iterator[Ways]:
    yield {
        OURS: lambda: seconds_of_import("salesmanago_async"),
        FLOOR: lambda: seconds_of_import(DEPENDENCIES),
        "ours, with all that a client needs": lambda: seconds_of_import(WITH_ALL),
    }


@contextmanager
def _help(_: int) -> Iterator[Ways]:
    yield {OURS: lambda: _told_by(_HELP)}


ROWS = (
    Row(
        name="import",
        what="import salesmanago_async",
        ways=_start,
        targets=(times(1.2),),
        size=1,
        quick_size=1,
    ),
    Row(
        name="help",
        what="salesmanago --help",
        ways=_help,
        targets=(at_most(0, "imports of httpx and the simulator:", ""),),
        size=1,
        quick_size=1,
        rounds=1,
        unit="modules",
    ),
)
