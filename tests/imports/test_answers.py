"""What an answer says about each record: a table of the forms that accounts send, and of those that confirm nothing."""

from typing import Any

import orjson
import pytest

from salesmanago_async import Unreadable
from salesmanago_async.imports.engine.answers import of_events, of_import, result_of
from tests.imports.odd_answers import IN_DOUBT_CONTACTS, IN_DOUBT_EVENTS

KEYS = ["a@x.pl", "b@x.pl", "c-id"]
ACCEPTED, IN_DOUBT, REJECTED = ["accepted"] * 3, ["in_doubt"] * 3, ["rejected"] * 3


def states(verdicts: Any, count: int = 3) -> list[str]:
    return [verdicts.others.get(index, (verdicts.state, None))[0] for index in range(count)]


# Contacts


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        # no record is named: the success holds for all
        ({"success": True, "contactIds": {}, "invalidContacts": []}, ACCEPTED),
        ({"success": True, "contactIds": [], "invalidContacts": {}}, ACCEPTED),
        ({"success": "True", "contactIds": None, "invalidContacts": None}, ACCEPTED),
        ({"success": True, "invalidContacts": None}, ACCEPTED),
        ({"success": True, "invalidContacts": ["B@X.PL"]}, ["accepted", "rejected", "accepted"]),
        ({"success": True, "invalidContacts": [" b@x.pl "]}, ["accepted", "rejected", "accepted"]),
        ({"success": True, "invalidContacts": [{"email": "b@x.pl"}]}, ["accepted", "rejected", "accepted"]),
        (
            {"success": True, "invalidContacts": [{"contact": {"email": "b@x.pl"}}]},
            ["accepted", "rejected", "accepted"],
        ),
        ({"success": True, "invalidContacts": [{"contactId": "c-id"}]}, ["accepted", "accepted", "rejected"]),
        ({"success": True, "invalidContacts": {"a@x.pl": "bad"}}, ["rejected", "accepted", "accepted"]),
        # an entry that matches no record: only what contactIds confirms is accepted
        (
            {"success": True, "contactIds": {"A@x.pl": "1"}, "invalidContacts": ["who@x.pl"]},
            ["accepted", "in_doubt", "in_doubt"],
        ),
        ({"success": True, "contactIds": ["1", "2"], "invalidContacts": ["who@x.pl"]}, IN_DOUBT),
        # all are named
        ({"success": True, "contactIds": {"a@x.pl": "1", "b@x.pl": "2", "c-id": "c-id"}}, ACCEPTED),
        ({"success": True, "contactIds": {"a@x.pl": 1, "B@x.pl": 2, "": "c-id"}}, ACCEPTED),
        ({"success": True, "contactIds": {"1": "a@x.pl", "2": "B@x.pl", "c-id": "c@x.pl"}}, ACCEPTED),
        ({"success": True, "contactIds": {"a@x.pl": {"id": "1"}, "b@x.pl": {"contactId": 2}, "x": "c-id"}}, ACCEPTED),
        ({"success": True, "contactIds": ["a@x.pl", "b@x.pl", "c-id"]}, ACCEPTED),
        (
            {
                "success": True,
                "contactIds": [{"email": "a@x.pl", "id": "1"}, {"email": "B@x.pl", "contactId": "2"}, "c-id"],
            },
            ACCEPTED,
        ),
        ({"success": True, "contactIds": [{"a@x.pl": "1"}, {"b@x.pl": "2"}, {"c-id": "c-id"}]}, ACCEPTED),
        # as many ids as contacts that are not invalid
        ({"success": True, "contactIds": ["1", "2", "3"]}, ACCEPTED),
        ({"success": True, "contactIds": [1, 2, "c-id"]}, ACCEPTED),
        (
            {"success": True, "contactIds": ["1", 2], "invalidContacts": ["b@x.pl"]},
            ["accepted", "rejected", "accepted"],
        ),
        # some are missing
        ({"success": True, "contactIds": {"a@x.pl": "1"}}, ["accepted", "in_doubt", "in_doubt"]),
        ({"success": True, "contactIds": {"a@x.pl": "1", "b@x.pl": None}}, ["accepted", "in_doubt", "in_doubt"]),
        ({"success": True, "contactIds": {"a@x.pl": "1", "y": "2", "z": "3"}}, ["accepted", "in_doubt", "in_doubt"]),
        (
            {"success": True, "contactIds": {"a@x.pl": "1"}, "invalidContacts": ["a@x.pl", "b@x.pl"]},
            ["in_doubt", "rejected", "in_doubt"],
        ),
        # no success
        ({"success": False, "message": ["broken"]}, REJECTED),
        ({"success": "False", "message": ["broken"], "contactIds": {}}, REJECTED),
        ({"success": "no", "contactIds": {}}, REJECTED),
        ({"success": 0, "contactIds": {}}, REJECTED),
        ({"success": False, "contactIds": {"a@x.pl": "1"}}, ["in_doubt", "rejected", "rejected"]),
    ],
)
def test_an_import_is_judged_by_its_result_file(result: dict[str, Any], expected: list[str]) -> None:
    assert states(of_import(KEYS, result, 37)) == expected


