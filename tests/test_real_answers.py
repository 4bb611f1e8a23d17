"""Answers of real servers: over a real socket, with both transports."""

from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from typing import Any, Literal

import orjson
import pytest
from attrs import define, field

from salesmanago_async import Credentials, Refused, Retries, SalesManago, SalesManagoError, Unreadable
from salesmanago_async.api import request_class
from salesmanago_async.connection.retry import is_too_large, may_go_again
from salesmanago_async.connection.wire import safe_text, success_of
from salesmanago_async.support.lenient_json import loads, loads_damaged
from tests.imports.odd_answers import IN_DOUBT_CONTACTS, IN_DOUBT_EVENTS
from tests.serving import listening

BOM = b"\xef\xbb\xbf"
PAGE = b"<html><head><title>413 Request Entity Too Large</title></head></html>"

Answer = tuple[int, bytes]


@define
class RawServer:
    """Answers each request with the result of `answer` for its path and body."""

    answer: Callable[[str, bytes], Answer]
    paths: list[str] = field(factory=list[str])
    bodies: list[bytes] = field(factory=list[bytes])
    address: str = ""

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with closing(writer), suppress(IncompleteReadError, ConnectionError):
            while True:
                await self._answer_one(reader, writer)

    async def _answer_one(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        path = head.split(b" ")[1].decode().removeprefix("/api/")
        self.paths.append(path)
        self.bodies.append(body)
        status, content = self.answer(path, body)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content)
        await writer.drain()


@asynccontextmanager
async def answering(
    answer: Callable[[str, bytes], Answer], transport: Literal["aiohttp"] | None = None
) -> AsyncGenerator[tuple[SalesManago, RawServer]]:
    server = RawServer(answer)
    credentials = Credentials(client_id="c", api_key="k", api_secret="s")
    async with (
        listening(server.serve) as address,
        SalesManago(
            credentials,
            owner="o@example.com",
            base_url=address,
            transport=transport,
            poll_interval=0.02,
            retries=Retries(first_wait=0.01, longest_wait=0.02),
        ) as sm,
    ):
        server.address = address
        yield sm, server


