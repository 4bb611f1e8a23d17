"""Servers on raw sockets that accept connections and answer nothing: what a run does to them, over both transports."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest
from attrs import define

from salesmanago_async import Contact, ExternalEvent, RateLimited, Report, Retries, SalesManago, Timeouts
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER
from tests.serving import listening

pytestmark = [pytest.mark.ci, pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

RETRIES = Retries(first_wait=0.05, longest_wait=0.3)
PATIENCE = 1.0


@define
class Dead:
    """Reads a request, and then does what a dead server does."""

    how: str
    requests: int = 0

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            self.requests += 1
            await self._end(writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _end(self, writer: StreamWriter) -> None:
        if self.how == "resets":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif self.how == "says nothing":
            await asyncio.sleep(60)
        elif self.how == "breaks off":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
        elif self.how == "a page":
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
        else:
            writer.write(b"HTTP/1.1 429 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


HOWS = [
    *[(how, None) for how in ("resets", "says nothing", "breaks off", "a page")],
    *[(how, "aiohttp") for how in ("resets", "says nothing")],
]


async def run(kind: str, dead: Dead, transport: Any) -> Report:
    contacts = [Contact(email=f"c{number}@example.com") for number in range(1000)]
    events = [
        ExternalEvent(email=f"c{number}@example.com", date=1_700_000_000_000, contact_ext_event_type="CART")
        for number in range(1000)
    ]
    options: dict[str, Any] = {"batch_size": 5, "patience": PATIENCE}
    async with (
        listening(dead) as address,
        SalesManago(
            DEMO_CREDENTIALS,
            owner=DEMO_OWNER,
            base_url=address,
            transport=transport,
            concurrency=3,
            retries=RETRIES,
            timeouts=Timeouts(read=0.3),
            poll_interval=0.2,
        ) as sm,
    ):
        if kind == "contacts":
            return await sm.contacts.upsert_many(contacts, **options)
        return await sm.events.add_many(events, **options)


@pytest.mark.parametrize(("how", "transport"), HOWS)
@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_dead_server_gets_a_handful_of_requests_and_ends_the_run(kind: str, how: str, transport: Any) -> None:
    dead = Dead(how)
    report = await asyncio.wait_for(run(kind, dead, transport), 15)
    assert "stopped before the end: no answer for 1 s" in str(report)
    assert PATIENCE <= report.seconds < PATIENCE + 3
    assert dead.requests < 70
    assert report.in_doubt < 200
    assert report.accepted == 0


@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_server_that_only_ever_has_too_much_to_do_is_raised(kind: str) -> None:
    """Nothing was processed, so nothing is in doubt."""
    with pytest.raises(RateLimited, match="no answer for 1 s") as caught:
        await asyncio.wait_for(run(kind, Dead("429"), None), 15)
    assert "in doubt" not in caught.value.__notes__[0]
