"""Requests to delete contacts, and to change their owner and monitoring."""

from typing import Any

import pytest

from salesmanago_async import ContactId, Email, api
from salesmanago_async.api.contact_changes import (
    BatchDeleteContacts,
    DeleteContact,
    RestoreMonitoring,
    SetMainOwner,
    StopMonitoring,
)
from salesmanago_async.api.selectors import Stage
from salesmanago_async.errors import Invalid

ANN = {"addresseeType": "EMAIL", "value": "ann@example.com"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contact/delete", {"email": "ann"}, "email"),
        ("contact/delete", {"email": f"{'x' * 243}@example.com"}, "email"),
        ("contact/batchDelete", {"contacts": []}, "contacts"),
        ("contact/batchDelete", {"contacts": [{**ANN, "addresseeType": "SIGN"}]}, "contacts"),
        ("contact/batchDelete", {"contacts": [{"addresseeType": "TAG", "value": "x" * 256}]}, "contacts"),
        (
            "contact/batchDelete",
            {"contacts": [{"addresseeType": "STAGE", "value": "f", "optValue": "x" * 256}]},
            "contacts",
        ),
        ("contact/setMainOwner", {"contact": "ann", "newOwner": "o@vendor.pl"}, "contact"),
        ("contact/setMainOwner", {"contact": "ann@example.com", "newOwner": "x" * 256}, "newOwner"),
        ("contact/stopMonitoring", {"contacts": [ANN], "async": "perhaps"}, "async"),
        ("contact/restoreMonitoring", {"contacts": []}, "contacts"),
    ],
)
def test_an_invalid_value_is_refused_and_its_field_named(path: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.read_request(path, body)
    assert str(caught.value.field).split(".")[0] == field


def test_values_at_their_limits_are_written_as_documented() -> None:
    ids = ContactId("x" * 200, "y" * 54)
    assert api.write_request(BatchDeleteContacts([ids, Stage("Leads", "new", "warm")])) == {
        "contacts": [
            {"addresseeType": "CONTACT_ID", "value": f"{'x' * 200},{'y' * 54}"},
            {"addresseeType": "STAGE", "value": "Leads", "optValue": "new,warm"},
        ]
    }
    assert api.write_request(SetMainOwner("ann@example.com", new_owner="o@vendor.pl")) == {
        "contact": "ann@example.com",
        "newOwner": "o@vendor.pl",
    }
    assert api.write_request(StopMonitoring([Email("ann@example.com")], async_=False)) == {
        "contacts": [ANN],
        "async": False,
    }


@pytest.mark.parametrize(
    "request_class", [BatchDeleteContacts, DeleteContact, SetMainOwner, StopMonitoring, RestoreMonitoring]
)
def test_idempotent_calls_are_repeatable(request_class: type[api.Request[Any]]) -> None:
    assert request_class.repeatable
