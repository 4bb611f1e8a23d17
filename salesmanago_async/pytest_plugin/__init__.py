"""The pytest plugin: a simulated account for tests, found by pytest wherever this package is installed.

    async def test_a_new_customer_is_tagged(salesmanago_client, salesmanago_simulator):
        await sign_up(salesmanago_client, "ann@example.com")
        assert salesmanago_simulator.contact("ann@example.com").tags == ["CUSTOMER"]

- `salesmanago_simulator` is an empty account of this test: a `Simulator` that refuses what is not documented, and whose
  jobs end at once. It shows what it holds (`contact()`, `contacts`, `events`, `products`, `jobs`) and what it was asked
  (`requests`), fails on request (`fail("503", path="contact/*", at=1)`), and has a clock (`advance(3600)`).
- `salesmanago_client` is a `SalesManago` of that account, in the same process, which does not wait between polls and
  tries. It belongs to the event loop of its test, and need not be closed.
- `salesmanago_server` serves the account over a socket of this machine, for code that makes its own client, for threads
  and for other processes (needs the extra `cli`). Until the test ends, the variables SALESMANAGO_* of this process lead
  to it. It has a `url` and an `environ`.

Options of the simulator are given by a marker, for a test, a class or a module (`pytestmark`). For a whole project,
override the fixture `salesmanago_simulator`; the other two use it:

    @pytest.mark.salesmanago(strict=False, job_seconds=30)

If a test fails, its report shows the last requests. What a fault makes a client wait for (`retry_after`, `seconds`)
passes in real time. `-p no:salesmanago_async` leaves the plugin out.

This module imports pytest alone: everything else waits for the first test that uses a fixture. Types of pytest are
named in quotes, because its older versions lack some, and a project that has one of these must not notice the plugin.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..client import SalesManago
    from ..simulator import Simulator, SimulatorServer
    from .serving import Socket

SHOWN = 20
"""How many requests the report of a failed test shows."""


def pytest_configure(config: "pytest.Config") -> None:
    """Register the marker, for projects with `--strict-markers`."""
    config.addinivalue_line("markers", "salesmanago(**options): options of the Simulator of salesmanago_simulator")


@pytest.fixture
def salesmanago_simulator(request: "pytest.FixtureRequest") -> "Simulator":
    """Return an empty simulated account, whose jobs end at once."""
    from ..simulator import Simulator

    options: dict[str, Any] = {"strict": True, "job_seconds": 0.0, "requests_kept": None}
    for marker in reversed(list(request.node.iter_markers("salesmanago"))):
        options |= marker.kwargs
    return Simulator(**options)


@pytest.fixture
def salesmanago_client(salesmanago_simulator: "Simulator") -> "SalesManago":
    """Return a client of the simulated account, which does not wait."""
    from .clients import make_client

    return make_client(salesmanago_simulator)


@pytest.fixture
def salesmanago_server(
    salesmanago_simulator: "Simulator", _salesmanago_socket: "Socket", monkeypatch: "pytest.MonkeyPatch"
) -> Generator["SimulatorServer"]:
    """Serve the simulated account over a socket, with its variables in the environment of this process."""
    from .serving import OTHER_VARIABLES

    with _salesmanago_socket.serving(salesmanago_simulator) as server:
        for name in OTHER_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def _salesmanago_socket() -> Generator["Socket"]:
    """One server for all tests, as starting and stopping one takes a fifth of a second."""
    from .serving import open_socket

    with open_socket() as opened:
        yield opened


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: "pytest.Item") -> Generator[None, Any, None]:
    """Show the last requests in the report of a failed test."""
    outcome = yield
    simulator = getattr(item, "funcargs", {}).get("salesmanago_simulator")
    if simulator is None:
        return
    report: pytest.TestReport = outcome.get_result()
    lines = _last_requests(simulator) if report.when == "call" and report.failed else ""
    if lines:
        report.sections.append(("Requests to salesmanago_simulator", lines))


def _last_requests(simulator: object) -> str:
    from ..simulator import Simulator

    if not isinstance(simulator, Simulator):  # a project has replaced the fixture by something else
        return ""
    requests = simulator.requests[-SHOWN:]
    left_out = simulator.requests.total - len(requests)
    return "\n".join([*([f"({left_out} earlier ones)"] if left_out else []), *map(simulator.log_line, requests)])
