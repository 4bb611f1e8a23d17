"""Chooses the backend of a client: by its `transport`, and by the proxies of the environment.

httpx uses the proxies of the environment only if it creates its transport itself, and aiohttp knows neither SOCKS nor
all forms of NO_PROXY. So requests go through a proxy over httpx, whatever carries the others.

Limits: if a server sends a second answer after the next request on the same connection was written, that answer cannot
be distinguished from the answer to the next request. So each call that must not be sent twice has a connection of its
own, but calls that may be repeated can still get such an answer. If a proxy mixes up answers internally, no client can
detect that. A caller's own transport has none of these checks, and for file links only an address in the link itself is
checked.
"""

from collections.abc import Mapping
from functools import partial
from typing import Literal
from urllib.request import getproxies

import httpx

from ..errors import Invalid
from ..settings import Timeouts
from .backend import LONGEST_REST, Answer, Backend, Call, Failure
from .channels import Channels
from .httpx_backend import HttpxBackend, library_of
from .one_connection import OneConnection
from .proxies import Proxies, proxies_of
from .tls import Tls

Transport = httpx.AsyncBaseTransport | Literal["aiohttp"] | None
"""What a client is given as its transport: an object of the caller, the name of a backend, or None."""


def backend_of(given: Transport, *, timeouts: Timeouts, most_idle: int, tls: Tls) -> Backend:
    """Return the backend for all addresses; it keeps at most `most_idle` idle connections (per proxy).

    Raises `Invalid` if a named backend is unknown or not installed, or if a variable of the environment is wrong.
    """
    if given is not None and not isinstance(given, str):
        return HttpxBackend(given, timeouts)
    tls.check()
    proxies = proxies_of(getproxies())
    channels = partial(_channels, timeouts, most_idle, tls)
    direct = channels() if given is None else _named(given, timeouts, tls)
    by_proxy = {proxy: channels(proxy) for proxy in proxies.by_scheme.values()}
    return _Routed(direct, proxies, by_proxy) if by_proxy else direct


def answers_in_process(given: Transport) -> bool:
    """Return whether an app or a function inside this process answers the requests of a transport."""
    library = library_of(given)
    return isinstance(given, library.ASGITransport | library.WSGITransport | library.MockTransport)


def _channels(timeouts: Timeouts, most_idle: int, tls: Tls, proxy: str | None = None) -> Backend:
    def make(*, is_secure: bool) -> OneConnection:
        context = tls.context if is_secure else tls.unused_context
        return OneConnection(context, keepalive_expiry=LONGEST_REST, proxy=proxy)

    make(is_secure=False)  # raises now if the kind of proxy is not supported
    return HttpxBackend(Channels(make, most_idle=most_idle), timeouts)


def _named(name: str, timeouts: Timeouts, tls: Tls) -> Backend:
    if name != "aiohttp":
        raise Invalid(f"is {name!r}; give 'aiohttp', or an httpx transport", field="transport")
    try:
        from .aiohttp_backend import AiohttpBackend
    except ImportError:
        raise Invalid("needs the extra aiohttp: pip install 'salesmanago-async[aiohttp]'", field="transport") from None
    return AiohttpBackend(timeouts, tls)


class _Routed:
    """Sends each request directly or through a proxy."""

    def __init__(self, direct: Backend, proxies: Proxies, by_proxy: Mapping[str, Backend]) -> None:
        self._direct = direct
        self._by_proxy = by_proxy
        self._all = (direct, *by_proxy.values())
        self._proxies = proxies

    async def send(self, call: Call) -> Answer:
        proxy = self._proxies.for_url(call.url)
        return await (self._by_proxy[proxy] if proxy else self._direct).send(call)

    def failure_of(self, error: Exception) -> Failure | None:
        failures = (backend.failure_of(error) for backend in self._all)
        return next(filter(None, failures), None)

    async def aclose(self) -> None:
        for backend in self._all:
            await backend.aclose()
