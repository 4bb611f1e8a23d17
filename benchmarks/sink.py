"""A server that takes everything and answers at once, in a process of its own: what is measured is the client."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import orjson

ADDED = orjson.dumps({"success": True, "createdAmount": 1000, "failedAmount": 0, "failedContacts": []})
RESULT = orjson.dumps({"success": True, "contactIds": {}, "message": [], "invalidContacts": []})


class _Sink(asyncio.Protocol):
    """HTTP/1.1 as far as it takes: the length of a body, and the end of the head."""

    numbers = count(1)
    address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._head = b""
        self._missing = 0
        self._path = b""

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            head, end, body = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._head = b""
            self._path = head.split(b" ", 2)[1]
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._missing = int(length or 0) - len(body)
        if self._missing <= 0:
            self._missing = 0
            self._answer()

    def _answer(self) -> None:
        if self._path.endswith(b"batchupsertv2"):
            body = orjson.dumps({"success": True, "message": [], "requestId": next(self.numbers)})
        elif self._path.endswith(b"job/status"):
            body = orjson.dumps({"success": True, "message": [], "fileUrl": f"{self.address}/file"})
        else:
            body = RESULT if self._path == b"/file" else ADDED
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def _serve(tell: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    _Sink.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tell.send(_Sink.address)
    await server.serve_forever()


def _run(tell: Connection) -> None:
    asyncio.run(_serve(tell))


@contextmanager
def sink() -> Iterator[str]:
    """Have the server run, and give its address."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()
