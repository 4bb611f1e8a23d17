"""The transports that a client creates itself, with the proxies of the environment.

httpx uses the proxies of the environment only if it creates its transport itself. TLS certificates are always verified,
with one SSL context for all connections.

Limits: if a server sends a second answer after the next request on the same connection was written, that answer cannot
be distinguished from the answer to the next request. So each call that must not be sent twice has a connection of its
own, but calls that may be repeated can still get such an answer. If a proxy mixes up answers internally, no client can
detect that. With aiohttp, a repeatable call can also get a second answer that arrives while the call is being written.
A caller's own transport has none of these checks, and for file links only an address in the link itself is checked.
"""

import os
import select
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from socket import AF_UNSPEC
from typing import TYPE_CHECKING, Any, Literal
from urllib.request import getproxies

import httpx

from ..errors import Invalid
from .channels import LONGEST_REST, Channels
from .one_connection import CHECK_ADDRESS, FRESH, CheckAddress, OneConnection
from .proxies import Proxies, proxies_of

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

Transport = httpx.AsyncBaseTransport | Literal["aiohttp"] | None
"""What a client is given as its transport: an object of the caller, the name of a backend, or None."""

_check_address: ContextVar[CheckAddress | None] = ContextVar("check_address", default=None)
"""The address check of this task's request, as a context variable, because aiohttp's resolver does not get the
request."""


def transport_of(given: Transport, most_idle: int) -> httpx.AsyncBaseTransport:
    """Return the transport for all addresses; it keeps at most `most_idle` idle connections (per proxy).

    Raises `Invalid` if a named backend is unknown or not installed, or if a variable of the environment is wrong.
    """
    if given is not None and not isinstance(given, str):
        return given
    context = _ssl_context(os.environ)
    proxies = proxies_of(getproxies())
    channels = partial(_channels, context, most_idle)
    direct = channels() if given is None else _aiohttp(context, given)
    by_proxy = {proxy: channels(proxy) for proxy in proxies.by_scheme.values()}
    return _Routed(direct, proxies, by_proxy) if by_proxy else direct


class _Routed(httpx.AsyncBaseTransport):
    """Sends each request directly or through a proxy."""

    def __init__(
        self, direct: httpx.AsyncBaseTransport, proxies: Proxies, by_proxy: Mapping[str, httpx.AsyncBaseTransport]
    ) -> None:
        self._direct = direct
        self._by_proxy = by_proxy
        self._proxy_for = lru_cache(maxsize=256)(proxies.proxy_for)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        proxy = self._proxy_for(url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0))
        return await (self._by_proxy[proxy] if proxy else self._direct).handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (self._direct, *self._by_proxy.values()):
            await transport.aclose()


_PORTS = {"http": 80, "https": 443}


def _ssl_context(environment: Mapping[str, str]) -> ssl.SSLContext:
    """Return the SSL context of all connections; httpx reads the two variables too, but its errors do not name them."""
    variable = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environment.get(name)), None)
    try:
        if variable == "SSL_CERT_DIR":
            next(Path(environment[variable]).iterdir(), None)
        elif variable:
            Path(environment[variable]).read_bytes()
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        if variable is None:
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise Invalid(f"names certificates that cannot be read: {reason}", field=variable) from None


def answers_in_process(given: Transport) -> bool:
    """Return whether an app or a function inside this process answers the requests of a transport."""
    return isinstance(given, httpx.ASGITransport | httpx.WSGITransport | httpx.MockTransport)


def _channels(context: ssl.SSLContext, most_idle: int, proxy: str | None = None) -> Channels:
    one = partial(OneConnection, context, keepalive_expiry=LONGEST_REST, proxy=proxy)
    one()  # raises now if the kind of proxy is not supported
    return Channels(one, most_idle=most_idle)


def _aiohttp(context: ssl.SSLContext, name: str) -> httpx.AsyncBaseTransport:
    """Return a transport that uses aiohttp, without cookies and without a limit on the number of connections."""
    if name != "aiohttp":
        raise Invalid(f"is {name!r}; give 'aiohttp', or an httpx transport", field="transport")
    try:
        import aiohttp
        from aiohttp.abc import AbstractResolver
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        raise Invalid("needs the extra aiohttp: pip install 'salesmanago-async[aiohttp]'", field="transport") from None

    class Checking(AbstractResolver):
        """A resolver that checks the addresses of a name if the request asks for that."""

        def __init__(self) -> None:
            self._inner = aiohttp.DefaultResolver()

        async def resolve(self, host: str, port: int = 0, family: Any = AF_UNSPEC) -> list["ResolveResult"]:
            found: list[ResolveResult] = await self._inner.resolve(host, port, family)
            check = _check_address.get()
            if check:
                for result in found:
                    check(result["host"])
            return found

        async def close(self) -> None:
            await self._inner.close()

    class CleanConnector(aiohttp.TCPConnector):
        """Skips connections that received bytes while idle: aiohttp would take those for the next answer."""

        async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
            while True:
                connection = await super().connect(req, traces, timeout)
                protocol, transport = connection.protocol, connection.transport
                is_spoilt = protocol is not None and protocol.should_close
                if not (is_spoilt or _is_readable(transport and transport.get_extra_info("socket"))):
                    return connection
                connection.close()

    def session(*, is_kept: bool) -> aiohttp.ClientSession:
        connector = CleanConnector(
            limit=0,
            ssl=context,
            resolver=Checking(),
            force_close=not is_kept,
            keepalive_timeout=LONGEST_REST if is_kept else None,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    class Backend(AiohttpTransport):
        """Reuses connections, but opens a new one for each request that is marked `FRESH`."""

        def __init__(self) -> None:
            super().__init__(verify=context, client=partial(session, is_kept=True))
            self._fresh = AiohttpTransport(verify=context, client=partial(session, is_kept=False))

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            token = _check_address.set(request.extensions.get(CHECK_ADDRESS))
            try:
                if request.extensions.get(FRESH):
                    return await self._fresh.handle_async_request(request)
                return await super().handle_async_request(request)
            except aiohttp.ClientError as error:  # errors that httpx-aiohttp does not convert
                raise httpx.RemoteProtocolError(str(error)) from error
            finally:
                _check_address.reset(token)

        async def aclose(self) -> None:
            await self._fresh.aclose()
            await super().aclose()

    return Backend()


def _is_readable(socket: Any) -> bool:
    """Return whether a socket is readable without waiting: it has bytes, or was closed by the other side."""
    if socket is None:
        return False
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(socket, select.POLLIN)
    return bool(waiting.poll(0))
