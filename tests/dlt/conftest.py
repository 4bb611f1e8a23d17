"""Pipelines of dlt, whose folders are those of one test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.simulator import ProductSettings, Simulator
from tests.serving import Counted, serving_account, with_products

MakePipeline = Callable[[Any], Any]
MISSING = "dlt is not installed; .ci/past_one_machine runs these tests"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no settings of whoever runs the tests, and report to nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """A simulated account behind a socket, to which the environment leads."""
    counted = Counted(Simulator(job_seconds=0.05, products=ProductSettings(takes_any_catalog=True)))
    with serving_account(counted) as environ:
        for name, value in with_products(environ).items():
            monkeypatch.setenv(name, value)
        yield counted


@pytest.fixture
def make_pipeline() -> MakePipeline:
    """Return a function that makes a pipeline to a destination; each call goes on with the same packages."""
    dlt = pytest.importorskip("dlt", reason=MISSING)
    return lambda destination: dlt.pipeline("pipeline", destination=destination)
