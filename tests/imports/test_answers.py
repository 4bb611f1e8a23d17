"""What an answer says of each record: a table of the forms that accounts send."""

from typing import Any

import pytest

from salesmanago_async.api._codec import read_leniently
from salesmanago_async.api.events import EventsAdded
from salesmanago_async.imports._answers import of_events, of_import

KEYS = ["a@x.pl", "b@x.pl", "c-id"]


def states(verdicts: Any, count: int = 3) -> list[str]:
    return [verdicts.others.get(index, (verdicts.state, None))[0] for index in range(count)]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"success": True, "contactIds": {}, "invalidContacts": []}, ["accepted"] * 3),
        ({"success": True, "invalidContacts": None}, ["accepted"] * 3),
        ({"success": True, "invalidContacts": ["B@X.PL"]}, ["accepted", "rejected", "accepted"]),
        ({"success": True, "invalidContacts": [{"email": "b@x.pl"}]}, ["accepted", "rejected", "accepted"]),
        (
            {"success": True, "invalidContacts": [{"contact": {"email": "b@x.pl"}}]},
            ["accepted", "rejected", "accepted"],
        ),
        ({"success": True, "invalidContacts": [{"contactId": "c-id"}]}, ["accepted", "accepted", "rejected"]),
        ({"success": True, "invalidContacts": {"a@x.pl": "bad"}}, ["rejected", "accepted", "accepted"]),
        # an entry that fits no record: only what contactIds confirms is accepted
        (
            {"success": True, "contactIds": {"A@x.pl": "1"}, "invalidContacts": ["who@x.pl"]},
            ["accepted", "in_doubt", "in_doubt"],
        ),
        ({"success": True, "contactIds": ["1", "2"], "invalidContacts": ["who@x.pl"]}, ["in_doubt"] * 3),
        # contactIds that leave some out
        ({"success": True, "contactIds": {"a@x.pl": "1"}}, ["accepted", "in_doubt", "in_doubt"]),
        ({"success": True, "contactIds": {"a@x.pl": "1", "B@x.pl": "2", "": "c-id"}}, ["accepted"] * 3),
        ({"success": True, "contactIds": {"x": "1", "y": "2", "z": "3"}}, ["accepted"] * 3),
        (
            {"success": True, "contactIds": {"a@x.pl": "1"}, "invalidContacts": ["a@x.pl", "b@x.pl"]},
            ["in_doubt", "rejected", "accepted"],
        ),
        ({"success": False, "message": ["broken"]}, ["rejected"] * 3),
        ({"success": False, "contactIds": {"a@x.pl": "1"}}, ["accepted", "rejected", "rejected"]),
    ],
)
def test_an_import_is_judged_by_its_result_file(result: dict[str, Any], expected: list[str]) -> None:
    assert states(of_import(KEYS, result, 37)) == expected


def test_the_reason_is_the_servers_where_it_gives_one() -> None:
    verdicts = of_import(KEYS, {"success": True, "invalidContacts": [{"email": "b@x.pl", "message": "blocked"}]}, 37)
    assert verdicts.others[1] == ("rejected", "blocked")
    failed = of_import(KEYS, {"success": False, "message": "no room"}, 37)
    assert failed.others[0] == ("rejected", "job 37: no room")


def test_every_record_of_an_invalid_address_is_rejected() -> None:
    verdicts = of_import(["a@x.pl", "b@x.pl", "a@x.pl"], {"success": True, "invalidContacts": ["a@x.pl"]}, 37)
    assert states(verdicts) == ["rejected", "accepted", "rejected"]


def test_contact_ids_are_found_whatever_the_case_of_the_address() -> None:
    assert of_import(KEYS, {"success": True, "contactIds": {"A@X.pl": "id-1"}}, 37).contact_ids == {"a@x.pl": "id-1"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"createdAmount": 3, "failedAmount": 0, "failedContacts": []}, ["accepted"] * 3),
        ({"createdAmount": 10, "failedAmount": 0, "failedContacts": []}, ["accepted"] * 3),
        ({"success": True}, ["accepted"] * 3),
        ({}, ["in_doubt"] * 3),
        ({"createdAmount": 0, "failedAmount": 3, "failedContacts": []}, ["rejected"] * 3),
        ({"failedAmount": 1, "failedContacts": {"b@x.pl": "blocked"}}, ["accepted", "rejected", "accepted"]),
        ({"createdAmount": 2, "failedAmount": 1, "failedContacts": ["b@x.pl"]}, ["accepted", "rejected", "accepted"]),
        ({"failedContacts": [{"email": "b@x.pl"}]}, ["accepted", "rejected", "accepted"]),
        ({"createdAmount": 2, "failedAmount": 1, "failedContacts": []}, ["in_doubt"] * 3),
        ({"createdAmount": 1, "failedAmount": 2, "failedContacts": ["c-id"]}, ["in_doubt", "in_doubt", "rejected"]),
        ({"createdAmount": 0, "failedAmount": 0, "failedContacts": []}, ["in_doubt"] * 3),
        ({"createdAmount": 2, "failedAmount": 1, "failedContacts": ["who@x.pl"]}, ["in_doubt"] * 3),
    ],
)
def test_events_are_judged_by_the_answer_to_them(answer: dict[str, Any], expected: list[str]) -> None:
    assert states(of_events(KEYS, read_leniently(EventsAdded, answer))) == expected


def test_of_a_contact_whose_events_failed_only_in_part_the_events_are_in_doubt() -> None:
    answer = {"createdAmount": 2, "failedAmount": 1, "failedContacts": ["a@x.pl"]}
    assert states(of_events(["a@x.pl", "b@x.pl", "a@x.pl"], read_leniently(EventsAdded, answer))) == [
        "in_doubt",
        "accepted",
        "in_doubt",
    ]
