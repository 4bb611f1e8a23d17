"""The transports that a client makes for itself, with the proxies that the environment asks for.

httpx reads those only where it makes its transport itself, so they are read here in the same way. TLS is always
verified, by one context for all connections.
"""

import select
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address
from socket import AF_UNSPEC
from typing import TYPE_CHECKING, Any, Literal
from urllib.request import getproxies

import httpx

from ._channels import LONGEST_REST, Channels
from ._one_connection import CHECK_ADDRESS, FRESH, CheckAddress, OneConnection
from .errors import Invalid

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

Transport = httpx.AsyncBaseTransport | Literal["aiohttp"] | None
"""What a client is given: a transport of its caller's, the name of a backend, or nothing."""

_check_address: ContextVar[CheckAddress | None] = ContextVar("check_address", default=None)
"""What the request of this task wants the addresses of its host checked with: aiohttp's resolver is not told of it."""

_Proxied = dict[str, httpx.AsyncBaseTransport | None]


def transports(given: Transport, most_idle: int) -> tuple[httpx.AsyncBaseTransport, _Proxied]:
    """Return the transport for all addresses, and by pattern of address those through proxies.

    None in place of the latter means that such addresses need none. At most `most_idle` connections are kept unused.
    Raises `Invalid` where a backend that is named is not known, or not installed.
    """
    if given is not None and not isinstance(given, str):
        return given, {}
    context = httpx.create_ssl_context()
    channels = partial(_channels, context, most_idle)
    proxies = proxies_of(getproxies())
    direct = channels() if given is None else _aiohttp(context, given)
    return direct, {pattern: channels(proxy) if proxy else None for pattern, proxy in proxies.items()}


def _channels(context: ssl.SSLContext, most_idle: int, proxy: str | None = None) -> Channels:
    one = partial(OneConnection, context, keepalive_expiry=LONGEST_REST, proxy=proxy)
    one()  # where the proxy is of a kind that cannot be had, it is said now
    return Channels(one, most_idle=most_idle)


def _aiohttp(context: ssl.SSLContext, name: str) -> httpx.AsyncBaseTransport:
    """Return aiohttp as a transport: it keeps no cookies, and has as many connections as requests are in flight."""
    if name != "aiohttp":
        raise Invalid(f"is {name!r}; give 'aiohttp', or an httpx transport", field="transport")
    try:
        import aiohttp
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        raise Invalid("needs the extra aiohttp: pip install 'salesmanago-async[aiohttp]'", field="transport") from None

    class Checking(aiohttp.DefaultResolver):
        """Finds the addresses of a name; those of a request that wants them checked are."""

        async def resolve(self, host: str, port: int = 0, family: Any = AF_UNSPEC) -> list["ResolveResult"]:
            found = await super().resolve(host, port, family)
            check = _check_address.get()
            if check:
                for result in found:
                    check(result["host"])
            return found

    class CleanConnector(aiohttp.TCPConnector):
        """Gives no connection on which something came while it rested: aiohttp would take it for the next answer."""

        async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
            while True:
                connection = await super().connect(req, traces, timeout)
                protocol, transport = connection.protocol, connection.transport
                is_spoilt = protocol is not None and protocol.should_close
                if not (is_spoilt or _is_readable(transport and transport.get_extra_info("socket"))):
                    return connection
                connection.close()

    def session(*, is_kept: bool) -> aiohttp.ClientSession:
        rest = {"keepalive_timeout": LONGEST_REST} if is_kept else {"force_close": True}
        connector = CleanConnector(limit=0, ssl=context, resolver=Checking(), **rest)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    class Backend(AiohttpTransport):
        """Keeps connections, but has one of its own for each request that is marked `FRESH`."""

        def __init__(self) -> None:
            super().__init__(verify=context, client=partial(session, is_kept=True))
            self._fresh = AiohttpTransport(verify=context, client=partial(session, is_kept=False))

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            token = _check_address.set(request.extensions.get(CHECK_ADDRESS))
            try:
                if request.extensions.get(FRESH):
                    return await self._fresh.handle_async_request(request)
                return await super().handle_async_request(request)
            except aiohttp.ClientError as error:  # the kinds that httpx-aiohttp leaves as they are
                raise httpx.RemoteProtocolError(str(error)) from error
            finally:
                _check_address.reset(token)

        async def aclose(self) -> None:
            await self._fresh.aclose()
            await super().aclose()

    return Backend()


def _is_readable(socket: Any) -> bool:
    """Tell whether there is something to read from a socket, without waiting: bytes, or its end."""
    if socket is None:
        return False
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(socket, select.POLLIN)
    return bool(waiting.poll(0))


def proxies_of(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the proxy for each pattern of addresses, None for those that need none; `getproxies` knows `environment`.

    A name in NO_PROXY stands for its subdomains as well.
    """
    unproxied = [host.strip() for host in environment.get("no", "").split(",")]
    if "*" in unproxied:
        return {}
    given = {scheme: environment.get(scheme) for scheme in ("http", "https", "all")}
    proxies = {f"{scheme}://": url if "://" in url else f"http://{url}" for scheme, url in given.items() if url}
    return {**proxies, **{_pattern_of(host): None for host in unproxied if host}}


def _pattern_of(host: str) -> str:
    if "://" in host:
        return host
    try:
        address = ip_address(host.split("/")[0])
    except ValueError:
        return f"all://{host}" if host.lower() == "localhost" else f"all://*{host}"
    return f"all://{host}" if address.version == 4 else f"all://[{host}]"
