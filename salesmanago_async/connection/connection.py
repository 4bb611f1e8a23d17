"""What everything above talks to: a request goes in, its answer or its last error comes out.

    sign → permit → send → read → (wait → again)

The connection owns the pool, the pace and the retries; jobs, imports, exports and the groups only ask it. A call keeps
to `Retries`; the view that a run has (`counted`) goes on for as long as the run has patience.
"""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar

import anyio
from attrs import define, evolve, field

from ..api import Request
from ..errors import NoAnswer, RateLimited, Refused, SalesManagoError, ServerFault, Unreadable
from ..settings import Credentials, Login, Retries, Timeouts, checked_base_url
from .access import TokenSource
from .identity import identity
from .lifetime import Lifetime
from .pace import LONGEST_PAUSE, Pace
from .retry import (
    Patience,
    ends_patience,
    is_unanswered,
    maybe_processed,
    silence,
    wait_before_retry,
    wait_with_patience,
)
from .wire import Post, http_date, prepare, prepare_plain, read_answer, read_body, signed

if TYPE_CHECKING:
    import httpx

    from .http import Download, Http

AnswerT = TypeVar("AnswerT")

_log = logging.getLogger("salesmanago_async.connection")


@define
class Traffic:
    """What was sent: every try, and those that were not the first of their request."""

    requests: int = 0
    retries: int = 0


@define
class Losses:
    """When a try of one request last stayed without an answer, by the event loop's clock; the server may have it."""

    last: float | None = None


@define
class LogThrottle:
    """What was logged lately: eight requests that fail alike and wait are one line, not eight."""

    _until: dict[tuple[str, str], float] = field(factory=dict)

    def level(self, path: str, about: str, *, now: float, wait: float) -> int:
        """Return at which level to log that something waits so long; what says the same meanwhile is for debugging."""
        if now < self._until.get((path, about), now):
            return logging.DEBUG
        if len(self._until) >= MOST_LOGGED:
            self._until.clear()
        self._until[path, about] = now + wait
        return logging.WARNING


MOST_LOGGED = 100

WAIT_FOR_LOGIN = 1.0
"""Seconds after which a run logs in itself, where another caller's login has failed."""


class ConnectedRun(Protocol):
    """A run, as its connection sees it."""

    @property
    def halted(self) -> anyio.Event:
        """Set when nothing is to be retried, nor sent that still waits for a permit."""
        ...

    def give_up(self, error: SalesManagoError) -> None:
        """End the run: no answer has come for as long as it has patience. `error` was the last failure."""
        ...


