"""The paths of old clients, over a socket, by a client that is not ours."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PASSWORD
from salesmanago_async.simulator.handlers import LEGACY_HANDLERS
from salesmanago_async.simulator.handlers.legacy import HANDLERS as OLD_CALLS
from tests.simulator.raw import SECONDS, RawClient, raw_client

ANN, BOB = "ann@example.com", "bob@example.com"
EVENT = {"date": "2026-01-01T00:00:00+00:00", "contactExtEventType": "CART", "products": "1"}


@pytest.fixture(scope="module")
def raw() -> Iterator[RawClient]:
    """A client of one tolerant account, which all tests of the module share."""
    with raw_client() as client:
        yield client


def done(raw: RawClient, path: str, body: dict[str, Any], **signature: Any) -> dict[str, Any]:
    answer = raw.post(path, body, **signature)
    assert answer["success"] is True, answer
    assert answer["message"] == [] or path == "email/send"
    return answer


def test_a_contact_is_inserted_updated_and_renamed(raw: RawClient) -> None:
    made = done(raw, "contact/insert", {"contact": {"email": "one@example.com", "name": "One"}, "tags": ["A"]})
    assert made.keys() == {"success", "message", "contactId"}
    fields = {"contact": {"name": "Two", "email": "two@example.com"}, "forceOptOut": True, "async": False}
    assert done(raw, "contact/update", {"email": "one@example.com", **fields})["contactId"] == made["contactId"]
    found = raw.contact("two@example.com")
    assert (found["id"], found["name"], found["optedOut"]) == (made["contactId"], "Two", True)
    named = {"contactId": made["contactId"], "contact": {"phone": "+48500100100"}}
    assert done(raw, "contact/update", named)["contactId"] == made["contactId"]
    assert raw.contact("two@example.com")["phone"] == "+48500100100"


def test_a_batch_is_answered_at_once(raw: RawClient) -> None:
    entries = [{"contact": {"email": email}, "tags": ["LEGACY"]} for email in (ANN, BOB)]
    answer = done(raw, "contact/batchupsert", {"upsertDetails": entries, "useApiDoubleOptIn": False})
    assert answer["contactIds"] == {email: raw.contact(email)["id"] for email in (ANN, BOB)}
    assert raw.contact(ANN)["optedOut"] is False


def test_events_are_added_and_changed_with_times_as_text(raw: RawClient) -> None:
    done(raw, "contact/insert", {"contact": {"email": "events@example.com"}})
    event = {"email": "events@example.com", "contactEvent": EVENT}
    event_id = done(raw, "contact/addContactExtEvent", event)["eventId"]
    changed = {"contactEvent": {**EVENT, "eventId": event_id, "products": "2"}}
    assert done(raw, "contact/updateContactExtEvent", changed)["eventId"] == event_id
    (found,) = raw.contact("events@example.com")["contactExtEvents"]
    assert (found["eventId"], found["date"], found["products"]) == (event_id, SECONDS * 1000, "2")


def test_tags_are_managed(raw: RawClient) -> None:
    done(raw, "contact/insert", {"contact": {"email": "tags@example.com"}, "tags": ["A", "B"]})
    done(raw, "contact/managetags", {"email": "tags@example.com", "tags": ["C"], "removeTags": ["A"]})
    assert {tag["tag"] for tag in raw.contact("tags@example.com")["contactTags"]} == {"B", "C"}


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("contact/optout", "optedOut", True),
        ("contact/optin", "optedOut", False),
        ("contact/phoneoptin", "optedOutPhone", False),
        ("contact/phoneoptout", "optedOutPhone", True),
    ],
)
def test_consents_change_with_and_without_an_owner(path: str, field: str, value: bool, raw: RawClient) -> None:
    made = done(raw, "contact/insert", {"contact": {"email": "consents@example.com"}})
    for owner in (DEMO_OWNER, None):
        assert done(raw, path, {"email": "consents@example.com"}, owner=owner)["contactId"] == made["contactId"]
        assert done(raw, path, {"contactId": made["contactId"]}, owner=owner)["contactId"] == made["contactId"]
    assert raw.contact("consents@example.com")[field] is value
    assert raw.post(path, {"email": "nobody@example.com"})["message"] == ["Contact does not exist"]


def test_consents_of_many_change_together(raw: RawClient) -> None:
    made = {
        email: done(raw, "contact/insert", {"contact": {"email": email}})["contactId"]
        for email in ("many1@example.com", "many2@example.com")
    }
    for path, opted_out in (("contact/batchoptout", True), ("contact/batchoptin", False)):
        assert done(raw, path, {"emails": list(made)})["contactIds"] == made
        assert [raw.contact(email)["optedOut"] for email in made] == [opted_out] * 2


def test_contacts_are_listed(raw: RawClient) -> None:
    made = done(raw, "contact/insert", {"contact": {"email": "listed@example.com"}})
    for path, body in (
        ("contact/listAll", {"email": ["listed@example.com"]}),
        ("contact/listAllById", {"contactId": [made["contactId"]]}),
    ):
        assert [contact["email"] for contact in done(raw, path, body)["contacts"]] == ["listed@example.com"]


def test_an_e_mail_a_rule_and_an_account_get_their_ids(raw: RawClient) -> None:
    mail = {"user": DEMO_OWNER, "emailId": "e1", "immediate": True, "date": 1, "contacts": [{"email": ANN}]}
    assert done(raw, "email/send", mail, owner=None)["conversationId"]
    rule: dict[str, Any] = {"name": "R", "active": True, "events": [], "conditions": [], "actions": []}
    assert done(raw, "rule/insert", rule)["ruleId"]
    account = done(raw, "system/registeraccount", {"email": "new@vendor.pl", "password": "p"}, owner=None)
    assert account.keys() >= {"clientId", "apiSecret"}
    assert done(raw, "contact/upsertVendorToSupport", {"tags": ["T"], "properties": {"a": "b"}})["contactId"]
    assert raw.contact(DEMO_OWNER)["properties"] == [{"name": "a", "value": "b"}]


@pytest.mark.parametrize("path", sorted(OLD_CALLS))
def test_a_legacy_call_is_authenticated_and_a_useless_one_is_refused(path: str, raw: RawClient) -> None:
    assert raw.post(path, {"email": ANN}, sha="0" * 40)["message"] == ["Not authenticated"]
    assert raw.post(path, {"contact": {"name": "no name"}, "tags": [[]]})["success"] is False


ODD: list[Any] = [None, "", 5, True, "text", [], [5], [[]], {}, {"email": 5}, [{"email": ["a"]}], {"contact": 1}]


@pytest.mark.ci
@pytest.mark.parametrize("path", sorted(LEGACY_HANDLERS))
def test_odd_content_gets_an_answer(path: str, raw: RawClient) -> None:
    names = ("contact", "email", "contactId", "emails", "tags", "upsertDetails", "contacts", "contactEvent", "name")
    for name in names:
        for value in ODD:
            assert isinstance(raw.post(path, {"email": ANN, name: value})["success"], bool), (name, value)


@pytest.mark.parametrize("path", sorted(LEGACY_HANDLERS))
def test_a_strict_simulator_knows_no_legacy_path(path: str, strict: RawClient) -> None:
    status, answer = strict.send(path, b"{}")
    assert (status, answer["success"]) == (404, False)


@pytest.fixture(scope="module")
def strict() -> Iterator[RawClient]:
    """A client of a strict simulator."""
    with raw_client(strict=True) as client:
        yield client


# Calls around a login


def test_a_signed_call_gets_another_token(raw: RawClient) -> None:
    token = done(raw, "authorization/refreshToken", {})["token"]
    credentials = raw.post_plain("account/integration", {"token": token, "apiKey": "my-key"})
    assert (credentials["success"], credentials["shortId"]) == (True, DEMO_CREDENTIALS.client_id)


def test_a_token_opens_the_panel(raw: RawClient) -> None:
    token = done(raw, "authorization/refreshToken", {})["token"]
    with urlopen(f"http://{raw.host}:{raw.port}/api/authorization/authorize?t={token}", timeout=10) as page:
        assert page.headers["Content-Type"].startswith("text/html")
    for query, message in (("", "Token not specified"), ("?t=wrong", "Authorization failed. Wrong Token")):
        with urlopen(f"http://{raw.host}:{raw.port}/api/authorization/authorize{query}", timeout=10) as answer:
            assert json.load(answer)["message"] == [message]


def test_the_settings_of_an_integration_are_kept_as_text(tmp_path: Path) -> None:
    path, saved = "account/integration", '{"cookieTtl": 43200, "tags": ["WP"]}'
    with raw_client(state=tmp_path / "account.db") as raw:
        login = {"username": DEMO_OWNER, "password": DEMO_PASSWORD}
        session = {
            "token": raw.post_plain("authorization/token", login)["token"],
            "clientId": DEMO_CREDENTIALS.client_id,
        }
        assert raw.post_plain(f"{path}/properties", session)["message"] == ["No integration properties found"]
        assert raw.post_plain(f"{path}/setProperties", {**session, "properties": saved})["success"] is True
        assert raw.post_plain(f"{path}/properties", session)["properties"] == saved
        raw.simulator.close()
    assert session["token"].encode() not in (tmp_path / "account.db").read_bytes()
    with raw_client(state=tmp_path / "account.db") as raw:
        session["token"] = done(raw, "authorization/refreshToken", {})["token"]
        assert raw.post_plain(f"{path}/properties", session)["properties"] == saved
        refusals = [
            ({**session, "token": ""}, "Token not specified"),
            ({**session, "token": "wrong"}, "Authorization failed. Wrong Token"),
            ({**session, "clientId": "other"}, "Not authenticated"),
        ]
        for body, message in refusals:
            for call in ("properties", "setProperties"):
                assert raw.post_plain(f"{path}/{call}", {**body, "properties": "{}"})["message"] == [message]
        assert raw.post_plain(path, {"apiKey": "my-key"})["message"] == ["Token not specified"]
        raw.simulator.close()
