"""Serves the simulator over a real socket (needs uvicorn, in the extra `cli`)."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ._asgi import App, Message, Receive, Send

_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LAST_SECONDS = 1


def serve(app: App, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal arrives; `announce` is called with the address when the server accepts connections.

    Raises `OSError` if the port is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listening:
        bound = listening.getsockname()[1]
        announce(f"http://{_reachable(host)}:{bound}")
        uvicorn.Server(make_config(app)).run(sockets=[listening])


@contextmanager
def serving_in_thread(app: App, port: int = 0) -> Generator[str]:
    """Serve an app in a thread until the end of the block, by default at any free port; give its address."""
    config = make_config(app)
    config.port = port
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, name="salesmanago-simulator")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        bound = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.should_exit = True
        thread.join()


def _reachable(host: str) -> str:
    """Return the host name under which a client on this machine reaches the server; "0.0.0.0" itself is not one."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - the address is compared, not bound
        return "127.0.0.1"
    if set(host) <= set("0:"):  # :: and its longer spellings
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def make_config(app: App) -> uvicorn.Config:
    """Return the configuration of uvicorn for an ASGI app that may break connections; the default port is any free one.

    If the app raises `ConnectionResetError`, the connection is reset, whatever was sent before. If an answer is shorter
    or longer than its Content-Length, its bytes are sent, and then the connection is closed. Sending to a client that
    has gone raises `ConnectionResetError`. When the server ends, it waits a second for late answers.
    """
    return uvicorn.Config(
        app,
        port=0,
        http=_Protocol,
        loop="asyncio",
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",  # looking for a library of web sockets imports deprecated modules
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


class _Protocol(H11Protocol):
    """A connection that the app can break."""

    def connection_made(self, transport: Any) -> None:
        """Pass the transport to the app."""
        super().connection_made(transport)
        self.app = partial(_answer, self.app, transport)


async def _answer(app: Any, transport: asyncio.Transport, scope: Message, receive: Receive, send: Send) -> None:
    is_body_read = scope["method"] != "HEAD"
    left: int | None = None  # bytes that were promised and not sent yet

    async def send_what_there_is(message: Message) -> None:
        """Send a message, even if its length differs from the promised one, which uvicorn refuses."""
        nonlocal left
        if transport.is_closing():
            raise ConnectionResetError("the client went away")
        if message["type"] == "http.response.start":
            left = _promised(message) if is_body_read else None
        if message["type"] == "http.response.start" or left is None:
            await send(message)
            return
        body = message.get("body", b"")
        fitting, excess = body[: max(left, 0)], body[max(left, 0) :]
        left -= len(body)
        is_broken = left != 0 and not message.get("more_body")
        await send({**message, "body": fitting, "more_body": is_broken or message.get("more_body", False)})
        transport.write(excess)
        if is_broken:
            transport.close()
            await _wait_for_disconnect(receive)

    try:
        await app(scope, receive, send_what_there_is)
    except (ConnectionResetError, asyncio.CancelledError):  # a late answer is cancelled when the server ends
        await _reset(transport, receive)


def _promised(message: Message) -> int | None:
    length = dict(message.get("headers", ())).get(b"content-length")
    return None if length is None else int(length)


async def _reset(transport: asyncio.Transport, receive: Receive) -> None:
    with suppress(OSError):  # the client has closed the connection already
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    while True:
        with suppress(asyncio.CancelledError):  # the server cancels twice when it ends; the disconnect follows soon
            return await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive) -> None:
    """Wait until uvicorn has noticed the disconnect; before that, it would log an error about a missing answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
