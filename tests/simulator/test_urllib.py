"""The documented samples, posted over a socket with urllib, without the library and httpx."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from salesmanago_async.api import REQUESTS
from salesmanago_async.simulator import DEMO_PASSWORD

Account = dict[str, str]
Post = Callable[[str, dict[str, Any]], dict[str, Any]]
Catalogue = dict[str, dict[str, Any]]

OWNERS = ("owner", "user", "emailOwner", "newOwner", "userName")
HEADERS = {"Content-Type": "application/json;charset=UTF-8", "Accept": "application/json, application/json"}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """The output of `salesmanago simulator`, while it serves."""
    command = [sys.executable, "-m", "salesmanago_async.cli", "simulator", "--port", "0", "--job-seconds", "0.1"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SALESMANAGO_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare) as process:
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export SALESMANAGO_").rstrip("\n") for _ in range(5)]
        try:
            yield dict(line.split("=", 1) for line in lines)
        finally:
            process.terminate()


@pytest.fixture
def post(account: Account) -> Post:
    """Return a function that posts a sample with its own api key, and the account's sha and owner."""

    def post(path: str, sample: dict[str, Any]) -> dict[str, Any]:
        key = str(sample.get("apiKey", "any-key"))
        text = key + account["CLIENT_ID"] + account["API_SECRET"]
        proof = {"clientId": account["CLIENT_ID"], "apiKey": key, "sha": hashlib.sha1(text.encode()).hexdigest()}
        body = {"requestTime": 1659938888000, **sample, **({} if path == "system/authorise" else proof)}
        body.update({name: account["OWNER"] for name in OWNERS if name in sample})
        request = Request(f"{account['BASE_URL']}/api/{path}", json.dumps(body).encode(), HEADERS)
        with urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    return post


def finished(post: Post, sample: dict[str, Any], number: int) -> dict[str, Any]:
    """Poll a job until it has a file."""
    deadline = time.monotonic() + 5
    while "fileUrl" not in (answer := post("job/status", {**sample, "requestId": number})):
        assert answer == {"success": True, "message": ["Job not start yet"]}
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer


def contact(post: Post, email: str) -> str:
    """Create a contact that can receive messages, and return its id."""
    there = {"owner": "", "contact": {"email": email, "phone": "+48500100100"}, "forcePhoneOptIn": True}
    return str(post("contact/upsert", there)["contactId"])


def event(post: Post, email: str, **fields: Any) -> str:
    """Create an event of a contact, and return its id."""
    contact(post, email)
    made = {"date": 1714550400000, "contactExtEventType": "PURCHASE", **fields}
    return str(post("v2/contact/addContactExtEvent", {"owner": "", "email": email, "contactEvent": made})["eventId"])


def coupon(post: Post, email: str, name: str, code: str) -> dict[str, Any]:
    """Create a coupon of a contact."""
    contact(post, email)
    post("contact/addContactCoupon", {"email": email, "name": name, "coupon": code})
    return {}


def conversation(post: Post) -> dict[str, Any]:
    """Create a conversation by SMS, and return its id as a field."""
    contact(post, "message@example.com")
    addressees = [{"addresseeType": "EMAIL", "value": "message@example.com"}]
    channels = [{"channel": "SMS", "provider": "APIFONICA"}]
    sent = {"user": "", "name": "N", "contacts": addressees, "sender": "S", "textContent": "T"}
    answer = post("messaging/send", {**sent, "messagingChannelIntegration": channels})
    return {"conversationId": answer["conversationId"]}


def task(post: Post, sample: dict[str, Any]) -> dict[str, Any]:
    """Create the task that a sample changes, and return the sample's object with the task's id."""
    asked = dict(sample["smContactTaskReq"])
    contact(post, asked["contactEmail"])
    added = {name: value for name, value in asked.items() if name != "id"}
    return {"smContactTaskReq": {**asked, "id": post("contact/updateTask", {"smContactTaskReq": added})["taskId"]}}


def program(post: Post, sample: dict[str, Any]) -> dict[str, Any]:
    """Add the contact of a sample to its loyalty program."""
    contact(post, sample["email"])
    member = [{"addresseeType": "email", "value": sample["email"]}]
    post("loyalty/program/v1/addContact", {**sample, "email": None, "contacts": member})
    return {}


def changed_event(post: Post, sample: dict[str, Any]) -> dict[str, Any]:
    return {"contactEvent": {**sample["contactEvent"], "eventId": event(post, "event@example.com")}}


Prepare = Callable[[Post, dict[str, Any]], object]

