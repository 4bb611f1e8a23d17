"""`SimulatedReply`: an answer, and how its transmission ends."""

from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import orjson
from attrs import field, frozen

from ._asgi import Send
from ._refusal import RefusedCall

RESET = "the simulator resets the connection, as requested"
_PIECE, _SLOW_PIECE = 64 * 1024, 1024
_PAGE = b"<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"

_PANEL = b"<html><head><title>Simulated account</title></head><body>The panel is not simulated.</body></html>"


@frozen
class SimulatedReply:
    """A status and a body, JSON by default.

    `sent` bytes of the body are sent (None: all), each KB after `seconds`; then the connection may be reset.
    Content-Length is the length of the whole body, or `promised` if that is set.
    """

    status: int
    content: bytes = field(repr=False)
    media_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(factory=dict[str, str])
    promised: int | None = None
    sent: int | None = None
    seconds: float = 0.0
    is_reset: bool = False


def answered(answer: dict[str, Any]) -> SimulatedReply:
    """Return the reply to a successful request."""
    return SimulatedReply(200, orjson.dumps(answer))


def refused(refusal: RefusedCall) -> SimulatedReply:
    """Return the reply to a refused request."""
    content = orjson.dumps({"success": False, "message": refusal.messages, **refusal.fields})
    return SimulatedReply(refusal.status, content)


def panel_page() -> SimulatedReply:
    """Return the page in the place of the panel."""
    return SimulatedReply(200, _PANEL, media_type="text/html;charset=UTF-8")


def maintenance_page() -> SimulatedReply:
    """Return the page that a host in trouble shows instead of the requested content."""
    return SimulatedReply(200, _PAGE, media_type="text/html;charset=UTF-8")


async def send_reply(send: Send, reply: SimulatedReply) -> None:
    """Send the reply piece by piece. A server must close the connection if the length differs from Content-Length.

    Raises `ConnectionResetError` if the connection must be reset.
    """
    await send({"type": "http.response.start", "status": reply.status, "headers": list(_headers(reply))})
    longest = _SLOW_PIECE if reply.seconds else _PIECE
    content = reply.content[: reply.sent]
    for start in range(0, len(content), longest):
        if reply.seconds:
            await anyio.sleep(reply.seconds)
        await send({"type": "http.response.body", "body": content[start : start + longest], "more_body": True})
    if reply.is_reset:
        raise ConnectionResetError(RESET)
    await send({"type": "http.response.body", "body": b""})


def _headers(reply: SimulatedReply) -> Iterator[tuple[bytes, bytes]]:
    yield b"content-type", reply.media_type.encode()
    yield b"content-length", b"%d" % (len(reply.content) if reply.promised is None else reply.promised)
    for name, text in reply.headers.items():
        yield name.encode(), text.encode()
