"""`SalesManago`: a client for one account at one host. It owns the connections, and its groups hold every call."""

import time
from collections.abc import Callable, Mapping
from random import Random, SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from .api.request import ProductRequest, Request
from .connection.connecting import ConnectionSettings, connect
from .connection.connection import Connection
from .connection.products import connect_products
from .connection.wire import trimmed_path
from .errors import Refused, SalesManagoError, Unreadable
from .groups.lazy_group import LazyGroup
from .quotas import open_quota
from .settings import (
    DEFAULT_BASE_URL,
    DEFAULT_CONCURRENCY,
    DEFAULT_PRODUCTS_URL,
    Credentials,
    Login,
    Retries,
    Timeouts,
    from_environment,
    read_seconds,
)
from .support.hidden import HiddenText
from .support.nearest import nearest

if TYPE_CHECKING:
    import httpx

    from .groups.catalogs import Catalogs
    from .groups.contacts import Contacts
    from .groups.coupons import Coupons
    from .groups.emails import Emails
    from .groups.events import Events
    from .groups.funnels import Funnels
    from .groups.jobs import Jobs
    from .groups.loyalty import Loyalty
    from .groups.messages import Messages
    from .groups.notes import Notes
    from .groups.preference_center import PreferenceCenter
    from .groups.product_collections import Collections
    from .groups.product_keys import Keys
    from .groups.products import Products
    from .groups.recommendations import Recommendations
    from .groups.system import System
    from .groups.tags import Tags
    from .groups.tasks import Tasks
    from .groups.users import Users
    from .groups.vision import Vision
    from .groups.web_push import WebPush
    from .groups.workflows import Workflows

AnswerT = TypeVar("AnswerT")


