"""Tests of the Airflow provider: most without a running Airflow, with connections of the environment."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, ProductSettings, Simulator
from tests.serving import Counted, serving_account

MISSING = "Airflow is not installed; .ci/past_one_machine runs these tests"


def connection_to(address: str) -> str:
    """The connection of the demo account at an address, as Airflow reads it from the environment."""
    return json.dumps(
        {
            "conn_type": "salesmanago",
            "host": address,
            "login": DEMO_CREDENTIALS.client_id,
            "password": DEMO_CREDENTIALS.api_secret,
            "extra": {
                "api_key": DEMO_CREDENTIALS.api_key,
                "owner": DEMO_OWNER,
                "products_key": DEMO_PRODUCTS_KEY,
                "products_url": address,
            },
        }
    )


def as_connection(database: str) -> str:
    """The connection of a database whose address is postgresql://USER@HOST/NAME?host=FOLDER."""
    import psycopg.conninfo

    parts = psycopg.conninfo.conninfo_to_dict(database)
    extra = {"host": parts["host"]} if str(parts["host"]).startswith("/") else {}
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": "" if extra else parts["host"],
            "login": parts["user"],
            "schema": parts["dbname"],
            "extra": extra,
        }
    )


@define
class Clock:
    """The clock of a server, which a test may put forward: so its jobs end when the test wants it."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    """The clock of the account."""
    return Clock()


@pytest.fixture
def account(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Counted]:
    """A simulated account behind a socket, to which the connection `salesmanago_default` leads.

    Its parameter, if there is one, is how many seconds its jobs take.
    """
    seconds = getattr(request, "param", 0.3)
    products = ProductSettings(takes_any_catalog=True)
    counted = Counted(Simulator(clock=clock, job_seconds=seconds, products=products))
    with serving_account(counted) as environ:
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
        monkeypatch.setenv("AIRFLOW_CONN_SALESMANAGO_DEFAULT", connection_to(environ["SALESMANAGO_BASE_URL"]))
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield counted
