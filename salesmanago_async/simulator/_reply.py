"""What is sent back: a reply, whole or cut."""

from collections.abc import Iterator
from typing import Any

import orjson
from attrs import field, frozen

from ._asgi import Send
from ._refusal import Refusal

_PIECE = 64 * 1024


@frozen
class Reply:
    """A status and a body, by default of JSON. Of one that `is_cut` half is sent, and all of it promised."""

    status: int
    content: bytes = field(repr=False)
    media_type: str = "application/json;charset=UTF-8"
    retry_after: str | None = None
    is_cut: bool = False


def answered(answer: dict[str, Any]) -> Reply:
    """Return the reply to a request that was done."""
    return Reply(200, orjson.dumps(answer))


def refused(refusal: Refusal) -> Reply:
    """Return the reply that says no."""
    content = orjson.dumps({"success": False, "message": refusal.messages, **refusal.fields})
    return Reply(refusal.status, content)


async def send_reply(send: Send, reply: Reply) -> None:
    """Send it piece by piece. One that is cut ends too soon, which a server must turn into a broken connection."""
    await send({"type": "http.response.start", "status": reply.status, "headers": list(_headers(reply))})
    content = reply.content[: len(reply.content) // 2] if reply.is_cut else reply.content
    for start in range(0, len(content), _PIECE):
        await send({"type": "http.response.body", "body": content[start : start + _PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _headers(reply: Reply) -> Iterator[tuple[bytes, bytes]]:
    yield b"content-type", reply.media_type.encode()
    yield b"content-length", b"%d" % len(reply.content)
    if reply.retry_after is not None:
        yield b"retry-after", reply.retry_after.encode()
