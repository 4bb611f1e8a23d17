"""Tests without async: the shop makes its own client, from the environment."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from shop import import_customers

from salesmanago_async import blocking
from salesmanago_async.simulator import Simulator, SimulatorServer


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text("email,name\nann@example.com,Ann\nbob@example.com,Bob\nnobody,Nobody\n")
    return path


def test_customers_are_imported(
    customers: Path, salesmanago_server: SimulatorServer, salesmanago_simulator: Simulator
) -> None:
    assert asyncio.run(import_customers(str(customers))) == 1
    assert [contact.email for contact in salesmanago_simulator.contacts] == ["ann@example.com", "bob@example.com"]
    assert salesmanago_simulator.contact("bob@example.com").tags == ["IMPORTED"]


def test_the_nightly_script_imports_customers(
    customers: Path, salesmanago_server: SimulatorServer, salesmanago_simulator: Simulator
) -> None:
    script = [sys.executable, "shop.py", str(customers)]
    ended = subprocess.run(script, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "2 accepted, 1 rejected" in ended.stdout
    (upsert,) = salesmanago_simulator.requests_to("contact/batchupsertv2")
    assert [entry["contact"]["name"] for entry in upsert.body["upsertDetails"]] == ["Ann", "Bob"]


def test_a_script_without_await_finds_its_account(
    customers: Path, salesmanago_server: SimulatorServer, salesmanago_simulator: Simulator
) -> None:
    with blocking.SalesManago.from_env() as sm:
        assert sm.contacts.upsert_many(str(customers)).accepted == 2
    assert salesmanago_simulator.has_contact("ann@example.com")


def test_each_test_has_an_account_of_its_own(salesmanago_server: SimulatorServer) -> None:
    assert salesmanago_server.simulator.contacts == []
