"""Connections are made here, from the settings that those to both hosts of a client have in common."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from ..settings import Credentials, Login, Retries, Timeouts, checked_base_url
from ..telemetry import watch_pace
from .connection import Connection
from .pace import Pace
from .tls import Tls
from .token_source import TokenSource

if TYPE_CHECKING:
    import httpx

    from .http import Http


@frozen(kw_only=True)
class ConnectionSettings:
    """What the connections of a client have in common: see `SalesManago`."""

    concurrency: int
    rate: float | None
    poll_interval: float
    retries: Retries
    timeouts: Timeouts
    transport: "httpx.AsyncBaseTransport | Literal['aiohttp'] | None"
    clock: Callable[[], float]
    random: Random
    tls: Tls = field(factory=Tls)

    def http(self, base_url: str, **options: Any) -> "Http":
        """Return the HTTP connections to a host."""
        from .http import Http  # here, so that importing the package does not import httpx

        return Http(
            base_url,
            timeouts=self.timeouts,
            transport=self.transport,
            connections=self.concurrency,
            tls=self.tls,
            **options,
        )

    def pace(self, http: "Http") -> Pace:
        """Return the pace of the requests to a host; metrics show it while it exists."""
        pace = Pace(self.concurrency, self.rate)
        watch_pace(pace, http.server)
        return pace


def connect(
    credentials: Credentials | Login, settings: ConnectionSettings, *, owner: str | None, base_url: str
) -> Connection:
    """Create a connection; nothing is sent yet."""
    http = settings.http(checked_base_url(base_url))
    return Connection(
        token_source=TokenSource(credentials, settings.clock),
        owner=owner,
        poll_interval=settings.poll_interval,
        retries=settings.retries,
        pace=settings.pace(http),
        http=http,
        clock=settings.clock,
        random=settings.random,
    )
