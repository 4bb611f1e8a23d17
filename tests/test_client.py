"""The client on the wire: what is sent, when it is sent again, what an answer becomes."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import httpx
import pytest
import respx

from salesmanago_async import (
    Contact,
    Credentials,
    ExternalEvent,
    Invalid,
    NoAnswer,
    NotAuthenticated,
    RateLimited,
    Refused,
    SalesManago,
    ServerFault,
    Unreadable,
)
from tests.conftest import EPOCH, wall_clock

pytestmark = pytest.mark.anyio

HOST = "https://app2.salesmanago.com"
CREDENTIALS = Credentials(client_id="client", api_key="key", api_secret="secret")
OK = httpx.Response(200, json={"success": True, "message": [], "contactId": "id-1", "eventId": "e-1"})
CONTACT = Contact(email="ann@example.com")
EVENT = ExternalEvent(email="ann@example.com", date=1_700_000_000_000, contact_ext_event_type="PURCHASE")


def client(**options: Any) -> SalesManago:
    chosen: dict[str, Any] = {"owner": "owner@vendor.pl", "clock": wall_clock, **options}
    return SalesManago(chosen.pop("credentials", CREDENTIALS), **chosen)


def body_of(call: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call.request.content)
    return body


@pytest.mark.parametrize(
    ("credentials", "signed"),
    [
        (CREDENTIALS, "keyclientsecret"),
        (Credentials(client_id="client", api_key="key", token="token"), "keyclienttoken"),
    ],
)
async def test_a_body_is_signed_as_documented(credentials: Credentials, signed: str, respx_mock: respx.Router) -> None:
    route = respx_mock.post(f"{HOST}/api/contact/upsert").mock(return_value=OK)
    async with client(credentials=credentials) as sm:
        answer = await sm.contacts.upsert(CONTACT)
    assert answer.contact_id == "id-1"
    assert body_of(route.calls.last) == {
        "clientId": "client",
        "apiKey": "key",
        "requestTime": int(EPOCH * 1000),
        "sha": hashlib.sha1(signed.encode()).hexdigest(),
        "owner": "owner@vendor.pl",
        "contact": {"email": "ann@example.com"},
    }


async def test_a_precomputed_sha_goes_out_as_it_is(respx_mock: respx.Router) -> None:
    route = respx_mock.post(f"{HOST}/api/user/listByClient").mock(return_value=OK)
    async with client(credentials=Credentials(client_id="client", api_key="key", sha="abc")) as sm:
        await sm.users.list()
    assert body_of(route.calls.last)["sha"] == "abc"


async def test_each_try_is_signed_anew(respx_mock: respx.Router) -> None:
    route = respx_mock.post(f"{HOST}/api/contact/upsert").mock(
        side_effect=[httpx.Response(503, headers={"Retry-After": "30"}), httpx.Response(429), OK]
    )
    async with client() as sm:
        await sm.contacts.upsert(CONTACT)
    times = [body_of(call)["requestTime"] for call in route.calls]
    assert times[1] - times[0] >= 30_000
    assert times[2] >= times[1]


async def test_retry_after_may_be_a_date(respx_mock: respx.Router) -> None:
    later = format_datetime(datetime.fromtimestamp(EPOCH, UTC) + timedelta(seconds=90), usegmt=True)
    respx_mock.post(f"{HOST}/api/contact/upsert").mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": later}), OK]
    )
    async with client() as sm:
        await sm.contacts.upsert(CONTACT)
    assert anyio.current_time() >= 90


async def test_a_waiting_retry_holds_no_permit(respx_mock: respx.Router) -> None:
    respx_mock.post(f"{HOST}/api/contact/upsert").mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": "100"}), OK]
    )
    respx_mock.post(f"{HOST}/api/contact/hasContact").mock(return_value=OK)
    async with client(concurrency=1) as sm, anyio.create_task_group() as tasks:
        tasks.start_soon(sm.contacts.upsert, CONTACT)
        await anyio.sleep(1)
        with anyio.fail_after(1):
            await sm.contacts.has("ann@example.com")


@pytest.mark.parametrize(
    ("response", "error", "shown"),
    [
        (httpx.Response(200, json={"success": False, "message": ["no", "way"]}), Refused, "no; way"),
        (httpx.Response(200, json={"success": False, "message": "no"}), Refused, "no"),
        (httpx.Response(200, json={"success": False, "messages": ["no"]}), Refused, "no"),
        (httpx.Response(200, json={"success": False, "values": {"email": "bad"}}), Refused, "email: bad"),
        (httpx.Response(400, json={"message": ["malformed"]}), Refused, "malformed"),
        (httpx.Response(200, json={"success": False, "message": ["Not authenticated"]}), NotAuthenticated, "Not auth"),
        (
            httpx.Response(200, json={"success": False, "message": ["Authorization failed. Wrong clientId"]}),
            NotAuthenticated,
            "Wrong clientId",
        ),
        (httpx.Response(429), RateLimited, "429"),
        (httpx.Response(502, text="<html>"), ServerFault, "502"),
        (httpx.Response(500, json={"message": ["broken"]}), ServerFault, "broken"),
        (httpx.Response(200, html="<html>maintenance"), Unreadable, "text/html.*<html>maintenance"),
        (httpx.Response(200, json="a string"), Unreadable, "a string"),
        (httpx.Response(200, content=b""), Unreadable, "no content type"),
        (httpx.Response(302, headers={"Location": "/login"}), Unreadable, "base_url"),
    ],
)
async def test_what_is_no_success_is_an_error_of_its_kind(
    response: httpx.Response, error: type[Exception], shown: str, respx_mock: respx.Router
) -> None:
    respx_mock.post(f"{HOST}/api/contact/hasContact").mock(return_value=response)
    async with client() as sm:
        with pytest.raises(error, match=shown) as caught:
            await sm.contacts.has("ann@example.com")
    assert type(caught.value) is error
    assert getattr(caught.value.request, "email", None) == "ann@example.com"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fault", "tries", "in_doubt"),
    [
        (httpx.Response(500), 1, True),
        (httpx.Response(200, html="<html>"), 1, True),
        (httpx.ReadTimeout("slow"), 1, True),
        (httpx.ConnectError("refused"), 6, False),
        (httpx.Response(429), 6, False),
        (httpx.Response(200, json={"success": False}), 1, False),
    ],
)
async def test_a_once_only_request_is_sent_again_only_if_it_surely_was_not_processed(
    fault: Any, tries: int, in_doubt: bool, respx_mock: respx.Router
) -> None:
    route = respx_mock.post(f"{HOST}/api/v2/contact/addContactExtEvent").mock(side_effect=[fault] * 10)
    async with client() as sm:
        with pytest.raises((NoAnswer, ServerFault, Unreadable, RateLimited, Refused)) as caught:
            await sm.events.add(EVENT)
    assert (route.call_count, caught.value.in_doubt) == (tries, in_doubt)


@pytest.mark.parametrize(
    ("path", "tries"),
    [
        ("contact/hasContact", 6),
        ("/api/contact/hasContact", 6),
        ("contact/batchAddContactExtEvent", 1),
        ("new/path", 1),
    ],
)
async def test_plain_calls_keep_to_the_rules_of_their_path(path: str, tries: int, respx_mock: respx.Router) -> None:
    route = respx_mock.post(url__startswith=f"{HOST}/api/").mock(return_value=httpx.Response(500))
    async with client() as sm:
        with pytest.raises(ServerFault):
            await sm.call(path, {"email": "ann@example.com"})
    assert route.call_count == tries
    assert route.calls.last.request.url.path == f"/api/{path.removeprefix('/api/')}"


async def test_a_plain_call_is_signed_and_its_owner_filled_in_where_the_path_has_one(respx_mock: respx.Router) -> None:
    route = respx_mock.post(url__startswith=f"{HOST}/api/").mock(return_value=OK)
    async with client() as sm:
        await sm.call("contact/hasContact", {"email": "a@x.pl", "sha": "mine"})
        await sm.call("contact/hasContact", {"email": "a@x.pl", "owner": "other@x.pl"})
        await sm.call("user/listByClient")
    first, second, third = map(body_of, route.calls)
    assert (first["owner"], second["owner"], "owner" in third) == ("owner@vendor.pl", "other@x.pl", False)
    assert first["sha"] == CREDENTIALS.signature()


async def test_a_request_that_breaks_a_rule_is_not_sent(respx_mock: respx.Router) -> None:
    async with client() as sm:
        with pytest.raises(Invalid, match="email") as caught:
            await sm.contacts.upsert(Contact(email="nobody"))
    assert isinstance(caught.value, ValueError)
    assert respx_mock.calls.call_count == 0


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("https://app3.salesmanago.com/", "https://app3.salesmanago.com/api/user/listByClient"),
        ("https://app2.manago.ai/api", "https://app2.manago.ai/api/user/listByClient"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/api/user/listByClient"),
    ],
)
async def test_the_base_url_is_free_form(base_url: str, asked: str, respx_mock: respx.Router) -> None:
    route = respx_mock.post(asked).mock(return_value=OK)
    async with client(base_url=base_url) as sm:
        await sm.users.list()
    assert route.called


@pytest.mark.parametrize("base_url", ["http://app2.salesmanago.com", "app2.salesmanago.com", "", "ftp://x", "https://"])
def test_a_base_url_that_would_show_secrets_is_refused(base_url: str) -> None:
    with pytest.raises(Invalid, match="https"):
        client(base_url=base_url)


ENVIRONMENT = {
    "SALESMANAGO_CLIENT_ID": "client",
    "SALESMANAGO_API_KEY": "key",
    "SALESMANAGO_API_SECRET": "secret",
    "SALESMANAGO_OWNER": "me@vendor.pl",
    "SALESMANAGO_BASE_URL": "https://app3.salesmanago.com",
}


async def test_the_environment_sets_a_client_up(respx_mock: respx.Router) -> None:
    route = respx_mock.post("https://app3.salesmanago.com/api/contact/hasContact").mock(return_value=OK)
    async with SalesManago.from_env(ENVIRONMENT) as sm:
        await sm.contacts.has("ann@example.com")
    body = body_of(route.calls.last)
    assert (body["sha"], body["owner"]) == (CREDENTIALS.signature(), "me@vendor.pl")


@pytest.mark.parametrize("missing", ["CLIENT_ID", "API_KEY", "API_SECRET"])
def test_what_is_missing_in_the_environment_is_named(missing: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if not name.endswith(missing)}
    with pytest.raises(Invalid, match=f"SALESMANAGO_{missing}"):
        SalesManago.from_env(environment)


@pytest.mark.parametrize("proofs", [{}, {"sha": "a", "api_secret": "b"}, {"token": "a", "sha": "b"}])
def test_credentials_need_exactly_one_proof(proofs: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="exactly one"):
        Credentials(client_id="c", api_key="k", **proofs)
