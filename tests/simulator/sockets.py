"""A served simulator, and requests over plain sockets, without the library."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import frozen

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from tests.serving import serving_app

ASK, BATCH = "contact/hasContact", "contact/batchupsertv2"
ANN = "ann@example.com"


@frozen
class Arrived:
    """The bytes received until the connection ended, and whether it ended with a reset."""

    head: bytes
    body: bytes
    was_reset: bool

    def promised(self) -> int:
        (line,) = (line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(line.split(b":")[1])


@frozen
class Served:
    """A served simulator, and requests over plain sockets."""

    host: str
    port: int
    simulator: Simulator

    @classmethod
    def at(cls, address: str, simulator: Simulator) -> Self:
        parts = urlsplit(address)
        assert parts.port
        return cls(str(parts.hostname), parts.port, simulator)

    def send(self, path: str, fields: dict[str, Any] | None = None) -> socket.socket:
        """Send a request (GET without fields), and return the connection without waiting for the answer.

        The owner is added to the fields, unless a field `owner` is None.
        """
        mine = DEMO_CREDENTIALS
        head = {"clientId": mine.client_id, "apiKey": mine.api_key, "sha": mine.signature(), "requestTime": 1}
        fields_sent = {"owner": DEMO_OWNER, **(fields or {}), **head}
        known = {name: value for name, value in fields_sent.items() if value is not None}
        body = b"" if fields is None else json.dumps(known).encode()
        lines = [f"GET {path} HTTP/1.1" if fields is None else f"POST /api/{path} HTTP/1.1"]
        lines += ["Host: h", "Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        connection = socket.create_connection((self.host, self.port), timeout=20)
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    def ask(self, path: str, fields: dict[str, Any] | None = None) -> Arrived:
        """Send a request, and read until the connection ends."""
        with self.send(path, fields) as connection:
            return read(connection)

    def address(self, path: str) -> str:
        return f"http://{self.host}:{self.port}{path}"

    def has_ann(self) -> bool:
        return bool(json.loads(self.ask(ASK, {"email": ANN}).body)["result"])

    def link(self, contacts: int) -> str:
        """Return the path of the link to an export of `count` contacts."""
        entries = [{"contact": {"email": f"c{number}@example.com"}, "tags": ["ALL"]} for number in range(contacts)]
        self.ask(BATCH, {"upsertDetails": entries})
        chosen = {"contacts": [{"addresseeType": "TAG", "value": "ALL"}], "data": [{"dataType": "CONTACT"}]}
        return self._link_to("contact/export/data", chosen)

    def link_to_archive(self) -> str:
        """Return the path of the link to a ZIP: the recipients of a web push notification."""
        return self._link_to("notification/conversation/data", {"webPushId": 12345, "owner": None})

    def _link_to(self, path: str, fields: dict[str, Any]) -> str:
        return self.link_of(json.loads(self.ask(path, fields).body)["requestId"])

    def link_of(self, job: int) -> str:
        """Return the path of a fresh link to the file of a finished job."""
        return str(urlsplit(json.loads(self.ask("job/status", {"requestId": job}).body)["fileUrl"]).path)

    def say(self, lines: bytes) -> bytes:
        """Send bytes, and return what is received until the connection ends."""
        with socket.create_connection((self.host, self.port), timeout=20) as connection:
            connection.sendall(lines)
            arrived = read(connection)
        return arrived.head + b"\r\n\r\n" + arrived.body


def read(connection: socket.socket) -> Arrived:
    arrived = bytearray()
    was_reset = False
    try:
        while piece := connection.recv(65536):
            arrived += piece
    except ConnectionResetError:
        was_reset = True
    head, _, body = bytes(arrived).partition(b"\r\n\r\n")
    return Arrived(head, body, was_reset)


@contextmanager
def serving(**options: Any) -> Iterator[Served]:
    simulator = Simulator(job_seconds=0, **options)
    with serving_app(simulator) as address:
        yield Served.at(address, simulator)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
