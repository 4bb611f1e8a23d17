"""HTTP clients by their own interfaces, with connections that are kept. Each is imported where it is used."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, TypeAlias

from benchmarks.optional import installed

Name: TypeAlias = Literal["httpx", "aiohttp", "pyreqwest"]
Ask: TypeAlias = Callable[[str, bytes | None], Awaitable[bytes]]
"""Posts a body to a URL, or gets what is there where there is none; returns the body of the answer."""

_JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def _httpx() -> AsyncGenerator[Ask]:
    import httpx

    async with httpx.AsyncClient(timeout=60.0) as client:

        async def ask(url: str, body: bytes | None) -> bytes:
            response = await (client.get(url) if body is None else client.post(url, content=body, headers=_JSON))
            return response.raise_for_status().content

        yield ask


@asynccontextmanager
async def _aiohttp() -> AsyncGenerator[Ask]:
    import aiohttp

    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def ask(url: str, body: bytes | None) -> bytes:
            async with session.get(url) if body is None else session.post(url, data=body, headers=_JSON) as response:
                return await response.read()

        yield ask


@asynccontextmanager
async def _pyreqwest() -> AsyncGenerator[Ask]:
    async with installed("pyreqwest.client").ClientBuilder().error_for_status().build() as client:

        async def ask(url: str, body: bytes | None) -> bytes:
            request = client.get(url) if body is None else client.post(url).headers(_JSON).body_bytes(body)
            content: Any = await (await request.build().send()).bytes()
            return bytes(content)

        yield ask


CLIENTS: dict[Name, Callable[[], AbstractAsyncContextManager[Ask]]] = {
    "httpx": _httpx,
    "aiohttp": _aiohttp,
    "pyreqwest": _pyreqwest,
}
