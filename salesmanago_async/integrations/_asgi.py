"""Helpers for ASGI apps: types, reading a body of limited size, and answering with only a status.

A body is JSON in UTF-8, with or without a byte order mark, whatever its Content-Type says: webhooks come with any. A
body that is packed (Content-Encoding) is answered with 415, which tells the caller to send it as it is.
"""

from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias, cast

import orjson

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Handle: TypeAlias = Callable[[Message, Mapping[str, Any]], Awaitable[HTTPStatus]]
"""Does what a posted JSON object asks for; gets the scope of the request, too, and returns the status of the answer."""


class TooLarge(Exception):
    """The body is longer than the limit."""


class Disconnected(Exception):
    """The client has disconnected, so no answer can be sent."""


async def read_body(scope: Message, receive: Receive, *, limit: int) -> bytes:
    """Return the body; raise `TooLarge` as soon as it is clear that the body has more than `limit` bytes."""
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


def webhook_app(handle: Handle, *, body_limit: int) -> App:
    """Return the app that answers each POST of a JSON object with the status that `handle` returns."""

    async def status_of(scope: Message, receive: Receive) -> HTTPStatus:
        if scope["method"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED
        if _is_packed(scope):
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        delivery = _json_object(await read_body(scope, receive, limit=body_limit))
        return HTTPStatus.BAD_REQUEST if delivery is None else await handle(scope, delivery)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status = await status_of(scope, receive)
        except TooLarge:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except Disconnected:
            return
        await send_status(send, status)

    return app


def _is_packed(scope: Message) -> bool:
    codings = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
    return any(coding.strip().lower() not in {b"", b"identity"} for coding in codings.split(b","))


def _json_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(content.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


async def send_status(send: Send, status: HTTPStatus) -> None:
    """Answer with a status; the text of the answer is its phrase."""
    content = f"{status.phrase}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers.append((b"accept-encoding", b"identity"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": content})
