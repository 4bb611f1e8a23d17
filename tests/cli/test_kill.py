"""Killed at any moment, again and again: each event is there once, each contact and product in its last version.

The server resets connections besides, before and after it has processed what came in.
"""

import csv
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

import pytest
from attrs import define, field, frozen

from salesmanago_async import Invalid
from salesmanago_async.simulator import DEMO_PRODUCTS_KEY, Fault, ProductSettings, Simulator
from salesmanago_async.simulator._faults import FaultKind
from salesmanago_async.simulator.products.account import ProductAccount
from salesmanago_async.stores.journal import read_note
from tests.cli.accounts import contacts_of
from tests.postgresql import run_in
from tests.serving import serving_account

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

RESETS: tuple[FaultKind, ...] = ("reset-before", "reset-after")
DATA = Path(__file__).parents[1] / "data"
PACE = ("--poll-interval", "0.05", "--concurrency", "4", "--rate", "40")
HASTE = ("--rate", "1000")
STOPPED = 3
LONGEST_LIFE = 0.4
"""How many seconds after its first request a process is killed at the latest."""


@frozen
class Ordeal:
    """How often an import is killed, of how many rows, and how many rows go into a request."""

    kills: int
    rows: int
    batch_size: int


ORDEALS = [
    pytest.param(Ordeal(kills=4, rows=300, batch_size=5), id="short"),
    pytest.param(Ordeal(kills=50, rows=6919, batch_size=10), id="long", marks=pytest.mark.slow),
]


@define
class Account:
    """A simulated account that counts its requests, the variables that lead to it, and the journal of its import."""

    simulator: Simulator
    journal: str = "run.db"
    environ: Mapping[str, str] = field(factory=dict)
    requests: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await self.simulator(scope, receive, send)


@contextmanager
def serving() -> Iterator[Account]:
    """Serve an account over a socket."""
    account = Account(Simulator(job_seconds=0.05, products=ProductSettings(takes_any_catalog=True)))
    with serving_account(account) as environ:
        of_products = {"PRODUCTS_KEY": DEMO_PRODUCTS_KEY, "PRODUCTS_URL": environ["SALESMANAGO_BASE_URL"]}
        account.environ = {**environ, **{f"SALESMANAGO_{name}": value for name, value in of_products.items()}}
        yield account


def resets(*paths: str) -> list[Fault]:
    """Return faults that break a fifth of the requests to these paths."""
    return [Fault(kind, path=path, share=0.1) for path in paths for kind in RESETS]