@pytest.mark.parametrize("result", IN_DOUBT_CONTACTS, ids=orjson.dumps)
def test_a_result_that_confirms_nothing_accepts_no_record(result: dict[str, Any]) -> None:
    assert states(of_import(KEYS, result, 37)) == IN_DOUBT


def test_the_reason_is_that_of_the_server_if_it_has_one() -> None:
    verdicts = of_import(KEYS, {"success": True, "invalidContacts": [{"email": "b@x.pl", "message": "blocked"}]}, 37)
    assert verdicts.others[1] == ("rejected", "blocked")
    failed = of_import(KEYS, {"success": False, "message": "no room"}, 37)
    assert failed.of(0) == ("rejected", "job 37: no room")


def test_every_record_of_an_invalid_address_is_rejected() -> None:
    verdicts = of_import(["a@x.pl", "b@x.pl", "a@x.pl"], {"success": True, "invalidContacts": ["a@x.pl"]}, 37)
    assert states(verdicts) == ["rejected", "accepted", "rejected"]


def test_contact_ids_are_found_whatever_the_case_of_the_address() -> None:
    assert of_import(KEYS, {"success": True, "contactIds": {"A@X.pl": "id-1"}}, 37).contact_ids == {"a@x.pl": "id-1"}
    assert of_import(KEYS, {"success": True, "contactIds": {"id-1": "A@X.pl"}}, 37).contact_ids == {"a@x.pl": "id-1"}


def test_records_of_one_contact_are_one_id() -> None:
    verdicts = of_import(["a@x.pl", "b@x.pl", "a@x.pl"], {"success": True, "contactIds": ["1", "2"]}, 37)
    assert states(verdicts) == ACCEPTED
    repeated = of_import(KEYS, {"success": True, "contactIds": ["1", "1", "2"]}, 37)
    assert states(repeated) == IN_DOUBT


def test_a_record_may_be_named_by_any_of_its_names() -> None:
    """A contact that gets another address is named by the old one, the new one or its id."""
    for named in ("a@x.pl", "new@x.pl", "a-id"):
        aliases = {0: ("a-id", "new@x.pl")}
        ids = {named: "a-id", "b@x.pl": "b-id", "c@x.pl": "c-id"}
        verdicts = of_import(KEYS, {"success": True, "contactIds": ids}, 37, aliases=aliases)
        assert states(verdicts) == ACCEPTED
        refused = of_import(KEYS, {"success": True, "contactIds": {}, "invalidContacts": [named]}, 37, aliases=aliases)
        assert states(refused) == ["rejected", "accepted", "accepted"]
        events = of_events(KEYS, {"success": True, "failedContacts": [named]}, aliases=aliases)
        assert states(events) == ["rejected", "accepted", "accepted"]


