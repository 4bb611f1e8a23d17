"""A sync that is killed with SIGKILL, again and again, over a socket: in the end the account is as the file says."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from salesmanago_async.simulator import ProductSettings, Simulator
from tests.cli.accounts import contacts_of
from tests.cli.test_import_products import stored
from tests.serving import Counted, serving_account, with_products

pytestmark = pytest.mark.ci

ROWS = 400
KILLS = 6
SYNC = (sys.executable, "-m", "salesmanago_async", "sync")
COMMAND = (*SYNC, "contacts", "people.csv", "--state", "people.db")
SYNC_PRODUCTS = (*SYNC, "products", "products.csv", "--state", "products.db", "--catalog", "shop")
PACE = ("--batch-size", "10", "--poll-interval", "0.05", "--rate", "60", "--concurrency", "4")


@pytest.fixture
def account() -> Iterator[Mapping[str, str]]:
    """The variables of an account that is served over a socket."""
    with serving_account(Simulator(job_seconds=0.05)) as environ:
        yield environ


def write_people(folder: Path, versions: Mapping[int, int]) -> None:
    """Write the file of a night."""
    rows = [f"c{number}@example.com,version {version}" for number, version in versions.items()]
    (folder / "people.csv").write_text("\n".join(["email,name", *rows]))


def is_past(moment: float) -> bool:
    """Return whether it is later than a moment of the monotonic clock."""
    return time.monotonic() >= moment


def start_and_kill(
    command: Sequence[str], account: Mapping[str, str], folder: Path, is_due: Callable[[], bool]
) -> None:
    """Start a sync, and kill it when that is due."""
    process = subprocess.Popen([*command, *PACE], cwd=folder, env={**account}, stderr=subprocess.DEVNULL)
    while process.poll() is None and not is_due():
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_no_change_is_missed(account: Mapping[str, str], tmp_path: Path) -> None:
    random = Random(11)
    versions = dict.fromkeys(range(ROWS), 0)
    for night in range(1, KILLS + 1):
        write_people(tmp_path, versions)
        kill_at = time.monotonic() + random.uniform(0.5, 1.5)
        start_and_kill(COMMAND, account, tmp_path, partial(is_past, kill_at))
        versions.update(dict.fromkeys(random.sample(range(ROWS), 40), night))
    write_people(tmp_path, versions)
    for expected in ("first", "second"):
        ended = subprocess.run(
            [*COMMAND, *PACE[:-4]], cwd=tmp_path, env={**account}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        found = contacts_of(account, [f"c{number}@example.com" for number in range(ROWS)])
        names = {contact["email"]: contact["name"] for contact in found}
        assert names == {f"c{number}@example.com": f"version {version}" for number, version in versions.items()}
        if expected == "second":
            assert f"unchanged  {ROWS:>12,}" in ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "people.db"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_resume_goes_on_with_a_sync_that_was_killed(account: Mapping[str, str], tmp_path: Path) -> None:
    write_people(tmp_path, dict.fromkeys(range(ROWS), 0))
    process = subprocess.Popen([*COMMAND, *PACE], cwd=tmp_path, env={**account}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list(contacts_of(account, ["c0@example.com"])) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    command = (sys.executable, "-m", "salesmanago_async", "resume", "people.db")
    resumed = subprocess.run(command, cwd=tmp_path, env={**account}, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert len(list(contacts_of(account, [f"c{number}@example.com" for number in range(ROWS)]))) == ROWS


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_no_change_of_a_product_is_missed_whatever_is_sent_of_it(tmp_path: Path) -> None:
    random = Random(12)
    rows = {f"P{number}": {"name": "Bag", "price": 1, "quantity": 1} for number in range(ROWS)}
    simulator = Simulator(products=ProductSettings(takes_any_catalog=True))
    counted = Counted(simulator)

    def write_file() -> None:
        lines = [f"{id_},{each['name']},Bags,{each['price']},{each['quantity']}" for id_, each in rows.items()]
        (tmp_path / "products.csv").write_text("\n".join(["productId,name,mainCategory,price,quantity", *lines]))

    def have_come(requests: int) -> bool:
        return counted.requests.total() >= requests

    def sync(account: Mapping[str, str]) -> str:
        write_file()
        command = [*SYNC_PRODUCTS, *PACE[:-4]]
        ended = subprocess.run(command, cwd=tmp_path, env={**account}, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        found = stored(simulator, "shop")
        assert {id_: {name: found[id_][name] for name in row} for id_, row in rows.items()} == rows
        return ended.stdout

    with serving_account(counted) as environ:
        account = with_products(environ)
        sync(account)
        for night in range(2, KILLS + 2):
            for id_ in random.sample([*rows], 150):
                name, value = random.choice([("name", f"Bag {night}"), ("price", night), ("quantity", night)])
                rows[id_][name] = value
            write_file()
            due = counted.requests.total() + random.randint(1, 14)
            start_and_kill(SYNC_PRODUCTS, account, tmp_path, partial(have_come, due))
        sync(account)
        assert f"unchanged  {ROWS:>12,}" in sync(account)
    assert counted.requests["/v3/product/updatePrice"] > 0
    assert counted.requests["/v3/product/updateQuantity"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["products.csv", "products.db"]
