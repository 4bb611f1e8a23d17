"""The pytest plugin: its fixtures, what a failed test shows, and that projects without use for it do not notice it."""

import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from salesmanago_async import Contact, SalesManago
from salesmanago_async.simulator import Simulator, SimulatorServer
from tests.readme import ROOT

EXAMPLE = ROOT / "tests" / "example_shop"
TOLD_TO_PYTEST = ("PYTEST_", "SALESMANAGO_", "SSL_CERT_FILE", "PYTHONPATH")


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, in a process that knows nothing of these tests."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(TOLD_TO_PYTEST)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


Project = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a function that runs pytest on a test file in an otherwise empty project, where warnings are errors."""

    def project(tests: str, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n"
            "asyncio_default_fixture_loop_scope = function\n"
        )
        (tmp_path / "test_it.py").write_text(tests)
        return run_pytest(tmp_path, *options)

    return project


def test_it_is_installed() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    installed = {point.name: point.value for point in entry_points(group="pytest11")}
    assert installed.items() >= declared.items(), "install the project again: pip install -e '.[dev]'"


# Fixtures


@pytest.mark.anyio
async def test_the_client_is_one_of_the_simulator(
    salesmanago_client: SalesManago, salesmanago_simulator: Simulator
) -> None:
    started = time.monotonic()
    report = await salesmanago_client.contacts.upsert_many([Contact(email=f"{n}@example.com") for n in range(5)])
    assert report.accepted == len(salesmanago_simulator.contacts) == 5
    assert time.monotonic() - started < 2
    salesmanago_simulator.fail("503", at=[1, 2, 3])
    assert (await salesmanago_client.contacts.has(email="1@example.com")).result
    assert time.monotonic() - started < 3
    assert [request.status for request in salesmanago_simulator.requests[-4:]] == [503, 503, 503, 200]


@pytest.mark.salesmanago(owners=["boss@vendor.pl"], job_seconds=5)
class TestOptions:
    """Options by markers: the nearest one counts."""

    @pytest.mark.salesmanago(job_seconds=7, strict=False)
    def test_are_those_of_the_simulator(
        self, salesmanago_simulator: Simulator, salesmanago_client: SalesManago
    ) -> None:
        assert salesmanago_simulator.job_seconds == 7
        assert salesmanago_simulator.owner == salesmanago_client.owner == "boss@vendor.pl"


def test_the_server_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, salesmanago_simulator: Simulator, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("SALESMANAGO_QUOTA", "postgresql://real.example/db?quota=real")
    monkeypatch.setenv("SALESMANAGO_OWNER", "real@vendor.pl")
    server: SimulatorServer = request.getfixturevalue("salesmanago_server")
    assert server.simulator is salesmanago_simulator
    assert {**os.environ}.items() >= server.environ.items()
    assert os.environ["SALESMANAGO_BASE_URL"] == server.url
    assert "SALESMANAGO_QUOTA" not in os.environ
    assert SalesManago.from_env().owner == salesmanago_simulator.owner
    assert "demo-secret" not in repr(server)


# A project of its own


@pytest.mark.ci
def test_the_example_project_passes(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    ended = run_pytest(folder)
    assert ended.returncode == 0, ended.stdout
    assert "17 passed" in ended.stdout


@pytest.mark.ci
def test_a_failed_test_shows_the_requests(project: Project) -> None:
    ended = project(
        "from salesmanago_async import Contact\n"
        "async def ask(sm):\n"
        "    await sm.contacts.upsert(Contact(email='ann@example.com'))\n"
        "    await sm.call('contact/upsert', {'contact': {'emial': 'ann@example.com'}})\n"
        "def test_it(salesmanago_client):\n"
        "    import asyncio\n"
        "    asyncio.run(ask(salesmanago_client))\n"
    )
    assert ended.returncode == 1
    shown = ended.stdout.partition("Requests to salesmanago_simulator")[2]
    assert "  200  contact/upsert" in shown
    assert "contact.emial: is not a documented field" in shown
    assert "demo-secret" not in ended.stdout


@pytest.mark.ci
def test_a_project_may_have_fixtures_of_the_same_names(project: Project) -> None:
    ended = project(
        "import pytest\n"
        "from salesmanago_async.simulator import Simulator\n"
        "@pytest.fixture\n"
        "def salesmanago_simulator(): return Simulator(owners=['me@vendor.pl'])\n"
        "def test_ours(salesmanago_client): assert salesmanago_client.owner == 'me@vendor.pl'\n"
        "class TestOther:\n"
        "    @pytest.fixture\n"
        "    def salesmanago_simulator(self): return object()\n"
        "    def test_it(self, salesmanago_simulator): assert False\n"
    )
    assert "1 failed, 1 passed" in ended.stdout
    assert "INTERNALERROR" not in ended.stdout + ended.stderr


@pytest.mark.ci
def test_a_project_that_does_not_use_it_loads_nothing_of_it(project: Project) -> None:
    ended = project(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {name for name in sys.modules if name.startswith('salesmanago_async')}\n"
        "    lazy = {'salesmanago_async.support', 'salesmanago_async.support.lazy_names'}\n"
        "    assert loaded - lazy == "
        "{'salesmanago_async', 'salesmanago_async._version', 'salesmanago_async.pytest_plugin'}\n"
    )
    assert ended.returncode == 0, ended.stdout
    left_out = project("def test_it(salesmanago_client): pass\n", "-p", "no:salesmanago_async")
    assert "fixture 'salesmanago_client' not found" in left_out.stdout


@pytest.mark.ci
def test_without_uvicorn_the_server_says_what_to_install(project: Project) -> None:
    ended = project("import sys\nsys.modules['uvicorn'] = None\ndef test_it(salesmanago_server): pass\n")
    assert "needs the extra 'cli'" in ended.stdout


def test_the_package_needs_no_pytest() -> None:
    importing = [
        path
        for path in (ROOT / "salesmanago_async").rglob("*.py")
        if "import pytest\n" in path.read_text(encoding="utf-8")
    ]
    assert [path.parent.name for path in importing] == ["pytest_plugin"]
