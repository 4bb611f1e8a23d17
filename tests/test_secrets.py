"""No secret, name or address of a person gets into a log, a repr or an error."""

import asyncio
import json
import logging
import socket
import threading
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from attrs import define, field

from salesmanago_async import (
    Contact,
    Credentials,
    ExternalEvent,
    Retries,
    SalesManago,
    SalesManagoError,
    Tag,
    Timeouts,
)
from salesmanago_async.simulator import DEMO_OWNER, Simulator
from tests.conftest import MakeClient, wall_clock

API_KEY, SECRET, TOKEN = "k3y-of-mine", "s3cret-of-mine", "t0ken-of-mine"
BY_SECRET = Credentials(client_id="client", api_key=API_KEY, api_secret=SECRET)
BY_SHA = Credentials(client_id="client", api_key=API_KEY, sha=BY_SECRET.signature())
BY_TOKEN = Credentials(client_id="client", api_key=API_KEY, token=TOKEN)

EMAIL, NAME, PHONE = "ann.kowalska@example.com", "Anna Kowalska", "+48123456789"
ANN = Contact(email=EMAIL, name=NAME, phone=PHONE, tags=["VIP"])
VISIT = ExternalEvent(email=EMAIL, contact_ext_event_type="VISIT", date=1_700_000_000_000)
SIGNATURE = "s1gnature-of-theirs"

FORBIDDEN = (
    API_KEY,
    SECRET,
    TOKEN,
    BY_SECRET.signature(),
    BY_TOKEN.signature(),
    EMAIL,
    "kowalska",
    NAME,
    PHONE,
    SIGNATURE,
    DEMO_OWNER,
)

Act = Callable[[SalesManago], Awaitable[object]]
App = Callable[[httpx.Request], httpx.Response]


