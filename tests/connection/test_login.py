"""Temporary authorisation: a password is exchanged for a token, which all calls share and which is renewed in time."""

import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from attrs import define, field

from salesmanago_async import (
    Credentials,
    ExternalEvent,
    Invalid,
    Login,
    NotAuthenticated,
    Retries,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async.api.system import Authorise
from salesmanago_async.simulator import DEMO_OWNER, DEMO_PASSWORD, Simulator
from tests.conftest import MakeClient, wall_clock

pytestmark = pytest.mark.anyio

LOGIN = Login(user_name=DEMO_OWNER, password=DEMO_PASSWORD)
PASSWORD = "pa55word-of-mine"
ANN = "ann@example.com"
OTHER_LIFE = 600.0
"""Lifetime of a token in these tests, in seconds."""


@define
class Watched:
    """The simulator behind a transport that records requests, takes `seconds` per login, and can refuse logins."""

    app: Simulator
    seconds: float = 0.0
    faults: list[int] = field(factory=list)
    paths: list[str] = field(factory=list)
    bodies: list[dict[str, Any]] = field(factory=list)

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        content = b""
        more = True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        self.paths.append(scope["path"].removeprefix("/api/"))
        self.bodies.append(json.loads(content))
        if self.seconds:
            await anyio.sleep(self.seconds)
        if self.faults and self.paths[-1] == "system/authorise":
            await send({"type": "http.response.start", "status": self.faults.pop(0), "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return

        async def whole() -> Any:
            return {"type": "http.request", "body": content}

        await self.app(scope, whole, send)

    @property
    def logins(self) -> int:
        return self.paths.count("system/authorise")


@pytest.fixture
def watched() -> Watched:
    return Watched(Simulator(clock=wall_clock, token_seconds=OTHER_LIFE))


async def test_the_first_call_logs_in_and_later_calls_share_the_token(
    watched: Watched, make_client: MakeClient
) -> None:
    async with make_client(watched, credentials=LOGIN) as sm:
        assert watched.paths == []
        assert (await sm.contacts.has(ANN)).result is False
        await sm.contacts.has(ANN)
    assert watched.paths == ["system/authorise", "contact/hasContact", "contact/hasContact"]
    assert watched.bodies[0] == {"userName": DEMO_OWNER, "password": DEMO_PASSWORD}
    assert "password" not in watched.bodies[1]
    assert watched.bodies[1]["apiKey"] == LOGIN.api_key


async def test_concurrent_calls_log_in_once_per_renewal(watched: Watched, make_client: MakeClient) -> None:
    """There are more calls than permits: a login that queued behind them would be a deadlock."""
    watched.seconds = 1.0
    async with make_client(watched, credentials=LOGIN, concurrency=2) as sm:
        for expected in (1, 2, 3):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(sm.contacts.has, ANN)
            assert watched.logins == expected
            await anyio.sleep(OTHER_LIFE)


async def test_a_token_is_renewed_before_it_expires(watched: Watched, make_client: MakeClient) -> None:
    async with make_client(watched, credentials=LOGIN) as sm:
        await sm.contacts.has(ANN)
        await anyio.sleep(OTHER_LIFE - 61)
        await sm.contacts.has(ANN)
        assert watched.logins == 1
        await anyio.sleep(2)
        await sm.contacts.has(ANN)
        assert watched.logins == 2
        assert watched.paths.count("contact/hasContact") == 3  # no call was refused in between
        for _ in range(100):
            await anyio.sleep(60)
            await sm.contacts.has(ANN)
    assert watched.paths.count("contact/hasContact") == 103
    assert 12 <= watched.logins <= 14  # 6000 seconds, a token every 540


async def test_a_short_lived_token_is_renewed_at_half_of_its_lifetime(make_client: MakeClient) -> None:
    watched = Watched(Simulator(clock=wall_clock, token_seconds=10.0))
    async with make_client(watched, credentials=LOGIN) as sm:
        await sm.contacts.has(ANN)
        await anyio.sleep(4.9)
        await sm.contacts.has(ANN)
        assert watched.logins == 1
        await anyio.sleep(0.2)
        await sm.contacts.has(ANN)
        assert watched.logins == 2


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
async def test_with_a_wrong_clock_the_token_is_renewed_after_a_refusal(
    off: float, watched: Watched, make_client: MakeClient
) -> None:
    """The refused request was certainly not processed, so even an event is sent again."""
    event = ExternalEvent(email=ANN, date=1_700_000_000_000, contact_ext_event_type="CART")
    async with make_client(watched, credentials=LOGIN, clock=lambda: wall_clock() + off) as sm:
        await sm.contacts.has(ANN)
        await sm.contacts.has(ANN)
        assert watched.logins == 1
        await anyio.sleep(OTHER_LIFE + 1)
        await sm.events.add(event)
        assert watched.logins == 2
        assert watched.paths[-3:] == ["v2/contact/addContactExtEvent", "system/authorise", watched.paths[-3]]


async def test_concurrent_refusals_renew_the_token_once(watched: Watched, make_client: MakeClient) -> None:
    async with make_client(watched, credentials=LOGIN, clock=lambda: 0.0) as sm:
        await sm.contacts.has(ANN)
        await anyio.sleep(OTHER_LIFE + 1)
        watched.seconds = 1.0
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(sm.contacts.has, ANN)
    assert watched.logins == 2
    assert watched.paths.count("contact/hasContact") == 1 + 5 + 5


async def test_a_wrong_password_is_sent_once_and_fails_every_call(watched: Watched, make_client: MakeClient) -> None:
    watched.seconds = 1.0
    errors: list[NotAuthenticated] = []

    async def ask(sm: Any) -> None:
        with pytest.raises(NotAuthenticated, match="User not authenticated") as refused:
            await sm.contacts.has(ANN)
        errors.append(refused.value)

    async with make_client(watched, credentials=Login(user_name=DEMO_OWNER, password="wrong")) as sm:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask, sm)
        assert watched.paths == ["system/authorise"]
        assert len(set(map(id, errors))) == 5
        assert [error.messages for error in errors] == [("User not authenticated",)] * 5
        await ask(sm)
        assert watched.logins == 2


async def test_a_call_cancelled_during_login_leaves_the_login_to_the_next(
    watched: Watched, make_client: MakeClient
) -> None:
    watched.seconds = 10.0
    async with make_client(watched, credentials=LOGIN) as sm:

        async def ask_later() -> None:
            await anyio.sleep(1)
            assert (await sm.contacts.has(ANN)).result is False

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_later)
            with anyio.move_on_after(5) as scope:
                await sm.contacts.has(ANN)
            assert scope.cancelled_caught
    assert watched.paths == ["system/authorise", "system/authorise", "contact/hasContact"]


async def test_a_login_is_retried_like_any_call(watched: Watched, make_client: MakeClient) -> None:
    watched.faults = [503, 429]
    async with make_client(watched, credentials=LOGIN) as sm:
        await sm.contacts.has(ANN)
    assert watched.logins == 3


async def test_a_call_whose_login_failed_is_not_in_doubt(watched: Watched, make_client: MakeClient) -> None:
    watched.faults = [500, 500]
    event = ExternalEvent(email=ANN, date=1_700_000_000_000, contact_ext_event_type="CART")
    async with make_client(watched, credentials=LOGIN, retries=Retries(tries=2)) as sm:
        with pytest.raises(ServerFault) as failed:
            await sm.events.add(event)
        assert failed.value.in_doubt is False
        assert watched.paths == ["system/authorise"] * 2
        await sm.events.add(event)


async def test_a_wrong_owner_is_reported_without_another_login(watched: Watched, make_client: MakeClient) -> None:
    async with make_client(watched, credentials=LOGIN) as sm:
        with pytest.raises(NotAuthenticated, match="invalid owner"):
            await sm.contacts.has(ANN, owner="nobody@vendor.pl")
    assert watched.logins == 1


async def test_an_answer_without_a_token_is_unreadable(make_client: MakeClient) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"success": true, "message": []}'})

    async with make_client(answer, credentials=LOGIN) as sm:
        with pytest.raises(Unreadable, match="token"):
            await sm.contacts.has(ANN)


