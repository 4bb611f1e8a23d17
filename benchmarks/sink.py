"""A server that takes everything and answers at once, in a process of its own: what is measured is the client.

It looks into a body only for the addresses of the contacts, so that the result file of their job can name them all, as
a real one does.
"""

import asyncio
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import orjson

ADDED = orjson.dumps({"success": True, "createdAmount": 1000, "failedAmount": 0, "failedContacts": []})
UPSERTED = orjson.dumps({"success": True, "message": [], "contactId": "c0ffee00-0000-4000-8000-000000000000"})

_ADDRESS = re.compile(rb'"email": ?"([^"]*)"')
_REQUEST_ID = re.compile(rb'"requestId": ?(\d+)')


class Account:
    """What there is to know of the jobs: the result file of each, until it is fetched."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self._numbers = count(1)
        self._results: dict[int, bytes] = {}

    def answer(self, path: bytes, body: bytes) -> bytes:
        """Return the answer to a request."""
        if path.endswith(b"/batchupsertv2"):
            number = next(self._numbers)
            self._results[number] = _result(_ADDRESS.findall(body))
            return b'{"success":true,"message":[],"requestId":%d}' % number
        if path.endswith(b"/job/status"):
            found = _REQUEST_ID.search(body)
            return b'{"success":true,"message":[],"fileUrl":"%b/file/%b"}' % (
                self.address.encode(),
                found[1] if found else b"0",
            )
        if path.startswith(b"/file/"):
            return self._results.pop(int(path.removeprefix(b"/file/")))
        return UPSERTED if path.endswith(b"/contact/upsert") else ADDED


def _result(addresses: list[bytes]) -> bytes:
    """Return the result file of a job that has taken these contacts."""
    ids = b",".join([b'"%b":"00000000-0000-4000-8000-000000000000"' % address for address in addresses])
    return b'{"success":true,"contactIds":{%b},"message":[],"invalidContacts":[]}' % ids


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as it takes: the end of the head, and the length of the body."""

    def __init__(self, account: Account, latency: float) -> None:
        self._account = account
        self._latency = latency
        self._transport: Any = None
        self._received: list[bytes] = []
        self._missing = 0
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect a request, and answer it when it is whole."""
        if not self._path:
            head, end, body = b"".join([*self._received, data]).partition(b"\r\n\r\n")
            if not end:
                self._received = [head]
                return
            self._path = head.split(b" ", 2)[1]
            self._missing = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            self._received, data = [], body
        self._received.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            path, body = self._path, b"".join(self._received)
            self._received, self._path = [], b""
            self.answer(path, body)

    def answer(self, path: bytes, body: bytes) -> None:
        """Answer a request, after the latency."""
        self.send(b"200 OK", self._account.answer(path, body), self._latency)

    def send(self, status: bytes, body: bytes, seconds: float) -> None:
        """Send an answer after so many seconds."""
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._transport.write, head + body)
        else:
            self._transport.write(head + body)


async def serve(make: Callable[[], Connection], account: Account, certificate: str = "") -> None:
    """Serve at any free port, over TLS where there is a certificate, and print the address."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
    if tls:
        tls.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    account.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(account.address, flush=True)
    await server.serve_forever()


@contextmanager
def in_process(module: str, *arguments: float | Path) -> Iterator[str]:
    """Have the server of a module run in a process of its own, and give its address."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"{module} did not start")
            yield address
        finally:
            process.kill()


def sink(*, latency: float = 0.0, certificate: Path | None = None) -> AbstractContextManager[str]:
    """Have the server run, each answer `latency` seconds after its request, and give its address."""
    return in_process("benchmarks.sink", latency, *([certificate] if certificate else []))


def _main(latency: float, certificate: str = "") -> None:
    account = Account()
    asyncio.run(serve(lambda: Connection(account, latency), account, certificate))


if __name__ == "__main__":
    _main(float(sys.argv[1]), *sys.argv[2:])
