"""The simulator takes what the vendor's own clients send: posted over a socket by a client that is not ours."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD
from tests.simulator.raw import SECONDS, RawClient, filled, raw_client

CALLS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "vendor-calls.json").read_text())
ANN = "ann@example.com"
ABSENT = object()
CART = {"date": SECONDS * 1000, "contactExtEventType": "CART"}


@pytest.fixture(scope="module")
def raw() -> Iterator[RawClient]:
    """A client of one tolerant account, which all tests of the module share."""
    with raw_client() as client:
        yield client


def test_each_call_of_the_vendor_s_clients_gets_its_documented_answer() -> None:
    """Bodies in the shapes of its current PHP SDK; one account takes them all, in order, and has nothing to report."""
    known = {"owner": DEMO_OWNER, "password": DEMO_PASSWORD, "client": DEMO_CREDENTIALS.client_id}
    with raw_client() as raw:
        for call in CALLS:
            body = filled(call["body"], known)
            signature = {name: text for name, text in raw.signature().items() if name not in call.get("without", ())}
            answer = raw.post_plain(call["path"], body if call.get("unsigned") else {**signature, **body})
            assert answer["success"] is True, (call["name"], answer)
            assert [name for name in call["answer"] if answer.get(name, ABSENT) is ABSENT] == [], call["name"]
            known.update({name: answer[field] for name, field in call.get("keep", {}).items()})
            known.update({"token": answer["token"]} if "token" in answer else {})
        ann = raw.contact(ANN)
        assert not raw.simulator.undocumented
    assert {tag["tagName"] for tag in ann["contactTags"]} == {"WP_REGISTER", "NEWSLETTER"}
    cart, purchase, login = ann["contactExtEvents"]
    assert (login["contactExtEventType"], login["date"]) == ("LOGIN", SECONDS * 1000)
    assert (cart["eventId"], cart["products"], cart["value"]) == (known["event"], "SKU-100", 29.99)
    assert (purchase["contactExtEventType"], purchase["value"]) == ("PURCHASE", 9.99)
    first, second = ann["coupons"]
    assert (len(first["coupon"]), first["validTo"]) == (12, 1798329600000)
    assert (second["coupon"], second["validTo"]) == ("SPRING-1", 1798329600000)


UNDOCUMENTED: list[tuple[str, dict[str, Any], str]] = [
    ("contact/upsert", {"contact": {"email": ANN}, "nosuch": 1}, "nosuch"),
    ("contact/upsert", {"contact": {"email": ANN, "nmae": "A"}}, "contact.nmae"),
    ("contact/upsert", {"contact": {"email": ANN, "address": {"town": "A"}}}, "contact.address.town"),
    ("contact/upsert", {"contact": {"email": ANN}, "dictionaryProperties": [
        {"name": "shoe", "type": "NUMBER", "value": 4, "odd": 1}]}, "dictionaryProperties.odd"),
    ("contact/batchupsertv2", {"upsertDetails": [{"contact": {"email": ANN}, "odd": 1}] * 3}, "upsertDetails.odd"),
    ("v2/contact/addContactExtEvent", {"email": ANN, "contactEvent": {**CART, "detail21": "x"}},
     "contactEvent.detail21"),
    ("contact/batchAddContactExtEvent", {"events": [{"email": ANN, "contactEvent": CART, "odd": 1}]}, "events.odd"),
    ("integration/upsert", {"contactUpsertRequest": {
        "owner": DEMO_OWNER, "contact": {"email": ANN, "odd": 1}}}, "contactUpsertRequest.contact.odd"),
    ("contact/export/data", {"contacts": [{"addresseeType": "tag", "value": "A", "odd": 1}],
                             "data": [{"dataType": "CONTACT"}]}, "contacts.odd"),
    ("contact/export/data", {"contacts": [{"addresseeType": "tag", "value": "A"}],
                             "data": [{"dataType": "CONTACT", "odd": 1}]}, "data.odd"),
    ("email/sendEmail", {"user": DEMO_OWNER, "emailId": "e", "date": SECONDS * 1000, "contacts": [
        {"addresseeType": "EMAIL", "value": ANN, "odd": 1}]}, "contacts.odd"),
    ("contact/hasContact", {"email": ANN, "async": True}, "async"),
    # Others' clients name the contact beside its object, too
    ("contact/upsert", {"contact": {"email": ANN}, "email": ANN}, "email"),
    ("contact/upsert", {"contact": {"email": ANN}, "externalId": "x1"}, "externalId"),
    ("v2/contact/addContactExtEvent", {"email": ANN, "contactId": None, "name": "A", "contactEvent": CART}, "name"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "field"), UNDOCUMENTED)
def test_an_undocumented_field_is_passed_over_and_counted(
    path: str, body: dict[str, Any], field: str, raw: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    before = raw.simulator.undocumented[path, field]
    with caplog.at_level(logging.WARNING, "salesmanago_async.simulator"):
        owner = None if path in {"integration/upsert", "email/sendEmail"} else DEMO_OWNER
        answers = [raw.post(path, body, owner=owner) for _ in range(2)]
    assert [answer["success"] for answer in answers] == [True, True]
    assert raw.simulator.undocumented[path, field] == before + 2
    told = [record.getMessage() for record in caplog.records if record.name == "salesmanago_async.simulator"]
    assert told == [f"{path}: {field} is not a documented field; it is passed over"], "only the first time"


@pytest.mark.parametrize("path", ["email/sendEmail", "contact/upsert"])
def test_a_call_without_a_time_is_refused_as_by_the_reference(path: str, raw: RawClient) -> None:
    """Clients of others leave the time out of single calls; whether the server minds is not known."""
    body = {"user": DEMO_OWNER, "emailId": "e", "date": SECONDS * 1000, "contact": {"email": ANN},
            "contacts": [{"addresseeType": "EMAIL", "value": ANN}]}  # fmt: skip
    assert raw.post(path, body, requestTime=None)["message"] == ["Not authenticated"]


def test_details_may_be_numbers_and_true(raw: RawClient) -> None:
    raw.post(
        "contact/upsert", {"contact": {"email": "details@example.com"}, "properties": {"a": 1, "b": 2.5, "c": True}}
    )
    assert {one["name"]: one["value"] for one in raw.contact("details@example.com")["properties"]} == {
        "a": "1",
        "b": "2.5",
        "c": "true",
    }


def test_details_of_events_may_be_numbers_and_true(raw: RawClient) -> None:
    raw.post("contact/upsert", {"contact": {"email": "events@example.com"}})
    event = {**CART, "detail1": 5, "detail2": True, "externalId": 7, "products": 100}
    assert raw.post("v2/contact/addContactExtEvent", {"email": "events@example.com", "contactEvent": event})["success"]
    [made] = raw.contact("events@example.com")["contactExtEvents"]
    assert [made[name] for name in ("detail1", "detail2", "externalId", "products")] == ["5", "true", "7", "100"]


def test_a_strict_simulator_refuses_it() -> None:
    with raw_client(strict=True) as raw:
        for path, body, field in UNDOCUMENTED:
            answer = raw.post(path, body)
            entries = answer.get("failedAmount", 0) + (path == "contact/batchupsertv2")  # refused one by one
            assert entries or answer["success"] is False, path
            assert entries or field.rpartition(".")[2] in answer["message"][0]
        assert raw.simulator.undocumented.total() == 0


def test_what_is_null_or_empty_is_no_news(raw: RawClient) -> None:
    body = {"contact": {"email": ANN, "nothing": None}, "nowhere": "", "properties": {"a": None, "b": "1"}}
    assert raw.post("contact/upsert", body)["success"] is True
    assert not {"contact.nothing", "nowhere"} & {name for _, name in raw.simulator.undocumented}
    assert {"name": "b", "value": "1"} in raw.contact(ANN)["properties"]


def test_bodies_may_come_in_chunks_of_any_size_and_without_a_user_agent(raw: RawClient) -> None:
    body = json.dumps({**raw.signature(), "owner": DEMO_OWNER, "email": "chunks@example.com"}).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    assert raw.send("contact/hasContact", pieces, {"Transfer-Encoding": "chunked"})[1]["result"] is False


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; Charset=utf-8", "application/json;x=y"])
def test_the_type_of_the_content_is_read_in_any_case(kind: str, raw: RawClient) -> None:
    body = json.dumps({**raw.signature(), "owner": DEMO_OWNER, "email": ANN}).encode()
    assert raw.send("contact/hasContact", body, {"content-type": kind})[0] == 200


def test_a_client_may_send_the_whole_address_as_its_target_and_wait_for_100(raw: RawClient) -> None:
    body = json.dumps({**raw.signature(), "owner": DEMO_OWNER, "email": ANN}).encode()
    answer = raw.send("contact/hasContact", body, {"Expect": "100-continue"}, target=f"http://{raw.host}:{raw.port}")
    assert answer[0] == 200


@pytest.mark.parametrize("time", [SECONDS, SECONDS * 1000, str(SECONDS)])
def test_the_time_of_a_request_may_be_in_seconds(time: Any, raw: RawClient) -> None:
    assert raw.post("contact/hasContact", {"email": ANN}, requestTime=time)["success"] is True


@pytest.mark.parametrize("date", [SECONDS, str(SECONDS), SECONDS * 1000, "2026-01-01T01:00:00+01:00"])
def test_the_date_of_an_event_may_be_in_seconds_or_text(date: Any, raw: RawClient) -> None:
    email = f"date{abs(hash((date, type(date))))}@example.com"
    raw.post("contact/upsert", {"contact": {"email": email}})
    assert raw.post("v2/contact/addContactExtEvent", {"email": email, "contactEvent": {**CART, "date": date}})[
        "success"
    ]
    assert [event["date"] for event in raw.contact(email)["contactExtEvents"]] == [SECONDS * 1000]


def test_the_one_call_that_is_documented_without_a_time_needs_none(raw: RawClient) -> None:
    body = {"user": DEMO_OWNER, "itemId": "1", "webPushSourceType": "MASS"}
    assert raw.post("notification/push/stats", body, requestTime=None)["success"] is True
    refused = raw.post("notification/conversation/stats", {"user": DEMO_OWNER, "webPushId": 1}, requestTime=None)
    assert refused["message"] == ["Not authenticated"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contact/upsert", {"contact": {"email": ANN}, "birthday": "19871332"}, "birthday"),
        ("contact/upsert", {"contact": {"email": ANN, "name": "x" * 256}}, "contact.name"),
        ("contact/upsert", {"contact": {"email": ANN, "address": {"city": "x" * 256}}}, "contact.address.city"),
        ("contact/upsert", {"contact": {"email": ANN}, "dictionaryProperties": [
            {"name": "ab", "type": "NUMBER", "value": 1}]}, "dictionaryProperties"),
        ("v2/contact/addContactExtEvent", {"email": ANN, "contactEvent": {**CART, "location": "1shop"}},
         "contactEvent.location"),
        ("v2/contact/addContactExtEvent", {"email": ANN, "contactEvent": {**CART, "value": "much"}},
         "contactEvent.value"),
        ("integration/upsert", {"contactUpsertRequest": {"owner": DEMO_OWNER, "contact": {"email": ANN},
                                                         "birthday": "1"}}, "contactUpsertRequest.birthday"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_by_its_place_in_the_body(
    path: str, body: dict[str, Any], field: str, raw: RawClient
) -> None:
    (message,) = raw.post(path, body)["message"]
    assert message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"owner": None}, "User cannot be empty"),
        ({"owner": DEMO_OWNER}, "User cannot be empty"),
        ({"user": "nobody@vendor.pl", "owner": None}, "User not authenticated"),
    ],
)
def test_global_statistics_need_a_user_of_the_account(fields: dict[str, Any], message: str, raw: RawClient) -> None:
    span = {"from": SECONDS * 1000, "to": SECONDS * 1000 + 1}
    assert raw.post("email/globalConversationStatistics", {**span, **fields})["message"] == [message]


def test_a_contact_without_a_state_is_a_prospect(raw: RawClient) -> None:
    raw.post("contact/upsert", {"contact": {"email": "state@example.com"}})
    assert raw.contact("state@example.com")["state"] == "PROSPECT"


def test_who_was_asked_to_confirm_is_not_opted_in_yet(raw: RawClient) -> None:
    for confirms in (True, False):
        email = f"confirms{confirms}@example.com"
        raw.post("contact/upsert", {"contact": {"email": email}, "forceOptIn": True, "useApiDoubleOptIn": confirms})
        assert raw.contact(email)["optedOut"] is confirms


def test_a_comma_separates_tags(raw: RawClient) -> None:
    raw.post("contact/upsert", {"contact": {"email": "tags@example.com"}, "tags": ["red, blue", "a-1", ","]})
    assert [tag["tag"] for tag in raw.contact("tags@example.com")["contactTags"]] == ["RED", "BLUE", "A-1"]


def test_an_export_is_limited_to_its_range(raw: RawClient) -> None:
    raw.post("contact/upsert", {"contact": {"email": "range@example.com"}, "tags": ["RANGE"]})
    for date in (SECONDS - 86_400, SECONDS, SECONDS + 86_400):
        event = {"email": "range@example.com", "contactEvent": {**CART, "date": date * 1000}}
        raw.post("v2/contact/addContactExtEvent", event)
    for first, last, number in ((SECONDS, SECONDS, 1), (SECONDS * 1000, (SECONDS + 86_400) * 1000, 2), (0, 1, 0)):
        body = {
            "contacts": [{"addresseeType": "tag", "value": "range"}],
            "data": [{"dataType": "CONTACT"}, {"dataType": "EXT_EVENT"}],
            "dateRange": {"startDate": first, "endDate": last},
        }
        (record,) = read_file(raw, raw.post("contact/export/data", body)["requestId"])
        ((_, parts),) = record.items()
        assert parts["contactData"]["email"] == "range@example.com"
        assert len(parts["extEventData"] or ()) == number


def read_file(raw: RawClient, job: int) -> Any:
    """Return the content of the file of a job."""
    link = raw.post("job/status", {"requestId": job})["fileUrl"]
    with urlopen(link, timeout=10) as file:
        return json.load(file)


def test_odd_spellings_are_those_of_the_samples() -> None:
    with raw_client(odd_spellings=True) as raw:
        raw.post("contact/upsert", {"contact": {"email": ANN}, "birthday": "19850530", "tags": ["ODD"]})
        raw.post("v2/contact/addContactExtEvent", {"email": ANN, "contactEvent": {**CART, "value": 100.56}})
        ann = raw.contact(ANN)
        assert ann["address"] is None
        assert (ann["birthdayYear"], ann["birthdayMonth"], ann["birthdayDay"]) == ("1985", "5", "30")
        assert ann["contactExtEvents"][0]["value"] == "100.56"
        body = {"contacts": [{"addresseeType": "tag", "value": "ODD"}], "data": [{"dataType": "EXT_EVENT"}]}
        (record,) = read_file(raw, raw.post("contact/export/data", body)["requestId"])
        ((_, parts),) = record.items()
        assert parts["extEventData"][0]["value"] == "100.56"
