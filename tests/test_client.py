"""The client on the wire: what it sends, when it retries, and what it makes of answers."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import respx
from attrs import define, field

from salesmanago_async import (
    Contact,
    Credentials,
    ExternalEvent,
    Invalid,
    NoAnswer,
    NotAuthenticated,
    RateLimited,
    Redirected,
    Refused,
    Retries,
    SalesManago,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async.connection.pace import HEAD_START, LONGEST_PAUSE
from tests.conftest import EPOCH, MakeClient, wall_clock

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
        side_effect=[httpx.Response(500, headers={"Retry-After": "100"}), OK]  # after a 429 all wait, permit or no
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
        (httpx.Response(302, headers={"Location": "/login"}), Redirected, "a redirect to /login; is base_url right"),
    ],
)
async def test_an_answer_without_success_is_an_error_of_its_kind(
    response: httpx.Response, error: type[Exception], shown: str, respx_mock: respx.Router
) -> None:
    respx_mock.post(f"{HOST}/api/contact/hasContact").mock(return_value=response)
    async with client() as sm:
        with pytest.raises(error, match=shown) as caught:
            await sm.contacts.has("ann@example.com")
    assert type(caught.value) is error
    assert getattr(caught.value.request, "email", None) == "ann@example.com"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404, html="<html>no such page"),
        httpx.Response(404, json={"message": ["no such call"]}),
        httpx.Response(200, html="<html>Welcome"),
        httpx.Response(302, headers={"Location": "/login"}),
    ],
)
@pytest.mark.parametrize("path", ["contact/hascontact", "contacts/hasContact", "/api/contact/hasContac/"])
async def test_a_path_that_was_meant_otherwise_is_sent_and_noted(
    path: str, response: httpx.Response, respx_mock: respx.Router
) -> None:
    sent = path.strip("/").removeprefix("api/")
    route = respx_mock.post(f"{HOST}/api/{sent}").mock(return_value=response)
    async with client() as sm:
        with pytest.raises((Refused, Unreadable)) as caught:
            await sm.call(path, {})
    assert route.call_count == 1
    assert caught.value.__notes__[-1] == f"{sent!r} is not a documented path; did you mean 'contact/hasContact'?"


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
async def test_a_request_that_may_be_sent_once_is_retried_only_if_it_surely_was_not_processed(
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


async def test_from_env_makes_a_client(respx_mock: respx.Router) -> None:
    route = respx_mock.post("https://app3.salesmanago.com/api/contact/hasContact").mock(return_value=OK)
    async with SalesManago.from_env(ENVIRONMENT) as sm:
        await sm.contacts.has("ann@example.com")
    body = body_of(route.calls.last)
    assert (body["sha"], body["owner"]) == (CREDENTIALS.signature(), "me@vendor.pl")


@pytest.mark.parametrize("missing", ["CLIENT_ID", "API_KEY", "API_SECRET"])
def test_missing_environment_variables_are_named(missing: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if not name.endswith(missing)}
    with pytest.raises(Invalid, match=f"SALESMANAGO_{missing}"):
        SalesManago.from_env(environment)


@pytest.mark.parametrize("proofs", [{}, {"sha": "a", "api_secret": "b"}, {"token": "a", "sha": "b"}])
def test_credentials_need_exactly_one_proof(proofs: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="exactly one"):
        Credentials(client_id="c", api_key="k", **proofs)


# How many requests are in flight


@define
class Visit:
    """A request as the server saw it: its number, its start, the number of requests in flight, and the answer."""

    path: str
    began: float
    together: int
    status: int


@define
class Counter:
    """A server that takes `seconds` for each request; it answers with the given statuses, then always with 200.

    With a `spread`, no two requests end at the same moment, where trio continues them in any order.
    """

    statuses: list[int] = field(factory=list)
    retry_after: int | None = None
    visits: list[Visit] = field(factory=list)
    in_flight: int = 0
    seconds: float = 1.0
    spread: float = 0.0

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        self.in_flight += 1
        try:
            status = self.statuses.pop(0) if self.statuses else 200
            self.visits.append(Visit(scope["path"], anyio.current_time(), self.in_flight, status))
            await anyio.sleep(self.seconds * (1 + self.spread * (len(self.visits) % 7)))
        finally:
            self.in_flight -= 1
        asked = [(b"retry-after", str(self.retry_after).encode())] if self.retry_after and status != 200 else []
        await send({"type": "http.response.start", "status": status, "headers": asked})
        await send({"type": "http.response.body", "body": b'{"success":true,"message":[],"requestId":7}'})

    def most_together(self, visits: slice) -> int:
        return max(visit.together for visit in self.visits[visits])


async def ask(sm: SalesManago, times: int) -> None:
    """Send this many requests concurrently, half of them polls of a job."""
    async with anyio.create_task_group() as tasks:
        for number in range(times):
            if number % 2:
                tasks.start_soon(sm.contacts.has, "ann@example.com")
            else:
                tasks.start_soon(sm.jobs.status, 7)
            await anyio.lowlevel.checkpoint()  # trio starts what begins together in any order


@define
class Bounded(Counter):
    """A server that takes `at_once` requests at the same time, and `rate` in a second, and refuses the others."""

    status: int = 429
    at_once: int = 1000
    rate: float = 1000.0
    tokens: float = 3.0
    counted_at: float = 0.0

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        now = anyio.current_time()
        self.tokens = min(self.rate / 2, self.tokens + (now - self.counted_at) * self.rate)
        self.counted_at = now
        is_taken = self.in_flight < self.at_once and self.tokens >= 1
        self.tokens -= is_taken
        self.statuses = [] if is_taken else [self.status]
        await super().__call__(scope, receive, send)

    def refused(self, visits: slice) -> int:
        return sum(visit.status == self.status for visit in self.visits[visits])


@pytest.mark.ci
@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_takes_eight_at_once_soon_gets_no_more(status: int, make_client: MakeClient) -> None:
    server = Bounded(status=status, at_once=8, tokens=500)
    async with make_client(server) as sm:
        await ask(sm, 1000)
        assert sm._connection.pace.limit in (8, 9, 10)
    assert server.refused(slice(None)) < 40
    assert server.refused(slice(300, None)) < 8, "it is tried again, but rarely"
    assert server.most_together(slice(100, None)) <= 10


@pytest.mark.ci
@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_takes_six_in_a_second_soon_gets_no_more(status: int, make_client: MakeClient) -> None:
    server = Bounded(status=status, rate=6, seconds=0.2, spread=0.01)
    async with make_client(server) as sm:
        await ask(sm, 1000)
        assert 5 < (sm._connection.pace.rate_limit or 0) < 7
    assert server.refused(slice(300, None)) < 10
    begun = [visit.began for visit in server.visits if visit.status == 200]
    assert 500 / (begun[-100] - begun[-600]) == pytest.approx(5.7, rel=0.08)


@pytest.mark.ci
async def test_a_server_that_takes_many_gets_many_and_no_more_than_the_cap(make_client: MakeClient) -> None:
    few, many = Counter(), Counter()
    async with make_client(few, concurrency=8) as sm:
        await ask(sm, 200)
    async with make_client(many) as sm:
        await ask(sm, 1000)
    assert [few.most_together(slice(None)), many.most_together(slice(None))] == [8, 64]
    assert few.most_together(slice(3)) == many.most_together(slice(3)) == 3


async def test_retries_and_polls_of_jobs_count_as_requests(make_client: MakeClient) -> None:
    server = Counter([503] * 64)
    async with make_client(server, retries=Retries(tries=50, first_wait=0.0, longest_wait=0.0)) as sm:
        await ask(sm, 20)
        # 3, and then there is one at a time
        assert [visit.together for visit in server.visits[6:64]] == [1] * 58
        assert {visit.path for visit in server.visits[6:64]} == {"/api/contact/hasContact", "/api/job/status"}
        assert sm._connection.traffic.retries == 64
        assert sm._connection.pace.limit > 1


@pytest.mark.parametrize(
    ("fault", "is_load"),
    [
        (httpx.Response(429), True),
        (httpx.Response(503), True),
        (httpx.Response(408), True),
        (httpx.Response(504), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteTimeout("slow"), True),
        (httpx.ConnectTimeout("slow"), True),
        (TimeoutError("slow"), True),
        (httpx.Response(500), False),
        (httpx.Response(502), False),
        (httpx.Response(200, html="<html>"), False),
        (httpx.Response(200, json={"success": False}), False),
        (httpx.ConnectError("refused"), False),
        (httpx.ReadError("reset"), False),
        (ConnectionResetError("reset"), False),
    ],
)
async def test_only_refusals_for_load_and_time_outs_lower_the_limit(
    fault: Any, is_load: bool, respx_mock: respx.Router
) -> None:
    respx_mock.post(f"{HOST}/api/contact/hasContact").mock(side_effect=[fault] * 9)
    async with client(retries=Retries(tries=1)) as sm:
        for _ in range(9):
            await anyio.sleep(1)
            with pytest.raises(SalesManagoError):
                await sm.contacts.has("ann@example.com")
        assert sm._connection.pace.limit == (1 if is_load else 3)


@pytest.mark.parametrize(
    ("answer", "is_answer"),
    [
        (OK, True),
        (httpx.Response(200, json={"success": False, "message": ["no"]}), True),
        (httpx.Response(500), False),
        (httpx.ReadError("reset"), False),
    ],
)
async def test_a_refusal_is_an_answer_and_other_failures_are_not(
    answer: Any, is_answer: bool, respx_mock: respx.Router
) -> None:
    respx_mock.post(f"{HOST}/api/contact/hasContact").mock(side_effect=[httpx.Response(504), *[answer] * 16])
    async with client(retries=Retries(tries=1)) as sm:
        for _ in range(17):
            with suppress(SalesManagoError):
                await sm.contacts.has("ann@example.com")
        assert sm._connection.pace.limit == (2 if is_answer else 1)  # 3 // 2, and then one more


async def test_a_call_that_the_caller_cancels_is_no_congestion(make_client: MakeClient) -> None:
    async with make_client(Counter()) as sm:
        with anyio.move_on_after(0.5) as scope:
            await ask(sm, 20)
        assert scope.cancelled_caught
        assert sm._connection.pace.limit == 3
        await ask(sm, 20)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("asked", "pause"), [(30, 30.0), (90, LONGEST_PAUSE)])
async def test_retry_after_delays_every_request_that_has_not_begun(
    status: int, asked: int, pause: float, make_client: MakeClient
) -> None:
    server = Counter([status], retry_after=asked)
    async with make_client(server) as sm, anyio.create_task_group() as tasks:
        tasks.start_soon(sm.contacts.upsert, CONTACT)
        await anyio.sleep(0.5)
        tasks.start_soon(sm.contacts.has, "in.flight@example.com")
        await anyio.sleep(1)
        await ask(sm, 2)
    begun = sorted(visit.began for visit in server.visits if visit.path != "/api/contact/upsert")
    assert begun == pytest.approx([0.5, *[1 + pause + HEAD_START] * 2])
    assert [visit.began for visit in server.visits if visit.path == "/api/contact/upsert"] == [0.0, 1.0 + asked]


async def test_paused_requests_come_before_new_ones(make_client: MakeClient) -> None:
    server = Counter([429], retry_after=30)
    async with make_client(server, concurrency=1) as sm, anyio.create_task_group() as tasks:
        tasks.start_soon(sm.contacts.upsert, CONTACT)
        await anyio.sleep(0.5)
        await ask(sm, 10)
    assert [visit.path for visit in server.visits[:2]] == ["/api/contact/upsert"] * 2
    assert len(server.visits) == 12


async def test_an_answer_of_another_kind_delays_no_other_request(make_client: MakeClient) -> None:
    server = Counter([500], retry_after=30)
    async with make_client(server) as sm, anyio.create_task_group() as tasks:
        tasks.start_soon(sm.contacts.upsert, CONTACT)
        await anyio.sleep(1.5)
        await ask(sm, 3)
        assert anyio.current_time() < 3
