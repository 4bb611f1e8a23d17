"""What the simulator refuses, tested with an independent client: what the reference refuses, without a crash."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from salesmanago_async.simulator import Simulator

pytestmark = pytest.mark.anyio

ABSENT = object()
"""Used instead of a value: leave the field out."""

KEY = "any key of mine"
EVENT = {"date": 1714550400000, "contactExtEventType": "CART"}
SELECTED = {"contacts": [{"addresseeType": "tag", "value": "A"}], "data": [{"dataType": "CONTACT"}]}
ANN = {"contact": {"email": "ann@example.com"}}

HAS, UPSERT, LIST = "contact/hasContact", "contact/upsert", "contact/list"
BATCH, EXPORT, JOB = "contact/batchupsertv2", "contact/export/data", "job/status"
ADD, EVENTS, EVENTS_V2 = (
    "v2/contact/addContactExtEvent", "contact/batchAddContactExtEvent", "v2/contact/addBatchContactExtEvent",
)  # fmt: skip


def sha(key: str = KEY, client: str = "demo-client", secret: str = "demo-secret") -> str:
    return hashlib.sha1(f"{key}{client}{secret}".encode()).hexdigest()


def signed(fields: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "clientId": "demo-client",
        "apiKey": KEY,
        "requestTime": 1714550400000,
        "sha": sha(),
        "owner": "admin@vendor.pl",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not ABSENT}


@pytest.fixture
async def plain(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client; an exception in the simulator is raised."""
    transport = httpx.ASGITransport(app=simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulated/api/") as client:
        yield client


async def post(plain: httpx.AsyncClient, path: str, **fields: Any) -> dict[str, Any]:
    answer = await plain.post(path, json=signed(fields))
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sha": "0" * 40}, "Not authenticated"),
        ({"sha": sha().upper()}, "Not authenticated"),
        ({"sha": sha(key="another key")}, "Not authenticated"),
        ({"sha": ABSENT}, "Not authenticated"),
        ({"sha": None}, "Not authenticated"),
        ({"clientId": "other"}, "Not authenticated"),
        ({"clientId": "other", "sha": sha(client="other")}, "Not authenticated"),
        ({"clientId": ABSENT}, "Not authenticated"),
        ({"apiKey": ABSENT}, "Api key not specified"),
        ({"apiKey": ""}, "Api key not specified"),
        ({"apiKey": "another key"}, "Not authenticated"),
        ({"requestTime": ABSENT}, "Not authenticated"),
        ({"requestTime": "yesterday"}, "Not authenticated"),
        ({"requestTime": True}, "Not authenticated"),
        ({"requestTime": None}, "Not authenticated"),
        ({"owner": ABSENT}, "Not authenticated, not owner specified"),
        ({"owner": ""}, "Not authenticated, not owner specified"),
        ({"owner": "nobody@vendor.pl"}, "Not authenticated, invalid owner"),
        ({"owner": ["admin@vendor.pl"]}, "Not authenticated, invalid owner"),
    ],
)
async def test_other_callers_are_refused_and_change_nothing(
    changed: dict[str, Any], message: str, plain: httpx.AsyncClient
) -> None:
    refused = await post(plain, UPSERT, **ANN, **changed)
    assert (refused["success"], refused["message"]) == (False, [message])
    assert (await post(plain, HAS, email="ann@example.com"))["result"] is False


async def test_any_api_key_is_accepted_with_its_sha(plain: httpx.AsyncClient) -> None:
    found = await post(plain, HAS, email="ann@example.com", apiKey="klucz ż", sha=sha("klucz ż"))
    assert found == {"success": True, "message": [], "result": False, "contactId": None}


