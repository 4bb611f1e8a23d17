"""A product feed becomes CSV files that Leadoo accepts."""

import csv
import io
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salesmanago_async import Invalid
from salesmanago_async.integrations.leadoo import COLUMNS, write_feed
from salesmanago_async.integrations.leadoo.parts import Parts
from salesmanago_async.integrations.leadoo.products import with_sources
from tests.conftest import examples
from tests.peak_memory import run_and_measure

GOOGLE = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
  <title>The shop</title><link>https://shop.example</link>
  <item>
    <g:id>1</g:id><title>Shoe &amp; lace</title><description><![CDATA[<b>Red</b>,
"soft"]]></description>
    <link>https://shop.example/1</link><g:image_link>https://shop.example/1.jpg</g:image_link>
    <g:additional_image_link>https://shop.example/2.jpg</g:additional_image_link>
    <g:price>10.00 PLN</g:price><g:sale_price>8.00 PLN</g:sale_price><g:availability>in_stock</g:availability>
    <g:brand>Łoś</g:brand><g:product_type>Shoes</g:product_type><g:google_product_category>187</g:google_product_category>
    <g:shipping><g:price>99 PLN</g:price></g:shipping>
  </item>
  <item><g:id>2</g:id><title> </title></item>
</channel></rss>"""

CENEO = """<?xml version="1.0" encoding="iso-8859-2"?>
<offers version="1"><group name="other">
  <o id="1" url="https://shop.example/1" price="10.00" avail="1" stock="3">
    <cat><![CDATA[Buty]]></cat><name><![CDATA[Półbut]]></name>
    <imgs><main url="https://shop.example/1.jpg"/><i url="https://shop.example/2.jpg"/></imgs>
    <desc><![CDATA[Miękki]]></desc>
    <attrs><a name="Producent"><![CDATA[Łoś]]></a><a name="EAN">590</a></attrs>
  </o>
