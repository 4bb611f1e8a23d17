"""What arrives over a socket when the simulator has faults, tested without the library."""

import http.client
import json
import socket
from threading import Event
from typing import Any
from urllib.request import urlopen

import pytest

from salesmanago_async.simulator import Fault, Simulator
from tests.serving import serving_app
from tests.simulator.sockets import ANN, BATCH, Arrived, Served, read, serving, wait_until

pytestmark = pytest.mark.ci

ADD = "contact/upsert"
ADD_ANN = {"contact": {"email": ANN}}


@pytest.mark.parametrize(("kind", "is_processed"), [("reset-before", False), ("reset-after", True)])
def test_a_reset_sends_no_answer(kind: Any, is_processed: bool, served: Served) -> None:
    served.simulator.faults = [Fault(kind, path=ADD, at=1)]
    assert served.ask(ADD, ADD_ANN) == Arrived(b"", b"", was_reset=True)
    assert served.has_ann() is is_processed
    assert served.ask(ADD, ADD_ANN).head.startswith(b"HTTP/1.1 200 ")
    assert served.has_ann()


def test_a_reset_of_a_reused_connection(served: Served) -> None:
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
def test_a_status_comes_before_or_after_processing(
    fault: Fault, line: bytes, is_processed: bool, served: Served
) -> None:
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


def test_everything_sent_before_the_cut_arrives() -> None:
    """The answer is larger than all buffers, and read in small pieces: much is still to be sent when it ends."""
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


@pytest.mark.parametrize("after", [0, 1, 1000, 200_000])
def test_a_truncated_file_ends_after_the_given_bytes(after: int, served: Served) -> None:
    link = served.link(contacts=1000)
    whole = served.ask(link)
    served.simulator.faults = [Fault("truncated", path="files", after=after)]
    arrived = served.ask(link)
    assert (arrived.promised(), arrived.was_reset) == (len(whole.body), False)
    assert arrived.body == whole.body[:after]


@pytest.mark.parametrize("after", [0, 1, 1000, 200_000, 10_000_000])
def test_a_file_is_reset_after_the_given_bytes_at_most(after: int, served: Served) -> None:
    link = served.link(contacts=1000)
    whole = served.ask(link)
    served.simulator.faults = [Fault("reset-after", path="files", after=after)]
    arrived = served.ask(link)
    assert arrived.was_reset
    assert len(arrived.body) <= after
    assert whole.body.startswith(arrived.body)


def test_a_link_can_expire_in_the_middle_of_a_file(served: Served) -> None:
    link = served.link(contacts=1)
    served.simulator.faults = [Fault("expired", after=20)]
    assert len(served.ask(link).body) == 20
    served.simulator.faults = []
    assert served.ask(link).head.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("by", [10, 1_000_000])
def test_a_too_large_length_leaves_the_answer_incomplete(by: int, served: Served) -> None:
    link = served.link(contacts=1000)
    whole = served.ask(link)
    served.simulator.faults = [Fault("wrong-length", path="files", by=by)]
    arrived = served.ask(link)
    assert (arrived.body, arrived.was_reset) == (whole.body, False)
    assert arrived.promised() == len(whole.body) + by


@pytest.mark.parametrize("by", [-1, -100_000, -10_000_000])
def test_bytes_beyond_the_length_are_sent_anyway(by: int, served: Served) -> None:
    """A client that trusts the length gets only a part; the bytes after it belong to no answer."""
    link = served.link(contacts=1000)
    whole = served.ask(link)
    served.simulator.faults = [Fault("wrong-length", path="files", by=by)]
    arrived = served.ask(link)
    assert (arrived.body, arrived.was_reset) == (whole.body, False)
    assert arrived.promised() == max(0, len(whole.body) + by)
    with urlopen(served.address(link), timeout=20) as file:
        assert file.read() == whole.body[: arrived.promised()]


@pytest.mark.parametrize("by", [-10, 10])
def test_a_head_answer_has_no_body_with_any_length(by: int, served: Served) -> None:
    link = served.link(contacts=1).encode()
    served.simulator.faults = [Fault("wrong-length", path="files", by=by)]
    lines = b"HEAD %b HTTP/1.1\r\nHost: h\r\n\r\nHEAD /files/nosuch HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    arrived = served.say(lines % link)
    assert arrived.count(b"HTTP/1.1 200 ") == arrived.count(b"HTTP/1.1 404 ") == 1
    assert b"contactData" not in arrived


def test_a_connection_with_unread_bytes_is_not_reused(served: Served) -> None:
    link = served.link(contacts=1)
    served.simulator.faults = [Fault("wrong-length", path="files", by=-10)]
    client = http.client.HTTPConnection(served.host, served.port, timeout=20)

    def ask() -> bytes:
        client.request("GET", link)
        with client.getresponse() as answer:
            return answer.read()

    assert ask()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask()
    client.close()


def test_a_trickle_is_slow_and_ends_when_the_client_has_gone() -> None:
    simulator = Simulator(job_seconds=0, faults=[Fault("trickle", path="files", seconds=0.01)])
    ended = Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await simulator(scope, receive, send)
        except ConnectionResetError:
            ended.set()
            raise

    with serving_app(app) as address:
        served = Served.at(address, simulator)
        with served.send(served.link(contacts=1000)) as connection:
            assert connection.recv(1)
        assert ended.wait(20)


def test_a_failed_job_does_nothing(served: Served) -> None:
    served.simulator.faults = [Fault("failed-job")]
    number = json.loads(served.ask(BATCH, {"upsertDetails": [ADD_ANN]}).body)["requestId"]
    answer = json.loads(served.ask("job/status", {"requestId": number}).body)
    assert (answer["success"], bool(answer["message"])) == (False, True)
    assert not served.has_ann()


def test_a_slow_request_is_processed_when_its_client_has_gone(served: Served) -> None:
    served.simulator.faults = [Fault("slow", seconds=0.3, path=ADD)]
    with served.send(ADD, ADD_ANN):
        assert not served.has_ann()
    wait_until(served.has_ann)


def test_a_late_answer_follows_immediate_processing(served: Served) -> None:
    served.simulator.faults = [Fault("late", seconds=0.3, path=ADD)]
    with served.send(ADD, ADD_ANN) as connection:
        wait_until(served.has_ann)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(20)
        assert json.loads(read(connection).body)["success"] is True


def test_a_server_that_ends_resets_answers_that_take_too_long(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(faults=[Fault("late", seconds=600, path=ADD)]) as served:
        connection = served.send(ADD, ADD_ANN)
        wait_until(served.has_ann)
    with connection:
        assert read(connection) == Arrived(b"", b"", was_reset=True)
    assert "Traceback" not in capfd.readouterr().err


def test_an_unexpected_error_of_the_app_is_still_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """The other tests expect an empty log, which must not be the log of a server that never logs."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a mistake")

    with serving_app(broken) as address:
        client = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        client.request("GET", "/")
        with client.getresponse() as answer:
            assert answer.status == 500
        client.close()
    assert "a mistake" in capfd.readouterr().err