async def test_a_token_can_be_requested_and_used_explicitly(watched: Watched, make_client: MakeClient) -> None:
    async with make_client(watched) as sm:
        given = await sm.system.authorise(DEMO_OWNER, password=DEMO_PASSWORD)
    assert given.token
    assert given.client_id
    assert given.valid_to
    assert given.valid_to.timestamp() == wall_clock() + OTHER_LIFE
    assert not watched.bodies[0].keys() & {"clientId", "apiKey", "sha", "requestTime", "owner"}
    mine = Credentials(client_id=given.client_id, api_key="mine", token=given.token)
    async with make_client(watched, credentials=mine) as sm:
        await anyio.sleep(OTHER_LIFE - 1)
        assert (await sm.contacts.has(ANN)).success is True
        await anyio.sleep(1)
        with pytest.raises(NotAuthenticated) as refused:
            await sm.contacts.has(ANN)
    assert refused.value.messages == ("Authorization failed. Wrong Token",)
    assert watched.logins == 1


@pytest.mark.parametrize(("user_name", "password"), [(DEMO_OWNER, "wrong"), ("nobody@vendor.pl", DEMO_PASSWORD)])
async def test_the_simulator_refuses_a_token_for_wrong_credentials(
    user_name: str, password: str, make_client: MakeClient
) -> None:
    async with make_client(Simulator(clock=wall_clock)) as sm:
        with pytest.raises(NotAuthenticated, match="User not authenticated"):
            await sm.call("system/authorise", {"userName": user_name, "password": password})


async def test_the_password_is_never_shown(make_client: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    login = Login(user_name=DEMO_OWNER, password=PASSWORD)
    request = Authorise(DEMO_OWNER, password=PASSWORD)
    errors: list[SalesManagoError] = []
    shown = [login, request]
    async with make_client(Simulator(clock=wall_clock), credentials=login) as sm:
        shown += [sm._connection, sm._connection.token_source]
        body = {"userName": DEMO_OWNER, "password": PASSWORD}
        too_long = Authorise(DEMO_OWNER, password=PASSWORD * 100)
        for ask in (sm.contacts.has(ANN), sm.send(request), sm.call("system/authorise", body), sm.send(too_long)):
            with pytest.raises(SalesManagoError) as refused:
                await ask
            errors.append(refused.value)
    async with make_client(Simulator(clock=wall_clock, password=PASSWORD), credentials=login) as sm:
        answer = await sm.send(request)
        assert answer.token
        await sm.contacts.has(ANN)
        shown += [answer, sm._connection, sm._connection.token_source]
    texts = [*map(repr, shown), *map(str, shown), caplog.text]
    for error in errors:
        texts += [*traceback.format_exception(error), repr(vars(error)), str(error.request)]
        assert not hasattr(error.request, "password")
    assert isinstance(errors[3], Invalid)
    assert not [text for text in texts if PASSWORD in text or answer.token in text]


@pytest.mark.parametrize("missing", ["user_name", "password", "api_key"])
def test_a_login_needs_every_field(missing: str) -> None:
    with pytest.raises(Invalid, match="needed"):
        Login(**{"user_name": "u", "password": "p", "api_key": "k", missing: ""})
