"""How an ASGI app is called, reads a body of bounded size, and answers with nothing but a status."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """A body is longer than is taken."""


class Disconnected(Exception):
    """Whoever asked went away, so there is nobody to answer."""


async def read_body(scope: Message, receive: Receive, *, limit: int) -> bytes:
    """Return the body; raise `TooLarge` as soon as it is known to have more than `limit` bytes."""
    if _declared_length(scope) > limit:
        raise TooLarge
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > limit:
            raise TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def _declared_length(scope: Message) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text[:20]) if text.isdigit() else 0


async def send_status(send: Send, status: HTTPStatus) -> None:
    """Answer with a status, and its phrase as the text."""
    content = f"{status.phrase}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": content})
