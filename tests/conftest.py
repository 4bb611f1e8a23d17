"""What every test may ask for: both event loops under virtual time, a simulator, and clients of it.

The README's command and .ci/run share the suite between them:

    python -m pytest                                        all kinds of tests, in about two minutes
    python -m pytest -m "not slow and (ci or hypothesis)" --hypothesis-profile ci      the rest, which .ci/run adds
    python -m pytest -m "not slow" --hypothesis-profile ci                             all at once
    python -m pytest -m slow                                what takes minutes, by hand

The rest is marked `ci`: files and tests about processes that are killed or started again, memory and real time, and
whatever takes a second; cases that repeat with other values what another one has shown, also nine of ten cases of a
test that is marked `sampled`; and the trio twin of each test that runs on both event loops, unless it is marked
`both_loops`, because time, cancellation or tasks are its subject. The README's command does not even read a file whose
`pytestmark` begins with `ci`.

Besides, a property is tried with ten times as many examples, which are given by `examples`.
"""

import asyncio
import gc
import json
import os
import re
import selectors
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

import anyio
import httpx
import pytest
import trio
from hypothesis import find, settings, strategies
from trio.testing import MockClock

from salesmanago_async import SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from tests.postgresql import close_kept_sessions, of_database, serving_postgresql

collect_ignore = ["example_shop"]
"""A project of its own, which test_pytest_plugin.py runs as its users would."""

TESTS = Path(__file__).parent
DATA = TESTS / "data"
MEMORY, ENOUGH = Path("/dev/shm"), 2 * 1024**3
SAMPLE = 10
"""The README's command runs one of so many cases of a test that is marked `sampled`, the first one included."""
LEFT_TO_CI = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.ci\b", re.MULTILINE)
"""What is written in a file of which .ci/run alone has any test."""
EPOCH = 1_700_000_000.0
"""The wall clock of a test, in seconds since 1970, when the clock of its event loop is 0."""


def examples(count: int) -> int:
    """Return how many examples a property is tried with, where `ci` has so many."""
    return max(5, count * settings().max_examples // 100)


def in_ci(*values: Any) -> list[Any]:
    """Mark values of a parameter that repeat what another one shows."""
    return [pytest.param(value, marks=pytest.mark.ci) for value in values]


def pytest_configure(config: pytest.Config) -> None:
    """Choose the number of examples, and spare what takes time and shows nothing.

    To read the certificates of httpx takes each client 25 ms, and to wait for the disk at each commit a third of a test
    of journals: clients read one certificate, and folders of tests lie in memory where there is enough of it.

    Simulators are strict unless a test says otherwise, so that a misspelt field of the client's own fails its test.
    """
    vars(Simulator)["__init__"].__kwdefaults__["strict"] = True
    settings.register_profile("ci", max_examples=100)
    settings.register_profile("dev", max_examples=10)
    settings.load_profile(config.getoption("--hypothesis-profile") or "dev")
    os.environ["SSL_CERT_FILE"] = str(DATA / "localhost.pem")
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
        tempfile.tempdir = str(MEMORY)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read what is left to .ci/run as a whole file: each worker would compile and import it for nothing."""
    if collection_path.suffix != ".py" or "not ci" not in config.option.markexpr:
        return None
    return bool(LEFT_TO_CI.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to .ci/run the trio twins, but where the event loop matters most, and most cases of what is sampled."""
    names = {item.nodeid for item in items}
    cases = Counter[str]()
    for item in items:
        if item.get_closest_marker("sampled"):
            function = item.nodeid.partition("[")[0]
            if cases[function] % SAMPLE:
                item.add_marker("ci")
            cases[function] += 1
        is_twin = "trio" in item.nodeid and item.nodeid.replace("trio", "asyncio") in names
        uses_loop = "anyio_backend" in getattr(item, "fixturenames", ())
        if is_twin and uses_loop and not item.get_closest_marker("both_loops"):
            item.add_marker("ci")


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Leave what is there before any test out of the collector's sight: to go through it takes a tenth of a second.

    Hypothesis makes its source of random numbers when it tries its first example, and asks the collector who holds it.
    `find` tries one before the holder is frozen: with CI=true in the environment, an old version would do so after.
    """
    if not gc.get_freeze_count():
        find(strategies.none(), lambda value: value is None)
        gc.collect()
        gc.freeze()


@pytest.fixture
def unfrozen() -> None:
    """Have the collector see everything, for a test whose subject it is."""
    gc.unfreeze()


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: if there is nothing to read, the virtual time advances by the time-out immediately."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self.passed += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in which sleeping takes no real time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for threads without a time-out: threads work in real time, and a virtual time-out passes immediately."""
        await super().shutdown_default_executor()


BACKENDS = ("asyncio", "trio")
ReturnT = TypeVar("ReturnT")


def run_virtually(backend: str, act: Callable[[], Awaitable[ReturnT]]) -> ReturnT:
    """Run a function in its own event loop, with virtual time."""
    if backend == "trio":  # with trio itself: `anyio.run` of older versions does not pass the clock
        return trio.run(act, clock=MockClock(autojump_threshold=0))
    return anyio.run(act, backend_options={"loop_factory": VirtualTimeLoop})


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"loop_factory": VirtualTimeLoop}), id="asyncio"),
        pytest.param(("trio", {"clock": None}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run a test that is marked `anyio` on asyncio and on trio, both with virtual time."""
    name, options = request.param
    return (name, {"clock": MockClock(autojump_threshold=0)}) if name == "trio" else (name, options)


def wall_clock() -> float:
    """The time of day that belongs to the event loop's clock."""
    return EPOCH + anyio.current_time()


@pytest.fixture
def simulator() -> Simulator:
    """An empty account on the event loop's clock, with jobs that take 90 seconds and links that work for 300."""
    return Simulator(clock=wall_clock, job_seconds=90.0, link_seconds=300.0)


MakeClient = Callable[..., SalesManago]


@pytest.fixture
def make_client() -> MakeClient:
    """Return a function that makes a client of any ASGI app."""

    def make(app: Any, **options: Any) -> SalesManago:
        chosen = {
            "owner": DEMO_OWNER,
            "transport": httpx.ASGITransport(app=app),
            "clock": wall_clock,
            "random": Random(7),
        }
        return SalesManago(options.pop("credentials", DEMO_CREDENTIALS), **{**chosen, **options})

    return make


@pytest.fixture
async def sm(simulator: Simulator, make_client: MakeClient) -> AsyncIterator[SalesManago]:
    """A client of the simulator."""
    async with make_client(simulator) as client:
        yield client


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server: the one of SALESMANAGO_TEST_POSTGRESQL, or one for these tests alone."""
    if given := os.environ.get("SALESMANAGO_TEST_POSTGRESQL"):
        yield given
    else:
        with serving_postgresql() as server:
            yield server.address
    close_kept_sessions()


@pytest.fixture
def database(postgresql: str) -> Iterator[str]:
    """The address of an empty database of this test alone, on the server of all."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield of_database(postgresql, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def catalogue() -> dict[str, dict[str, Any]]:
    """The documented endpoints with their samples, by path without /api/."""
    entries = json.loads((DATA / "catalogue.json").read_text())
    return {entry["path"].removeprefix("/api/"): entry for entry in entries}
