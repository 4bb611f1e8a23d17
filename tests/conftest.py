"""What every test may ask for: both event loops under virtual time, a simulator, and clients of it.

The README's command and .ci/run share the suite between them:

    python -m pytest                                        all kinds of tests, in about three minutes
    python -m pytest -m "not slow and (ci or hypothesis)" --hypothesis-profile ci      the rest, which .ci/run adds
    python -m pytest -m "not slow" --hypothesis-profile ci                             all at once
    python -m pytest -m slow                                what takes minutes, by hand

The rest is marked `ci`: cases that repeat with other values what another one has shown, and the trio twin of each test
that runs on both event loops, unless it is marked `both_loops`, because time, cancellation or tasks are its subject.
Besides, a property is tried with ten times as many examples, which are given by `examples`.
"""

import asyncio
import gc
import json
import os
import selectors
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import anyio
import httpx
import pytest
import trio
from hypothesis import settings
from trio.testing import MockClock

from salesmanago_async import SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator

DATA = Path(__file__).parent / "data"
MEMORY, ENOUGH = Path("/dev/shm"), 2 * 1024**3
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
    """
    settings.register_profile("ci", max_examples=100)
    settings.register_profile("dev", max_examples=10)
    settings.load_profile(config.getoption("--hypothesis-profile") or "dev")
    os.environ["SSL_CERT_FILE"] = str(DATA / "localhost.pem")
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the trio twins to .ci/run, but where the event loop matters most."""
    names = {item.nodeid for item in items}
    for item in items:
        is_twin = "trio" in item.nodeid and item.nodeid.replace("trio", "asyncio") in names
        uses_loop = "anyio_backend" in getattr(item, "fixturenames", ())
        if is_twin and uses_loop and not item.get_closest_marker("both_loops"):
            item.add_marker("ci")


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Leave what is there before any test out of the collector's sight: to go through it takes a tenth of a second."""
    if not gc.get_freeze_count():
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
def catalogue() -> dict[str, dict[str, Any]]:
    """The documented endpoints with their samples, by path without /api/."""
    entries = json.loads((DATA / "catalogue.json").read_text())
    return {entry["path"].removeprefix("/api/"): entry for entry in entries}
