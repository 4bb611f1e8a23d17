"""`SalesManago`: a client for one account at one host. It owns the connections, and its groups hold every call."""

import os
import time
from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from .api import REQUESTS, Request, request_class
from .connection.connection import connect
from .errors import Refused, SalesManagoError, Unreadable
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
from .groups.recommendations import Recommendations
from .groups.system import System
from .groups.tags import Tags
from .groups.tasks import Tasks
from .groups.users import Users
from .groups.vision import Vision
from .groups.web_push import WebPush
from .groups.workflows import Workflows
from .settings import DEFAULT_BASE_URL, Credentials, Login, Retries, Timeouts, from_environment
from .support.nearest import nearest

if TYPE_CHECKING:
    import httpx

AnswerT = TypeVar("AnswerT")


class SalesManago:
    """A client for one account. Use it as an async context manager, or close it with `aclose()`.

    `credentials` sign the calls; a `Login`, a user name and a password, is exchanged for temporary tokens instead.
    `owner` is filled in wherever a call takes an owner (or `user`) and none was given. `base_url` is the server without
    /api. `concurrency` is the largest number of requests in flight, up to 1000; it is lowered after 429, 503 and
    time-outs, until answers come again. Retry-After pauses all requests, for a minute at most. `rate` is the largest
    number of requests that begin in a second (None: no limit), `poll_interval` the seconds between two polls of one
    server job; 60 is the documented value. `transport` may be "aiohttp" (another HTTP stack, in the extra `aiohttp`,
    which needs less processor time; asyncio only), or your own httpx transport, such as
    `httpx.ASGITransport(app=Simulator())`, for which the proxies of the environment are ignored. `clock` (seconds since
    1970) and `random` exist for tests.

    One client serves many tasks of one event loop, the loop of its first request. Nothing is sent before the first
    call. If a client is closed while runs and buffers use it, it first ends them in order: see `aclose`.
    """

    def __init__(
        self,
        credentials: Credentials | Login,
        *,
        owner: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        concurrency: int = 8,
        rate: float | None = None,
        poll_interval: float = 60.0,
        transport: "httpx.AsyncBaseTransport | Literal['aiohttp'] | None" = None,
        retries: Retries | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        self._connection = connect(
            credentials,
            owner=owner,
            base_url=base_url,
            concurrency=concurrency,
            rate=rate,
            poll_interval=poll_interval,
            retries=retries or Retries(),
            timeouts=timeouts or Timeouts(),
            transport=transport,
            clock=clock,
            random=random or Random(),  # noqa: S311 - jitter
        )
        self.contacts = Contacts(self._connection)
        self.events = Events(self._connection)
        self.coupons = Coupons(self._connection)
        self.funnels = Funnels(self._connection)
        self.tags = Tags(self._connection)
        self.emails = Emails(self._connection)
        self.loyalty = Loyalty(self._connection)
        self.users = Users(self._connection)
        self.system = System(self._connection)
        self.workflows = Workflows(self._connection)
        self.recommendations = Recommendations(self._connection)
        self.vision = Vision(self._connection)
        self.preference_center = PreferenceCenter(self._connection)
        self.messages = Messages(self._connection)
        self.notes = Notes(self._connection)
        self.tasks = Tasks(self._connection)
        self.web_push = WebPush(self._connection)
        self.jobs = Jobs(self._connection)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Make a client from SALESMANAGO_CLIENT_ID, _API_KEY, _API_SECRET (or _SHA), _OWNER and _BASE_URL.

        `options` are the options of the class, and take precedence over the environment. White space around the values
        is removed. Raises `Invalid` if a variable is missing or cannot be used; the error names the variable.
        """
        environ = os.environ if environ is None else environ
        options.setdefault("owner", from_environment(environ, "OWNER") or None)
        options.setdefault("base_url", from_environment(environ, "BASE_URL") or DEFAULT_BASE_URL)
        return cls(Credentials.from_env(environ), **options)

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
        return await self._connection.send(request)

    async def call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send plain JSON to any path ("contact/hasContact") and return the plain answer.

        The call is signed, and retried by the rules of the path. A call to a path that is not in `api.REQUESTS` is sent
        again only if the first try was certainly not processed. The server's defaults apply to fields that `body`
        leaves out, except for the owner. For contact/batchupsertv2 the default is double opt-in: pass
        `"useApiDoubleOptIn": false` if no e-mails may be sent.
        """
        try:
            return await self._connection.call(path, body or {})
        except (Refused, Unreadable) as error:
            _suggest_path(error, path)
            raise

    async def aclose(self) -> None:
        """Close every connection, after ending the buffers and runs that still use them.

        A buffer is closed as at the end of its block. A run stops reading, finishes what is in flight within its
        `stop_within`, and says in `report.stopped` that the client was closed; with a journal, the run can be resumed.
        Later calls raise `ClientClosed`.
        """
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        self._connection.lifetime.check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _suggest_path(error: SalesManagoError, path: str) -> None:
    """Add a note to an error that names the documented path closest to an undocumented one."""
    trimmed = path.strip().strip("/").removeprefix("api/")
    near = None if request_class(trimmed) else nearest(trimmed, REQUESTS)
    if near:
        error.add_note(f"{trimmed!r} is not a documented path; did you mean {near!r}?")
