"""LiveChat's webhook: which callers are accepted, and that each chat is transferred once."""

import gzip
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import httpx
import pytest
from attrs import define, field

from salesmanago_async import Contact, ExternalEvent, Invalid, NoAnswer, SalesManago
from salesmanago_async.integrations.livechat import Seen, livechat_app
from salesmanago_async.simulator import Fault, Simulator
from tests.integrations.deliveries import SECRET, delivery
from tests.serving import serving, serving_app

pytestmark = pytest.mark.anyio


@define
class Sink:
    """Accepts records; raises each of `errors` once before it accepts more."""

    records: list[Any] = field(factory=list)
    errors: list[Exception] = field(factory=list)
    seconds: float = 0.0

    async def add(self, record: Any) -> None:
        await anyio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        self.records.append(record)


@define
class World:
    """A webhook, the records that it transfers, and its caller."""

    contacts: Sink = field(factory=Sink)
    events: Sink = field(factory=Sink)

    def app(self, **options: Any) -> Any:
        return livechat_app(**{"secret": SECRET, "contacts": self.contacts, "events": self.events, **options})

    async def post(self, content: Any, app: Any = None) -> int:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with calling(app or self.app()) as http:
            return (await http.post("/hook", content=body)).status_code

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.contacts.records), len(self.events.records)


@asynccontextmanager
async def calling(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hook.example") as http:
        yield http


@pytest.fixture
def world() -> World:
    return World()


async def test_a_chat_becomes_a_contact_and_an_event(world: World) -> None:
    assert await world.post(delivery()) == 200
    (contact,), (event,) = world.contacts.records, world.events.records
    assert isinstance(contact, Contact)
    assert isinstance(event, ExternalEvent)
    assert (contact.email, event.email) == ("ann@example.com", "ann@example.com")


async def test_a_repeat_is_handled_once(world: World) -> None:
    app = world.app()
    assert [await world.post(delivery(), app) for _ in range(4)] == [200] * 4
    assert world.counts == (1, 1)


async def test_another_thread_of_a_chat_is_a_new_chat(world: World) -> None:
    app = world.app()
    assert await world.post(delivery(thread="T1"), app) == 200
    assert await world.post(delivery(thread="T2"), app) == 200
    assert world.counts == (2, 2)


async def test_ids_with_a_slash_are_distinguished(world: World) -> None:
    app = world.app()
    assert await world.post(delivery(chat="A/B", thread="C"), app) == 200
    assert await world.post(delivery(chat="A", thread="B/C"), app) == 200
    assert world.counts == (2, 2)


async def test_an_error_that_a_repeat_cannot_fix_is_answered_with_200(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.contacts.errors = [Invalid("is not ann@example.com's", field="name")]
    assert await world.post(delivery()) == 200
    assert world.counts == (0, 0)
    assert "name" in caplog.text
    assert "ann@example.com" not in caplog.text


async def test_repeats_at_the_same_time_are_handled_once(world: World) -> None:
    world.contacts.seconds = world.events.seconds = 12.0
    app = world.app()
    statuses: list[int] = []

    async def post() -> None:
        statuses.append(await world.post(delivery(), app))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(post)
    assert statuses == [200] * 3
    assert world.counts == (1, 1)


async def test_a_repeat_is_handled_once_across_a_restart(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        seen = Seen(tmp_path / "chats.db")
        assert await world.post(delivery(), world.app(seen=seen)) == 200
        seen.close()
    assert world.counts == (1, 1)


async def test_only_failed_parts_are_transferred_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    app = world.app()
    world.contacts.errors = [RuntimeError("the buffer is full for ann@example.com")]
    assert await world.post(delivery(), app) == 500
    assert world.counts == (0, 0)
    world.events.errors = [NoAnswer("no", sent=False)]
    assert await world.post(delivery(), app) == 500
    assert world.counts == (1, 0)
    assert await world.post(delivery(), app) == 200
    assert world.counts == (1, 1)
    assert "PJ0MRSHTDG/K600PKZON8" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "ann@example.com" not in caplog.text


async def test_a_failure_to_remember_is_logged_and_the_chat_accepted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Seen):
        async def add(self, key: str) -> None:
            raise OSError("the disk is full")

    assert await world.post(delivery(), world.app(seen=Full())) == 200
    assert world.counts == (1, 1)
    assert "cannot be remembered" in caplog.text


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1], None, 17, [SECRET]])
async def test_a_wrong_secret_is_refused(world: World, secret: Any) -> None:
    assert await world.post(delivery(secret=secret)) == 403
    assert world.counts == (0, 0)


async def test_a_delivery_without_a_secret_is_refused(world: World) -> None:
    without = delivery()
    del without["secret_key"]
    assert await world.post(without) == 403


async def test_the_secret_is_compared_in_constant_time(world: World) -> None:
    with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        await world.post(delivery(secret="ż"))
    compare.assert_called_once_with("ż".encode(), SECRET.encode())


def test_an_empty_secret_is_no_secret(world: World) -> None:
    with pytest.raises(Invalid, match="secret"):
        world.app(secret="")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_accepted(world: World, method: str) -> None:
    async with calling(world.app()) as http:
        answer = await http.request(method, "/hook")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_not_a_json_object_is_refused(world: World, content: bytes) -> None:
    assert await world.post(content) == 400


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=iso-8859-2", "image/png"],
)
async def test_json_in_utf_8_is_accepted_whatever_its_type_says(world: World, kind: str) -> None:
    content = json.dumps(delivery(name="Zażółć"), ensure_ascii=False).encode()
    app = world.app()
    async with calling(app) as http:
        for body in (content, b"\xef\xbb\xbf" + content):
            headers = [("content-type", kind), ("content-type", "text/xml"), ("content-encoding", "Identity")]
            assert (await http.post("/hook", content=body, headers=headers)).status_code == 200
    assert [contact.name for contact in world.contacts.records] == ["Zażółć"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "iso-8859-2"])
