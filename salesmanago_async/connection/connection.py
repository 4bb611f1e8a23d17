"""Sends a request and returns its answer, or raises the error of its last try.

    sign → permit → send → read → (wait → again)

The connection owns the pool, the pace and the retries. Jobs, imports, exports and the groups send everything through
it. A single call follows `Retries`; the view of a run (`of_run`) retries for as long as the run's patience lasts.
"""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from copy import copy
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import anyio
from attrs import define, evolve, field

from ..api.request import Request
from ..errors import NoAnswer, RateLimited, Refused, SalesManagoError, ServerFault, Unreadable
from ..settings import Credentials, Retries
from ..support.hidden import HiddenBytes, HiddenText
from ..telemetry import during, tell
from ..telemetry.connection_events import LimitLowered, NotRetried, Pause, RateLowered, Retry
from .identity import identity
from .knee import Start
from .lifetime import Lifetime
from .pace import LONGEST_PAUSE, Pace
from .problems import PROBLEMS
from .retry import (
    Patience,
    ends_patience,
    is_unanswered,
    maybe_processed,
    patience_message,
    wait_before_retry,
    wait_with_patience,
)
from .token_source import TokenSource
from .wire import Post, ReadBody, Reply, http_date, prepare, prepare_plain, read_answer, read_body, signed

if TYPE_CHECKING:
    from .http import Download, Http

AnswerT = TypeVar("AnswerT")


@define
class Traffic:
    """Counts of what was sent: all tries, and the tries that were not the first of their request.

    `concurrency` is how many requests in flight the server was known to take at the last answer.
    """

    requests: int = 0
    retries: int = 0
    concurrency: int = 0


@define
class Losses:
    """The last time that a try of one request got no answer, by the event loop's clock; the server may have it."""

    last: float | None = None


@define
class LogThrottle:
    """Remembers recent log lines: if eight requests fail alike and wait, one line is logged, not eight."""

    _until: dict[tuple[str, str], float] = field(factory=dict)

    def level(self, path: str, about: str, *, now: float, wait: float) -> int:
        """Return the log level for a message that something waits; a repetition during the wait is logged as DEBUG."""
        if now < self._until.get((path, about), now):
            return logging.DEBUG
        if len(self._until) >= MOST_LOGGED:
            self._until.clear()
        self._until[path, about] = now + wait
        return logging.WARNING


MOST_LOGGED = 100

LIMIT_LOGGED = 1.0
"""Seconds for which a change of a limit is one line in the log: a full server refuses many requests at once."""

WAIT_FOR_LOGIN = 1.0
"""Seconds after which a run tries to log in itself, if another caller's login has failed."""


class ConnectedRun(Protocol):
    """A run, as its connection sees it."""

    @property
    def halted(self) -> anyio.Event:
        """Set when nothing may be retried, and no request that waits for a permit may be sent."""
        ...

    def give_up(self, error: SalesManagoError) -> None:
        """End the run because its patience is over; `error` was the last failure."""
        ...