@pytest.mark.parametrize(("path", "fields"), [("user/listByClient", {}), (JOB, {"requestId": 1})])
async def test_two_calls_need_no_owner_but_refuse_a_wrong_one(
    path: str, fields: dict[str, Any], plain: httpx.AsyncClient
) -> None:
    await post(plain, BATCH, upsertDetails=[ANN])
    assert (await post(plain, path, **fields, owner=ABSENT))["success"] is True
    assert (await post(plain, path, **fields, owner="nobody@vendor.pl"))["success"] is False


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        # missing
        (HAS, {}, "email"),
        (UPSERT, {}, "email"),
        (UPSERT, {"contact": {"name": "Ann"}}, "email"),
        (LIST, {}, "email"),
        (BATCH, {}, "upsertDetails"),
        (EVENTS, {}, "events"),
        (EVENTS_V2, {}, "events"),
        (ADD, {"email": "ann@example.com"}, "date"),
        (ADD, {"contactEvent": EVENT}, "email"),
        (ADD, {"email": "ann@example.com", "contactEvent": {"date": 1714550400000}}, "contactExtEventType"),
        (EXPORT, {"contacts": SELECTED["contacts"]}, "data"),
        (EXPORT, {"data": SELECTED["data"]}, "contacts"),
        (JOB, {}, "requestId"),
        # too many, too few
        (LIST, {"email": []}, "email"),
        (LIST, {"email": [f"p{number}@example.com" for number in range(51)]}, "email"),
        (BATCH, {"upsertDetails": []}, "upsertDetails"),
        (BATCH, {"upsertDetails": [ANN] * 1001}, "upsertDetails"),
        (EVENTS, {"events": []}, "events"),
        (EVENTS, {"events": [{"email": "ann@example.com", "contactEvent": EVENT}] * 1001}, "events"),
        (EVENTS_V2, {"events": [{"email": "ann@example.com", "contactEvent": EVENT}] * 1001}, "events"),
        (EXPORT, {**SELECTED, "data": []}, "data"),
        (EXPORT, {**SELECTED, "contacts": []}, "contacts"),
        # unknown
        (HAS, {"email": "ann@example.com", "nosuch": 1}, "nosuch"),
        (UPSERT, {**ANN, "nosuch": 1}, "nosuch"),
        (UPSERT, {"contact": {"email": "ann@example.com", "nosuch": 1}}, "nosuch"),
        (UPSERT, {"contact": {"email": "ann@example.com", "address": {"nosuch": 1}}}, "nosuch"),
        (UPSERT, {**ANN, "consentDetails": [{"consentName": "A", "consentAccept": True, "nosuch": 1}]}, "nosuch"),
        (BATCH, {"upsertDetails": [ANN], "nosuch": 1}, "nosuch"),
        (EVENTS, {"events": [], "nosuch": 1}, "nosuch"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "nosuch": 1}}, "nosuch"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "detail21": "x"}}, "detail21"),
        (EXPORT, {**SELECTED, "data": [{"dataType": "NOSUCH"}]}, "NOSUCH"),
        (EXPORT, {**SELECTED, "contacts": [{"addresseeType": "nosuch", "value": "A"}]}, "NOSUCH"),
        # against a rule
        (HAS, {"email": "ann"}, "email"),
        (HAS, {"email": f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com"}, "email"),
        (UPSERT, {**ANN, "birthday": "19871332"}, "birthday"),
        (UPSERT, {**ANN, "tags": ["x" * 256]}, "tags"),
        (UPSERT, {**ANN, "newEmail": "new"}, "newEmail"),
        (UPSERT, {**ANN, "dictionaryProperties": [{"name": "ab", "type": "NUMBER", "value": 1}]}, "name"),
        (UPSERT, {**ANN, "dictionaryProperties": [{"name": "abc", "type": "NUMBER", "value": 0}]}, "value"),
        (UPSERT, {**ANN, "consentDetails": [{"consentName": "x" * 31, "consentAccept": True}]}, "consentName"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "location": "1shop"}}, "location"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "products": "p" * 2049}}, "products"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "value": "much"}}, "value"),
        # of another type
        (UPSERT, {"contact": "ann@example.com"}, "contact"),
        (UPSERT, {**ANN, "consentDetails": ["yes"]}, "consentDetails"),
        (UPSERT, {**ANN, "properties": ["XL"]}, "properties"),
        (BATCH, {"upsertDetails": ANN}, "upsertDetails"),
        (EVENTS, {"events": "many"}, "events"),
        (LIST, {"email": [["ann@example.com"]]}, "email"),
        (JOB, {"requestId": "first"}, "requestId"),
        (ADD, {"email": "ann@example.com", "contactEvent": {**EVENT, "date": 10**18}}, "date"),
        (EXPORT, {**SELECTED, "contacts": ["ann@example.com"]}, "contacts"),
        (EXPORT, {**SELECTED, "data": ["CONTACT"]}, "data"),
        (EXPORT, {**SELECTED, "data": [{"type": "CONTACT"}]}, "data"),
    ],
)  # fmt: skip
async def test_fields_that_the_reference_forbids_are_refused_by_name(
    path: str, fields: dict[str, Any], named: str, plain: httpx.AsyncClient
) -> None:
    refused = await post(plain, path, **fields)
    assert refused["success"] is False
    assert len(refused["message"]) == 1
    assert named in refused["message"][0]
    assert "requestId" not in refused
    assert (await post(plain, JOB, requestId=1))["success"] is False, "no job was started"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (LIST, {"email": [f"p{number}@example.com" for number in range(50)]}),
        (BATCH, {"upsertDetails": [ANN] * 1000}),
        (EVENTS, {"events": [{"email": "ann@example.com", "contactEvent": EVENT}] * 1000}),
        (UPSERT, {**ANN, "tags": ["x" * 255], "relation": None, "newEmail": ""}),
    ],
)
async def test_the_documented_limit_itself_is_allowed(
    path: str, fields: dict[str, Any], plain: httpx.AsyncClient
) -> None:
    assert (await post(plain, path, **fields))["success"] is True


