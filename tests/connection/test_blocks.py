"""Blocks inside a caller's generators, fixtures, time-outs and errors: whatever leaves them, the program goes on.

Each way of leaving is tried with everything that can be entered or iterated, on both event loops and both transports,
over real sockets. "Goes on" means: what the program itself raised is all that is raised, nothing is written to stderr,
and nothing is left: no task, no connection, no open file.
"""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
from attrs import frozen

from salesmanago_async import SalesManago, Tag
from salesmanago_async.integrations.aiohttp import CONTACTS, salesmanago_ctx
from salesmanago_async.integrations.fastapi import with_salesmanago
from tests.open_files import needs_proc, open_files
from tests.serving import serving

ADDRESSES = [f"c{number}@example.com" for number in range(60)]
DAY = 86_400_000

Block = AbstractAsyncContextManager[Any]
Open = Callable[[SalesManago], Block]


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """An account with contacts and two exports of them, behind a socket."""
    with serving(job_seconds=0.0) as found:

        async def fill() -> None:
            async with SalesManago.from_env(found, poll_interval=0.02) as sm:
                await sm.contacts.upsert_many({"email": address, "tags": ["C"]} for address in ADDRESSES)
                for _ in range(2):
                    await (await sm.contacts.export(to=[Tag("C")])).file_url()

        asyncio.run(fill())
        yield found


async def next_of(iterator: AsyncIterator[Any]) -> None:
    await anext(iterator, None)


async def close(generator: AsyncGenerator[Any]) -> None:
    await generator.aclose()


async def add_to(buffer: Any) -> None:
    await buffer.add({"email": "new@example.com"})


@asynccontextmanager
async def _aiohttp_app(sm: SalesManago) -> AsyncGenerator[Any]:
    app: Any = {}
    context = salesmanago_ctx(lambda: _client_like(sm))(app)
    await anext(context)
    try:
        yield app[CONTACTS]
    finally:
        await anext(context, None)


@asynccontextmanager
async def _fastapi_app(sm: SalesManago) -> AsyncGenerator[Any]:
    async with with_salesmanago(lambda: _client_like(sm))(None) as state:
        yield state["salesmanago"].contacts


def _client_like(sm: SalesManago) -> SalesManago:
    return SalesManago.from_env(_environ_of[sm], poll_interval=0.02)


_environ_of: dict[SalesManago, dict[str, str]] = {}


def now() -> int:
    return int(time.time() * 1000)


def people() -> Iterator[dict[str, str]]:
    return ({"email": address} for address in ADDRESSES)


def events() -> Iterator[dict[str, Any]]:
    return (
        {"email": address, "date": number, "contactExtEventType": "VISIT"} for number, address in enumerate(ADDRESSES)
    )


@frozen
class Entered:
    """A block of the library, and what is done inside it."""

    open: Open
    use: Callable[[Any], Awaitable[None]] = next_of


ENTERED = {
    "stream": Entered(lambda sm: sm.jobs.attach(1).stream()),
    "records": Entered(lambda sm: sm.jobs.attach(1).records()),
    "as_completed": Entered(lambda sm: sm.jobs.as_completed(map(sm.jobs.attach, (1, 2)))),
    "upserting": Entered(lambda sm: sm.contacts.upserting(people(), batch_size=7)),
    "adding": Entered(lambda sm: sm.events.adding(events(), batch_size=7)),
    "export_all": Entered(lambda sm: sm.contacts.export_all(size=7)),
    "export_modified": Entered(lambda sm: sm.contacts.export_modified(now() - DAY)),
    "walk": Entered(lambda sm: nullcontext(sm.contacts.walk(size=7))),
    "walk_modified": Entered(lambda sm: nullcontext(sm.contacts.walk_modified(now() - DAY, now()))),
    "buffer": Entered(lambda sm: sm.contacts.buffer(drain_within=2.0), add_to),
    "event buffer": Entered(lambda sm: sm.events.buffer(drain_within=2.0), lambda buffer: anyio.lowlevel.checkpoint()),
    "lifespan of FastAPI": Entered(_fastapi_app, add_to),
    "context of aiohttp": Entered(_aiohttp_app, add_to),
}

ON_EACH_WIRE = {"records", "as_completed", "upserting", "export_all", "export_modified", "buffer"}
"""Blocks that are left in the middle of requests and downloads; the other blocks behave the same."""
BUFFERS = {"buffer", "event buffer", "lifespan of FastAPI", "context of aiohttp"}


class OwnError(Exception):
    pass


