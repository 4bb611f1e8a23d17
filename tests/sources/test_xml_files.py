"""Product feeds as files: places, encodings, damage, gzip, memory."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from salesmanago_async import Invalid
from salesmanago_async.records.findings import POINTS, THOUSANDS
from salesmanago_async.records.product_feeds import OTHER_CURRENCY, SALE_IS_OVER
from salesmanago_async.records.shapes import contact_shape, price_shape, product_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source
from tests.integrations.test_leadoo_feeds import ATOM, CENEO, GOOGLE
from tests.peak_memory import run_and_measure

SHOE: dict[str, Any] = {
    "productId": "1", "name": "Shoe & lace", "mainCategory": "Shoes", "categories": ["Shoes"],
    "description": '<b>Red</b>,\n"soft"', "productUrl": "https://shop.example/1", "price": 10.0, "discountPrice": 8.0,
    "mainImageUrl": "https://shop.example/1.jpg", "imageUrls": ["https://shop.example/2.jpg"], "available": True,
    "systemDetails": {"brand": "Łoś"},
}  # fmt: skip


def read(path: Path, shape: Any = None, **options: Any) -> list[tuple[int | None, Any]]:
    """Return the line and the body of each product, or why there is none."""
    source: Any = open_source(path, shape or product_shape(), ReadOptions(**options))
    found: list[tuple[int | None, Any]] = []
    for row, line in source.rows():
        try:
            found.append((line, source.body(row)))
        except Invalid as error:
            found.append((line, str(error)))
    return found


def written(folder: Path, content: str | bytes, name: str = "feed.xml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_google_feed(tmp_path: Path) -> None:
    assert read(written(tmp_path, GOOGLE)) == [(4, SHOE), (13, "name: is missing")]
    assert read(written(tmp_path, GOOGLE), price_shape())[0] == (
        4,
        {"productId": "1", "price": 10.0, "discountPrice": 8.0},
    )


def test_an_atom_feed(tmp_path: Path) -> None:
    priced = ATOM.replace("<summary>", '<g:price xmlns:g="http://base.google.com/ns/1.0">5 PLN</g:price><summary>')
    assert read(written(tmp_path, ATOM)) == [(2, "price: is missing")]
    ((_, product),) = read(written(tmp_path, priced))
    assert product == {
        "productId": "1", "name": "Shoe", "mainCategory": "Uncategorized", "description": "Red", "price": 5.0,
        "productUrl": "https://shop.example/1", "setAsNull": ["discountPrice"],
    }  # fmt: skip


def test_a_ceneo_feed_and_a_mapped_element(tmp_path: Path) -> None:
    season = '<a name="Producent">', '<a name="Sezon">Lato</a><a name="Producent">'
    path = written(tmp_path, CENEO.replace(*season).encode("iso-8859-2"))
    ((line, product),) = read(path, columns={"attrs.Sezon": "season"})
    assert (line, product["name"], product["price"], product["quantity"]) == (3, "Półbut", 10.0, 3)
    assert product["systemDetails"] == {"brand": "Łoś", "manufacturer": "Łoś", "season": "Lato"}
    assert (product["available"], product["imageUrls"]) == (True, ["https://shop.example/2.jpg"])
    assert "setAsNull" not in product
    with pytest.raises(Invalid, match="'seasn', which is not a field; did you mean 'season'"):
        read(path, columns={"attrs.Sezon": "seasn"})


def test_a_decimal_comma_is_an_option(tmp_path: Path) -> None:
    path = written(tmp_path, GOOGLE.replace("10.00 PLN", "10,00 PLN").replace("8.00 PLN", "8,00 PLN"))
    assert read(path)[0] == (4, "price: is '10,00', not a number such as 12.34; decimal=',' reads a decimal comma")
    assert read(path, decimal=",")[0] == (4, SHOE)


@pytest.mark.parametrize("name", ["feed.xml.gz", "feed.bin"])
def test_packed_files_and_other_names(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, gzip.compress(GOOGLE.encode()), name)
    assert read(path, format="xml")[0] == (4, SHOE)


def test_a_damaged_feed_is_read_to_the_damage(tmp_path: Path) -> None:
    path = written(tmp_path, GOOGLE.replace("<item><g:id>2", "<item><g:id>2</wrong>"))
    source: Any = open_source(path, product_shape())
    rows = source.rows()
    assert next(rows)[1] == 4
    with pytest.raises(Invalid, match=r"feed\.xml: cannot be read further after the product in line 4: is not valid"):
        next(rows)
    cut = written(tmp_path, gzip.compress(GOOGLE.encode())[:-20], "cut.xml.gz")
    with pytest.raises(Invalid, match=r"cut\.xml\.gz: cannot be read further"):
        read(cut)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "is not valid XML: no element found"),
        ("id,title\n1,Hat\n", "is not valid XML"),
        ("<html><body>Maintenance</body></html>", "has no product: no element is called item"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><r><item/></r>', "defines an entity"),
    ],
)
def test_what_is_no_feed_is_refused(tmp_path: Path, content: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        read(written(tmp_path, content))


def test_xml_is_for_products_only_and_is_told_from_tables(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="which is read for product feeds only"):
        read(written(tmp_path, GOOGLE), contact_shape())
    with pytest.raises(Invalid, match='is XML; if it is a product feed, give format="xml"'):
        read(written(tmp_path, GOOGLE, "feed.csv"))


def test_a_product_of_a_megabyte_is_rejected_alone(tmp_path: Path) -> None:
    item = "<item><id>{}</id><title>Hat</title><price>1</price><description>{}</description></item>\n"
    items = item.format(1, "x" * 1_100_000) + item.format(2, "x")
    first, second = read(written(tmp_path, f"<rss>{items}</rss>"))
    assert first == (1, "is too long for a product")
    assert (second[0], second[1]["productId"]) == (2, "2")


def test_a_table_of_google_is_read_by_its_columns(tmp_path: Path) -> None:
    table = (
        "ID\tTitle\tlink\timage link\tprice\tsale price\tavailability\tproduct type\tgtin\n"
        "1\tHat\thttps://shop.example/1\t\t5 PLN\t\tin stock\tHome > Hats\t590\n"
        "2\t\thttps://shop.example/2\t\t5 PLN\t4 PLN\tin stock\tHats\t590\n"
    )
    first, second = read(written(tmp_path, table, "feed.tsv"))
    assert first == (2, {
        "productId": "1", "name": "Hat", "mainCategory": "Hats", "categories": ["Home", "Hats"], "price": 5.0,
        "productUrl": "https://shop.example/1", "available": True, "setAsNull": ["discountPrice"],
    })  # fmt: skip
    assert second == (3, "name: is missing")
    mapped = written(tmp_path, table.replace("ID\t", "SKU\t"), "sku.tsv")
    assert read(mapped, columns={"SKU": "productId"})[0] == first


def as_xml(prices: list[str], folder: Path) -> Any:
    items = "".join(f"<item><id>{n}</id><title>Hat</title><price>{p}</price></item>\n" for n, p in enumerate(prices))
    return written(folder, f"<rss>{items}</rss>")


def as_rows(prices: list[str], _: Path) -> Any:
    return [{"id": str(number), "title": "Hat", "price": price} for number, price in enumerate(prices)]


def as_json(prices: list[str], folder: Path) -> Any:
    return written(folder, json.dumps(as_rows(prices, folder)), "feed.json")


def as_jsonl(prices: list[str], folder: Path) -> Any:
    return written(folder, "".join(f"{json.dumps(row)}\n" for row in as_rows(prices, folder)), "feed.jsonl")


def as_table(prices: list[str], folder: Path) -> Any:
    lines = "".join(f"{number}\tHat\t{price}\n" for number, price in enumerate(prices))
    return written(folder, f"id\ttitle\tprice\n{lines}", "feed.tsv")


def as_frame(prices: list[str], folder: Path) -> Any:
    return pa.Table.from_pylist(as_rows(prices, folder))


every_feed = pytest.mark.parametrize("feed", [as_xml, as_rows, as_json, as_jsonl, as_table, as_frame])
PRICED = ["12.50 PLN", "1,299 USD", "$1.299", "1.299,00 zł", "10 EUR/m", "ab 10 €", "0.125 EUR", "1,299.00 USD"]


@every_feed
def test_a_price_that_is_read_on_a_guess_is_a_warning_and_one_that_cannot_be_read_is_rejected(
    feed: Callable[[list[str], Path], Any], tmp_path: Path
) -> None:
    source: Any = open_source(feed(PRICED, tmp_path), product_shape(), ReadOptions())
    assert _prices(source) == [12.5, 1299.0, 1.299, "price", "price", "price", 0.125, 1299.0]
    assert [(each.column, each.text, each.count) for each in source.warnings] == [
        ("price", THOUSANDS, 1),
        ("price", POINTS, 1),
    ]
    strict: Any = open_source(feed(PRICED, tmp_path), product_shape(), ReadOptions(strict=True))
    assert _prices(strict) == [12.5, "price", "price", "price", "price", "price", 0.125, 1299.0]
    with_commas = feed(["1.299,00 zł", "1,299 USD", "1.299"], tmp_path)
    said: Any = open_source(with_commas, product_shape(), ReadOptions(decimal=","))
    assert (_prices(said), said.warnings) == ([1299.0, 1.299, 1299.0], ())


def sales_as_xml(sales: list[dict[str, str]], folder: Path) -> Any:
    items = (f"<item>{''.join(f'<{name}>{text}</{name}>' for name, text in each.items())}</item>" for each in sales)
    return written(folder, f"<rss>{''.join(items)}</rss>")


def sales_as_table(sales: list[dict[str, str]], folder: Path) -> Any:
    lines = ["\t".join(sales[0]), *("\t".join(each.values()) for each in sales)]
    return written(folder, "\n".join(lines), "feed.tsv")


SALE = {"id": "1", "title": "Hat", "price": "10 PLN", "sale_price": "5 PLN", "sale_price_effective_date": ""}
PAST, TO_COME, NOW = "2020-01-01T00:00+0100/2020-02-01T00:00+0100", "2999-01-01/2999-02-01", "2020-01-01/2999-02-01"
SALES: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"sale_price_effective_date": PAST}, [SALE_IS_OVER]),
    ({"sale_price_effective_date": TO_COME}, [SALE_IS_OVER]),
    ({"sale_price_effective_date": NOW}, []),
    ({"sale_price_effective_date": "2020-01-01T00:00Z/9999-12-31"}, []),
    ({"sale_price_effective_date": "soon"}, []),
    ({"sale_price": "5 EUR"}, [OTHER_CURRENCY]),
    ({"sale_price": "5 zł"}, []),
    ({"sale_price": "", "sale_price_effective_date": PAST}, []),
]


@pytest.mark.parametrize("feed", [sales_as_xml, sales_as_table, lambda sales, _: sales])
@pytest.mark.parametrize(("fields", "found"), SALES)
def test_a_sale_that_is_over_or_in_another_currency_is_a_warning(
    feed: Callable[[list[dict[str, str]], Path], Any], fields: dict[str, str], found: list[str], tmp_path: Path
) -> None:
    given = feed([SALE | fields], tmp_path)
    source: Any = open_source(given, product_shape(), ReadOptions())
    assert _prices(source) == [10.0]
    assert [str(warning) for warning in source.warnings] == [f"sale_price {text}" for text in found]
    strict: Any = open_source(given, product_shape(), ReadOptions(strict=True))
    assert _prices(strict) == (["sale_price"] if found else [10.0])


def _prices(source: Any) -> list[Any]:
    """The price of each row, or the name of the field that the row is rejected for."""
    found: list[Any] = []
    for row, _ in source.rows():
        try:
            found.append(source.body(row)["price"])
        except Invalid as error:
            found.append(str(error).partition(":")[0])
    return found


@pytest.mark.parametrize("feed", [as_rows, as_json, as_jsonl, as_table, as_frame])
def test_a_feed_with_a_mapped_id_is_read_as_a_feed(feed: Callable[[list[str], Path], Any], tmp_path: Path) -> None:
    source: Any = open_source(feed(["1,299 USD"], tmp_path), product_shape(), ReadOptions(columns={"id": "productId"}))
    assert _prices(source) == [1299.0]
    assert [each.column for each in source.warnings] == ["price"]


READ = """
import sys
from salesmanago_async.records.shapes import product_shape
from salesmanago_async.sources.sources import open_source
source = open_source(sys.argv[1], product_shape())
print(sum(bool(source.body(row)) for row, _ in source.rows()))
"""


@pytest.mark.ci
def test_memory_does_not_grow_with_the_feed(tmp_path: Path) -> None:
    item = "<item><id>{}</id><title>Hat</title><price>1 PLN</price><description>{}</description></item>\n"
    peaks: list[float] = []
    for count in (500, 50_000):
        path = tmp_path / "feed.xml"
        with path.open("w") as file:
            file.write("<rss><channel>")
            file.writelines(item.format(number, "x" * 1000) for number in range(count))
            file.write("</channel></rss>")
        printed, peak = run_and_measure(READ, path)
        assert int(printed) == count
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 8
