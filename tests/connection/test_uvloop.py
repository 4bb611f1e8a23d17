"""uvloop as the event loop, over sockets and both transports: runs, exports, time-outs, lost connections.

Its transports differ from those of asyncio where connections end: see `_Exchange` of the aiohttp backend.
"""

import asyncio
import gc
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Any

import anyio
import pytest

from salesmanago_async import NoAnswer, Retries, SalesManago, Tag, Timeouts
from salesmanago_async.simulator import Simulator
from tests.serving import listening, serving_account

pytest.importorskip("uvloop")
pytestmark = [pytest.mark.ci, pytest.mark.anyio]

PEOPLE = [{"email": f"c{number}@example.com", "tags": ["VIP"]} for number in range(600)]
LONG = {"a": "x" * 8_000_000}
over_both = pytest.mark.parametrize("transport", [None, "aiohttp"])


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@over_both
@pytest.mark.filterwarnings("error")
async def test_a_run_and_an_export_get_over_lost_connections(transport: Any, tmp_path: Path) -> None:
    simulator = Simulator(job_seconds=0.0)
    simulator.fail("reset-after", path="contact/batchupsertv2", at=[2, 5])
    simulator.fail("reset-before", path="contact/batchupsertv2", at=[3])
    simulator.fail("truncated", path="files", after=100, at=1)
    with serving_account(simulator) as environ:
        async with SalesManago.from_env(environ, transport=transport, poll_interval=0.05) as sm:
            report = await sm.contacts.upsert_many(PEOPLE, batch_size=50, journal=tmp_path / "run.db")
            job = await sm.contacts.export(to=[Tag("VIP")])
            await job.save(tmp_path / "vip.jsonl")
        gc.collect()
    assert (report.accepted, report.retries >= 3) == (len(PEOPLE), True)
    assert len((tmp_path / "vip.jsonl").read_text().splitlines()) == len(PEOPLE)


@over_both
@pytest.mark.filterwarnings("error")
async def test_a_run_that_is_cancelled_counts_all_and_goes_on(transport: Any, tmp_path: Path) -> None:
    simulator = Simulator(job_seconds=0.0)
    with serving_account(simulator) as environ:
        async with SalesManago.from_env(environ, transport=transport, poll_interval=0.05, rate=20) as sm:
            run = asyncio.create_task(sm.contacts.upsert_many(PEOPLE, batch_size=50, journal=tmp_path / "run.db"))
            await asyncio.sleep(0.25)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert (await sm.contacts.has("c0@example.com")).success
            report = await sm.contacts.upsert_many(PEOPLE, batch_size=50, journal=tmp_path / "run.db")
        gc.collect()
    assert report.accepted == len(PEOPLE)
    assert len(simulator.contacts) == len(PEOPLE)


async def _hangs(reader: StreamReader, _: StreamWriter) -> None:
    await reader.read(100)
    await anyio.sleep_forever()


async def _hangs_up(reader: StreamReader, _: StreamWriter) -> None:
    await reader.read(100)


async def _resets(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read(100)
    writer.transport.abort()


async def _answers_half(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()


@over_both
@pytest.mark.parametrize("serve", [_hangs, _hangs_up, _resets, _answers_half])
@pytest.mark.parametrize("body", [{"a": "x"}, LONG], ids=["short", "long"])
async def test_a_server_that_fails_is_an_error_in_time(serve: Any, transport: Any, body: dict[str, str]) -> None:
    async def serve_and_close(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    environ = {f"SALESMANAGO_{name}": "x" for name in ("CLIENT_ID", "API_KEY", "API_SECRET")}
    timeouts = Timeouts(connect=0.5, read=0.5, write=0.5)
    async with listening(serve_and_close) as address:
        options: dict[str, Any] = {"transport": transport, "timeouts": timeouts, "retries": Retries(tries=2)}
        async with SalesManago.from_env({**environ, "SALESMANAGO_BASE_URL": address}, **options) as sm:
            with anyio.fail_after(5), pytest.raises(NoAnswer) as raised:
                await sm.call("contact/some", body)
    assert raised.value.maybe_applied