@define(kw_only=True)
class Connection:
    """The connection to one account at one host, with one pace. `clock` is the wall clock, in seconds since 1970."""

    token_source: TokenSource
    owner: str | None = field(repr=False)
    poll_interval: float
    retries: Retries
    pace: Pace = field(repr=False)
    http: "Http" = field(repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    random: Random = field(factory=SystemRandom, repr=False)
    traffic: Traffic = field(factory=Traffic)
    lifetime: Lifetime = field(factory=Lifetime, repr=False)
    read_body: ReadBody = field(default=read_body, repr=False)
    server_clock_offset: float | None = None
    """Seconds by which the server's clock (its Date header) was ahead of ours at its last answer."""
    patience: Patience | None = field(default=None, repr=False)
    """How long requests are retried while none is answered; None: each request follows `retries`."""
    gives_up: bool = field(default=True, repr=False)
    """Whether nothing is sent any more when the patience is over; a buffer then starts another run."""
    run: ConnectedRun | None = field(default=None, repr=False)
    """The run that sends these requests: it ends with the patience, and when it is halted, nothing is retried."""
    _log_throttle: LogThrottle = field(factory=LogThrottle, repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """The server and the account of this connection, as a journal or state file records them."""
        return identity(self.http.server, self.token_source.account)

    def of_run(self, run: ConnectedRun, *, traffic: Traffic, patience: float, gives_up: bool = True) -> Self:
        """Return the same connection for a run, whose requests `traffic` counts.

        Its requests are retried until `patience` seconds have passed without any answer. Without `gives_up`, another
        run then goes on, so the log names no end.
        """
        return evolve(
            self,
            run=run,
            traffic=traffic,
            patience=Patience(patience),
            gives_up=gives_up,
            log_throttle=LogThrottle(),
        )

    async def send(self, request: Request[AnswerT]) -> AnswerT:
        """Send a request value and return its answer."""
        return read_answer(request, await self.post(prepare(request, self.owner)))

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send plain JSON to any path and return the plain answer."""
        post = prepare_plain(path, body, self.owner)
        del body  # error reporters show local variables, and this may have a password
        return await self.post(post)

    async def post(self, post: Post, losses: Losses | None = None) -> dict[str, Any]:
        """Send `post` until it is answered or no further try is allowed; return the JSON object of the answer.

        Raises the error of the last try. Its `maybe_applied` and `in_doubt` cover all tries. The time of each try
        without an answer is recorded in `losses`.
        """
        started = anyio.current_time()
        patiences = (self.patience, Patience(self.patience.seconds)) if self.patience else ()
        tries = 0
        loss: SalesManagoError | None = None
        may_renew = True
        while True:
            tries += 1
            try:
                credentials = await self._credentials() if post.signed else None
            except SalesManagoError as error:
                error.maybe_applied = loss is not None  # by an earlier try: a failed login sends no request
                raise
            try:
                return await self._try(post, credentials, tries, patiences)
            except SalesManagoError as error:
                error.request = error.request or post.request
                if may_renew and self.token_source.replaces(credentials, error):
                    may_renew = False
                    continue
                if maybe_processed(error):
                    loss = error
                    if losses:
                        losses.last = anyio.current_time()
                wait = self._wait_after(error, post, tries, started, patiences)
                if wait is None or await self._halted_within(wait):
                    _tell_loss(error, loss, post)
                    raise

    async def _credentials(self) -> Credentials:
        """Return the credentials; in a run, retry a login that another caller gave up while the patience lasts."""
        while True:
            try:
                return await self.token_source.credentials(self.post)
            except SalesManagoError as error:
                left = self.patience.left(anyio.current_time()) if self.patience else 0.0
                if not is_unanswered(error) or left <= 0 or await self._halted_within(min(left, WAIT_FOR_LOGIN)):
                    raise

    def _wait_after(
        self, error: SalesManagoError, post: Post, tries: int, started: float, patiences: Sequence[Patience]
    ) -> float | None:
        """Return the seconds to wait before the next try, and log the wait; None if there must be no other try."""
        if self.run and self.run.halted.is_set():
            return None
        now = anyio.current_time()
        left = min((one.left(now) for one in patiences), default=0.0)
        if patiences:
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
            self._log_wait(error, post.path, tries, wait, left if patiences else None)
        elif patiences and ends_patience(error, left=left):
            self._end_patience(error, left, now)
        elif patiences and is_unanswered(error):
            tell(NotRetried(path=post.path, failure=failure_of(error)))
        return wait

    def _log_wait(self, error: SalesManagoError, path: str, tries: int, wait: float, left: float | None) -> None:
        """Log that a request is retried after a wait; in a run, `left` is the remaining patience.

        Nothing is said about an end if there is none, as in a buffer.
        """
        failure = failure_of(error)
        level = self._log_throttle.level(path, failure, now=anyio.current_time(), wait=wait)
        most = self.retries.tries if left is None else None
        retry = Retry(
            path=path,
            failure=failure,
            attempt=tries + 1,
            wait_seconds=wait,
            most_attempts=most,
            seconds_left=left if self.gives_up else None,
        )
        tell(retry, level)

    def _end_patience(self, error: SalesManagoError, left: float, now: float) -> None:
        """Put the length of the silence into the error; end the run if its other requests got no answer either."""
        assert self.patience
        ends_run = ends_patience(error, left=self.patience.left(now))
        error.args = (patience_message(error, seconds=self.patience.seconds, left=left, clock=self.clock()),)
        if ends_run and self.run:
            self.run.give_up(copy(error))  # `error` goes on as that of its request, with what an earlier loss means

    async def _halted_within(self, seconds: float) -> bool:
        """Wait that many seconds; return True immediately when the run is halted."""
        if self.run is None:
            await anyio.sleep(seconds)
            return False
        with anyio.move_on_after(seconds):
            await self.run.halted.wait()
        return self.run.halted.is_set()

    async def _try(
        self, post: Post, credentials: Credentials | None, tries: int, patiences: Sequence[Patience]
    ) -> dict[str, Any]:
        self.lifetime.check()
        is_urgent = tries > 1 or not post.signed  # an unsigned request is a login, which other requests wait for
        async with self.pace.permit(urgent=is_urgent, halt=self.run.halted if self.run else None) as start:
            if post.guard:  # here: a try may have waited for minutes, and somebody else may have sent it meanwhile
                await post.guard()
            self.lifetime.check()  # the client may have been closed meanwhile
            self.traffic.requests += 1
            self.traffic.retries += tries > 1
            tried_at = anyio.current_time()
            reply: Reply | None = None
            try:
                reply = await self._exchange(post, credentials, tries)
                answer = self._answer_in(reply, post)
            except SalesManagoError as error:
                _note_failure(patiences, error, tried_at)
                self._report_to_pace(start, error, post.path, reply)
                raise
            _note_answer(patiences)
            self.pace.answered(start, post.path, reply.seconds)
            self.traffic.concurrency = self.pace.found
            return answer

    async def _exchange(self, post: Post, credentials: Credentials | None, tries: int) -> Reply:
        now = int(self.clock() * 1000)
        body = HiddenBytes(
            signed(post.fields, credentials, now, post.repeats_client_id) if credentials else post.fields
        )
        with during(self.http.operation(post.method, post.path, tries)) as request:
            reply = await self.http.send(post.method, post.path, body, post.file, is_fresh=not post.repeatable)
            request.status = reply.status
        return reply

    def _answer_in(self, reply: Reply, post: Post) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self.clock(), UTC)
        server_time = http_date(reply.headers.get("date"))
        if server_time:
            self.server_clock_offset = (server_time - moment).total_seconds()
        return self.read_body(reply, post.request, moment, may_be_empty=post.may_answer_nothing)

    def _report_to_pace(self, start: Start, error: SalesManagoError, path: str, reply: Reply | None) -> None:
        """Report an error to the pace: a refusal counts as an answer; most other failures say nothing about load."""
        if is_refusal_for_load(error):
            self._lower_pace(self.pace.refused, start, error, path)
        elif is_too_slow(error):
            self._lower_pace(self.pace.timed_out, start, error, path)
        elif isinstance(error, Refused) and reply:  # its own kind: a refusal may be quicker than what it refuses
            self.pace.answered(start, f"{path}, refused", reply.seconds)

    def _lower_pace(self, lower: Callable[..., None], start: Start, error: SalesManagoError, path: str) -> None:
        """Lower the pace, and log what it is from now on, and that no request starts for some seconds."""
        failure, limit, rate = failure_of(error), self.pace.limit, self.pace.rate_limit
        pause: float | None = getattr(error, "retry_after", None)
        lower(start, pause=pause)
        if self.pace.limit < limit:
            lowered = LimitLowered(path=path, failure=failure, limit=self.pace.limit, limit_before=limit)
            tell(lowered, self._level("a limit", LIMIT_LOGGED))
        found = self.pace.rate_limit
        if found and (rate is None or found < rate):
            tell(RateLowered(path=path, failure=failure, rate=round(found, 1)), self._level("a rate", LIMIT_LOGGED))
        if pause:
            pause = min(pause, LONGEST_PAUSE)
            tell(Pause(path=path, failure=failure, wait_seconds=pause), self._level("a pause", pause))

    def _level(self, about: str, wait: float) -> int:
        """Return the log level of what a failure has led to; the same within `wait` seconds is one line."""
        return self._log_throttle.level("", about, now=anyio.current_time(), wait=wait)

    @asynccontextmanager
    async def open(self, link: str, headers: Mapping[str, str] | None = None) -> AsyncGenerator["Download"]:
        """GET a file link without a permit: files are on other hosts, and a slow download must not block API calls."""
        link = HiddenText(link)
        self.lifetime.check()
        self.traffic.requests += 1
        with during(self.http.operation_of_link(link)) as request:
            async with self.http.open(link, headers) as download:
                request.status = download.status
                yield download

    async def aclose(self) -> None:
        """End the buffers and runs that still use this connection, in order, then close all connections.

        In a child that was forked after their first use nothing is closed: they are the parent's.
        """
        try:
            await self.lifetime.end()
        finally:
            if not self.lifetime.is_of_parent:
                with suppress(*([RuntimeError] if self.lifetime.is_in_other_loop else [])):  # that loop may be closed
                    await self.http.aclose()


def _tell_loss(error: SalesManagoError, loss: SalesManagoError | None, post: Post) -> None:
    """Put into the error of the last try what an earlier one, whose answer was lost, means for the request."""
    error.maybe_applied = loss is not None
    error.in_doubt = loss is not None and not post.repeatable
    if loss and isinstance(error, NoAnswer) and error.sent is False:
        error.args = (f"{loss}; then {error}",)
    if error.in_doubt:
        error.add_note(f"{post.path} is in doubt: it may have been applied, but no answer confirms it.")


def _note_answer(patiences: Sequence[Patience]) -> None:
    for one in patiences:
        one.answered(anyio.current_time())


def _note_failure(patiences: Sequence[Patience], error: SalesManagoError, tried_at: float) -> None:
    if not is_unanswered(error):
        _note_answer(patiences)
        return
    for one in patiences:
        one.unanswered(tried_at)


def failure_of(error: SalesManagoError) -> str:
    """Describe a failure without any text of the server or of a library, so that it can be logged."""
    if isinstance(error, NoAnswer):
        message = str(error).partition(" (")[0]
        head, _, kind = message.rpartition(": ")
        return message if not head or kind in PROBLEMS else head
    if isinstance(error, RateLimited):
        return "429"
    if isinstance(error, ServerFault):
        return str(error.status)
    if isinstance(error, Unreadable):
        return f"an answer that cannot be read{f', {error.status}' if error.status else ''}"
    return type(error).__name__


def is_refusal_for_load(error: SalesManagoError) -> bool:
    """Return whether the server refused a request because it has too much to do: 429 or 503."""
    return isinstance(error, RateLimited) or (isinstance(error, ServerFault) and error.status == _OVERLOADED)


def is_too_slow(error: SalesManagoError) -> bool:
    """Return whether the server was too slow: a time-out on our side, or at a gateway (408, 504)."""
    if isinstance(error, ServerFault):
        return error.status in _TIMED_OUT
    return isinstance(error, NoAnswer) and error.timed_out


_OVERLOADED = 503
_TIMED_OUT = frozenset({408, 504})
