"""`salesmanago import products` and `salesmanago catalog`: what is counted, written down and sent."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from salesmanago_async.simulator import Fault, ProductSettings, Simulator
from salesmanago_async.simulator.products.account import ProductAccount
from tests.serving import serving_account, with_products

Command = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

HEADER = "productId,name,mainCategory,price,brand\n"


def write_products(path: Path, count: int, more: str = "") -> Path:
    rows = "".join(f"P{number},Product {number},All,{number}.50,Lin\n" for number in range(count))
    path.write_text(HEADER + rows + more)
    return path


def ask(environ: Mapping[str, str], path: str, body: Any = None) -> dict[str, Any]:
    """Call the account with nothing of ours."""
    request = Request(
        f"{environ['SALESMANAGO_PRODUCTS_URL']}/v3/{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "API-KEY": environ["SALESMANAGO_PRODUCTS_KEY"]},
    )
    with urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.fixture
def account() -> Iterator[tuple[Simulator, Mapping[str, str]]]:
    """A served account that takes any catalogue and refuses product P3, and the variables that lead to it."""
    problems = {"P3": (11, "price|min:0|max:3|Out of range"), "P5": (12, "name|max:3|Trimmed")}
    simulator = Simulator(products=ProductSettings(takes_any_catalog=True, problems=problems))
    with serving_account(simulator) as environ:
        yield simulator, with_products(environ)


def stored(simulator: Simulator, catalog: str) -> dict[str, dict[str, Any]]:
    return dict(vars(simulator)["_store"].section(ProductAccount).products[catalog])


def test_a_catalogue_is_created_listed_and_deleted(salesmanago: Command, served: Mapping[str, str]) -> None:
    made = salesmanago("catalog", "create", "Main", "--currency", "EUR", "--location", "shop_de", "--default")
    assert made.returncode == 0, made.stderr
    catalog_id = json.loads(made.stdout)["catalog_id"]
    listed = salesmanago("catalog", "list")
    assert json.loads(listed.stdout) == {
        "catalog_id": catalog_id, "name": "Main", "currency": "EUR", "location": "shop_de", "set_as_default": True,
    }  # fmt: skip
    assert "1 of at most 10 catalogues" in listed.stderr
    refused = salesmanago("catalog", "delete", catalog_id)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert [one["catalogId"] for one in ask(served, "product/catalogList")["catalogs"]] == [catalog_id]
    assert salesmanago("catalog", "delete", catalog_id, "--yes").returncode == 0
    assert ask(served, "product/catalogList")["catalogs"] == []


def test_a_location_that_cannot_be_one_is_refused(salesmanago: Command) -> None:
    ended = salesmanago("catalog", "create", "Main", "--currency", "EUR", "--location", "1")
    assert ended.returncode == 2
    assert ended.stderr.startswith("salesmanago: location:")


def test_products_are_imported_and_bad_rows_are_written_down(
    salesmanago: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path
) -> None:
    simulator, environ = account
    file = write_products(tmp_path / "products.csv", 250, ",No id,All,1,\n")
    outputs = ("--rejects", "bad.csv", "--report", "report.json")
    ended = salesmanago("import", "products", file, "--catalog", "main", *outputs, environ=environ)
    assert ended.returncode == 1, ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["accepted"], report["rejected"], report["chunks"]) == (249, 2, 4)
    assert (tmp_path / "bad.csv").read_text() == (
        "productId,name,mainCategory,price,brand,_line,_reason\n"
        'P3,Product 3,All,3.50,Lin,5,"price: Out of range (min:0, max:3, reason code 11)"\n'
        ',No id,All,1,,252,"productId: is missing"\n'
    )
    assert "warning: name was taken with a remark: Trimmed (max:3, reason code 12) (1, first in line 7)" in ended.stderr
    assert len(stored(simulator, "main")) == 249
    assert stored(simulator, "main")["P7"]["systemDetails"] == {"brand": "Lin"}


def test_quantities_and_prices_are_imported(
    salesmanago: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path
) -> None:
    simulator, environ = account
    into = ("--catalog", "main")
    assert (
        salesmanago("import", "products", write_products(tmp_path / "p.csv", 3), *into, environ=environ).returncode == 0
    )
    (tmp_path / "stock.csv").write_text("product_id;stock\nP1;7\n")
    (tmp_path / "prices.jsonl").write_text('{"productId":"P1","price":5,"discountPrice":4.5}\n')
    stock = ("stock.csv", *into, "--only", "quantities", "--map", "stock=quantity")
    assert salesmanago("import", "products", *stock, environ=environ).returncode == 0
    ended = salesmanago("import", "products", "prices.jsonl", *into, "--only", "prices", environ=environ)
    assert ended.returncode == 0, ended.stderr
    product = stored(simulator, "main")["P1"]
    assert (product["quantity"], product["price"], product["discountPrice"]) == (7, 5, 4.5)


def test_an_import_goes_on_from_its_journal(
    salesmanago: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path
) -> None:
    simulator, environ = account
    write_products(tmp_path / "products.csv", 250)
    simulator.faults = [Fault("reset-after", path="v3/product/upsert", at=range(4, 100))]
    words = ("import", "products", "products.csv", "--catalog", "main", "--journal", "run.db", "--patience", "0")
    stopped = salesmanago(*words, "--concurrency", "1", "--rejects", "bad.csv", environ=environ)
    assert stopped.returncode == 3, stopped.stderr
    assert "salesmanago resume" in stopped.stderr
    assert (tmp_path / "run.in-doubt.csv").read_text().count("\n") == 51
    simulator.faults = []
    refused = salesmanago("resume", "run.db", "--in-doubt", "send", environ=environ)
    assert (refused.returncode, "products in doubt are sent again" in refused.stderr) == (2, True)
    resumed = salesmanago("resume", "run.db", environ=environ)
    assert resumed.returncode == 1, resumed.stderr
    assert "settled earlier" in resumed.stdout
    assert stored(simulator, "main").keys() == {f"P{number}" for number in range(250)} - {"P3"}
    assert "reason code 11" in (tmp_path / "bad.csv").read_text()


def test_a_dry_run_needs_no_key(salesmanago: Command, tmp_path: Path) -> None:
    write_products(tmp_path / "products.csv", 150, "P1,Again,All,1,\n")
    nothing = {"SALESMANAGO_PRODUCTS_KEY": ""}
    words = ("import", "products", "products.csv", "--catalog", "main")
    ended = salesmanago(*words, "--dry-run", environ=nothing)
    assert ended.returncode == 0, ended.stderr
    assert "to send    2 chunks" in ended.stdout
    assert "duplicates 1: their product has an earlier row, which must be settled first" in ended.stdout
    assert '"systemDetails":{"brand":"Lin"}' in ended.stderr
    without = salesmanago(*words, environ=nothing)
    assert (without.returncode, "SALESMANAGO_PRODUCTS_KEY" in without.stderr) == (2, True)
    wrong = salesmanago(*words, environ={"SALESMANAGO_PRODUCTS_KEY": "wrong"})
    assert (wrong.returncode, "check SALESMANAGO_PRODUCTS_KEY" in wrong.stderr) == (2, True)
    assert salesmanago(*words, "--simulate", environ=nothing).returncode == 0


def test_an_unknown_catalogue_is_named_and_where_the_known_ones_are(
    salesmanago: Command, served: Mapping[str, str], tmp_path: Path
) -> None:
    write_products(tmp_path / "products.csv", 3)
    ended = salesmanago("import", "products", "products.csv", "--catalog", "nowhere", environ=served)
    assert ended.returncode == 2
    assert "catalogId|" in ended.stderr
    assert "; 'salesmanago catalog list' prints the catalogues" in ended.stderr


def test_what_is_missing_is_named(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("sku,name,mainCategory,price\n1,A,B,2\n")
    words = ("import", "products", "products.csv", "--catalog", "main")
    unknown = salesmanago(*words)
    assert (unknown.returncode, "'sku' is not a field" in unknown.stderr) == (2, True)
    missing = salesmanago(*words, "--extra-columns", "ignore")
    assert (missing.returncode, "productId: is missing" in missing.stderr) == (2, True)
    assert "--catalog" in salesmanago("import", "products", "products.csv").stderr
    nosuch = salesmanago(*words, "--map", "sku=productId")
    assert "catalogId|" in nosuch.stderr
    assert nosuch.returncode == 2


FEED = """<rss xmlns:g="http://base.google.com/ns/1.0"><channel>
<item><g:id>1</g:id><title>Hat</title><link>https://shop.example/1</link><g:price>5.00 PLN</g:price></item>
<item><g:id>2</g:id><title>Cap</title><g:price>cheap</g:price></item>
<item><g:id>P3</g:id><title>Bag</title><g:price>7 PLN</g:price><g:sale_price>6 PLN</g:sale_price></item>
</channel></rss>
"""


@pytest.mark.ci
def test_a_feed_is_imported_and_its_rejects_are_too_once_they_are_corrected(
    salesmanago: Command, account: tuple[Simulator, Mapping[str, str]], tmp_path: Path
) -> None:
    simulator, environ = account
    (tmp_path / "feed.xml").write_text(FEED)
    command = ("import", "products", "--catalog", "c1", "--rejects")
    ended = salesmanago(*command, "bad.jsonl", "feed.xml", environ=environ)
    assert ended.returncode == 1, ended.stderr
    rejected = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(row["productId"], row["_line"]) for row in rejected] == [("2", 3), ("P3", 4)]
    assert rejected[0]["_reason"] == "price: is 'cheap', not a number such as 12.34"
    corrected = (tmp_path / "bad.jsonl").read_text().replace('"cheap"', '"4.50"').replace('"P3"', '"3"')
    (tmp_path / "good.jsonl").write_text(corrected)
    assert salesmanago(*command, "none.jsonl", "good.jsonl", environ=environ).returncode == 0
    prices = {id_: (one["price"], one.get("discountPrice")) for id_, one in stored(simulator, "c1").items()}
    assert prices == {"1": (5, None), "2": (4.5, None), "3": (7, 6)}
    only = salesmanago("import", "products", "--catalog", "c1", "--only", "prices", "feed.xml", environ=environ)
    assert (only.returncode, "price: is 'cheap'" in only.stdout + only.stderr) == (1, True)
    contacts = salesmanago("import", "contacts", "feed.xml", environ=environ)
    assert (contacts.returncode, "read for product feeds only" in contacts.stderr) == (2, True)
