"""Every call, whatever becomes of it: no credential, signature or link is in a log, a span, or a traceback's locals."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from attrs import evolve
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from salesmanago_async import (
    Contact,
    Credentials,
    ExternalEvent,
    Invalid,
    Login,
    Retries,
    SalesManago,
    SalesManagoError,
    Tag,
    api,
    blocking,
    telemetry,
)
from salesmanago_async.api.emails import Attachment, SendEmailWithAttachment
from salesmanago_async.simulator import Fault, Simulator
from tests.conftest import MakeClient, in_ci, wall_clock
from tests.secrets.watching import content_of, leaks, locals_of, logging_everything, rich_traceback
from tests.serving import serving_app

API_KEY, SECRET, TOKEN, PASSWORD = "k3y-of-mine", "s3cret-of-mine", "t0ken-of-mine", "passw0rd-of-mine"
PRODUCTS_KEY, SIGNATURE = "pr0ductsKey0fMine", "s1gnature-of-theirs"
BY_SECRET = Credentials(client_id="client", api_key=API_KEY, api_secret=SECRET)
BY_TOKEN = Credentials(client_id="client", api_key=API_KEY, token=TOKEN)
LOGIN = Login(user_name="admin@vendor.example", password=PASSWORD, api_key=API_KEY)
SECRETS = (
    *(API_KEY, SECRET, TOKEN, PASSWORD, PRODUCTS_KEY, SIGNATURE),
    *(BY_SECRET.signature(), BY_TOKEN.signature()),
)
EMAIL = "ann.kowalska@example.com"
ANN = Contact(email=EMAIL, name="Anna Kowalska", tags=["VIP"])
VISIT = ExternalEvent(email=EMAIL, contact_ext_event_type="VISIT", date=1_700_000_000_000)
PEOPLE = (EMAIL, "kowalska")
LINK = f"https://files.example.com/{SIGNATURE}/f?Signature={SIGNATURE}&token={SIGNATURE}"

Act = Callable[[SalesManago], Awaitable[object]]


def answering(status: int, body: Any) -> Callable[[httpx.Request], httpx.Response]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content)


def breaking(request: httpx.Request) -> httpx.Response:
    body = request.read()  # as in a library whose frames hold the whole request
    raise httpx.ReadError(f"it broke after {len(body)} bytes", request=request)


ECHO = {"apiKey": API_KEY, "sha": BY_SECRET.signature(), "token": TOKEN, "password": PASSWORD, "apiSecret": SECRET}
SERVERS: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "refuses": answering(200, {"success": False, "message": ["no"], **ECHO}),
    "does not know the key": answering(401, {"success": False, "message": ["no"], **ECHO}),
    "is down": answering(503, b"<html>"),
    "breaks": breaking,
    "sends a page": answering(200, b"<html>"),
}

SPANS = InMemorySpanExporter()


@pytest.fixture(autouse=True)
def _spans() -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SPANS))
    telemetry.use_providers(tracer_provider=provider)
    SPANS.clear()
    yield
    telemetry.switch_off()


def check_error(error: BaseException, *, by_rich: bool = False) -> None:
    """Fail if an error shows a secret, in its locals or by rich."""
    assert leaks(locals_of(error), SECRETS) == set()
    assert not by_rich or leaks(rich_traceback(error), SECRETS) == set()


def check_told(log: str) -> None:
    """Fail if a log or a span shows a secret, or a person."""
    spans = "\n".join(span.to_json() for span in SPANS.get_finished_spans())
    assert spans
    assert leaks(log, (*SECRETS, *PEOPLE)) == leaks(spans, (*SECRETS, *PEOPLE)) == set()


QUICK = ("contact/upsert", "contact/batchupsertv2", "job/status", "system/authorise")


def request_of(catalogue: dict[str, dict[str, Any]], path: str) -> Any:
    """The first documented request of a path, with a file where its form has one."""
    request = api.read_request(path, catalogue[path]["requests"][0])
    if isinstance(request, SendEmailWithAttachment):
        return evolve(request, attachment=Attachment("Kowalska.txt", b"for Kowalska"))
    return request


@pytest.mark.anyio
@pytest.mark.parametrize("path", [*QUICK, *in_ci(*sorted(api.REQUESTS.keys() - set(QUICK)))])
async def test_no_call_shows_a_secret(catalogue: dict[str, dict[str, Any]], make_client: MakeClient, path: str) -> None:
    for server in SERVERS.values():
        transport = httpx.MockTransport(server)
        client = make_client(None, credentials=BY_SECRET, transport=transport, retries=Retries(tries=1))
        with logging_everything() as log:
            async with client as sm:
                with pytest.raises(SalesManagoError) as raised:
                    await sm.send(request_of(catalogue, path))
        check_error(raised.value)
        check_told(log.text)


NEW_KEY: dict[str, Any] = {"email": EMAIL, "password": PASSWORD, "key_name": "shop"}
WITH_A_PASSWORD: dict[str, Callable[[Any], Any]] = {
    "authorise": lambda sm: sm.system.authorise(user_name=EMAIL, password=PASSWORD),
    "create a key": lambda sm: sm.keys.create(**NEW_KEY, expiry="NEVER"),
    "an unknown argument": lambda sm: sm.keys.create(**NEW_KEY, lifetime="NEVER"),
    "a bad argument": lambda sm: sm.keys.create(**NEW_KEY, webhook_url=7),
    "revoke a key": lambda sm: sm.keys.revoke(PRODUCTS_KEY),
    "plain JSON": lambda sm: sm.call("system/authorise", {"userName": EMAIL, "password": PASSWORD}),
}
"""Calls of methods, whose arguments are local variables of the library's frames."""


