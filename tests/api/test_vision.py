"""Requests for products that look like a photo: limits."""

from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.errors import Invalid

PHOTO = {"imageUrl": "https://example.com/a.jpg", "location": "shop"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"maxResults": 0}, "maxResults"),
        ({"maxResults": 31}, "maxResults"),
        ({"maxResults": "many"}, "maxResults"),
        ({"location": "s" * 65}, "location"),
        ({"imageUrl": "https://" + "a" * 2041}, "imageUrl"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_and_its_field_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request("vision", {**PHOTO, **changed})
    assert caught.value.field == field


@pytest.mark.parametrize("given", [{}, {"maxResults": 1}, {"maxResults": 30}])
def test_values_at_the_limits_are_accepted(given: dict[str, Any]) -> None:
    assert api.write_request(api.read_request("vision", {**PHOTO, **given})) == {**PHOTO, **given}