PREPARE: dict[str, Prepare] = {
    "contact/addContactCoupon": lambda post, sample: contact(post, sample["email"]),
    "contact/addNote": lambda post, sample: contact(post, sample["email"]),
    "contact/setMainOwner": lambda post, sample: contact(post, sample["contact"]),
    "contact/updateTask": task,
    "contact/useContactCoupon": lambda post, sample: coupon(post, sample["email"], "C", sample["coupon"]),
    "coupon/verify": lambda post, sample: coupon(post, sample["email"], sample["couponName"], sample["couponCode"]),
    "customerPreferenceCenter/generateEndpoint": lambda post, _: {"contactId": contact(post, "center@example.com")},
    "loyalty/program/v1/getPoints": program,
    "messaging/conversation/data": lambda post, _: conversation(post),
    "messaging/conversationStats": lambda post, _: conversation(post),
    "messaging/mass/conversation/data": lambda post, _: conversation(post),
    "messaging/transactional/send": lambda post, sample: contact(post, sample["contact"]["value"]),
    "recommendation/purchasedTogether": lambda post, sample: event(
        post, "event@example.com", products=f"{sample['productId']},6754", location=sample["location"]
    ),
    "system/authorise": lambda post, _: {"password": DEMO_PASSWORD},
    "v2/contact/updateContactExtEvent": changed_event,
}
"""The calls that a sample needs before it, and the fields for which they give other values."""


@pytest.mark.parametrize("path", sorted(REQUESTS.keys() - {"job/status", "email/sendWithAttachment"}))  # a form
def test_documented_samples_get_the_documented_answer(path: str, post: Post, catalogue: Catalogue) -> None:
    entry = catalogue[path]
    assert entry["requests"]
    for sample in entry["requests"]:
        other = PREPARE[path](post, sample) if path in PREPARE else None
        answer = post(path, {**sample, **(other if isinstance(other, dict) else {})})
        documented = entry["responses"][0]
        assert answer["success"] is True, answer
        assert answer.keys() == documented.keys()
        assert {name: type(answer[name]) for name in documented if answer[name] is not None} == {
            name: type(value) for name, value in documented.items() if answer[name] is not None
        }
        if "requestId" in documented:
            assert answer["message"] == documented["message"]


@pytest.mark.parametrize("path", ["contact/batchupsertv2", "contact/export/data"])
def test_a_job_goes_from_not_started_to_a_file(path: str, post: Post, catalogue: Catalogue, account: Account) -> None:
    (sample,) = catalogue[path]["requests"]
    number = post(path, sample)["requestId"]
    running, done = catalogue["job/status"]["responses"]
    (status,) = catalogue[path]["statusRequests"]
    assert post("job/status", {**status, "requestId": number}) == running
    answer = finished(post, status, number)
    assert (answer.keys(), answer["message"]) == (done.keys(), [])
    assert answer["fileUrl"].startswith(account["BASE_URL"])
    with urlopen(answer["fileUrl"], timeout=10) as file:
        content = json.load(file)
    if path == "contact/export/data":
        named = {"test1@test.pl", "test2@test.pl"}  # the addresses of the sample; another test may have created one
        assert {parts["contactData"]["email"] for record in content for parts in record.values()} <= named
    else:
        assert content.keys() == {"success", "contactIds", "message", "invalidContacts"}
        assert content["contactIds"].keys() == {"batchtest1@benhauer.pl", "batchtest2@benhauer.pl"}


def test_an_upserted_sample_is_listed_with_its_fields(post: Post, catalogue: Catalogue) -> None:
    basic, advanced = catalogue["contact/upsert"]["requests"]
    (deletion,) = catalogue["contact/delete"]["requests"]
    post("contact/delete", {**deletion, "email": advanced["newEmail"]})  # the test above created one with that address
    made = post("contact/upsert", basic)
    assert made["externalId"] == basic["contact"]["externalId"]
    assert post("contact/upsert", advanced)["contactId"] == made["contactId"]
    listing = {**catalogue["contact/list"]["requests"][0], "email": [advanced["newEmail"]]}
    (contact,) = post("contact/list", listing)["contacts"]
    for name in ("name", "phone", "fax", "state", "externalId"):
        assert contact[name] == advanced["contact"][name]
    assert contact["address"] == advanced["contact"]["address"]
    assert (contact["birthdayYear"], contact["birthdayMonth"], contact["birthdayDay"]) == (1987, 6, 5)
    assert {entry["name"]: entry["value"] for entry in contact["properties"]} == advanced["properties"]
    assert {tag["tagName"] for tag in contact["contactTags"]} == set(advanced["tags"])
    assert (contact["optedOut"], contact["optedOutPhone"]) == (False, True)


def test_a_listed_contact_has_every_documented_field(post: Post, catalogue: Catalogue) -> None:
    (sample,) = catalogue["contact/list"]["requests"]
    contact = {"email": sample["email"][0]}
    post("contact/upsert", {**sample, "email": None, "contact": contact, "tags": ["A"]})
    event = {"date": 1714550400000, "contactExtEventType": "CART"}
    post("v2/contact/addContactExtEvent", {**sample, **contact, "contactEvent": event})
    (listed,) = post("contact/list", sample)["contacts"]
    (documented,) = catalogue["contact/list"]["responses"][0]["contacts"]
    assert documented.keys() - listed.keys() == set()
    for part in ("address", "contactTags", "contactExtEvents"):
        there, expected = (found[part] if part == "address" else found[part][0] for found in (listed, documented))
        assert expected.keys() - there.keys() == set(), part


@pytest.mark.ci
def test_malformed_json_is_a_400_with_a_message(account: Account) -> None:
    request = Request(f"{account['BASE_URL']}/api/contact/hasContact", b"{", HEADERS)
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=10)
    with refused.value as answer:
        assert (answer.code, json.load(answer)["success"]) == (400, False)