@pytest.mark.anyio
@pytest.mark.parametrize("call", WITH_A_PASSWORD)
async def test_no_argument_of_a_method_is_in_a_traceback(make_client: MakeClient, call: str) -> None:
    transport = httpx.MockTransport(SERVERS["is down"])
    async with make_client(None, credentials=BY_SECRET, transport=transport, retries=Retries(tries=1)) as sm:
        with pytest.raises((SalesManagoError, TypeError)) as raised:
            await WITH_A_PASSWORD[call](sm)
    check_error(raised.value, by_rich=True)


@pytest.mark.parametrize("call", WITH_A_PASSWORD)
def test_no_argument_of_a_blocking_method_is_in_a_traceback(call: str) -> None:
    transport = httpx.MockTransport(SERVERS["is down"])
    with (
        blocking.SalesManago(BY_SECRET, transport=transport, retries=Retries(tries=1)) as sm,
        pytest.raises((SalesManagoError, TypeError)) as raised,
    ):
        WITH_A_PASSWORD[call](sm)
    check_error(raised.value, by_rich=True)


@pytest.mark.ci
@pytest.mark.anyio
@pytest.mark.parametrize("server", SERVERS)
async def test_no_login_shows_its_password(make_client: MakeClient, server: str) -> None:
    transport = httpx.MockTransport(SERVERS[server])
    with logging_everything() as log:
        async with make_client(None, credentials=LOGIN, transport=transport, retries=Retries(tries=1)) as sm:
            with pytest.raises(SalesManagoError) as raised:
                await sm.contacts.has(EMAIL)
    check_error(raised.value, by_rich=True)
    check_told(log.text)


@pytest.mark.ci
@pytest.mark.anyio
@pytest.mark.parametrize("server", SERVERS)
async def test_no_call_of_products_shows_its_key(make_client: MakeClient, server: str) -> None:
    client = make_client(
        None, products_key=PRODUCTS_KEY, transport=httpx.MockTransport(SERVERS[server]), retries=Retries(tries=1)
    )
    with logging_everything() as log:
        async with client as sm:
            with pytest.raises(SalesManagoError) as raised:
                await sm.catalogs.list()
    check_error(raised.value, by_rich=True)
    check_told(log.text)


async def stream(sm: SalesManago) -> None:
    async with sm.jobs.attach(1).stream() as chunks:
        async for _ in chunks:
            pass


async def records(sm: SalesManago) -> None:
    async with sm.jobs.attach(1).records() as found:
        async for _ in found:
            pass


FETCHES: dict[str, Act] = {
    "stream": stream,
    "records": records,
    "result": lambda sm: sm.jobs.attach(1).result(),
    "save": lambda sm: sm.jobs.attach(1).save("-", format="jsonl"),
}


