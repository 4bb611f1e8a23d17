"""The lifetime of a client: other event loops are refused, and closing ends its work in order."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from salesmanago_async import BufferClosed, ClientClosed, Contact, ExternalEvent, Report, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from tests.buffers.conftest import disk as disk
from tests.conftest import MakeClient, wall_clock
from tests.serving import serving


def wall_ms() -> int:
    return int(wall_clock() * 1000)


pytestmark = pytest.mark.both_loops

PEOPLE = [{"email": f"c{number}@example.com"} for number in range(40)]
ANN = Contact(email="ann@example.com")


def client(environ: dict[str, str], transport: Any) -> SalesManago:
    return SalesManago.from_env(environ, poll_interval=0.02, transport=transport)


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    with serving(job_seconds=0.0) as found:
        yield found


CALLS: dict[str, Callable[[SalesManago], Any]] = {
    "a call": lambda sm: sm.contacts.has("ann@example.com"),
    "plain JSON": lambda sm: sm.call("contact/hasContact", {"email": "ann@example.com"}),
    "a run": lambda sm: sm.contacts.upsert_many(PEOPLE, wait=False),
    "a file": lambda sm: sm.jobs.attach(1).result(),
}


@pytest.fixture
def unclosed() -> Iterator[None]:
    """Ignore resources that the first of two event loops left open, because they cannot be closed."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:Unclosed:ResourceWarning")
@pytest.mark.usefixtures("unclosed")
@pytest.mark.parametrize("transport", [None, "aiohttp"])
@pytest.mark.parametrize("call", CALLS)
def test_using_a_client_in_another_event_loop_is_refused_with_a_message(
    environ: dict[str, str], call: str, transport: Any
) -> None:
    sm = client(environ, transport)

    async def once() -> None:
        await sm.contacts.has("ann@example.com")

    async def again() -> ClientClosed:
        with pytest.raises(ClientClosed, match=r"belongs to one event loop.*inside the main coroutine") as refused:
            await CALLS[call](sm)
        return refused.value

    asyncio.run(once())
    error = asyncio.run(again())
    assert not error.maybe_applied
    assert not error.in_doubt
    asyncio.run(sm.aclose())


def test_a_client_of_asyncio_is_refused_on_trio() -> None:
    sm = SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=Simulator()), random=Random(7)
    )

    async def once() -> None:
        await sm.contacts.has("ann@example.com")

    anyio.run(once, backend="asyncio")
    with pytest.raises(ClientClosed, match="belongs to one event loop"):
        anyio.run(once, backend="trio")


