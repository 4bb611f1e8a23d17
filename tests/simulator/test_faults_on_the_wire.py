"""What arrives over a socket when the simulator misbehaves: seen with nothing of ours."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from attrs import frozen

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.serving import serving_app

ANN = "ann@example.com"
ADD, ASK, BATCH = "contact/upsert", "contact/hasContact", "contact/batchupsertv2"
ADD_ANN = {"contact": {"email": ANN}}


@frozen
class Arrived:
    """What came until the connection ended, and whether it ended with a reset."""

    head: bytes
    body: bytes
    was_reset: bool

    def promised(self) -> int:
        (line,) = (line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(line.split(b":")[1])


@frozen
class Served:
    """A served simulator, asked over plain sockets."""

    host: str
    port: int
    simulator: Simulator

    def send(self, path: str, fields: dict[str, Any] | None = None) -> socket.socket:
        """Send a request, GET where there are no fields, and return the connection without waiting for the answer."""
        mine = DEMO_CREDENTIALS
        head = {"clientId": mine.client_id, "apiKey": mine.api_key, "sha": mine.signature(), "requestTime": 1}
        body = b"" if fields is None else json.dumps({**head, "owner": DEMO_OWNER, **fields}).encode()
        lines = [f"GET {path} HTTP/1.1" if fields is None else f"POST /api/{path} HTTP/1.1"]
        lines += ["Host: h", "Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        connection = socket.create_connection((self.host, self.port), timeout=20)
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    def ask(self, path: str, fields: dict[str, Any] | None = None) -> Arrived:
        """Send a request, and read until the connection ends."""
        with self.send(path, fields) as connection:
            return read(connection)

    def has_ann(self) -> bool:
        return bool(json.loads(self.ask(ASK, {"email": ANN}).body)["result"])

    def link(self, contacts: int) -> str:
        """Return the path of the link to an export of so many contacts."""
        entries = [{"contact": {"email": f"c{number}@example.com"}, "tags": ["ALL"]} for number in range(contacts)]
        self.ask(BATCH, {"upsertDetails": entries})
        chosen = {"contacts": [{"addresseeType": "TAG", "value": "ALL"}], "data": [{"dataType": "CONTACT"}]}
        number = json.loads(self.ask("contact/export/data", chosen).body)["requestId"]
        return str(urlsplit(json.loads(self.ask("job/status", {"requestId": number}).body)["fileUrl"]).path)


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
        parts = urlsplit(address)
        assert parts.port
        yield Served(str(parts.hostname), parts.port, simulator)


@pytest.fixture
def served(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Served]:
    """A served simulator that must end without a word of complaint."""
    with serving() as served:
        yield served
    assert capfd.readouterr().err == ""
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline


@pytest.mark.parametrize(("kind", "is_processed"), [("reset-before", False), ("reset-after", True)])
def test_a_reset_really_is_no_answer(kind: Any, is_processed: bool, served: Served) -> None:
    served.simulator.faults = [Fault(kind, path=ADD, at=1)]
    assert served.ask(ADD, ADD_ANN) == Arrived(b"", b"", was_reset=True)
    assert served.has_ann() is is_processed
    assert served.ask(ADD, ADD_ANN).head.startswith(b"HTTP/1.1 200 ")
    assert served.has_ann()


def test_a_reset_of_a_connection_that_was_used_before(served: Served) -> None:
    served.simulator.faults = [Fault("reset-before", at=2)]
    client = http.client.HTTPConnection(served.host, served.port, timeout=20)
    client.request("GET", "/api/contact/upsert")
    with client.getresponse() as answer:
        assert (answer.status, json.load(answer)["success"]) == (405, False)
    client.request("GET", "/api/contact/upsert")
    with pytest.raises(ConnectionError):
        client.getresponse()
    client.close()


def test_a_reset_that_the_client_does_not_wait_for(served: Served) -> None:
    served.simulator.faults = [Fault("reset-after", path=ADD)]
    served.send(ADD, ADD_ANN).close()
    wait_until(served.has_ann)


@pytest.mark.parametrize(
    ("fault", "line", "is_processed"),
    [
        (Fault("status", status=503, path=ADD, at=1, retry_after=5), b"HTTP/1.1 503 ", False),
        (Fault("status-after", status=500, path=ADD, at=1, retry_after=5), b"HTTP/1.1 500 ", True),
    ],
)
def test_a_status_comes_before_or_after_the_work(fault: Fault, line: bytes, is_processed: bool, served: Served) -> None:
    served.simulator.faults = [fault]
    arrived = served.ask(ADD, ADD_ANN)
    assert arrived.head.startswith(line)
    assert b"\r\nretry-after: 5\r\n" in arrived.head.lower() + b"\r\n"
    assert (json.loads(arrived.body)["success"], arrived.was_reset) == (False, False)
    assert served.has_ann() is is_processed


def test_a_garbled_answer_is_a_page(served: Served) -> None:
    served.simulator.faults = [Fault("garbled", path=ADD)]
    arrived = served.ask(ADD, ADD_ANN)
    assert arrived.head.startswith(b"HTTP/1.1 200 ")
    assert (arrived.body[:6], len(arrived.body)) == (b"<html>", arrived.promised())
    assert served.has_ann()


def test_a_truncated_answer_ends_in_the_middle(served: Served) -> None:
    served.simulator.faults = [Fault("truncated", path=ADD)]
    arrived = served.ask(ADD, ADD_ANN)
    assert (arrived.body[:1], len(arrived.body), arrived.was_reset) == (b"{", arrived.promised() // 2, False)
    assert served.has_ann()


def test_all_that_was_sent_before_the_cut_arrives() -> None:
    """It is more than all buffers take, and read in small pieces: much is yet to be sent when the answer ends."""
    promised, sent = 40_000_000, 20_000_000

    async def cut(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % promised)]})
        await send({"type": "http.response.body", "body": bytes(sent)})

    with serving_app(cut) as address, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        arrived = read(connection)
    assert (arrived.promised(), len(arrived.body), arrived.was_reset) == (promised, sent, False)


def test_a_client_sees_a_truncated_file_as_incomplete(served: Served) -> None:
    link = served.link(contacts=1)
    served.simulator.faults = [Fault("truncated", path="files", at=1)]
    address = f"http://{served.host}:{served.port}{link}"
    with urlopen(address, timeout=20) as file, pytest.raises(http.client.IncompleteRead):
        file.read()
    with urlopen(address, timeout=20) as file:
        assert len(json.load(file)) == 1


def test_a_file_is_garbled_or_its_link_expired(served: Served) -> None:
    link = served.link(contacts=1)
    served.simulator.faults = [Fault("expired", at=1), Fault("garbled", path="files", at=2)]
    assert served.ask(link).head.startswith(b"HTTP/1.1 403 ")
    garbled = served.ask(link)
    assert garbled.head.startswith(b"HTTP/1.1 200 ")
    with pytest.raises(ValueError):
        json.loads(garbled.body)
    assert json.loads(served.ask(link).body)


def test_a_failed_job_does_nothing(served: Served) -> None:
    served.simulator.faults = [Fault("failed-job")]
    number = json.loads(served.ask(BATCH, {"upsertDetails": [ADD_ANN]}).body)["requestId"]
    told = json.loads(served.ask("job/status", {"requestId": number}).body)
    assert (told["success"], bool(told["message"])) == (False, True)
    assert not served.has_ann()


def test_a_slow_request_is_processed_when_its_client_has_gone(served: Served) -> None:
    served.simulator.faults = [Fault("slow", seconds=0.3, path=ADD)]
    with served.send(ADD, ADD_ANN):
        assert not served.has_ann()
    wait_until(served.has_ann)


def test_a_late_answer_is_to_what_was_done_long_before(served: Served) -> None:
    served.simulator.faults = [Fault("late", seconds=0.3, path=ADD)]
    with served.send(ADD, ADD_ANN) as connection:
        wait_until(served.has_ann)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(20)
        assert json.loads(read(connection).body)["success"] is True


def test_a_server_that_ends_breaks_off_answers_that_take_too_long(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(faults=[Fault("late", seconds=600, path=ADD)]) as served:
        connection = served.send(ADD, ADD_ANN)
        wait_until(served.has_ann)
    with connection:
        assert read(connection) == Arrived(b"", b"", was_reset=True)
    assert "Traceback" not in capfd.readouterr().err


def test_an_app_that_breaks_by_mistake_is_still_complained_of(capfd: pytest.CaptureFixture[str]) -> None:
    """The silence that the other tests ask for is not that of a server that never complains."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a mistake")

    with serving_app(broken) as address:
        client = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        client.request("GET", "/")
        with client.getresponse() as answer:
            assert answer.status == 500
        client.close()
    assert "a mistake" in capfd.readouterr().err