def kill_again_and_again(
    start: Start,
    account: Account,
    arguments: Sequence[object],
    kills: int,
    random: Random,
    folder: Path,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> int:
    """Start an import, or go on with it, and kill it, so many times; return how many of them reached the server.

    Now and then one ends before: where three requests in a row got no answer, it takes the server for gone. Between two
    of them somebody may rehearse with the same journal, or copy its main file alone, and `meanwhile` is called.
    """
    killed = reached = 0
    for _ in range(2 * kills):
        before = account.requests
        if before and random.random() < 0.3:
            rehearse(start, account)
        if before and random.random() < 0.5:
            leave_behind(folder)
        meanwhile()
        again = ("resume", account.journal) if before and random.random() < 0.5 else arguments
        process = start(*again, environ=account.environ)
        wait_for_a_moment(process, account, random)
        process.kill()
        _, err = process.communicate()
        assert process.returncode in {-SIGKILL, STOPPED}, err
        killed += process.returncode == -SIGKILL
        reached += process.returncode == -SIGKILL and account.requests > before
        if killed == kills:
            return reached
    raise AssertionError(f"killed only {killed} times")


def rehearse(start: Start, account: Account) -> None:
    """Go on in a simulation, which a true journal must refuse."""
    requests = account.requests
    process = start("resume", account.journal, "--simulate", environ=account.environ)
    _, err = process.communicate()
    assert process.returncode == 2
    assert "this is for a simulated server" in err
    assert account.requests == requests


def leave_behind(folder: Path) -> None:
    """Leave behind what a kill has left beside the journal; where it is needed, that is said, and it is put back."""
    beside = folder / "run.db-journal"
    if not beside.exists():
        return
    kept = beside.rename(folder.parent / "left-behind")
    try:
        read_note(folder / "run.db")
    except Invalid:
        kept.rename(beside)
        read_note(folder / "run.db")


def wait_for_a_moment(process: subprocess.Popen[str], account: Account, random: Random) -> None:
    """Wait for a random moment: mostly after the first request, sometimes of the time before it."""
    if random.random() < 0.2:
        time.sleep(random.uniform(0.0, 1.0))
        return
    before, deadline = account.requests, time.monotonic() + 30
    while account.requests == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(random.uniform(0.0, LONGEST_LIFE))


def finish(salesmanago: Command, account: Account, folder: Path, rows: int) -> None:
    """Let the import run to its end, as often as that takes; it must account for every row."""
    ended = salesmanago("resume", account.journal, *HASTE, environ=account.environ)
    for _ in range(20):
        if ended.returncode == STOPPED:
            ended = salesmanago("resume", account.journal, *HASTE, environ=account.environ)
    assert ended.returncode == 0, ended.stderr
    report = json.loads((folder / "report.json").read_text())
    assert (report["read"], report["accepted"]) == (rows, rows)
    left_over = {path.name for path in folder.iterdir()} - {"people.csv", "events.csv", "contacts.csv", "products.csv"}
    assert left_over == {"report.json", "bad.csv"} | ({"run.db"} if account.journal == "run.db" else set())


def options(ordeal: Ordeal, account: Account) -> tuple[object, ...]:
    files = ("--journal", account.journal, "--report", "report.json", "--rejects", "bad.csv")
    return (*files, "--batch-size", ordeal.batch_size, *PACE)


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def purchases(count: int) -> list[dict[str, str]]:
    """Return the purchases of a music shop, each as often as it was made.

    Those that are the same in every field get an id: nobody could tell whether one of two is there.
    """
    with (DATA / "cdnow-purchases.csv").open(newline="") as file:
        rows = list(islice(csv.DictReader(file), count))
    twins = Counter(tuple(row.values()) for row in rows)
    return [
        {
            "email": f"customer-{row['customer']}@cdnow.example",
            "date": row["date"],
            "contactExtEventType": "PURCHASE",
            "value": row["dollars"],
            "detail1": row["quantity"],
            "externalId": f"CDNOW-{number}" if twins[tuple(row.values())] > 1 else "",
        }
        for number, row in enumerate(rows)
    ]


def as_kept(row: Mapping[str, str]) -> tuple[Any, ...]:
    """Return a purchase as the account tells it."""
    midnight = datetime.strptime(row["date"], "%Y%m%d").replace(tzinfo=UTC)
    kept_id = row["externalId"] or None
    return row["email"], int(midnight.timestamp() * 1000), float(row["value"]), row["detail1"], kept_id


@pytest.fixture(params=["file", "database"])
def journal(request: pytest.FixtureRequest) -> str:
    """The journal, as an argument of a command."""
    return "run.db" if request.param == "file" else str(run_in(request.getfixturevalue("postgresql")))


@pytest.mark.parametrize("known_by", ["position", "content"])
@pytest.mark.parametrize("ordeal", ORDEALS)
def test_each_event_is_there_once(
    ordeal: Ordeal, known_by: str, journal: str, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    """If the rows are known by their content, they come in another order after each kill."""
    rows = purchases(ordeal.rows)
    random = Random(7)

    def shuffle() -> None:
        if known_by == "content":
            write_table(tmp_path / "events.csv", random.sample(rows, len(rows)))

    emails = sorted({row["email"] for row in rows})
    write_table(tmp_path / "events.csv", rows)
    write_table(tmp_path / "people.csv", [{"email": email} for email in emails])
    with serving() as account:
        account.journal = journal
        made = salesmanago("import", "contacts", "people.csv", *PACE[:2], environ=account.environ)
        assert made.returncode == 0, made.stderr
        account.requests = 0
        account.simulator.faults = resets("contact/batchAddContactExtEvent", "contact/list")
        command = ("import", "events", "events.csv", "--known-by", known_by, *options(ordeal, account))
        reached = kill_again_and_again(start, account, command, ordeal.kills, Random(1), tmp_path, meanwhile=shuffle)
        assert reached >= ordeal.kills / 2
        finish(salesmanago, account, tmp_path, len(rows))
        account.simulator.faults = []
        there = [
            (contact["email"], *(event[name] for name in ("date", "value", "detail1", "externalId")))
            for contact in contacts_of(account.environ, emails)
            for event in contact["contactExtEvents"]
        ]
    assert Counter(there) == Counter(map(as_kept, rows))


def versions(ordeal: Ordeal) -> list[dict[str, str]]:
    """Return contacts of the shop, each three times with another name, in requests that follow each other closely."""
    with (DATA / "contacts.csv").open(newline="") as file:
        people = list(islice(csv.DictReader(file), ordeal.rows // 3))
    together = 2 * ordeal.batch_size
    blocks = [people[first : first + together] for first in range(0, len(people), together)]
    rows = [{"email": row["email"], "externalId": row["externalId"]} for block in blocks for row in block * 3]
    return [{**row, "name": f"version {number}"} for number, row in enumerate(rows)]


@pytest.mark.parametrize("ordeal", ORDEALS)
def test_each_contact_is_in_its_last_version(
    ordeal: Ordeal, journal: str, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    rows = versions(ordeal)
    write_table(tmp_path / "contacts.csv", rows)
    with serving() as account:
        account.journal = journal
        account.simulator.faults = resets("contact/batchupsertv2", "job/status", "files")
        command = ("import", "contacts", "contacts.csv", *options(ordeal, account))
        reached = kill_again_and_again(start, account, command, ordeal.kills, Random(3), tmp_path)
        assert reached >= ordeal.kills / 2
        finish(salesmanago, account, tmp_path, len(rows))
        account.simulator.faults = []
        last = {row["email"]: (row["name"], row["externalId"]) for row in rows}
        found = list(contacts_of(account.environ, sorted(last)))
    assert len(found) == len(last)
    assert {contact["email"]: (contact["name"], contact["externalId"]) for contact in found} == last


@pytest.mark.parametrize("ordeal", ORDEALS)
def test_each_product_is_in_its_last_version(
    ordeal: Ordeal, journal: str, start: Start, salesmanago: Command, tmp_path: Path
) -> None:
    ids = [f"P{number}" for number in range(ordeal.rows // 3)]
    together = 2 * ordeal.batch_size
    blocks = [ids[first : first + together] for first in range(0, len(ids), together)]
    sent = [id_ for block in blocks for id_ in block * 3]
    rows = [
        {"productId": id_, "name": f"version {number}", "mainCategory": "All", "price": number}
        for number, id_ in enumerate(sent)
    ]
    write_table(tmp_path / "products.csv", rows)
    with serving() as account:
        account.journal = journal
        account.simulator.faults = resets("v3/product/upsert")
        command = ("import", "products", "products.csv", "--catalog", "main", *options(ordeal, account))
        reached = kill_again_and_again(start, account, command, ordeal.kills, Random(5), tmp_path)
        assert reached >= ordeal.kills / 2
        finish(salesmanago, account, tmp_path, len(rows))
        stored = vars(account.simulator)["_store"].section(ProductAccount).products["main"]
    assert {id_: (product["name"], product["price"]) for id_, product in stored.items()} == {
        row["productId"]: (row["name"], row["price"]) for row in rows
    }
