"""Why a server did not answer is said in the same plain words over each backend. Over raw sockets."""

import re
import socket
from contextlib import aclosing

import anyio
import anyio.abc
import pytest

from salesmanago_async import NoAnswer, Timeouts
from salesmanago_async.connection.backend import EARLY_ANSWER
from salesmanago_async.connection.http import Http
from salesmanago_async.connection.problems import (
    LOST,
    NO_ANSWER_IN_TIME,
    NO_CERTIFICATE,
    NO_CONNECTION,
    NO_HTTP,
    NO_NAME,
    NO_TLS,
    NOT_SENT_IN_TIME,
    PROBLEMS,
    problem_of,
)
from tests.connection.backends import MAKERS
from tests.connection.test_two_answers import BODY, BOTH_LOOPS, LOCALHOST, Serve, served

over_ours = pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(LOCALHOST))


def saying(answer: bytes, *, reads_until: bytes = b"", then_waits: bool = False) -> Serve:
    """A server that closes a connection of which something was not read resets it."""

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            while not (await stream.receive()).endswith(reads_until):
                pass
            if answer:
                await stream.send(answer)
            if then_waits:
                await anyio.sleep_forever()

    return serve


async def problem_at(url: str, backend: str, content: bytes = b"{}", **seconds: float) -> NoAnswer:
    timeouts = Timeouts(**{"connect": 20.0, "read": 20.0, "write": 20.0, **seconds})
    async with aclosing(Http(url, timeouts=timeouts, transport=MAKERS[backend](), connections=1)) as api:
        with pytest.raises(NoAnswer) as raised:
            await api.send("POST", "contact/addNote", content)
    assert not re.search(r"Error|Timeout|object at|errno", str(raised.value).partition(" (")[0])
    return raised.value


@pytest.mark.anyio
@over_ours
@pytest.mark.parametrize(
    ("serve", "problem"),
    [
        pytest.param(saying(b"", reads_until=b"{}"), LOST, id="closed"),
        pytest.param(saying(b"garbage\r\n\r\n", reads_until=b"{}"), NO_HTTP, id="no HTTP"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", reads_until=b"{}"), NO_HTTP, id="cut"),
        pytest.param(saying(b"", then_waits=True), NO_ANSWER_IN_TIME, id="silent"),
    ],
)
async def test_a_lost_answer(anyio_backend: str, backend: str, serve: Serve, problem: str) -> None:
    async with served(serve) as url:
        error = await problem_at(url, backend, read=0.2 if problem == NO_ANSWER_IN_TIME else 20.0)
    assert f" did not answer: {problem}" in str(error)
    assert error.sent is None


@pytest.mark.anyio
@over_ours
async def test_a_body_that_is_not_taken(anyio_backend: str, backend: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # which never accepts a connection, and so reads nothing
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        error = await problem_at(url, backend, BODY["filler"].encode(), write=0.1)
    assert str(error).endswith(f" did not answer: {NOT_SENT_IN_TIME}")


@pytest.mark.anyio
@over_ours
async def test_an_early_answer(anyio_backend: str, backend: str) -> None:
    async with served(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", then_waits=True)) as url:
        error = await problem_at(url, backend, BODY["filler"].encode())
    assert str(error).endswith(f" did not answer: {EARLY_ANSWER}")


@pytest.mark.anyio
@over_ours
async def test_no_connection(anyio_backend: str, backend: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    error = await problem_at(f"http://127.0.0.1:{port}", backend)
    assert str(error) == f"127.0.0.1:{port} cannot be reached: {NO_CONNECTION}"
    error = await problem_at("https://nowhere.invalid", backend)
    assert str(error) == f"nowhere.invalid cannot be reached: {NO_NAME}"


@pytest.mark.anyio
@over_ours
async def test_no_tls(anyio_backend: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(saying(b"HTTP/1.1 400 Bad\r\n\r\n")) as url:
        error = await problem_at(url.replace("http:", "https:"), backend)
    assert f" cannot be reached: {NO_TLS} (wrong version number)" in str(error)
    monkeypatch.delenv("SSL_CERT_FILE")  # so that nobody vouches for the certificate of this machine
    async with served(saying(b""), "https") as url:
        error = await problem_at(url, backend)
    assert re.search(f" cannot be reached: {NO_CERTIFICATE} [(]self.signed certificate", str(error))
    assert error.sent is False


@pytest.mark.parametrize("not_sent", [False, True])
@pytest.mark.parametrize("timed_out", [False, True])
@pytest.mark.parametrize("error", [OSError("secret"), ExceptionGroup("secret", [socket.gaierror(-2, "secret")])])
def test_what_is_said_may_be_logged(error: Exception, not_sent: bool, timed_out: bool) -> None:
    problem, detail = problem_of(error, not_sent=not_sent, timed_out=timed_out)
    assert problem in PROBLEMS
    assert detail == ""