@define(kw_only=True)
class Connection:
    """An account, reached at one host, at one pace. `clock` is the wall clock, in seconds since 1970."""

    access: TokenSource
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
    patience: Patience | None = field(default=None, repr=False)
    """How long its requests are tried again while none is answered; None: each keeps to `retries`."""
    run: ConnectedRun | None = field(default=None, repr=False)
    """The run that these requests are of: it ends with the patience, and when it is halted, nothing is retried."""
    _lines: LogThrottle = field(factory=LogThrottle, repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """Whose a file on the disk is that is of this connection: its server and its account."""
        return identity(self.http.server, self.access.account)

    def of_run(self, run: ConnectedRun, *, traffic: Traffic, patience: float) -> Self:
        """Return the same connection for a run, whose requests `traffic` counts.

        Its requests are retried until `patience` seconds have passed without any answer.
        """
        return evolve(self, run=run, traffic=traffic, patience=Patience(patience), lines=LogThrottle())

    async def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send a request value and return its answer."""
        return read_answer(request, await self.post(prepare(request, self.owner)))

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send plain JSON to any path and return the plain answer."""
        return await self.post(prepare_plain(path, body, self.owner))

    async def post(self, post: Post, losses: Losses | None = None) -> dict[str, Any]:
        """Send `post` until it is answered or the rules forbid another try; return the answer's JSON object.

        The error raised is that of the last try; `maybe_applied` and `in_doubt` on it tell of them all. Tries without
        an answer are noted in `losses`.
        """
        started = anyio.current_time()
        silences = (self.patience, Patience(self.patience.seconds)) if self.patience else ()
        tries = 0
        maybe_applied = False
        may_renew = True
        while True:
            tries += 1
            try:
                credentials = await self._credentials() if post.signed else None
            except SalesManagoError as error:
                error.maybe_applied = maybe_applied  # by an earlier try of ours: the login was not one
                raise
            try:
                return await self._try(post, credentials, tries, silences)
            except SalesManagoError as error:
                error.request = error.request or post.request
                if may_renew and self.access.replaces(credentials, error):
                    may_renew = False
                    continue
                if maybe_processed(error):
                    maybe_applied = True
                    if losses:
                        losses.last = anyio.current_time()
                wait = self._wait_after(error, post, tries, started, silences)
                if wait is None or await self._halted_within(wait):
                    error.maybe_applied = maybe_applied
                    error.in_doubt = maybe_applied and not post.repeatable
                    if error.in_doubt:
                        error.add_note(f"{post.path} is in doubt: it may have been applied, though no answer says so.")
                    raise

    async def _credentials(self) -> Credentials:
        """Return the credentials; in a run, a login that another caller has given up is tried with our patience."""
        while True:
            try:
                return await self.access.credentials(self.post)
            except SalesManagoError as error:
                left = self.patience.left(anyio.current_time()) if self.patience else 0.0
                if not is_unanswered(error) or left <= 0 or await self._halted_within(min(left, WAIT_FOR_LOGIN)):
                    raise

    def _wait_after(
        self, error: SalesManagoError, post: Post, tries: int, started: float, silences: Sequence[Patience]
    ) -> float | None:
        """Return the seconds to wait before the next try, and log them; None where there must be none."""
        if self.run and self.run.halted.is_set():
            return None
        now = anyio.current_time()
        left = min((one.left(now) for one in silences), default=0.0)
        if silences:
            wait = wait_with_patience(
                error,
                tries=tries,
                left=left,
                repeatable=post.repeatable,
                retries=self.retries,
                random=self.random,
            )
        else:
            wait = wait_before_retry(
                error,
                tries=tries,
                elapsed=now - started,
                repeatable=post.repeatable,
                retries=self.retries,
                random=self.random,
            )
        if wait is not None:
            self._log_wait(error, post.path, tries, wait, left if silences else None)
        elif silences and ends_patience(error, left=left):
            self._lose_patience(error, left, now)
        elif silences and is_unanswered(error):
            _log.warning("%s: %s; not tried again, as it may have been applied", post.path, failure_of(error))
        return wait

    def _log_wait(self, error: SalesManagoError, path: str, tries: int, wait: float, left: float | None) -> None:
        """Log that a request is tried again after a wait; `left` is what is left of the patience, in a run."""
        failure = failure_of(error)
        level = self._lines.level(path, failure, now=anyio.current_time(), wait=wait)
        most = f" of {self.retries.tries}" if left is None else ""
        end = "" if left is None else f", giving up in {left:.0f} s if no answer comes"
        _log.log(level, "%s: %s; try %d%s in %.1f s%s", path, failure, tries + 1, most, wait, end)

    def _lose_patience(self, error: SalesManagoError, left: float, now: float) -> None:
        """Have the error say for how long there was no answer, and end the run where that was so for all requests."""
        assert self.patience
        ends_run = ends_patience(error, left=self.patience.left(now))
        error.args = (silence(error, seconds=self.patience.seconds, left=left, clock=self.clock()),)
        if ends_run and self.run:
            self.run.give_up(error)

    async def _halted_within(self, seconds: float) -> bool:
        """Wait that long; return True, immediately, when the run is halted."""
        if self.run is None:
            await anyio.sleep(seconds)
            return False
        with anyio.move_on_after(seconds):
            await self.run.halted.wait()
        return self.run.halted.is_set()

    async def _try(
        self, post: Post, credentials: Credentials | None, tries: int, silences: Sequence[Patience]
    ) -> dict[str, Any]:
        self.lifetime.check()
        is_urgent = tries > 1 or not post.signed  # others wait for a login
        async with self.pace.permit(urgent=is_urgent, unless=self.run.halted if self.run else None) as began:
            self.traffic.requests += 1
            self.traffic.retries += tries > 1
            tried_at = anyio.current_time()
            try:
                answer = await self._exchange(post, credentials)
            except SalesManagoError as error:
                _note_failure(silences, error, tried_at)
                self._tell_pace(began, error, post.path)
                raise
            _note_answer(silences)
            self.pace.answered(began)
            return answer

    async def _exchange(self, post: Post, credentials: Credentials | None) -> dict[str, Any]:
        body = signed(post.fields, credentials, int(self.clock() * 1000)) if credentials else post.fields
        reply = await self.http.post(post.path, body, post.file, is_fresh=not post.repeatable)
        moment = datetime.fromtimestamp(self.clock(), UTC)
        server_time = http_date(reply.headers.get("date"))
        if server_time:
            self.server_clock_offset = (server_time - moment).total_seconds()
        return read_body(reply, post.request, moment, may_be_empty=post.may_answer_nothing)

    def _tell_pace(self, began: int, error: SalesManagoError, path: str) -> None:
        """Have the pace know what an error says about it: a refusal is an answer, other failures mostly say nothing."""
        if is_congestion(error):
            before, pause = self.pace.limit, getattr(error, "retry_after", None)
            self.pace.congested(began, pause=pause)
            self._log_congestion(error, path, before, min(pause or 0.0, LONGEST_PAUSE))
        elif isinstance(error, Refused):
            self.pace.answered(began)

    def _log_congestion(self, error: SalesManagoError, path: str, before: int, pause: float) -> None:
        """Log that fewer requests may be in flight than before, and that none may start for some seconds."""
        failure, limit = failure_of(error), self.pace.limit
        if limit < before:
            _log.warning("%s: %s; at most %d requests in flight from now on, not %d", path, failure, limit, before)
        if pause:
            level = self._lines.level("", "a pause", now=anyio.current_time(), wait=pause)
            _log.log(level, "%s: %s; no request starts for %.1f s", path, failure, pause)

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


def _note_answer(silences: Sequence[Patience]) -> None:
    now = anyio.current_time()
    for one in silences:
        one.answered(now)


def _note_failure(silences: Sequence[Patience], error: SalesManagoError, tried_at: float) -> None:
    if not is_unanswered(error):
        _note_answer(silences)
        return
    for one in silences:
        one.unanswered(tried_at)


def failure_of(error: SalesManagoError) -> str:
    """Return what went wrong in words of ours: a log shows no text of a server's, nor of a library's."""
    if isinstance(error, NoAnswer):
        ours = str(error).partition(" (")[0]
        said, _, kind = ours.rpartition(": ")
        return ours if not said or kind.isidentifier() else said
    if isinstance(error, RateLimited):
        return "429"
    if isinstance(error, ServerFault):
        return str(error.status)
    if isinstance(error, Unreadable):
        return f"an answer that cannot be read{f', {error.status}' if error.status else ''}"
    return type(error).__name__


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
    from .http import Http  # here, so that importing the package does not import httpx

    checked_url = checked_base_url(base_url)
    return Connection(
        access=TokenSource(credentials, clock),
        owner=owner,
        poll_interval=poll_interval,
        retries=retries,
        pace=Pace(concurrency, rate),
        http=Http(checked_url, timeouts=timeouts, transport=transport, connections=concurrency),
        clock=clock,
        random=random,
    )
