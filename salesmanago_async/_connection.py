"""What everything above talks to: a request goes in, its answer or its last error comes out.

    sign → permit → send → read → (wait → again)

The connection owns the pool, the pace and the retries; jobs, imports, exports and the groups only ask it.
"""

import copy
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import anyio
from attrs import define, field

from ._access import Access
from ._lifetime import Lifetime
from ._pace import Pace
from ._retry import maybe_processed, wait_before_retry
from ._wire import Post, http_date, prepare, prepare_plain, read_answer, read_body, signed
from .api import Request
from .errors import NoAnswer, RateLimited, Refused, SalesManagoError, ServerFault
from .settings import Credentials, Login, Retries, Timeouts, checked_base_url

if TYPE_CHECKING:
    import httpx

    from ._http import Download, Http

AnswerT = TypeVar("AnswerT")


@define
class Traffic:
    """What was sent: every try, and those that were not the first of their request."""

    requests: int = 0
    retries: int = 0


@define(kw_only=True)
class Connection:
    """An account, reached at one host, at one pace. `clock` is the wall clock, in seconds since 1970."""

    access: Access
    owner: str | None = field(repr=False)
    poll_interval: float
    retries: Retries
    pace: Pace = field(repr=False)
    http: "Http" = field(repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    random: Random = field(factory=Random, repr=False)
    traffic: Traffic = field(factory=Traffic)
    lifetime: Lifetime = field(factory=Lifetime, repr=False)
    server_clock_offset: float | None = None
    """Seconds by which the server's Date header was ahead of our clock at its last answer."""
    _halt: anyio.Event | None = field(default=None, repr=False)

    def counted(self) -> Self:
        """Return the same connection with a count of its own, which can be halted on its own."""
        view = copy.copy(self)
        view.traffic = Traffic()
        view._halt = anyio.Event()
        return view

    async def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send a request value and return its answer."""
        return read_answer(request, await self.post(prepare(request, self.owner)))

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send plain JSON to any path and return the plain answer."""
        return await self.post(prepare_plain(path, body, self.owner))

    async def post(self, post: Post) -> dict[str, Any]:
        """Send `post` until it is answered or the rules forbid another try; return the answer's JSON object.

        The error raised is that of the last try; `maybe_applied` and `in_doubt` on it tell of them all.
        """
        started = anyio.current_time()
        tries = 0
        maybe_applied = False
        may_renew = True
        while True:
            tries += 1
            try:
                credentials = await self.access.credentials(self.post) if post.signed else None
            except SalesManagoError as error:
                error.maybe_applied = maybe_applied  # by an earlier try of ours: the login was not one
                raise
            try:
                return await self._try(post, credentials, tries)
            except SalesManagoError as error:
                error.request = error.request or post.request
                if may_renew and self.access.replaces(credentials, error):
                    may_renew = False
                    continue
                maybe_applied = maybe_applied or maybe_processed(error)
                wait = wait_before_retry(
                    error,
                    tries=tries,
                    elapsed=anyio.current_time() - started,
                    repeatable=post.repeatable,
                    retries=self.retries,
                    random=self.random,
                )
                if wait is None or await self._halted_within(wait):
                    error.maybe_applied = maybe_applied
                    error.in_doubt = maybe_applied and not post.repeatable
                    if error.in_doubt:
                        error.add_note(f"{post.path} is in doubt: it may have been applied, though no answer says so.")
                    raise

    def halt(self) -> None:
        """Have no request of this view tried again, nor sent that still waits for its turn."""
        if self._halt:
            self._halt.set()
            self.pace.look_again()

    async def _halted_within(self, seconds: float) -> bool:
        """Wait that long; True, at once, where this view is halted."""
        if self._halt is None:
            await anyio.sleep(seconds)
            return False
        with anyio.move_on_after(seconds):
            await self._halt.wait()
        return self._halt.is_set()

    async def _try(self, post: Post, credentials: Credentials | None, tries: int) -> dict[str, Any]:
        self.lifetime.check()
        is_urgent = tries > 1 or not post.signed  # others wait for a login
        async with self.pace.permit(urgent=is_urgent, unless=self._halt) as began:
            self.traffic.requests += 1
            self.traffic.retries += tries > 1
            try:
                answer = await self._exchange(post, credentials)
            except SalesManagoError as error:
                self._tell_pace(began, error)
                raise
            self.pace.answered(began)
            return answer

    async def _exchange(self, post: Post, credentials: Credentials | None) -> dict[str, Any]:
        body = signed(post.fields, credentials, int(self.clock() * 1000)) if credentials else post.fields
        reply = await self.http.post(post.path, body, post.file)
        moment = datetime.fromtimestamp(self.clock(), UTC)
        server_time = http_date(reply.headers.get("date"))
        if server_time:
            self.server_clock_offset = (server_time - moment).total_seconds()
        return read_body(reply, post.request, moment)

    def _tell_pace(self, began: int, error: SalesManagoError) -> None:
        """Have the pace know what an error says about it: a refusal is an answer, other failures mostly say nothing."""
        if is_congestion(error):
            self.pace.congested(began, pause=getattr(error, "retry_after", None))
        elif isinstance(error, Refused):
            self.pace.answered(began)

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator["Download"]:
        """GET a file link, without a permit: files lie on other hosts, and a slow reader must not stop the sending."""
        self.lifetime.check()
        self.traffic.requests += 1
        async with self.http.open(link, headers) as download:
            yield download

    async def aclose(self) -> None:
        """End the buffers and runs that still use this connection, in order, and close everything."""
        try:
            await self.lifetime.end()
        finally:
            with suppress(*([RuntimeError] if self.lifetime.is_elsewhere else [])):  # that event loop may be closed
                await self.http.aclose()


def is_congestion(error: SalesManagoError) -> bool:
    """Tell whether there was too much at once: 429, 503, or a time-out, be it ours or one a gateway tells of."""
    if isinstance(error, ServerFault):
        return error.status in _TOO_MUCH_OR_TOO_SLOW
    return isinstance(error, RateLimited) or (isinstance(error, NoAnswer) and error.timed_out)


_TOO_MUCH_OR_TOO_SLOW = frozenset({408, 503, 504})


def connect(
    credentials: Credentials | Login,
    *,
    owner: str | None,
    base_url: str,
    concurrency: int,
    rate: float | None,
    poll_interval: float,
    retries: Retries,
    timeouts: Timeouts,
    transport: "httpx.AsyncBaseTransport | Literal['aiohttp'] | None",
    clock: Callable[[], float],
    random: Random,
) -> Connection:
    """Put a connection together; nothing is sent yet."""
    from ._http import Http  # here, so that importing the package does not import httpx

    checked_url = checked_base_url(base_url)
    return Connection(
        access=Access(credentials, clock),
        owner=owner,
        poll_interval=poll_interval,
        retries=retries,
        pace=Pace(concurrency, rate),
        http=Http(checked_url, timeouts=timeouts, transport=transport, connections=concurrency),
        clock=clock,
        random=random,
    )
