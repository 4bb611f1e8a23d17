"""`salesmanago sync products`: what it sends, prints and asks."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from salesmanago_async.simulator import ProductSettings, Simulator
from tests.cli.test_import_products import stored
from tests.cli.test_sync import counts
from tests.serving import serving_account, with_products

Command = Callable[..., subprocess.CompletedProcess[str]]

CATALOG = "shop"


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[Simulator, Mapping[str, str]]]:
    """A served account that takes any catalogue, and the variables that lead to it."""
    simulator = Simulator(products=ProductSettings(takes_any_catalog=True))
    with serving_account(simulator) as environ:
        yield simulator, with_products(environ)


@pytest.fixture
def sync(salesmanago: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path) -> Command:
    """Return a function that syncs products, given as "ID:price", to a catalogue of this test."""

    def sync(products: str, *options: str) -> subprocess.CompletedProcess[str]:
        rows = [f"{id_},Bag,Bags,{price}" for id_, price in (each.split(":") for each in products.split())]
        (tmp_path / "products.csv").write_text("\n".join(["productId,name,mainCategory,price", *rows]))
        state = ("--state", "products.db", "--catalog", tmp_path.name)
        return salesmanago("sync", "products", "products.csv", *state, *options, environ=account[1])

    return sync


def test_only_what_changed_is_sent(sync: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path) -> None:
    first = sync("P1:10 P2:20")
    assert first.returncode == 0, first.stderr
    second = sync("P1:10 P2:21 P3:30")
    assert second.returncode == 0, second.stderr
    found = counts(second.stdout)
    assert (found["to be sent"], found["added"], found["changed"], found["unchanged"]) == (2, 1, 1, 1)
    assert found["prices only"] == 1
    assert "quantities only" not in found
    assert {id_: each["price"] for id_, each in stored(account[0], tmp_path.name).items()} == {
        "P1": 10,
        "P2": 21,
        "P3": 30,
    }


def test_products_are_switched_off_only_if_that_is_agreed_to(
    sync: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path
) -> None:
    removing = ("--removed", "deactivate", "--max-removed", "50%")
    sync("P1:10 P2:20", *removing, "--yes")
    refused = sync("P1:10", *removing)
    assert refused.returncode == 2
    assert "--removed: switches off 1 product; nothing was sent: add --yes if you want this" in refused.stderr
    done = sync("P1:10", *removing, "--yes")
    assert done.returncode == 0, done.stderr
    assert "products that are no longer in the input: 1; deactivated" in done.stderr
    assert stored(account[0], tmp_path.name)["P2"]["active"] is False


def test_nothing_is_asked_if_they_are_too_many(sync: Command) -> None:
    sync("P1:10 P2:20", "--removed", "deactivate", "--yes")
    done = sync("P1:10", "--removed", "deactivate")
    assert done.returncode == 1
    assert "nothing was done to them, because they are 50.0% of the known products" in done.stderr


def test_a_sync_of_prices_and_a_sync_that_goes_on(salesmanago: Command, sync: Command) -> None:
    sync("P1:10 P2:20")
    shown = sync("P1:10", "--only", "prices", "--extra-columns", "ignore", "--removed", "deactivate", "--yes")
    assert shown.returncode == 2
    assert "a sync of prices knows too little of a product" in shown.stderr
    resumed = salesmanago("resume", "products.db")
    assert resumed.returncode == 2
    assert "products.db: is the state of a sync that has ended" in resumed.stderr


def test_a_state_is_no_journal_of_an_import(
    salesmanago: Command, sync: Command, account: tuple[Simulator, Mapping[str, str]]
) -> None:
    sync("P1:10")
    options = ("--catalog", CATALOG, "--journal", "products.db")
    shown = salesmanago("import", "products", "products.csv", *options, environ=account[1])
    assert shown.returncode == 2
    assert "products.db: is the state of a sync, not a journal; give it to 'salesmanago sync'" in shown.stderr