async def test_json_in_another_encoding_is_refused(world: World, encoding: str) -> None:
    assert await world.post(json.dumps(delivery(name="Zażółć"), ensure_ascii=False).encode(encoding)) == 400


@pytest.mark.parametrize("codings", [["gzip"], ["GZIP"], ["identity", "br"], ["deflate, gzip"], ["anything"]])
async def test_a_packed_body_is_refused_with_the_way_to_send_it(world: World, codings: list[str]) -> None:
    async with calling(world.app()) as http:
        headers = [("content-encoding", coding) for coding in codings]
        answer = await http.post("/hook", content=gzip.compress(json.dumps(delivery()).encode()), headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert world.counts == (0, 0)


async def test_a_chat_without_ids_is_refused(world: World) -> None:
    assert await world.post(delivery(chat="")) == 400


@pytest.mark.parametrize("given", [delivery(email=""), {**delivery(), "action": "chat_deactivated"}])
async def test_irrelevant_deliveries_are_answered_with_200(world: World, given: dict[str, Any]) -> None:
    assert await world.post(given) == 200
    assert world.counts == (0, 0)


async def test_a_body_of_the_limit_is_accepted_and_a_longer_one_is_not(world: World) -> None:
    content = json.dumps(delivery()).encode()
    assert await world.post(content, world.app(body_limit=len(content))) == 200
    assert await world.post(content, world.app(body_limit=len(content) - 1)) == 413
    assert world.counts == (1, 1)


async def test_a_body_without_a_length_is_not_read_past_the_limit(world: World) -> None:
    sent = 0
    messages: list[Any] = []

    async def receive() -> Any:
        nonlocal sent
        sent += 1
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    async def send(message: Any) -> None:
        messages.append(message)

    app: Any = world.app(body_limit=10_000)
    await app({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert messages[0]["status"] == 413
    assert sent == 11


async def test_a_client_that_disconnects_gets_no_answer(world: World) -> None:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    app: Any = world.app()
    await app({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert messages == []
    assert world.counts == (0, 0)


async def test_a_chat_arrives_in_the_account(simulator: Simulator, sm: SalesManago, world: World) -> None:
    await sm.contacts.upsert(Contact(email="ann@example.com", name="Ann", tags=["VIP"]))
    app = world.app(contacts=sm.contacts, events=sm.events)
    assert await world.post(delivery(name=""), app) == 200
    (contact,) = await sm.contacts.get(["ann@example.com"])
    assert contact.name == "Ann"
    assert {tag.tag for tag in contact.contact_tags} == {"VIP", "LIVECHAT_INC"}
    (event,) = contact.contact_ext_events
    assert (event.contact_ext_event_type, event.description, event.detail4) == (
        "MEETING",
        "LivechatInc",
        "incoming_chat",
    )


async def test_a_failing_account_gets_the_chat_later(simulator: Simulator, sm: SalesManago, world: World) -> None:
    simulator.faults = [Fault("status", status=503, path="*ContactExtEvent")]
    app = world.app(contacts=sm.contacts, events=sm.events)
    assert await world.post(delivery(), app) == 500
    simulator.faults = []
    assert [await world.post(delivery(), app) for _ in range(2)] == [200, 200]
    (contact,) = await sm.contacts.get(["ann@example.com"])
    assert len(contact.contact_ext_events) == 1
    assert [(tag.tag, tag.score) for tag in contact.contact_tags] == [("LIVECHAT_INC", 1)]


class TestOverASocket:
    """The webhook as LiveChat sees it: a real client, a real server, and a simulated account."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_a_chat_is_delivered_repeatedly_and_over_a_restart(self, tmp_path: Path) -> None:
        with serving() as environment:
            for _ in range(2):
                with (
                    closing(Seen(tmp_path / "chats.db")) as seen,
                    serving_app(webhook_for(environment, seen)) as address,
                ):
                    assert deliver(address) == [200, 200, 403, 413, 405]
            async with SalesManago.from_env(environment) as sm:
                (contact,) = await sm.contacts.get(["ann@example.com"])
        assert len(contact.contact_ext_events) == 1
        assert [(tag.tag, tag.score) for tag in contact.contact_tags] == [("LIVECHAT_INC", 1)]


def webhook_for(environment: Mapping[str, str], seen: Seen) -> Any:
    """A webhook that opens its client in the thread and the event loop of the server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with SalesManago.from_env(environment) as sm:
            hook: Any = livechat_app(secret=SECRET, contacts=sm.contacts, events=sm.events, seen=seen)
            await hook(scope, receive, send)

    return app


def deliver(address: str) -> list[int]:
    """Call a webhook twice correctly, with a wrong secret, with too long a body, and with GET."""
    bodies = [delivery(), delivery(), delivery(secret="wrong"), delivery(name="x" * 300_000)]
    with httpx.Client(base_url=address) as http:
        posted = [http.post("/hook", json=body).status_code for body in bodies]
        return [*posted, http.get("/hook").status_code]
