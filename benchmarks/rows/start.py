"""What starting costs: a client made, its first call, and what `--help` has to import. Each in a fresh interpreter.

The floor imports what the client stands on. Bytecode is there already, as after the first start of any program.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from benchmarks.row import FLOOR, OURS, Row, Ways, at_most, times
from benchmarks.sink import sink

_DEPENDENCIES = "import httpx, httpcore, anyio, attrs, cattrs, orjson"  # as pyproject.toml names them
_CLIENT = """
from salesmanago_async import Credentials, SalesManago
sm = SalesManago(Credentials(client_id="bench", api_key="key", api_secret="secret"), owner="o@example.com"{})
"""
_CALL = """
import asyncio
from salesmanago_async import Contact
async def call():
    async with sm:
        await sm.contacts.upsert(Contact(email="ann@example.com"))
asyncio.run(call())
"""
_CALL_BY_HAND = """
import asyncio, attrs, cattrs, httpx, orjson
async def call():
    async with httpx.AsyncClient() as client:
        answer = await client.post("{}/api/contact/upsert", content=orjson.dumps({{"email": "ann@example.com"}}))
        orjson.loads(answer.content)
asyncio.run(call())
"""
_HELP = """
import contextlib, io, sys
from salesmanago_async.cli import main
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    sys.argv = ["salesmanago", "--help"]
    main()
assert "import" in shown.getvalue(), shown.getvalue()
print(sum(name.split(".")[0] == "httpx" or name.startswith("salesmanago_async.simulator") for name in sys.modules))
"""


def _told_by(code: str, **environment: str) -> float:
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return float(shown.stdout)


def _seconds_of(code: str, bytecode: str) -> Callable[[], float]:
    """Return the way that runs code in a fresh interpreter, in seconds of the processor; its bytecode is there."""
    timed = f"import time; start = time.process_time(){code}\nprint(time.process_time() - start)"

    def way() -> float:
        return _told_by(timed, PYTHONPYCACHEPREFIX=bytecode, PYTHONDONTWRITEBYTECODE="")

    way()
    return way


@contextmanager
def _start(_: int) -> Iterator[Ways]:
    with TemporaryDirectory() as bytecode, sink() as address:
        yield {
            OURS: _seconds_of(_CLIENT.format(""), bytecode),
            FLOOR: _seconds_of(f"\n{_DEPENDENCIES}", bytecode),
            "ours, with a first call": _seconds_of(_CLIENT.format(f", base_url={address!r}") + _CALL, bytecode),
            "httpx, with a first call": _seconds_of(_CALL_BY_HAND.format(address), bytecode),
        }


@contextmanager
def _help(_: int) -> Iterator[Ways]:
    yield {OURS: lambda: _told_by(_HELP)}


ROWS = (
    Row(
        name="client",
        what="a client made, from the start of the interpreter",
        ways=_start,
        targets=(times(1.5, quick=2.3),),
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
