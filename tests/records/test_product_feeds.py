"""Texts of product feeds become fields of products."""

import json
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.records.product_feeds import is_feed, product_of
from salesmanago_async.records.shapes import price_shape, product_shape, quantity_shape
from salesmanago_async.support.nearest import plain

HAT = {"id": "7", "title": "Hat", "link": "https://shop.example/7", "price": "12.50 PLN", "product_type": "Hats"}


def body(**fields: Any) -> dict[str, Any]:
    """The body of a row of a Google table."""
    return product_shape().body({**HAT, **fields})


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12.50 PLN", 12.5),
        ("12.50PLN", 12.5),
        ("PLN 12.50", 12.5),
        ("12.50 zł", 12.5),
        ("€12.50", 12.5),
        ("12.50 €", 12.5),
        ("$1,012.50", 1012.5),
        ("1 012.50 CZK", 1012.5),
        ("12", 12.0),
        (12.5, 12.5),
        ("0.00 EUR", 0.0),
        ("$10.00 USD", 10.0),
        ("US$ 10.00", 10.0),
        ("eur 10", 10.0),
        ("10 Kč", 10.0),
        ("10₽", 10.0),
        ("1,299 USD", 1299.0),
        ("1.299 EUR", 1.299),
    ],
)
def test_the_currency_of_a_price_is_left_out(text: Any, price: float) -> None:
    assert body(price=text)["price"] == price
    assert body(sale_price=text)["discountPrice"] == price


@pytest.mark.parametrize(
    "text",
    [
        *("cheap", "12,50 PLN", "12.50 per piece", "PLN", "12.50 PLN 3 EUR", "1.2.3", "1.299,00 zł", "1.299.000 zł"),
        *("10 EUR/m", "10 szt", "10 kg", "10 %", "10 m²", "ab 10 €", "ab 10", "od 10 zł", "von 10", "~10 zł", "≈10"),
        *("<10", ">10 €", "(10)", "#10", "10*", "10-20 EUR", "10 €/kg", "2x10 €", "½"),
    ],
)
def test_what_is_no_price_is_an_error(text: str) -> None:
    with pytest.raises(Invalid, match="price: "):
        body(price=text)


@pytest.mark.parametrize(
    ("text", "available"),
    [
        ("in stock", True), ("in_stock", True), ("In Stock", True), ("preorder", True), ("backorder", True),
        ("out of stock", False), ("out_of_stock", False), ("discontinued", False),
        ("1", True), ("14", True), ("110", True), ("99", None), ("true", True), ("no", False), (False, False),
    ],
)  # fmt: skip
def test_what_can_be_bought(text: Any, available: bool | None) -> None:
    assert body(availability=text).get("available") is available


def test_an_unknown_availability_is_an_error() -> None:
    with pytest.raises(Invalid, match="available: "):
        body(availability="perhaps")


@pytest.mark.parametrize(
    ("fields", "category", "categories"),
    [
        ({"product_type": "Home > Women > Dresses"}, "Dresses", ["Home", "Women", "Dresses"]),
        ({"product_type": "Dresses"}, "Dresses", ["Dresses"]),
        ({"product_type": "", "google_product_category": "Apparel > Hats"}, "Hats", ["Apparel", "Hats"]),
        ({"product_type": "", "google_product_category": "187"}, "Uncategorized", None),
        ({"product_type": ""}, "Uncategorized", None),
        ({"product_type": " > "}, "Uncategorized", None),
        ({"product_type": "a>b>c>d>e>f"}, "f", ["b", "c", "d", "e", "f"]),
    ],
)
def test_categories(fields: dict[str, Any], category: str, categories: Any) -> None:
    found = body(**fields)
    assert (found["mainCategory"], found.get("categories")) == (category, categories)


def test_a_ceneo_category_has_slashes_and_repeated_elements_are_put_together() -> None:
    texts = {"cat": ["Obuwie/Damskie"], "imgsiurl": [f"https://a.example/{number}" for number in range(9)]}
    assert product_of(texts, {"mainCategory", "imageUrls"}, ends_discount=False) == {
        "mainCategory": "Damskie",
        "categories": ["Obuwie", "Damskie"],
        "imageUrls": [f"https://a.example/{number}" for number in range(5)],
    }
    twice = {"producttype": ["A > B", "A > C"]}
    assert product_of(twice, {"mainCategory"}, ends_discount=False) == {
        "mainCategory": "B",
        "categories": ["A", "B", "C"],
    }


def test_images_in_one_cell_are_separated_by_commas_before_addresses() -> None:
    cell = "https://a.example/1?x=1,2, https://a.example/2,https://a.example/2"
    assert body(additional_image_link=cell)["imageUrls"] == ["https://a.example/1?x=1,2", "https://a.example/2"]


def test_details() -> None:
    found = body(brand="Lin", color="red", gender="female", custom_label_0="a", custom_label_4="e", gtin="5", size="L")
    assert found["systemDetails"] == {"brand": "Lin", "color": "red", "gender": 0}
    assert found["customDetails"] == {"detail1": "a", "detail5": "e"}


def test_a_discount_ends_where_the_feed_has_none_any_more() -> None:
    assert body(sale_price="")["setAsNull"] == ["discountPrice"]
    assert "setAsNull" not in body()
    assert "setAsNull" not in body(sale_price="5 PLN")
    ended, _ = price_shape().encoder().encode({**HAT, "sale_price": ""})
    assert json.loads(ended) == {"productId": "7", "price": 12.5, "discountPrice": None}
    assert price_shape().body(HAT) == {"productId": "7", "price": 12.5}


def test_only_the_fields_of_the_call_are_taken() -> None:
    assert quantity_shape().body({**HAT, "quantity": "3"}) == {"productId": "7", "quantity": 3}
    with pytest.raises(Invalid, match="quantity: is missing"):
        quantity_shape().body(HAT)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["id", "title"], True),
        (["ID", "Title", "g:price"], True),
        (["productId", "title", "link"], True),
        (["id", "name", "title"], False),
        (["productId", "name", "mainCategory", "price"], False),
        (["title", "price"], False),
        ([], False),
        ([5, None], False),
    ],
)
def test_which_columns_are_those_of_a_feed(names: list[Any], expected: bool) -> None:
    assert is_feed(names) is expected


def test_compiled_and_plain_bodies_are_the_same() -> None:
    encoder = product_shape().encoder()
    for record in (HAT, {**HAT, "sale_price": ""}, {"productId": "1", "name": "A", "mainCategory": "B", "price": 1}):
        encoded, names = encoder.encode(record)
        assert encoded == product_shape().encoder().encode(dict(record))[0]
        assert names == (record.get("id") or record["productId"],)


def test_plain_names_ignore_case_and_separators() -> None:
    assert {plain(name) for name in ("link.href", "Link_HREF", "link href")} == {"linkhref"}
    assert plain("A" * 500) == "a" * 500