@pytest.mark.ci
@pytest.mark.anyio
@pytest.mark.parametrize("fetch", FETCHES)
@pytest.mark.parametrize("server", ["is down", "breaks", "moves", "moves to http"])
async def test_no_download_shows_its_link(make_client: MakeClient, fetch: str, server: str) -> None:
    moved = {"moves": LINK, "moves to http": LINK.replace("https", "http")}

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/job/status":
            return httpx.Response(200, json={"success": True, "message": [], "fileUrl": LINK})
        return httpx.Response(302, headers={"Location": moved[server]}) if server in moved else SERVERS[server](request)

    with logging_everything() as log:
        async with make_client(None, transport=httpx.MockTransport(serve), retries=Retries(tries=1)) as sm:
            with pytest.raises(SalesManagoError) as raised:
                await FETCHES[fetch](sm)
    check_error(raised.value, by_rich=fetch == "result")
    check_told(log.text)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({"API_KEY": API_KEY, "API_SECRET": SECRET}, "credentials"),
        ({"CLIENT_ID": "c", "API_KEY": API_KEY, "API_SECRET": f"{SECRET}\x00"}, "SALESMANAGO_API_SECRET"),
        ({"BASE_URL": "ftp://example.com", "CLIENT_ID": "c", "API_KEY": API_KEY, "API_SECRET": SECRET}, "base_url"),
    ],
)
def test_no_wrong_environment_shows_its_secrets(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], field: str
) -> None:
    for name, value in {**environ, "PRODUCTS_KEY": PRODUCTS_KEY, "SHA": TOKEN}.items():
        if "\x00" in value:
            monkeypatch.setattr("os.environ", {"SALESMANAGO_API_KEY": "k", f"SALESMANAGO_{name}": value})
        else:
            monkeypatch.setenv(f"SALESMANAGO_{name}", value)
    with pytest.raises(Invalid) as raised:
        SalesManago.from_env()
    assert raised.value.field == field
    check_error(raised.value, by_rich=True)


@asynccontextmanager
async def working(url: str, transport: Literal["aiohttp"] | None, **options: Any) -> AsyncGenerator[SalesManago]:
    chosen = {"owner": "owner@vendor.example", "poll_interval": 0.02, "retries": Retries(first_wait=0.01), **options}
    async with SalesManago(BY_SECRET, base_url=url, transport=transport, **chosen) as sm:
        yield sm


async def work(sm: SalesManago, folder: Path) -> list[object]:
    """Do once whatever writes a file, with rows that are rejected and requests that fail; return what can be shown."""
    rows = [ANN, {"email": f"{EMAIL} {EMAIL}", "name": "Kowalska"}, *({"email": f"c{n}@example.com"} for n in range(4))]
    contacts = await sm.contacts.upsert_many(rows, journal=folder / "contacts.db", batch_size=2)
    events = await sm.events.add_many([VISIT] * 3, journal=folder / "events.db", batch_size=1)
    synced = await sm.contacts.sync(rows[2:], state=folder / "state.db")
    async with sm.contacts.buffer(journal=folder / "buffer.db") as buffer:
        outcome = await buffer.confirm(ANN)
        shown = repr(buffer)
    async with sm.contacts.export_modified(
        datetime.now(UTC) - timedelta(hours=1), state=folder / "modified.json"
    ) as changed:
        assert [contact.email async for contact in changed]
    job = await sm.contacts.export(to=[Tag("VIP")])
    await job.save(folder / "rows of people.csv")
    status = await job.status()
    answer = await sm.contacts.has(EMAIL)
    return [sm, contacts, events, synced, outcome, job, status, answer, shown, sm._connection, sm.contacts, buffer]


@pytest.mark.ci
@pytest.mark.asyncio
@pytest.mark.parametrize("transport", [None, "aiohttp"])
async def test_no_run_over_a_socket_shows_or_leaves_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: Literal["aiohttp"] | None
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    faults = [Fault("503", share=0.2), Fault("reset-before", share=0.1), Fault("reset-after", share=0.1)]
    simulator = Simulator(BY_SECRET, owners=("owner@vendor.example",), job_seconds=0.02, faults=faults)
    with logging_everything() as log, serving_app(simulator) as url:
        async with working(url, transport) as sm:
            shown = await work(sm, tmp_path)
    links = list(simulator._store._links)
    assert links
    assert {"httpcore" if transport is None else "asyncio", "salesmanago_async"} <= log.names()
    check_told(log.text)
    assert leaks(log.text, links) == set()
    told = "\n".join(f"{one!r}\n{one}" for one in shown)
    assert leaks(told, (*SECRETS, *links)) == set()
    assert leaks(told, PEOPLE) == set()
    for path, content in content_of(tmp_path):
        assert leaks(content.decode(errors="replace"), (*SECRETS, *links)) == set(), path
        if path.name.startswith(("contacts", "events", "state", "modified")):
            assert leaks(content.decode(errors="replace"), PEOPLE) == set(), path


@pytest.mark.anyio
async def test_a_report_holds_rejected_rows_without_showing_them(make_client: MakeClient) -> None:
    async with make_client(Simulator(BY_SECRET, clock=wall_clock), credentials=BY_SECRET) as sm:
        report = await sm.contacts.upsert_many([ANN, {"email": "Kowalska", "name": EMAIL}])
    assert report.problems[0].record == {"email": "Kowalska", "name": EMAIL}
    assert leaks(f"{report!r} {report} {report.as_dict()!r}", (*SECRETS, *PEOPLE)) == set()