class SalesManago:
    """A client for one account. Use it as an async context manager, or close it with `aclose()`.

    `credentials` sign the calls; a `Login`, a user name and a password, is exchanged for temporary tokens instead.
    `owner` is filled in wherever a call takes an owner (or `user`) and none was given. `base_url` is the server
    without /api. `concurrency` is the largest number of requests in flight, up to 1000. The client begins with three
    and finds how many the server takes before they only wait there; after 429, 503 and time-outs it sends fewer, or
    more slowly, and carefully tries more again. Retry-After pauses all requests, for a minute at most. `rate` is the
    largest number of requests that begin in a second (None: no limit), `poll_interval` the seconds between two polls
    of one server job; 60 is the documented value. The first poll may come after 3 seconds, if such polls find jobs
    ended, and jobs that run for over two intervals are polled half as often. `transport` may be "aiohttp" (another
    HTTP library, in the extra `aiohttp`, which needs less processor time; asyncio only), or your own transport of
    httpx or httpx2, such as `httpx.ASGITransport(app=Simulator())`, for which the proxies of the environment are
    ignored. `clock` (seconds since 1970) and `random` exist for tests.

    `products_key` is a key of API v3, which `products`, `catalogs`, `collections` and `keys` call at `products_url`, on
    connections of their own: `concurrency` and `rate` hold for each of the two hosts.

    `quota` is shared by all processes that give the same one, "postgresql://host/db?quota=NAME&slots=16&rate=20": they
    never have more than `slots` requests of the account in flight, begin no more than `rate` in a second, and wait
    together for a Retry-After. `concurrency` and `rate` of the client limit this process alone. Calls of API v3 are
    not counted. A quota that cannot be used raises `Invalid`, or `NoAnswer` if its database was away for a minute.

    One client serves many tasks of one event loop, the loop of its first request. A process that is forked later makes
    a client of its own. Nothing is sent before the first call. If a client is closed while runs and buffers use it, it
    first ends them in order: see `aclose`.
    """

    contacts: "LazyGroup[Contacts]" = LazyGroup("contacts:Contacts")
    events: "LazyGroup[Events]" = LazyGroup("events:Events")
    coupons: "LazyGroup[Coupons]" = LazyGroup("coupons:Coupons")
    funnels: "LazyGroup[Funnels]" = LazyGroup("funnels:Funnels")
    tags: "LazyGroup[Tags]" = LazyGroup("tags:Tags")
    emails: "LazyGroup[Emails]" = LazyGroup("emails:Emails")
    loyalty: "LazyGroup[Loyalty]" = LazyGroup("loyalty:Loyalty")
    users: "LazyGroup[Users]" = LazyGroup("users:Users")
    system: "LazyGroup[System]" = LazyGroup("system:System")
    workflows: "LazyGroup[Workflows]" = LazyGroup("workflows:Workflows")
    recommendations: "LazyGroup[Recommendations]" = LazyGroup("recommendations:Recommendations")
    vision: "LazyGroup[Vision]" = LazyGroup("vision:Vision")
    preference_center: "LazyGroup[PreferenceCenter]" = LazyGroup("preference_center:PreferenceCenter")
    messages: "LazyGroup[Messages]" = LazyGroup("messages:Messages")
    notes: "LazyGroup[Notes]" = LazyGroup("notes:Notes")
    tasks: "LazyGroup[Tasks]" = LazyGroup("tasks:Tasks")
    web_push: "LazyGroup[WebPush]" = LazyGroup("web_push:WebPush")
    jobs: "LazyGroup[Jobs]" = LazyGroup("jobs:Jobs")
    products: "LazyGroup[Products]" = LazyGroup("products:Products", "_products")
    catalogs: "LazyGroup[Catalogs]" = LazyGroup("catalogs:Catalogs", "_products")
    collections: "LazyGroup[Collections]" = LazyGroup("product_collections:Collections", "_products")
    keys: "LazyGroup[Keys]" = LazyGroup("product_keys:Keys", "_products")

    def __init__(
        self,
        credentials: Credentials | Login,
        *,
        owner: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        concurrency: int = DEFAULT_CONCURRENCY,
        rate: float | None = None,
        poll_interval: float = 60.0,
        transport: "httpx.AsyncBaseTransport | Literal['aiohttp'] | None" = None,
        retries: Retries | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.time,
        random: Random | None = None,
        products_key: str | None = None,
        products_url: str = DEFAULT_PRODUCTS_URL,
        quota: str | None = None,
    ) -> None:
        products_key = HiddenText(products_key) if products_key is not None else None
        quota = HiddenText(quota) if quota is not None else None
        settings = ConnectionSettings(
            concurrency=concurrency,
            rate=rate,
            poll_interval=poll_interval,
            retries=retries or Retries(),
            timeouts=timeouts or Timeouts(),
            transport=transport,
            clock=clock,
            random=random or SystemRandom(),  # without a state, which forked workers would share
        )
        self._connection = connect(credentials, settings, owner=owner, base_url=base_url)
        self._products = connect_products(products_key, settings, base_url=products_url)
        self._quota = open_quota(quota, self._connection.pace) if quota else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Make a client from SALESMANAGO_CLIENT_ID, _API_KEY, _API_SECRET (or _SHA), _OWNER and _BASE_URL.

        SALESMANAGO_PRODUCTS_KEY and _PRODUCTS_URL are for API v3, SALESMANAGO_QUOTA is the address of a quota, and
        SALESMANAGO_POLL_INTERVAL is in seconds; they may be missing.

        `options` are the options of the class, and take precedence over the environment. White space around the values
        is removed. Raises `Invalid` if a variable is missing or cannot be used; the error names the variable.
        """
        options.setdefault("owner", from_environment(environ, "OWNER") or None)
        options.setdefault("base_url", from_environment(environ, "BASE_URL") or DEFAULT_BASE_URL)
        options.setdefault("products_key", from_environment(environ, "PRODUCTS_KEY") or None)
        options.setdefault("products_url", from_environment(environ, "PRODUCTS_URL") or DEFAULT_PRODUCTS_URL)
        options.setdefault("quota", from_environment(environ, "QUOTA") or None)
        if interval := from_environment(environ, "POLL_INTERVAL"):
            options.setdefault("poll_interval", read_seconds(interval, "SALESMANAGO_POLL_INTERVAL"))
        return cls(Credentials.from_env(environ), **options)

    def __repr__(self) -> str:
        connection: Connection | None = vars(self).get("_connection")
        if connection is None:
            return "<SalesManago, not made>"
        closed = ", closed" if connection.lifetime.is_closed else ""
        return f"<SalesManago at {connection.http.server}{closed}>"

    @property
    def owner(self) -> str | None:
        """The user account for which calls are made unless they name another."""
        return self._connection.owner

    @property
    def server_clock_offset(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at its last answer; None if the answer had no date."""
        return self._connection.server_clock_offset

    async def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send any request value of `salesmanago_async.api` and return its answer."""
        connection = self._products if isinstance(request, ProductRequest) else self._connection
        return await connection.send(request)

    async def call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send plain JSON to any path ("contact/hasContact", "v3/product/catalogList") and return the plain answer.

        The call is signed, or has the key of API v3, and is retried by the rules of the path. A call to a path that is
        not in `api.ALL_REQUESTS` or `api.PRODUCT_REQUESTS` is sent again only if the first try was certainly not
        processed. The server's defaults apply to fields that `body`
        leaves out, except for the owner. For contact/batchupsertv2 the default is double opt-in: pass
        `"useApiDoubleOptIn": false` if no e-mails may be sent.
        """
        connection = self._products if trimmed_path(path).startswith("v3/") else self._connection
        calling = connection.call(path, body or {})
        del body  # error reporters show local variables, and this may have a password
        try:
            return await calling
        except (Refused, Unreadable) as error:
            _suggest_path(error, path)
            raise

    async def aclose(self) -> None:
        """Close every connection, after ending the buffers and runs that still use them.

        A buffer is closed as at the end of its block. A run stops reading, finishes what is in flight within its
        `stop_within`, and says in `report.stopped` that the client was closed; with a journal, the run can be resumed.
        Later calls raise `ClientClosed`.
        """
        try:
            await self._connection.aclose()
        finally:
            await self._products.aclose()
            await self._close_quota()

    async def _close_quota(self) -> None:
        if self._connection.lifetime.is_of_parent:
            return
        if self._quota and self._connection.lifetime.is_in_other_loop:
            self._quota.abort()  # its task cannot be awaited here
        elif self._quota:
            await self._quota.aclose()

    async def __aenter__(self) -> Self:
        self._connection.lifetime.check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _suggest_path(error: SalesManagoError, path: str) -> None:
    """Add a note to an error that names the documented path closest to one that is not documented."""
    from .api.reference import (  # imported here because it imports every request class
        ALL_REQUESTS,
        PRODUCT_REQUESTS,
        request_class,
    )

    trimmed = trimmed_path(path)
    if request_class(trimmed) or trimmed in PRODUCT_REQUESTS:
        return
    near = nearest(trimmed, {**ALL_REQUESTS, **PRODUCT_REQUESTS})
    if near:
        error.add_note(f"{trimmed!r} is not a documented path; did you mean {near!r}?")
