"""Requests for products: alternatives, limits, and product ids as text or numbers."""

from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.recommendations import RecommendedProducts
from salesmanago_async.errors import Invalid

VIEWED, MOST = "recommendation/lastViewed", "recommendation/mostPurchased"
BOUGHT, TOGETHER = "recommendation/purchasedByContact", "recommendation/purchasedTogether"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (VIEWED, {"location": "shop"}, "contactId"),
        (VIEWED, {"location": "s" * 37, "contactId": "1"}, "location"),
        (VIEWED, {"location": "1shop", "contactId": "1"}, "location"),
        (VIEWED, {"location": "shop.com", "contactId": "1"}, "location"),
        (VIEWED, {"location": "shop", "contactId": "1" * 256}, "contactId"),
        (VIEWED, {"location": "shop", "contactAnonymousId": "1" * 256}, "contactAnonymousId"),
        (MOST, {"location": "s" * 256}, "location"),
        (BOUGHT, {"location": "s" * 256, "smClient": "1"}, "location"),
        (BOUGHT, {"location": "shop", "smClient": "1" * 256}, "smClient"),
        (TOGETHER, {"location": "s" * 65, "productId": "1"}, "location"),
        (TOGETHER, {"location": "shop", "productId": "1" * 33}, "productId"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_and_its_field_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (VIEWED, {"location": "s" * 36, "contactAnonymousId": "1" * 255}),
        (VIEWED, {"location": "_shop_2", "contactId": "1", "contactAnonymousId": "2"}),
        (MOST, {"location": "my shop.com" + "s" * 244}),
        (BOUGHT, {"location": "my shop.com", "smClient": "1" * 255}),
        (TOGETHER, {"location": "s" * 64, "productId": "1" * 32}),
    ],
)
def test_values_at_the_limits_are_accepted(path: str, body: dict[str, Any]) -> None:
    assert api.write_request(api.read_request(path, body)) == body


def test_product_ids_become_text() -> None:
    assert read_leniently(RecommendedProducts, {"productIds": [6754, "p1"]}).product_ids == ("6754", "p1")
    assert read_leniently(RecommendedProducts, {"productIds": None}).product_ids == ()
