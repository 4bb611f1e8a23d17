"""With aiohttp, each piece of a body has the whole time-out of writing. Over raw sockets that are read in a thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from salesmanago_async import NoAnswer, Retries, Timeouts
from tests.connection.test_two_answers import BODY, LOCALHOST, over_each_scheme, tls_of_localhost
from tests.connection.test_two_answers import client as over

pytestmark = [pytest.mark.ci, pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

WRITE = 0.5
SECONDS = Timeouts(connect=20, read=20, write=WRITE)
STEP = 1_000_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + b'{"success":true}'


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(LOCALHOST))


@contextlib.contextmanager
def reading(scheme: str, wait: Callable[[], object]) -> Iterator[str]:
    """Serve one request in a thread: `wait` is called before each MB of it is read, then it is answered."""

    def serve() -> None:
        connection: Any
        with contextlib.suppress(OSError), listening.accept()[0] as connection:
            if scheme == "https":
                connection = tls_of_localhost().wrap_socket(connection, server_side=True)
            with connection:
                left = len(BODY["filler"])
                while left > 0:
                    wait()
                    step = min(STEP, left)
                    while step > 0:
                        count = len(connection.recv(step))
                        if not count:
                            return
                        step, left = step - count, left - count
                connection.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    while connection.recv(STEP):  # the head and the rest of the JSON
                        pass
                connection.settimeout(None)
                connection.sendall(ANSWER)

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
    thread.join(10)


@over_each_scheme
async def test_a_body_may_take_longer_than_each_of_its_pieces(scheme: str) -> None:
    began = time.perf_counter()
    with reading(scheme, lambda: time.sleep(WRITE / 4)) as url:
        async with over(url, "aiohttp", timeouts=SECONDS, retries=Retries(tries=1)) as sm:
            await sm.call("contact/addNote", BODY)
    assert time.perf_counter() - began > 3 * WRITE


@over_each_scheme
async def test_a_piece_that_takes_longer_ends_the_request(scheme: str) -> None:
    waits = iter([0.0, 0.0, 0.0])
    began = time.perf_counter()
    with reading(scheme, lambda: time.sleep(next(waits, 6 * WRITE))) as url:
        async with over(url, "aiohttp", timeouts=SECONDS, retries=Retries(tries=1)) as sm:
            with pytest.raises(NoAnswer) as raised:
                await sm.call("contact/addNote", BODY)
            assert raised.value.timed_out
            assert WRITE <= time.perf_counter() - began < 5 * WRITE


@over_each_scheme
async def test_a_piece_that_was_written_while_nothing_else_ran_is_in_time(scheme: str) -> None:
    """Its time is over and it is written in the same turn of the event loop; the rest must follow all the same."""
    may_read = threading.Event()
    with reading(scheme, may_read.wait) as url:
        async with (
            over(url, "aiohttp", timeouts=SECONDS, retries=Retries(tries=1)) as sm,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(sm.call, "contact/addNote", BODY)
            await anyio.sleep(WRITE / 2)  # the first pieces fill the buffers, and the next one waits
            may_read.set()
            time.sleep(2 * WRITE)  # noqa: ASYNC251 - such as a synchronous source that makes its next row