BODY = json.dumps(signed({"email": "ann@example.com"})).encode()
JSON = "application/json;charset=UTF-8"


@pytest.mark.parametrize(
    ("method", "path", "content_type", "content", "status"),
    [
        ("POST", "/api/contact/hasContact", JSON, BODY, 200),
        ("POST", "/api/contact/hasContact", "application/json", BODY, 200),
        ("POST", "/api/contact/nosuch", JSON, BODY, 404),
        ("POST", "/contact/hasContact", JSON, BODY, 404),
        ("POST", "/api/v2/contact/hasContact", JSON, BODY, 404),
        ("POST", "/", JSON, BODY, 404),
        ("GET", "/api/contact/hasContact", JSON, b"", 405),
        ("PUT", "/api/contact/hasContact", JSON, BODY, 405),
        ("POST", "/api/contact/hasContact", "text/plain", BODY, 415),
        ("POST", "/api/contact/hasContact", "application/x-www-form-urlencoded", b"email=a", 415),
        ("POST", "/api/contact/hasContact", JSON, b"", 400),
        ("POST", "/api/contact/hasContact", JSON, BODY[:-1], 400),
        ("POST", "/api/contact/hasContact", JSON, b"[" + BODY + b"]", 400),
        ("POST", "/api/contact/hasContact", JSON, BODY.replace(b"ann", b"\xff"), 400),
        ("GET", "/files/nosuch.json", JSON, b"", 404),
    ],
)
async def test_malformed_requests_get_their_http_status(
    method: str, path: str, content_type: str, content: bytes, status: int, plain: httpx.AsyncClient
) -> None:
    url = f"http://simulated{path}"
    answer = await plain.request(method, url, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.json()["success"] is (status == 200)
    assert bool(answer.json()["message"]) is (status != 200)


async def test_a_bad_entry_of_a_batch_is_named_and_fails_alone(plain: httpx.AsyncClient) -> None:
    assert (await post(plain, UPSERT, **ANN))["success"] is True
    entries: list[dict[str, Any]] = [
        {"email": "ann@example.com", "contactEvent": EVENT},
        {"email": "ann@example.com", "contactEvent": {**EVENT, "location": "1shop"}},
        {"contactId": "nobody", "contactEvent": EVENT},
        {"email": "missing@example.com", "contactEvent": EVENT},
        {"email": "ann@example.com", "contactEvent": {**EVENT, "date": 10**18}},
        {"email": "ann@example.com", "contactEvent": "bought"},
    ]
    answer = await post(plain, EVENTS, events=entries)
    assert (answer["success"], answer["createdAmount"], answer["failedAmount"]) == (True, 1, 5)
    assert answer["failedContacts"] == [entry.get("email") or entry["contactId"] for entry in entries[1:]]