@pytest.mark.anyio
@pytest.mark.parametrize("call", CALLS)
async def test_using_a_closed_client_is_refused_with_a_message(
    sm: SalesManago, simulator: Simulator, call: str
) -> None:
    await sm.contacts.has("ann@example.com")
    await sm.aclose()
    await sm.aclose()
    with pytest.raises(ClientClosed, match="the client is closed"):
        await CALLS[call](sm)
    with pytest.raises(ClientClosed, match="the client is closed"):
        async with sm:
            pass
    with pytest.raises(ClientClosed, match="the client is closed"):
        async with sm.contacts.buffer():
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("call", ["contact/hasContact", "contact/addNote"])
async def test_a_waiting_retry_is_not_sent_by_a_closed_client(make_client: MakeClient, call: str) -> None:
    """The first try may have been applied, as the error says; there is no second try."""
    asked: list[httpx.Request] = []

    def too_busy(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429 if call == "contact/addNote" else 502)

    sm = make_client(None, transport=httpx.MockTransport(too_busy))
    errors: list[ClientClosed] = []

    async def ask() -> None:
        with pytest.raises(ClientClosed) as refused:
            await sm.call(call, {})
        errors.append(refused.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        while not asked:
            await anyio.lowlevel.checkpoint()
        await sm.aclose()
    assert len(asked) == 1
    assert errors[0].maybe_applied == (call == "contact/hasContact")


def _away(request: httpx.Request) -> httpx.Response:
    return httpx.Response(502)


class Away:
    """Wraps an app; after `ready` is set, it delays answers until it is released."""

    def __init__(self, app: Any, path: str) -> None:
        self.app = app
        self.path = path
        self.asked = anyio.Event()
        self.seconds = 1.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith(self.path):
            self.asked.set()
            await anyio.sleep(self.seconds)
        await self.app(scope, receive, send)


async def endless() -> AsyncGenerator[dict[str, str]]:
    number = 0
    while True:
        number += 1
        yield {"email": f"e{number}@example.com"}
        await anyio.sleep(0.01)


@pytest.mark.anyio
@pytest.mark.parametrize("journal", [False, True])
async def test_a_run_is_stopped_gracefully_before_its_client_is_closed(
    simulator: Simulator, make_client: MakeClient, tmp_path: Path, journal: bool
) -> None:
    """Requests in flight get their answers: nothing is in doubt, taken records are *submitted*; the report says why."""
    door = Away(simulator, "batchupsertv2")
    reports: list[Report] = []
    options: dict[str, Any] = {"journal": tmp_path / "run.db"} if journal else {}

    async def run(sm: SalesManago) -> None:
        reports.append(await sm.contacts.upsert_many(endless(), batch_size=20, **options))

    async with anyio.create_task_group() as tasks, make_client(door, concurrency=2) as sm:
        tasks.start_soon(run, sm)
        await door.asked.wait()
        await anyio.sleep(0.5)
    (report,) = reports
    assert isinstance(report.stopped, ClientClosed)
    assert "the client was closed" in str(report.stopped)
    assert report.submitted > 0
    assert report.in_doubt == 0
    assert report.read == report.submitted + report.not_sent
    if not journal:
        return
    async with make_client(simulator) as sm:
        source = [{"email": f"e{number + 1}@example.com"} for number in range(report.read)]
        again = await sm.contacts.upsert_many(source, **options)
    assert again.accepted == report.read


@pytest.mark.anyio
async def test_outcomes_that_are_not_consumed_do_not_delay_closing(sm: SalesManago) -> None:
    """The task that closes the client may also be the consumer; all outcomes can be consumed afterwards."""
    async with sm.contacts.upserting(PEOPLE, batch_size=5) as outcomes:
        first = await anext(outcomes)
        began = anyio.current_time()
        await sm.aclose()
        assert anyio.current_time() - began <= 1.0
        report = outcomes.report
        assert isinstance(report.stopped, ClientClosed)
        states = Counter([first.state, *[outcome.state async for outcome in outcomes]])
    assert all(count == getattr(report, state) for state, count in states.items())
    assert states.total() == report.read == len(PEOPLE)
    assert report.in_doubt == 0


@pytest.mark.anyio
async def test_a_source_that_closes_its_own_client_ends_the_run(sm: SalesManago) -> None:
    async def people() -> AsyncGenerator[dict[str, str]]:
        for person in PEOPLE:
            yield person
        await sm.aclose()
        yield {"email": "late@example.com"}

    with anyio.fail_after(60):
        try:
            report = await sm.contacts.upsert_many(people(), batch_size=5, stop_within=2.0)
            stopped = report.stopped
        except ClientClosed as error:
            stopped = error
    assert isinstance(stopped, ClientClosed)


@pytest.mark.anyio
@pytest.mark.parametrize("journal", [False, True])
async def test_a_buffer_is_drained_before_its_client_is_closed(
    simulator: Simulator, make_client: MakeClient, disk: None, tmp_path: Path, journal: bool
) -> None:
    options: dict[str, Any] = {"journal": tmp_path / "signups.db"} if journal else {}
    async with make_client(simulator, poll_interval=5.0) as sm, sm.contacts.buffer(max_delay=3600, **options) as buffer:
        receipt = await buffer.add(ANN)
        await sm.aclose()
        assert (await receipt).state in {"accepted", "submitted"}
        with pytest.raises(BufferClosed):
            await buffer.add(ANN)
    async with make_client(simulator) as sm:
        await anyio.sleep(200)
        assert (await sm.contacts.has("ann@example.com")).result


@pytest.mark.anyio
async def test_a_buffer_of_events_is_drained_before_the_contacts_it_waits_for(
    make_client: MakeClient,
) -> None:
    sm = make_client(Simulator(clock=wall_clock, job_seconds=0.0), poll_interval=1.0)
    contacts = await sm.contacts.buffer(max_delay=0.5).__aenter__()
    events = await sm.events.buffer(max_delay=0.5, after=contacts).__aenter__()
    contact = await contacts.add(ANN)
    event = await events.add(ExternalEvent(email=ANN.email, date=wall_ms(), contact_ext_event_type="VISIT"))
    await sm.aclose()
    assert [(await contact).state, (await event).state] == ["accepted", "accepted"]
    assert len(contacts) == len(events) == 0


@pytest.mark.anyio
async def test_a_buffer_keeps_its_records_in_its_journal_if_the_server_is_down(
    simulator: Simulator, make_client: MakeClient, disk: None, tmp_path: Path
) -> None:
    journal = tmp_path / "signups.db"
    transport = httpx.MockTransport(_away)
    async with make_client(None, transport=transport) as sm, sm.contacts.buffer(journal=journal) as buffer:
        await buffer.add(ANN)
        await sm.aclose()
    async with make_client(simulator) as sm, sm.contacts.buffer(journal=journal) as buffer:
        await buffer.join()
        assert (await sm.contacts.has("ann@example.com")).result
