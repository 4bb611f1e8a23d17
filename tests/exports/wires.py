"""An ASGI app behind a simulated connection, on any event loop: bytes arrive as they are sent, or break off."""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field

_BROKEN = "http.response.broken"


@define
class Wire(httpx.AsyncBaseTransport):
    """A transport with connections that follow Content-Length, reset, time out and end early, as sockets do.

    `asked` are the requests for files.
    """

    app: Any
    tasks: TaskGroup
    asked: list[httpx.Request] = field(factory=list)
    open_connections: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/files/"):
            self.asked.append(request)
        content = await request.aread()
        sending, arriving = anyio.create_memory_object_stream[Any](1)
        connection = _Connection(arriving, seconds=request.extensions["timeout"]["read"])
        self.tasks.start_soon(self._serve, request, content, sending, connection.scope)
        try:
            head = await connection.next()
        except BaseException:
            await connection.aclose()
            raise
        connection.promise(head)
        return httpx.Response(head["status"], headers=head["headers"], stream=connection)

    async def _serve(
        self, request: httpx.Request, content: bytes, sending: MemoryObjectSendStream[Any], scope: anyio.CancelScope
    ) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        self.open_connections += 1
        try:
            with scope, sending:
                try:
                    await self.app(_scope_of(request), receive, sending.send)
                except ConnectionResetError as error:
                    await sending.send({"type": _BROKEN, "error": error})
        finally:
            self.open_connections -= 1

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.asked]


class _Connection(httpx.AsyncByteStream):
    """The bytes of one answer. It is not a generator, so that the tests themselves leak none."""

    def __init__(self, arriving: MemoryObjectReceiveStream[Any], *, seconds: float | None) -> None:
        self.scope = anyio.CancelScope()
        self._arriving = arriving
        self._seconds = math.inf if seconds is None else seconds
        self._left = 0

    def promise(self, head: Any) -> None:
        self._left = int(dict(head["headers"])[b"content-length"])

    async def next(self) -> Any:
        try:
            with anyio.fail_after(self._seconds):
                message = await self._arriving.receive()
        except TimeoutError:
            raise httpx.ReadTimeout("nothing comes") from None
        except anyio.ClosedResourceError:
            raise httpx.ReadError("the connection was closed here") from None
        except anyio.EndOfStream:
            raise httpx.RemoteProtocolError("the connection was closed") from None
        if message["type"] == _BROKEN:
            raise httpx.ReadError("the connection was reset") from message["error"]
        return message

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        body: bytes = (await self.next()).get("body", b"")[: self._left]
        self._left -= len(body)
        return body

    async def aclose(self) -> None:
        self.scope.cancel()
        self._arriving.close()


def _scope_of(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "method": request.method,
        "headers": [(name.lower(), text) for name, text in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
    }


@asynccontextmanager
async def wired(app: Any) -> AsyncGenerator[Wire]:
    """Yield a connection to an app; at the end nothing of it may be left."""
    error: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield Wire(app, tasks)
        except Exception as raised:  # raised outside the task group, which would wrap it
            error = raised
        tasks.cancel_scope.cancel()
    if error:
        raise error