</group></offers>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Shop</title>
<entry><id>1</id><title>Shoe</title><link href="https://shop.example/1"/><summary>Red</summary></entry></feed>"""

CATALOGUE = """productId;name;mainCategory;description;productUrl;mainImageUrl;available;price;discountPrice;quantity
1;Shoe;Shoes;"Red; soft";https://shop.example/1;https://shop.example/1.jpg;true;10.00;8.00;5
"""


def feed_of(folder: Path, content: str | bytes, suffix: str = ".xml", **options: Any) -> list[dict[str, str]]:
    source = folder / f"feed{suffix}"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    return rows_of(write_feed(source, folder / "out", **options).files)


def rows_of(files: Sequence[Path]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for file in files:
        with file.open(newline="", encoding="utf-8") as text:
            rows += csv.DictReader(text)
    return rows


def test_a_google_feed(tmp_path: Path) -> None:
    first, second = feed_of(tmp_path, GOOGLE)
    assert first == {
        "id": "1",
        "title": "Shoe & lace",
        "description": '<b>Red</b>,\n"soft"',
        "url": "https://shop.example/1",
        "image_url": "https://shop.example/1.jpg",
        "price": "10.00 PLN",
        "sale_price": "8.00 PLN",
        "availability": "in_stock",
        "brand": "Łoś",
        "category": "Shoes",
    }
    assert second == {**dict.fromkeys(COLUMNS, ""), "id": "2"}


def test_a_ceneo_feed(tmp_path: Path) -> None:
    (row,) = feed_of(tmp_path, CENEO.encode("iso-8859-2"))
    assert row == {
        "id": "1",
        "title": "Półbut",
        "description": "Miękki",
        "url": "https://shop.example/1",
        "image_url": "https://shop.example/1.jpg",
        "price": "10.00",
        "sale_price": "",
        "availability": "1",
        "brand": "Łoś",
        "category": "Buty",
    }


def test_the_root_element_is_never_a_product(tmp_path: Path) -> None:
    products = (
        '<offer name="My shop"><products><product id="7" name="Drum"/><product id="8" name="Flute"/></products></offer>'
    )
    assert [row["title"] for row in feed_of(tmp_path, products)] == ["Drum", "Flute"]


def test_an_empty_row_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("id,name,stock\n1,Drum,3\n,,5\n")
    feed = write_feed(tmp_path / "feed.csv", tmp_path / "out")
    assert (feed.products, feed.left_out) == (1, 1)
    assert feed.problems[0].startswith("line 3: ")


def test_an_atom_feed(tmp_path: Path) -> None:
    (row,) = feed_of(tmp_path, ATOM)
    assert {name: cell for name, cell in row.items() if cell} == {
        "id": "1",
        "title": "Shoe",
        "url": "https://shop.example/1",
        "description": "Red",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_catalogue(tmp_path: Path, encoding: str) -> None:
    (row,) = feed_of(tmp_path, CATALOGUE.encode(encoding), ".csv")
    assert row == {
        "id": "1",
        "title": "Shoe",
        "description": "Red; soft",
        "url": "https://shop.example/1",
        "image_url": "https://shop.example/1.jpg",
        "price": "10.00",
        "sale_price": "8.00",
        "availability": "true",
        "category": "Shoes",
    }


def test_the_table_can_be_replaced(tmp_path: Path) -> None:
    columns = with_sources(COLUMNS, [("additional_image_link", "image_url"), ("shipping.price", "shipping")])
    row, _ = feed_of(tmp_path, GOOGLE, columns=columns)
    assert (row["image_url"], row["shipping"]) == ("https://shop.example/2.jpg", "99 PLN")
    (row,) = feed_of(tmp_path, "<x><good><id>7</id></good></x>", elements=["good"])
    assert row["id"] == "7"


def test_files_are_small_and_each_has_the_header(tmp_path: Path) -> None:
    items = "".join(f"<item><id>{number}</id><title>{'ż' * (number % 50)}</title></item>" for number in range(500))
    (tmp_path / "feed.xml").write_text(f"<x>{items}</x>", encoding="utf-8")
    feed = write_feed(tmp_path / "feed.xml", tmp_path / "out", limit=2000)
    assert feed.products == 500
    assert [path.name for path in feed.files] == [f"products-{n:04}.csv" for n in range(1, len(feed.files) + 1)]
    sizes = [path.stat().st_size for path in feed.files]
    assert max(sizes) <= 2000
    assert min(sizes[:-1]) > 1800
    assert {path.read_bytes().partition(b"\r\n")[0] for path in feed.files} == {",".join(COLUMNS).encode()}
    assert [row["id"] for row in rows_of(feed.files)] == [str(number) for number in range(500)]


def test_a_shorter_feed_replaces_a_longer_one(tmp_path: Path) -> None:
    items = "".join(f"<item><id>{number}</id></item>" for number in range(100))
    source = tmp_path / "feed.xml"
    source.write_text(f"<x>{items}</x>")
    assert len(write_feed(source, tmp_path / "out", limit=200).files) > 5
    source.write_text("<x><item><id>1</id></item></x>")
    write_feed(source, tmp_path / "out", limit=200)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["products-0001.csv"]


@pytest.mark.ci
def test_a_broken_feed_keeps_the_earlier_one(tmp_path: Path) -> None:
    feed_of(tmp_path, "<x><item><id>1</id></item></x>")
    broken = "<x>" + "<item><id>2</id></item>" * 10_000 + "<item>"
    with pytest.raises(Invalid, match=r"feed\.xml: is not valid XML"):
        feed_of(tmp_path, broken, limit=500)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["products-0001.csv"]
    assert [row["id"] for row in rows_of(list((tmp_path / "out").iterdir()))] == ["1"]


def test_a_product_too_long_for_a_file_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "feed.xml"
    items = ["<id>1</id>", f"<id>2</id><title>{'x' * 3000}</title>", "<id>3</id>"]
    source.write_text("<x>" + "\n".join(f"<item>{item}</item>" for item in items) + "</x>")
    feed = write_feed(source, tmp_path / "out", limit=2000)
    assert [row["id"] for row in rows_of(feed.files)] == ["1", "3"]
    assert (feed.products, feed.left_out) == (2, 1)
    assert feed.problems == ("line 2: is 3012 bytes long, and a file takes 2000",)


def test_an_endless_product_is_not_kept_in_memory(tmp_path: Path) -> None:
    source = tmp_path / "feed.xml"
    source.write_text(f"<x><item><title>{'y' * 3_000_000}</title><id>1</id></item><item><id>2</id></item></x>")
    feed = write_feed(source, tmp_path / "out")
    assert [row["id"] for row in rows_of(feed.files)] == ["2"]
    assert feed.problems == ("line 1: is too long for a product",)


def test_malformed_rows_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "feed.csv"
    source.write_bytes(b"id,title\n1,One\n2,Two,too much\n3,\xff\n4,Four\n")
    feed = write_feed(source, tmp_path / "out")
    assert [row["id"] for row in rows_of(feed.files)] == ["1", "4"]
    assert feed.problems == (
        "line 3: has 3 cells, the header has 2",
        "line 4: has bytes that are not text in the file's encoding",
    )


BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<x><item><id>&b;</id></item></x>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x><item><id>&a;</id></item></x>"""
PARAMETER = """<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]><x><item><id>1</id></item></x>"""
UNKNOWN = """<!DOCTYPE x SYSTEM "x.dtd"><x><item><id>1&nbsp;2</id></item></x>"""


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, PARAMETER, UNKNOWN, BOMB.encode("utf-16")])
def test_entities_are_refused(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(Invalid, match="defines an entity"):
        feed_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not valid XML"),
        ("id,title", "is not valid XML"),
        ("<x></x>", "has no product"),
        ("<x><item><colour>red</colour></item></x>", "has none of the known fields, but colour"),
        ("<x>" + "<item>" + "<a>" * 100, "nested more than 64"),
        ('<?xml version="1.0" encoding="martian"?><x/>', "is not valid XML"),
    ],
)
def test_a_file_that_is_not_a_feed_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(Invalid, match=rf"feed\.xml: .*{said}"):
        feed_of(tmp_path, content)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "header line"), ("colour;size\nred;7\n", "none of the known columns"), ("id\n", "no product")],
)
def test_a_file_that_is_not_a_catalogue_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(Invalid, match=rf"feed\.csv: .*{said}"):
        feed_of(tmp_path, content, ".csv")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="ends in none of"):
        feed_of(tmp_path, "{}", ".json")


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(deadline=None)
@given(
    header=st.lists(CELLS, min_size=2, max_size=4),
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=40),
    limit=st.integers(20, 1000),
)
@example(header=["id", "title"], rows=[["", "\r"], ["a\rb", "\n"]], limit=1000)
def test_the_parts_together_equal_the_table(header: list[str], rows: list[list[str]], limit: int) -> None:
    try:
        parts = Parts(header, limit=limit)
    except Invalid:
        assert len(csv_bytes([header])) > limit
        return
    taken, complete = [], []
    for row in rows:
        try:
            complete.append(parts.add(row))
        except Invalid:
            assert len(csv_bytes([header, row])) > limit
        else:
            taken.append(row)
    files = [part for part in [*complete, parts.rest()] if part]
    assert all(len(part) <= limit for part in files)
    tables = [list(csv.reader(io.StringIO(part.decode(), newline=""))) for part in files]
    assert all(table[0] == header and len(table) > 1 for table in tables)
    assert [row for table in tables for row in table[1:]] == taken
    for first, second in pairwise(tables):  # each part is as long as possible
        assert len(csv_bytes([*first, second[1]])) > limit