async def filtered(entered: Entered, sm: SalesManago) -> AsyncGenerator[str]:
    """A typical generator of a caller."""
    async with entered.open(sm) as things:
        while True:
            await entered.use(things)
            yield "one"


async def broken_out_of(entered: Entered, sm: SalesManago) -> None:
    async for _ in filtered(entered, sm):
        break
    gc.collect()


async def left_at_the_end_of_the_program(entered: Entered, sm: SalesManago) -> None:
    async for _ in filtered(entered, sm):
        await anyio.sleep(0.2)  # anyio warns about tasks that asyncio.run cancels before their first step
        break


async def kept_until_the_end_of_the_program(entered: Entered, sm: SalesManago) -> None:
    generator = filtered(entered, sm)
    await anext(generator)
    await anyio.sleep(0.2)
    kept.append(generator)


kept: list[Any] = []


async def closed_by_another_task(entered: Entered, sm: SalesManago) -> None:
    generator = filtered(entered, sm)
    await anext(generator)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(close, generator)


async def fixture(entered: Entered, sm: SalesManago) -> None:
    """Enter in one task, use in a second, leave in a third; the first two have ended by then."""
    generator = filtered(entered, sm)
    for _ in range(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(next_of, generator)
    await closed(generator)


async def closed(generator: AsyncGenerator[Any]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(close, generator)


async def own_error(entered: Entered, sm: SalesManago) -> None:
    async def inside() -> None:
        async with entered.open(sm) as things:
            await entered.use(things)
            raise OwnError("of the caller")

    with pytest.raises(OwnError, match="of the caller"):
        await inside()


async def own_interrupt(entered: Entered, sm: SalesManago) -> None:
    async def inside() -> None:
        async with entered.open(sm) as things:
            await entered.use(things)
            raise KeyboardInterrupt("of the caller")

    with pytest.raises(KeyboardInterrupt, match="of the caller"):
        await inside()


async def cancelled_inside(entered: Entered, sm: SalesManago) -> None:
    with anyio.CancelScope() as scope:
        async with entered.open(sm) as things:
            await entered.use(things)
            scope.cancel()
            await anyio.sleep(60)
    assert scope.cancelled_caught
    await anyio.lowlevel.checkpoint()


async def cancelled_while_it_opens(entered: Entered, sm: SalesManago) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with entered.open(sm):
            await anyio.sleep(60)
    await anyio.lowlevel.checkpoint()


async def timed_out_inside(entered: Entered, sm: SalesManago) -> None:
    async def inside() -> None:
        async with entered.open(sm) as things:
            await entered.use(things)
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await inside()
    await asyncio.sleep(0)


async def timed_out_outside(entered: Entered, sm: SalesManago) -> None:
    async def inside() -> None:
        async with asyncio.timeout(0.3), entered.open(sm) as things:
            await entered.use(things)
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await inside()
    await asyncio.sleep(0)


async def task_cancelled(entered: Entered, sm: SalesManago) -> None:
    is_inside = asyncio.Event()

    async def inside() -> None:
        async with entered.open(sm) as things:
            await entered.use(things)
            is_inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(inside())
    await is_inside.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


WAYS = [
    broken_out_of,
    closed_by_another_task,
    fixture,
    own_error,
    own_interrupt,
    cancelled_inside,
    cancelled_while_it_opens,
]
LAST_WAYS = [left_at_the_end_of_the_program, kept_until_the_end_of_the_program]
ON_EACH_LOOP = [broken_out_of, cancelled_inside]
"""Those that the README's command tries with everything."""
WAYS_OF_ASYNCIO = [timed_out_inside, timed_out_outside, task_cancelled]
WIRES: dict[str, Any] = {"asyncio-httpx": None, "asyncio-aiohttp": "aiohttp", "trio-httpx": None}

Way = Callable[[Entered, SalesManago], Awaitable[None]]


def cases() -> Iterator[Any]:
    for wire in WIRES:
        on_asyncio = wire.startswith("asyncio")
        for way in [*WAYS, *LAST_WAYS, *(WAYS_OF_ASYNCIO if on_asyncio else [])]:
            for name in ENTERED:
                # asyncio.run cancels a buffer that is still open, as it cancels every task
                is_left_open = way in LAST_WAYS and name in BUFFERS
                is_other_wire = wire == "asyncio-aiohttp" and name not in ON_EACH_WIRE
                repeats = wire == "asyncio-aiohttp" or (not on_asyncio and name not in ON_EACH_WIRE)
                if not (is_left_open or is_other_wire) and (on_asyncio or name != "context of aiohttp"):
                    marks = [pytest.mark.ci] if repeats and way not in ON_EACH_LOOP else []
                    yield pytest.param(wire, way, name, id=f"{wire}-{way.__name__}-{name}", marks=marks)


@pytest.mark.sampled
@needs_proc
@pytest.mark.filterwarnings(
    "ignore:Async generator 'tests.connection.test_blocks.:ResourceWarning"
)  # from trio, about the caller's own generator
@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # from httpx, about a cancelled request
@pytest.mark.parametrize(("wire", "way", "name"), list(cases()))
def test_a_program_continues_after_leaving_a_block(
    wire: str,
    way: Way,
    name: str,
    environ: dict[str, str],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    entered, went_on = ENTERED[name], False

    async def program() -> None:
        nonlocal went_on
        tasks = living_tasks()
        sm = SalesManago.from_env(environ, poll_interval=0.02, transport=WIRES[wire])
        _environ_of[sm] = environ
        async with sm:
            await way(entered, sm)
            if way not in LAST_WAYS:
                await all_ended_but(tasks)
        went_on = True

    before = open_files()
    anyio.run(program, backend=wire.split("-", maxsplit=1)[0])
    kept.clear()
    _environ_of.clear()
    gc.collect()
    assert went_on
    assert capfd.readouterr().err == ""
    assert [record.getMessage() for record in caplog.records if not record.name.startswith("salesmanago_async")] == []
    deadline = time.monotonic() + 5
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # the server runs in another thread, and needs a moment to notice
    assert open_files() <= before


who_asks: ContextVar[str] = ContextVar("who_asks", default="nobody")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_callers_code_sees_the_callers_context(environ: dict[str, str], backend: str) -> None:
    """Sources, progress and hooks run in the background, but still see a request id, a span, a transaction."""
    seen: set[str] = set()

    def source() -> Iterator[dict[str, str]]:
        seen.add(f"source of {who_asks.get()}")
        yield from people()

    async def program() -> None:
        who_asks.set("ann")
        async with (
            SalesManago.from_env(environ, poll_interval=0.02) as sm,
            sm.contacts.upserting(
                source(), on_progress=lambda report: seen.add(f"progress of {who_asks.get()}")
            ) as outcomes,
        ):
            assert [outcome.state async for outcome in outcomes] == ["accepted"] * len(ADDRESSES)

    anyio.run(program, backend=backend)
    assert seen == {"source of ann", "progress of ann"}


@pytest.mark.ci
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ctrl_c_inside_a_block_ends_its_run_in_order(environ: dict[str, str], backend: str) -> None:
    """A real signal to a separate program: nothing is in doubt, and the program ends as with any Ctrl-C."""
    program = """
import anyio, os, signal, sys
from salesmanago_async import SalesManago

async def people():
    number = 0
    while True:
        number += 1
        yield {"email": f"k{number}@example.com"}
        await anyio.sleep(0.001)

async def main():
    async with SalesManago.from_env(poll_interval=0.05) as sm:
        outcomes = None
        try:
            async with sm.contacts.upserting(people(), batch_size=20) as outcomes:
                async for outcome in outcomes:
                    os.kill(os.getpid(), signal.SIGINT)
                    await anyio.sleep(30)
        finally:
            report = outcomes.report
            print(report.read > 0, report.in_doubt, report.read - report.accepted - report.submitted - report.not_sent)

anyio.run(main, backend=sys.argv[1])
"""
    command = [sys.executable, "-c", program, backend]
    shown = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60)
    assert shown.stdout.split() == ["True", "0", "0"]
    assert "KeyboardInterrupt" in shown.stderr
    assert "RuntimeError" not in shown.stderr
    assert shown.returncode in {1, 130, -signal.SIGINT}


async def all_ended_but(tasks: set[Any]) -> None:
    """Wait until abandoned generators have ended: the event loop closes them a little later."""
    with anyio.move_on_after(20):
        while living_tasks() - tasks:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.01)
    assert living_tasks() - tasks == set()


def living_tasks() -> set[Any]:
    """Return the tasks that run beside the program."""
    if sys.modules.get("trio") and _on_trio():
        root = trio.lowlevel.current_root_task()
        assert root
        found = [root]
        for task in found:
            for nursery in task.child_nurseries:
                found.extend(nursery.child_tasks)
        return set(found)
    return asyncio.all_tasks()


def _on_trio() -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
