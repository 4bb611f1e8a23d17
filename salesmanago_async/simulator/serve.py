"""The simulator over a real socket (needs uvicorn, of the extra `cli`)."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ._asgi import App, Message, Receive, Send
from .app import Simulator

_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LAST_SECONDS = 1


def serve(app: Simulator, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal comes; `announce` is told the address once connections are taken.

    Raises `OSError` where the port is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listening:
        bound = listening.getsockname()[1]
        announce(f"http://{_reachable(host)}:{bound}")
        uvicorn.Server(make_config(app)).run(sockets=[listening])


def _reachable(host: str) -> str:
    """Return under what host a client on this machine reaches the server: every address has none of its own."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - this is what is not announced
        return "127.0.0.1"
    if set(host) <= set("0:"):  # :: and its longer spellings
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def make_config(app: App) -> uvicorn.Config:
    """Return how uvicorn is to serve an ASGI app that may break connections, by default at any free port.

    Where the app raises `ConnectionResetError`, the connection is reset, whatever was sent by then. Where an answer is
    shorter or longer than its Content-Length, what there is of it arrives, and the connection is closed. Whoever sends
    to a client that has gone gets a `ConnectionResetError`. At its end the server waits a second for answers that are
    late.
    """
    return uvicorn.Config(
        app,
        port=0,
        http=_Protocol,
        loop="asyncio",
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


class _Protocol(H11Protocol):
    """A connection, which its app can break."""

    def connection_made(self, transport: Any) -> None:
        """Have the app answer with its hand on the transport."""
        super().connection_made(transport)
        self.app = partial(_answer, self.app, transport)


async def _answer(app: Any, transport: asyncio.Transport, scope: Message, receive: Receive, send: Send) -> None:
    is_body_read = scope["method"] != "HEAD"
    left: int | None = None  # so many bytes are promised and not yet sent

    async def send_what_there_is(message: Message) -> None:
        """Send it, also where it is not as long as was promised, which uvicorn would not."""
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
            await _see_it_lost(receive)

    try:
        await app(scope, receive, send_what_there_is)
    except (ConnectionResetError, asyncio.CancelledError):  # cancelled is what is still late when the server ends
        await _reset(transport, receive)


def _promised(message: Message) -> int | None:
    length = dict(message.get("headers", ())).get(b"content-length")
    return None if length is None else int(length)


async def _reset(transport: asyncio.Transport, receive: Receive) -> None:
    with suppress(OSError):  # the client was faster
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    while True:
        with suppress(asyncio.CancelledError):  # a server that ends cancels twice, and the loss is a moment away
            return await _see_it_lost(receive)


async def _see_it_lost(receive: Receive) -> None:
    """Wait until uvicorn knows that the connection is gone; before, it would complain of a missing answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