# Events


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"success": True, "createdAmount": 3, "failedAmount": 0, "failedContacts": []}, ACCEPTED),
        ({"success": "true", "createdAmount": "3", "failedAmount": "0", "failedContacts": {}}, ACCEPTED),
        ({"createdAmount": 3, "failedAmount": 0, "failedContacts": []}, ACCEPTED),
        ({"createdAmount": 3}, ACCEPTED),
        ({"success": True}, ACCEPTED),
        ({"success": True, "failedContacts": None}, ACCEPTED),
        ({"createdAmount": 0, "failedAmount": 3, "failedContacts": []}, REJECTED),
        (
            {"success": True, "failedAmount": 1, "failedContacts": {"b@x.pl": "blocked"}},
            ["accepted", "rejected", "accepted"],
        ),
        ({"failedAmount": 1, "failedContacts": {"b@x.pl": "blocked"}}, ["in_doubt", "rejected", "in_doubt"]),
        ({"createdAmount": 2, "failedAmount": 1, "failedContacts": ["b@x.pl"]}, ["accepted", "rejected", "accepted"]),
        ({"createdAmount": 2, "failedContacts": ["b@x.pl"]}, ["accepted", "rejected", "accepted"]),
        ({"success": True, "failedContacts": [{"email": "b@x.pl"}]}, ["accepted", "rejected", "accepted"]),
        ({"failedContacts": [{"email": "b@x.pl"}]}, ["in_doubt", "rejected", "in_doubt"]),
        ({"createdAmount": 1, "failedAmount": 2, "failedContacts": ["c-id"]}, ["in_doubt", "in_doubt", "rejected"]),
        (
            {"success": True, "createdAmount": 2, "failedAmount": 1, "failedContacts": ["b@x.pl", "who@x.pl"]},
            ["in_doubt", "rejected", "in_doubt"],
        ),
    ],
)
def test_events_are_judged_by_the_answer_to_them(answer: dict[str, Any], expected: list[str]) -> None:
    assert states(of_events(KEYS, answer)) == expected


@pytest.mark.parametrize("answer", IN_DOUBT_EVENTS, ids=orjson.dumps)
def test_an_answer_that_confirms_nothing_accepts_no_event(answer: dict[str, Any]) -> None:
    assert states(of_events(KEYS, answer)) == IN_DOUBT


def test_of_a_contact_whose_events_failed_only_in_part_the_events_are_in_doubt() -> None:
    answer = {"success": True, "createdAmount": 2, "failedAmount": 1, "failedContacts": ["a@x.pl"]}
    assert states(of_events(["a@x.pl", "b@x.pl", "a@x.pl"], answer)) == ["in_doubt", "accepted", "in_doubt"]


# Result files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in</html>",
        b'{"success":true,"contactIds":{',
        b'[{"success":true}]',
        b'"done"',
        b"{}",
        b'{"contactIds":{},"invalidContacts":[]}',
        b'{"success":true}',
        b'{"success":true,"contacts":[]}',
        b'{"success":null,"message":[]}',
    ],
)
def test_what_is_no_result_of_an_import_is_unreadable_and_no_rejection(content: bytes) -> None:
    with pytest.raises(Unreadable):
        result_of(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'\xef\xbb\xbf{"success":true,"contactIds":{}}', {"success": True, "contactIds": {}}),
        (b'{"success":true,"invalidContacts":["a\\ud83d"]}', {"success": True, "invalidContacts": ["a\ufffd"]}),
        (b'{"success":true,"invalidContacts":["a\xff\tb"]}', {"success": True, "invalidContacts": ["a\ufffd\tb"]}),
        (b'{"success":true,"invalidContacts":[],"x":NaN}', {"success": True, "invalidContacts": [], "x": None}),
        (b'{"success":false,"message":"no"}', {"success": False, "message": "no"}),
    ],
)
def test_a_result_file_is_read_as_servers_really_write_it(content: bytes, expected: dict[str, Any]) -> None:
    assert result_of(content) == expected


def test_a_link_in_the_servers_words_is_its_host_in_a_reason() -> None:
    link = "https://files.example.com/a/b.json?Signature=x"
    invalid = {"a@x.pl": f"see {link}", "b@x.pl": "bad"}
    first = of_import(KEYS, {"success": True, "invalidContacts": invalid}, 37)
    second = of_import(KEYS, {"success": True, "invalidContacts": [{"email": "a@x.pl", "reason": link}]}, 37)
    failed = of_import(KEYS, {"success": False, "message": [f"no: {link}"]}, 37)
    for verdicts in (first, second, failed):
        reason = verdicts.of(0)[1] or ""
        assert "https://files.example.com/…" in reason
        assert "Signature" not in reason
