"""The transports that a client makes for itself, with the proxies that the environment asks for.

httpx reads those only where it makes its transport itself, so they are read here in the same way. TLS is always
verified, by one context for all connections.
"""

import ssl
from collections.abc import Mapping
from functools import partial
from ipaddress import ip_address
from typing import Literal
from urllib.request import getproxies

import httpx

from ._channels import LONGEST_REST, Channels
from .errors import Invalid

Transport = httpx.AsyncBaseTransport | Literal["aiohttp"] | None
"""What a client is given: a transport of its caller's, the name of a backend, or nothing."""

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=LONGEST_REST)

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


def answers_in_process(given: Transport) -> bool:
    """Tell whether a transport is one of those that reach no server: an app or a function of this process answers."""
    return isinstance(given, httpx.ASGITransport | httpx.WSGITransport | httpx.MockTransport)


def _channels(context: ssl.SSLContext, most_idle: int, proxy: str | None = None) -> Channels:
    one = partial(httpx.AsyncHTTPTransport, verify=context, limits=_ONE, proxy=proxy)
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

    class Backend(AiohttpTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            try:
                return await super().handle_async_request(request)
            except aiohttp.ClientError as error:  # the kinds that httpx-aiohttp leaves as they are
                raise httpx.RemoteProtocolError(str(error)) from error

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=LONGEST_REST, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return Backend(verify=context, client=session)


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