class Watch(logging.Handler):
    """Records every line of every logger, formatted, with its arguments and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {self.format(record)} {record.args!r}")

    def names(self) -> set[str]:
        return {line.split(maxsplit=1)[0].split(".")[0] for line in self.lines}


LOGGERS = (
    "",
    "httpx",
    "httpcore",
    "httpcore.http11",
    "httpcore.connection",
    "salesmanago_async",
    "anyio",
    "asyncio",
    "hpack",
)


@pytest.fixture
def log() -> Iterator[Watch]:
    """Set the level of every logger to the lowest one."""
    watch = Watch()
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(watch)
    yield watch
    logging.getLogger().removeHandler(watch)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def leaks(text: str, *more: str) -> set[str]:
    return {secret for secret in (*FORBIDDEN, *more) if secret.lower() in text.lower()}


def everything_said_by(error: BaseException) -> str:
    """Return every text that a program may show of an error and its causes."""
    told = [*traceback.format_exception(error)]
    cause: BaseException | None = error
    while cause:
        told += [repr(cause), str(cause), *map(str, cause.args), *getattr(cause, "__notes__", ())]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(told)


# Representations


@pytest.mark.parametrize("credentials", [BY_SECRET, BY_SHA, BY_TOKEN], ids=["secret", "sha", "token"])
def test_credentials_show_no_more_than_the_client_id(credentials: Credentials) -> None:
    for shown in (repr(credentials), str(credentials), f"{credentials}", f"{[credentials]}"):
        assert "client" in shown
        assert leaks(shown) == set()


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"api_key": API_KEY}, "exactly one"),
        ({"api_key": API_KEY, "api_secret": SECRET, "token": TOKEN}, "exactly one"),
        ({"api_key": "", "api_secret": SECRET}, "needed"),
    ],
)
def test_credentials_that_are_refused_are_not_shown(values: dict[str, str], wrong: str) -> None:
    with pytest.raises(SalesManagoError, match=wrong) as raised:
        Credentials(client_id="client", **values)
    assert leaks(everything_said_by(raised.value)) == set()


@pytest.mark.parametrize("base_url", [f"http://user:{SECRET}@proxy.example.com", f"ftp://user:{SECRET}@example.com"])
def test_a_password_in_a_refused_base_url_is_not_shown(base_url: str) -> None:
    with pytest.raises(SalesManagoError) as raised:
        SalesManago(BY_SECRET, base_url=base_url)
    assert leaks(everything_said_by(raised.value)) == set()


def test_the_repr_of_a_client_does_not_show_its_account(make_client: MakeClient) -> None:
    client = make_client(None, credentials=BY_SECRET)
    assert leaks(f"{client!r} {client._connection!r} {client.contacts!r}") == set()


# Successes


async def a_day_at_work(sm: SalesManago, folder: Path, *, poll: float) -> list[object]:
    """Make one call of each kind, and return all results except for records."""
    await sm.contacts.upsert(ANN)
    await sm.contacts.has(EMAIL)
    await sm.contacts.get([EMAIL])
    await sm.events.add(VISIT)
    await sm.call("contact/hasContact", {"email": EMAIL})
    report = await sm.contacts.upsert_many([ANN, {"email": "not an address", "name": NAME}])
    job = await sm.contacts.export(to=[Tag("VIP")])
    running = await job.status()
    await anyio.sleep(poll)
    done = await job.status()
    answer = await sm.jobs.status(job.request_id)
    assert done.file_url
    await job.save(folder / "contacts.json")
    async with job.stream() as chunks:
        stream = repr(chunks)
    async with sm._connection.open(done.file_url) as download:
        shown = [repr(download), str(download)]
    return [
        sm,
        sm.contacts,
        sm.jobs,
        sm._connection.http,
        report.accepted,
        job,
        running,
        done,
        answer,
        stream,
        *shown,
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("credentials", [BY_SECRET, BY_SHA, BY_TOKEN], ids=["secret", "sha", "token"])
async def test_no_success_reveals_a_secret(
    make_client: MakeClient, log: Watch, tmp_path: Path, credentials: Credentials
) -> None:
    theirs = (
        credentials
        if credentials is not BY_TOKEN
        else Credentials(client_id="client", api_key=API_KEY, api_secret=TOKEN)
    )
    simulator = Simulator(theirs, clock=wall_clock, job_seconds=30.0)
    async with make_client(simulator, credentials=credentials) as sm:
        shown = await a_day_at_work(sm, tmp_path, poll=31)
    tokens = list(simulator._store._links)
    assert len(tokens) >= 3
    assert "salesmanago_async" in log.names()
    assert not any("HTTP Request" in line for line in log.lines), "a client of httpx writes the address of each request"
    assert leaks("\n".join(log.lines), *tokens) == set()
    assert leaks("\n".join(f"{thing!r} {thing}" for thing in shown), *tokens) == set()


# Failures


def saying(status: int, body: Any, **headers: str) -> App:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: httpx.Response(status, headers=headers, content=content)


def failing(error: type[httpx.TransportError]) -> App:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("it broke", request=request)

    return fail


LINK = f"https://files.example.com/{SIGNATURE}/f?Signature={SIGNATURE}&token={SIGNATURE}"


def linking(answer: App, link: str = LINK) -> App:
    """Answer every poll of a job with a link, and every other request with `answer`."""
    told = saying(200, {"success": True, "message": [], "fileUrl": link})
    return lambda request: told(request) if request.url.path == "/api/job/status" else answer(request)


async def fetch(sm: SalesManago) -> None:
    async with sm.jobs.attach(1).records() as records:
        async for _ in records:
            pass


ACTS: dict[str, Act] = {
    "upsert": lambda sm: sm.contacts.upsert(ANN),
    "event": lambda sm: sm.events.add(VISIT),
    "list": lambda sm: sm.contacts.get([EMAIL]),
    "call": lambda sm: sm.call("contact/upsert", {"contact": {"email": EMAIL, "name": NAME}}),
    "job": lambda sm: sm.jobs.attach(1).file_url(),
}

FAILURES: dict[str, App] = {
    "refused": saying(200, {"success": False, "message": ["Contact is blocked"]}),
    "not authenticated": saying(200, {"success": False, "message": ["Not authenticated"]}),
    "400": saying(400, {"success": False, "message": ["malformed"]}),
    "401": saying(401, {"success": False, "message": []}),
    "429": saying(429, b"", **{"Retry-After": "1"}),
    "500": saying(500, b"<html>Internal error</html>"),
    "503": saying(503, {"message": ["maintenance"]}),
    "HTML": saying(200, b"<html>Sign in</html>"),
    "nothing": saying(200, b""),
    "redirect": saying(302, b"", Location=LINK),
    "no connection": failing(httpx.ConnectError),
    "no answer": failing(httpx.ReadTimeout),
    "reset": failing(httpx.ReadError),
    "disconnected": failing(httpx.RemoteProtocolError),
}

FILE_FAILURES: dict[str, App] = {
    **{
        name: linking(app)
        for name, app in FAILURES.items()
        if name not in {"refused", "not authenticated", "400", "401"}
    },
    "expired": linking(saying(403, f"<Error><Key>{SIGNATURE}</Key></Error>".encode())),
    "not found": linking(saying(404, b"")),
    "cut": linking(saying(200, b'[{"a":1},{"a":', **{"Transfer-Encoding": "chunked"})),
    "shorter": linking(saying(200, b"[]", **{"Content-Length": "9"})),
    "not https": linking(saying(200, b"[]"), LINK.replace("https", "http")),
    "redirect off https": linking(saying(302, b"", Location=LINK.replace("https", "http"))),
    "redirect in circles": linking(saying(302, b"", Location=LINK)),
    "a password in the link": linking(failing(httpx.ConnectError), LINK.replace("files", f"user:{SIGNATURE}@files")),
}


async def failure_of(act: Act, sm: SalesManago) -> str:
    with pytest.raises(SalesManagoError) as raised:
        await act(sm)
    return everything_said_by(raised.value)


@pytest.mark.anyio
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_of_a_call_reveals_a_secret(
    make_client: MakeClient, log: Watch, act: str, failure: str
) -> None:
    transport = httpx.MockTransport(FAILURES[failure])
    async with make_client(None, credentials=BY_SECRET, transport=transport, retries=Retries(tries=2)) as sm:
        said = await failure_of(ACTS[act], sm)
    assert leaks(said) == set()
    assert leaks("\n".join(log.lines)) == set()


@pytest.mark.anyio
@pytest.mark.parametrize("failure", FILE_FAILURES)
async def test_no_failure_of_a_file_reveals_its_link(make_client: MakeClient, log: Watch, failure: str) -> None:
    transport = httpx.MockTransport(FILE_FAILURES[failure])
    async with make_client(None, credentials=BY_SECRET, transport=transport, retries=Retries(tries=2)) as sm:
        said = await failure_of(fetch, sm)
    assert leaks(said) == set()
    assert log.lines
    assert leaks("\n".join(log.lines)) == set()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "act",
    [
        lambda sm: sm.contacts.upsert(Contact(email=f"{EMAIL} {NAME}", name=NAME)),
        lambda sm: sm.contacts.upsert(Contact(email=EMAIL, name=NAME * 100)),
        lambda sm: sm.contacts.get([EMAIL, f"{EMAIL}@{EMAIL}"]),
        lambda sm: sm.call("contact/upsert", {"contact": {"email": EMAIL, "name": NAME + "\ud83d"}}),
    ],
    ids=["e-mail", "long name", "e-mails", "half a surrogate pair"],
)
async def test_input_that_is_invalid_is_named_and_not_shown(sm: SalesManago, log: Watch, act: Act) -> None:
    said = await failure_of(act, sm)
    assert leaks(said) == set()
    assert leaks("\n".join(log.lines)) == set()


@pytest.mark.anyio
async def test_a_link_in_an_unexpected_place_is_not_shown(make_client: MakeClient) -> None:
    transport = httpx.MockTransport(saying(200, {"success": True, "fileUrl": [LINK], "FileURL": LINK}))
    async with make_client(None, transport=transport) as sm:
        shown = [await sm.jobs.status(1), await sm.jobs.attach(1).status()]
    assert leaks(f"{shown!r}") == set()


# Over a real socket, where httpcore logs what it sends and receives


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI app in a thread, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", loop="asyncio", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@define
class Moving:
    """The simulator with redirected files: each link leads to another signed link; with `gone` that one is dead."""

    simulator: Simulator
    gone: bool = False
    tokens: list[str] = field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path.startswith("/files/"):
            self.tokens.append(path.removeprefix("/files/").removesuffix(".json"))
            location = f"/moved/{path.removeprefix('/files/')}?signature={SIGNATURE}".encode()
            headers = [(b"location", location), (b"content-length", b"0"), (b"set-cookie", b"a=b")]
            await send({"type": "http.response.start", "status": 302, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        prefix = "/gone/" if self.gone else "/files/"
        await self.simulator({**scope, "path": path.replace("/moved/", prefix)}, receive, send)


@asynccontextmanager
async def client_of(url: str, **options: Any) -> AsyncGenerator[SalesManago]:
    chosen = {"owner": DEMO_OWNER, "poll_interval": 0.02, "timeouts": Timeouts(connect=2, read=2), **options}
    async with SalesManago(BY_SECRET, base_url=url, **chosen) as sm:
        yield sm


@pytest.mark.asyncio
async def test_no_success_over_a_socket_reveals_a_secret(
    log: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    simulator = Simulator(BY_SECRET, job_seconds=0.05)
    with served(simulator) as url:
        async with client_of(url) as sm:
            shown = await a_day_at_work(sm, tmp_path, poll=0.06)
    tokens = list(simulator._store._links)
    assert len(tokens) >= 3
    assert "httpcore" in log.names()
    assert not any("HTTP Request" in line for line in log.lines), "a client of httpx writes the address of each request"
    assert leaks("\n".join(log.lines), *tokens) == set()
    assert leaks("\n".join(f"{thing!r} {thing}" for thing in shown), *tokens) == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
async def test_no_redirect_over_a_socket_reveals_a_link(
    log: Watch, monkeypatch: pytest.MonkeyPatch, *, gone: bool
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    app = Moving(Simulator(BY_SECRET, job_seconds=0.0), gone=gone)
    said = ""
    with served(app) as url:
        async with client_of(url) as sm:
            await sm.contacts.upsert(ANN)
            job = await sm.contacts.export(to=[Tag("VIP")])
            try:
                await job.result()
            except SalesManagoError as error:
                said = everything_said_by(error)
    assert bool(said) is gone
    assert len(app.tokens) == (3 if gone else 1)
    assert leaks(said, *app.tokens) == set()
    assert leaks("\n".join(log.lines), *app.tokens) == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"garbage\r\n\r\n"], ids=repr)
async def test_no_failure_over_a_socket_reveals_a_secret(
    log: Watch, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with client_of(url, retries=Retries(tries=1)) as sm:
        said = await failure_of(ACTS["upsert"], sm)
        server.close()
        said += await failure_of(ACTS["event"], sm)
    assert leaks(said) == set()
    assert "httpcore" in log.names()
    assert leaks("\n".join(log.lines)) == set()


ECHO = {
    "clientId": "cl1ent-of-mine",
    "apiKey": API_KEY,
    "sha": BY_SECRET.signature(),
    "apiSecret": SECRET,
    "token": TOKEN,
    "password": SECRET,
}
"""The credentials that a server, or a proxy that returns the request, may send back."""


async def _answer_of(make_client: MakeClient, body: object, **head: Any) -> object:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = httpx.MockTransport(lambda request: httpx.Response(content=content, **{"status_code": 200, **head}))
    async with make_client(None, transport=transport, retries=Retries(tries=1)) as sm:
        try:
            return await sm.contacts.upsert(ANN)
        except SalesManagoError as error:
            return error


SENT_BACK = {
    "in the answer": ({"success": True, "contactId": "1", **ECHO}, {}),
    "deep in the answer": ({"success": True, "contactId": "1", "request": {"bodies": [ECHO]}}, {}),
    "in a refusal": ({"success": False, "message": ["no such thing"], **ECHO}, {}),
    "in the text of a refusal": (
        {"success": False, "message": [f"bad request: {json.dumps(ECHO)}"]},
        {"status_code": 400},
    ),
    "in plain words": ({"success": False, "message": [f"apiKey={API_KEY}, sha: {BY_SECRET.signature()}"]}, {}),
    "in the text of a fault": ({"message": json.dumps(ECHO)}, {"status_code": 500}),
    "as no object": ([ECHO], {}),
    "as no JSON": (b"Bad request: " + json.dumps(ECHO).encode(), {"status_code": 404}),
    "as a form": (f"apiKey={API_KEY}&sha={BY_SECRET.signature()}&token={TOKEN}".encode(), {}),
}


@pytest.mark.anyio
@pytest.mark.parametrize("where", SENT_BACK)
async def test_no_credential_that_a_server_sends_back_is_shown(make_client: MakeClient, where: str) -> None:
    body, head = SENT_BACK[where]
    answer = await _answer_of(make_client, body, **head)
    shown = [repr(answer), str(answer)]
    if isinstance(answer, BaseException):
        shown += ["".join(traceback.format_exception(answer)), repr(getattr(answer, "messages", ""))]
    assert [
        secret for secret in {API_KEY, SECRET, TOKEN, BY_SECRET.signature()} for text in shown if secret in text
    ] == []
    if "answer" in where:
        assert API_KEY in str(getattr(answer, "extra", ""))  # the program still gets it