@pytest.fixture(params=[None, "aiohttp"], ids=["httpx", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only, because the server uses asyncio."""
    return "asyncio"


pytestmark = pytest.mark.anyio


# The field `success`


@pytest.mark.parametrize("said", [True, "true", "True", " TRUE "])
def test_only_true_is_success(said: object) -> None:
    assert success_of({"success": said}) is True


@pytest.mark.parametrize("said", [False, "false", "False", " FALSE", "no", "No", 0, "0"])
def test_a_denied_success_is_a_failure(said: object) -> None:
    assert success_of({"success": said}) is False


@pytest.mark.parametrize("said", [None, {}, [], "", "maybe", "ok", 1, 2, 0.0, [False]])
def test_other_values_of_success_are_neither(said: object) -> None:
    assert success_of({"success": said}) is None
    assert success_of({}) is None


@pytest.mark.parametrize("said", [b"false", b'"False"', b'"no"', b"0"])
async def test_a_refusal_is_recognised_in_any_spelling(said: bytes, transport: Any) -> None:
    answer = (200, b'{"success":%b,"message":["blocked"]}' % said)
    async with answering(lambda *_: answer, transport) as (sm, server):
        with pytest.raises(Refused, match="blocked"):
            await sm.contacts.has("a@example.com")
    assert len(server.paths) == 1


# Too large


@pytest.mark.parametrize(
    "page", [PAGE, b"", b'{"success":false,"message":["too much"]}', b'{"success":true}', b"[", b"\x00\xff"]
)
async def test_a_413_is_a_refusal_for_the_size_with_any_page(page: bytes, transport: Any) -> None:
    async with answering(lambda *_: (413, page), transport) as (sm, server):
        with pytest.raises(Refused, match="larger than the server takes") as raised:
            await sm.contacts.has("a@example.com")
    assert (raised.value.status, len(server.paths)) == (413, 1)
    assert not raised.value.maybe_applied
    assert is_too_large(raised.value)
    assert not may_go_again(raised.value, repeatable=True)


def test_no_other_refusal_is_for_the_size() -> None:
    assert not is_too_large(Refused(["no"]))
    assert not is_too_large(Refused(["no"], status=400))
    assert not is_too_large(Unreadable("no", status=413))


def contact_answers(path: str, body: bytes) -> Answer:
    """Answer with success: jobs end immediately, and all contacts and events are accepted."""
    given = orjson.loads(body) if body else {}
    if path == "contact/batchupsertv2":
        return 200, orjson.dumps({"success": True, "requestId": len(body)})
    if path == "job/status":
        return 200, orjson.dumps({"success": True, "fileUrl": None})
    if path == "contact/batchAddContactExtEvent":
        told = {"createdAmount": len(given["events"]), "failedAmount": 0, "failedContacts": []}
        return 200, orjson.dumps({"success": True, "message": [], **told})
    return 404, b"{}"


LIMIT = 4096
PEOPLE = [{"email": f"u{number}@example.com", "name": "N" * 100} for number in range(100)]
EVENTS = [
    {
        "email": f"u{number}@example.com",
        "date": 1_704_448_800_000,
        "contactExtEventType": "PURCHASE",
        "description": "D" * 100,
        "externalId": str(number),
    }
    for number in range(100)
]


@pytest.mark.sampled
@pytest.mark.parametrize("page", [PAGE, b"", b'{"success":false}'])
async def test_bodies_of_a_run_are_halved_until_they_are_accepted(page: bytes, transport: Any) -> None:
    def limited(path: str, body: bytes) -> Answer:
        return (413, page) if len(body) > LIMIT else contact_answers(path, body)

    async with answering(limited, transport) as (sm, server):
        contacts = await sm.contacts.upsert_many(PEOPLE, wait=False)
        sent = [body for path, body in zip(server.paths, server.bodies, strict=True) if path == "contact/batchupsertv2"]
        assert (contacts.submitted, contacts.in_doubt, contacts.rejected) == (100, 0, 0)
        events = await sm.events.add_many(EVENTS)
        assert (events.accepted, events.in_doubt, events.rejected) == (100, 0, 0)
        assert contacts.retries == events.retries == 0
    assert len({body.partition(b'"upsertDetails"')[2] for body in sent}) == len(sent), "a body was sent twice"


async def test_one_record_that_is_too_large_is_rejected_with_the_reason(transport: Any) -> None:
    def limited(path: str, body: bytes) -> Answer:
        return (413, PAGE) if b"H" * 100 in body else contact_answers(path, body)

    people = [*PEOPLE[:3], {"email": "huge@example.com", "name": "H" * 100}, *PEOPLE[3:6]]
    async with answering(limited, transport) as (sm, _):
        report = await sm.contacts.upsert_many(people, wait=False)
    assert (report.submitted, report.rejected) == (6, 1)
    (problem,) = report.problems
    assert problem.record["email"] == "huge@example.com"
    assert "larger than the server takes (413)" in (problem.reason or "")


# Empty bodies


@pytest.mark.parametrize(("status", "content"), [(200, b""), (200, b" \r\n"), (204, b"")])
async def test_a_delete_with_an_empty_answer_succeeded(status: int, content: bytes, transport: Any) -> None:
    async with answering(lambda *_: (status, content), transport) as (sm, server):
        assert (await sm.contacts.delete(email="a@example.com")).success
        assert (await sm.call("contact/delete", {"email": "a@example.com"}))["success"] is True
    assert server.paths == ["contact/delete"] * 2


@pytest.mark.parametrize(
    "path", ["contact/upsert", "contact/hasContact", "contact/batchDelete", "contact/setMainOwner"]
)
@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_answer_to_any_other_call_is_an_error(path: str, status: int) -> None:
    known = request_class(path)
    assert known
    assert not known.may_answer_nothing
    async with answering(lambda *_: (status, b"")) as (sm, server):
        with pytest.raises(Unreadable):
            await sm.call(path, {})
    assert set(server.paths) == {path}


async def test_an_error_with_an_empty_body_is_never_a_success() -> None:
    for status in (201, 202, 205, 400, 403, 404, 500):
        async with answering(lambda *_, status=status: (status, b"")) as (sm, _):
            with pytest.raises(SalesManagoError):
                await sm.contacts.delete(email="a@example.com")


# JSON


CONTACTS = (
    b'{"success":true,"message":[],"contacts":[{"id":"1","email":"a@x.pl","name":"%b"},{"id":"2","email":"b@x.pl"}]}'
)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (b"Ann \\ud83d", "Ann \ufffd"),
        (b"\\ude00 Ann \\ud83d\\ude00", "\ufffd Ann 😀"),
        (b"Ann \xff", "Ann \ufffd"),
        (b"Ann \xed\xa0\xbd\xed\xb8\x80", "Ann \ufffd"),
        (b"Ann\tK\nL", "Ann\tK\nL"),
    ],
)
async def test_a_damaged_character_of_an_answer_affects_only_itself(name: bytes, read: str, transport: Any) -> None:
    async with answering(lambda *_: (200, CONTACTS % name), transport) as (sm, server):
        contacts = await sm.contacts.get(["a@x.pl", "b@x.pl"])
        plain = await sm.call("contact/list", {"email": ["a@x.pl"]})
    assert [(contact.email, contact.name) for contact in contacts] == [("a@x.pl", read), ("b@x.pl", None)]
    assert len(server.paths) == 2
    orjson.dumps(plain)  # it can be encoded


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (BOM + b'{"a":1}', {"a": 1}),
        (BOM + b'{"a":"\\ud83d"}', {"a": "\ufffd"}),
        (b'{"\\ud83d":["\\ud83d",{"b":"\\ud83d"}]}', {"\ufffd": ["\ufffd", {"b": "\ufffd"}]}),
        (b'{"a":NaN,"b":Infinity,"c":-Infinity}', {"a": None, "b": None, "c": None}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":NaN,"a":2}', {"a": 2}),
        (b'{"a":184467440737095516150}', {"a": 184467440737095516150.0}),
        (b'{"a":NaN,"b":184467440737095516150}', {"a": None, "b": 184467440737095516150}),
        ('{"a":"\ufffd"}'.encode(), {"a": "\ufffd"}),
    ],
)
def test_json_is_read_as_leniently_as_can_be_done_without_guessing(content: bytes, value: object) -> None:
    assert loads(content) == value


@pytest.mark.parametrize(
    "content",
    [b"", BOM, b"{", b'{"a":"\\ud83d"', b'{"a":"\xff}', b"{'a':1}", b'{"a":1}{"b":2}', b'\xff{"a":1}', b"[" * 100_000],
)
def test_cut_or_invalid_json_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(content)


@pytest.mark.parametrize(
    ("content", "value", "damaged"),
    [
        (b'["plain"]', ["plain"], 0),
        ('["\ufffd"]'.encode(), ["\ufffd"], 0),
        (b'["a\xff\xffb"]', ["a\ufffd\ufffdb"], 2),
        (b'["\xed\xa0\xbd\xed\xb8\x80"]', ["\ufffd"], 1),
        (b'["\xed\xa0\xbd"]', ["\ufffd"], 1),
        (b'["\xe2\x82"]', ["\ufffd"], 1),
        (b'["a\tb"]', ["a\tb"], 1),
        (b'[\t"a\\tb",\n"c\\"\n"]', ["a\tb", 'c"\n'], 1),
        (b'["\\ud83d"]', ["\ud83d"], 0),
        (b'["NaN",NaN,-Infinity]', ["NaN", None, None], 2),
    ],
)
def test_damaged_characters_are_counted(content: bytes, value: object, damaged: int) -> None:
    assert loads_damaged(content) == (value, damaged)


# Links


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("see https://files.example.com/a/b.json?Signature=x now", "see https://files.example.com/… now"),
        ("HTTP://u:p@files.example.com:8443/a", "HTTP://files.example.com:8443/…"),
        ('{"url":"https://files.example.com?Signature=x"}', '{"url":"https://files.example.com/…"}'),
        ("https:\\/\\/files.example.com\\/a?Signature=x", "https:\\/\\/files.example.com/…"),
        ("https://[::1]:1/x", "https://[::1]:1/…"),
        ("https://files.example.com is down", "https://files.example.com is down"),
        ("either/or, 1/2 and a:b", "either/or, 1/2 and a:b"),
        ("cut \ud83d", "cut \ufffd"),
    ],
)
def test_texts_of_the_server_show_only_the_host_of_links(said: str, shown: str) -> None:
    assert safe_text(said) == shown


LINK = "https://files.example.com/a/b.json?Signature=secret"


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, {"success": False, "message": [f"see {LINK}"]}),
        (200, {"success": False, "values": {"file": LINK}}),
        (400, {"messages": LINK}),
        (413, {"message": LINK}),
        (500, {"message": LINK}),
    ],
)
async def test_no_error_contains_a_link_from_the_server(status: int, content: dict[str, Any]) -> None:
    async with answering(lambda *_: (status, orjson.dumps(content))) as (sm, _):
        with pytest.raises(SalesManagoError, match=r"files\.example\.com") as raised:
            await sm.contacts.has("a@example.com")
    shown: Sequence[object] = [
        str(raised.value),
        getattr(raised.value, "messages", ()),
        getattr(raised.value, "values", ()),
    ]
    assert "secret" not in repr(shown)


async def test_a_page_is_shown_without_its_links() -> None:
    async with answering(lambda *_: (200, b"<a href='" + LINK.encode() + b"'>")) as (sm, _):
        with pytest.raises(Unreadable) as raised:
            await sm.contacts.has("a@example.com")
    assert "Signature" not in str(raised.value)


# Runs


PEOPLE_OF_THE_TABLE = [{"email": "a@x.pl"}, {"email": "b@x.pl"}, {"contactId": "c-id"}]
EVENTS_OF_THE_TABLE = [
    {**names, "date": 1_704_448_800_000, "contactExtEventType": "PURCHASE", "externalId": str(number)}
    for number, names in enumerate(PEOPLE_OF_THE_TABLE)
]


@define
class Account:
    """Accepts every chunk of contacts as a job with the same result; answers every chunk of events alike."""

    result: bytes
    address: str = ""

    def __call__(self, path: str, body: bytes) -> Answer:
        if path in {"/result", "contact/batchAddContactExtEvent"}:
            return 200, self.result
        if path == "job/status":
            return 200, orjson.dumps({"success": True, "message": [], "fileUrl": f"{self.address}/result"})
        if path == "contact/batchupsertv2":
            return 200, b'{"success":true,"message":[],"requestId":1}'
        contacts = [{"id": "1", "email": "a@x.pl", "contactExtEvents": []}]
        return 200, orjson.dumps({"success": True, "message": [], "contacts": contacts})


@pytest.mark.sampled
@pytest.mark.parametrize("result", [*IN_DOUBT_CONTACTS, {"success": True, "invalidContacts": "all"}], ids=orjson.dumps)
async def test_no_contact_of_a_run_is_accepted_on_a_result_that_confirms_nothing(result: Any, transport: Any) -> None:
    account = Account(orjson.dumps(result))
    async with answering(account, transport) as (sm, server):
        account.address = server.address
        report = await sm.contacts.upsert_many(PEOPLE_OF_THE_TABLE)
    assert (report.accepted, report.rejected) == (0, 0)
    assert report.in_doubt + report.submitted == 3


@pytest.mark.sampled
@pytest.mark.parametrize(
    "content",
    [
        b"<html>Sign in</html>",
        b"",
        b'{"success":true,"contactIds":{',
        b"[]",
        b'{"success":true}',
        b'{"contacts":[]}',
        b'[{"1":{"contactData":{}}}]',
    ],
)
async def test_a_result_file_of_another_shape_rejects_no_record(content: bytes, transport: Any) -> None:
    account = Account(content)
    async with answering(account, transport) as (sm, server):
        account.address = server.address
        report = await sm.contacts.upsert_many(PEOPLE_OF_THE_TABLE)
    assert (report.accepted, report.rejected, report.submitted) == (0, 0, 3)


@pytest.mark.sampled
@pytest.mark.parametrize("answer", IN_DOUBT_EVENTS[::4], ids=orjson.dumps)
async def test_no_event_of_a_run_is_accepted_on_an_answer_that_confirms_nothing(answer: Any, transport: Any) -> None:
    async with answering(Account(orjson.dumps(answer)), transport) as (sm, _):
        report = await sm.events.add_many(EVENTS_OF_THE_TABLE)
    assert report.accepted == 0
    assert report.in_doubt + report.rejected + report.not_sent == 3