def csv_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=5))
def test_any_text_arrives(tmp_path_factory: pytest.TempPathFactory, titles: list[str]) -> None:
    folder = tmp_path_factory.mktemp("feed")
    items = "".join(f"<item><id>1</id><title>{escape(title)}</title></item>" for title in titles)
    rows = feed_of(folder, f"<x>{items}</x>")
    assert [row["title"] for row in rows] == [title.strip() for title in titles]


WRITE = """
import sys
from pathlib import Path
from salesmanago_async.integrations.leadoo import write_feed

feed = write_feed(sys.argv[1], sys.argv[2])
print(feed.products, len(feed.files), max(path.stat().st_size for path in feed.files))
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
@pytest.mark.parametrize("megabytes", [20, pytest.param(250, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["xml", "csv"])
def test_a_feed_of_any_size_needs_little_memory(tmp_path: Path, kind: str, megabytes: int) -> None:
    source = tmp_path / f"feed.{kind}"
    description = "A shoe of leather, and of nothing else. " * 25
    item = f"<item><id>%d</id><title>Shoe</title><description>{description}</description></item>\n"
    before, line, after = {
        "xml": ("<x>", item, "</x>"),
        "csv": ("id,title,description\n", f'%d,Shoe,"{description}"\n', ""),
    }[kind]
    count = megabytes * 1_000_000 // len(line)
    with source.open("w") as file:
        file.write(before)
        file.writelines(line % number for number in range(count))
        file.write(after)
    printed, peak = run_and_measure(WRITE, source, tmp_path / "out")
    products, files, longest = map(int, printed.split())
    assert products == count
    assert longest <= 1_000_000
    assert files >= megabytes * 0.9
    assert peak < 60
