"""Requests to change and delete events: what is checked before anything is sent."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from salesmanago_async import ExternalEvent
from salesmanago_async.api import (
    AddContactExtEvent,
    DeleteContactExtEvent,
    UpdateContactExtEvent,
    read_request,
    write_request,
)
from salesmanago_async.errors import Invalid

UPDATE = "v2/contact/updateContactExtEvent"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
CART = ExternalEvent(email="ann@example.com", date=NOON, contact_ext_event_type="CART", products=["p1"], detail20="x")


def test_an_added_event_with_a_change_is_an_update_without_its_contact() -> None:
    request = UpdateContactExtEvent("E1", attrs.evolve(CART, products=["p1", "p2"], value=3))
    assert write_request(request) == {
        "contactEvent": {
            "eventId": "E1",
            "date": 1714564800000,
            "contactExtEventType": "CART",
            "products": "p1,p2",
            "value": 3,
            "detail20": "x",
        }
    }


@pytest.mark.parametrize("name", ["eventId", "date", "contactExtEventType"])
def test_an_update_needs_its_id_its_time_and_its_type(name: str, catalogue: dict[str, dict[str, Any]]) -> None:
    (sample,) = catalogue[UPDATE]["requests"]
    content = {key: value for key, value in sample["contactEvent"].items() if key != name}
    with pytest.raises(Invalid, match="missing") as caught:
        read_request(UPDATE, {"contactEvent": content})
    assert caught.value.field == f"contactEvent.{name}"


@pytest.mark.parametrize(
    ("name", "limit"),
    [("eventId", 255), ("detail1", 255), ("detail20", 255), ("description", 2048), ("products", 2048)],
)
def test_an_update_checks_the_documented_lengths(name: str, limit: int) -> None:
    content = {"eventId": "E1", "date": 1714564800000, "contactExtEventType": "CART"}
    read_request(UPDATE, {"contactEvent": {**content, name: "x" * limit}})
    with pytest.raises(Invalid) as caught:
        read_request(UPDATE, {"contactEvent": {**content, name: "x" * (limit + 1)}})
    assert str(caught.value.field).split(".")[-1] == name


@pytest.mark.parametrize(("location", "addable", "keepable"), [("a_1", 1, 1), ("a-1.pl/b", 0, 1), ("a b", 0, 0)])
def test_an_update_may_keep_a_location_that_could_not_be_added(location: str, addable: int, keepable: int) -> None:
    event = attrs.evolve(CART, location=location)
    for request, is_taken in ((AddContactExtEvent(event), addable), (UpdateContactExtEvent("E1", event), keepable)):
        with nullcontext() if is_taken else pytest.raises(Invalid, match="location: may hold only"):
            write_request(request)


def test_deleting_needs_one_of_the_two_ids() -> None:
    assert write_request(DeleteContactExtEvent("E1")) == {"eventId": "E1"}
    assert write_request(DeleteContactExtEvent(external_id="A-1")) == {"externalId": "A-1"}
    with pytest.raises(Invalid, match="No eventId/externalId specified"):
        write_request(DeleteContactExtEvent())


def test_changing_and_deleting_are_repeatable() -> None:
    assert (UpdateContactExtEvent.repeatable, DeleteContactExtEvent.repeatable) == (True, True)
