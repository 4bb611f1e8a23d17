"""`Simulator`, the ASGI app: it notes each request, applies faults, and sends the replies."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from ..settings import Credentials
from ._answering import Answering
from ._asgi import Message, Receive, Send
from ._calls import replay
from ._clock import WindableClock
from ._fault_effects import apply
from ._fault_schedule import FaultSchedule
from ._faults import FILES, Fault
from ._log_line import log_line
from ._masking import Masking
from ._received import ReceivedRequest, ReceivedRequests
from ._refusal import RefusedCall
from ._reply import SimulatedReply, refused, send_reply
from ._request import headers_of, is_file, path_of, read_content
from ._spellings import oddly_spelled_file
from ._state import StateFile
from ._store import AccountStore
from .handlers.system import Tokens
from .inspection import Inspection
from .products.account import ProductAccount, ProductSettings, StoredKey

DEMO_CREDENTIALS = Credentials(client_id="demo-client", api_key="demo-key", api_secret="demo-secret")  # noqa: S106
DEMO_OWNER = "admin@vendor.pl"
DEMO_PASSWORD = "demo-password"  # noqa: S105
DEMO_PRODUCTS_KEY = "DemoProductsKey"
"""A key of API v3 that every simulated account has."""


class Simulator(Inspection):
    """A simulated account, as an ASGI app. Each instance begins empty, except for the content of its `state` file.

    `owners` are its user accounts. `clock` returns seconds since 1970; a job takes `job_seconds` on that clock, and a
    file link works for `link_seconds`. Each owner gets a token for `password`, valid for `token_seconds` ([guess] the
    real validity is not documented). Requests are affected by the `faults`; for faults with a `share`, the choice
    depends only on `seed`.

    As the server, it passes over fields that the reference does not name, and times in seconds where milliseconds are
    documented are taken. `undocumented` counts these fields. A `strict` simulator refuses them, and the legacy paths of
    old clients, so that a test finds every slip. With `odd_spellings` the answers and files are spelled as some
    accounts spell them: an empty `address` is null, birthdays and the values of events are text.

    The calls of API v3 (paths below /v3/) are answered at the same address; `products` has the settings of that part.

    `state` is a SQLite file: the next simulator that opens it has everything that was answered with success, however
    this one ends, but not the tokens and links. Raises `Invalid` if the file is not usable. Owners in the file stay
    owners.

    `requests` are the last requests, at most `requests_kept` (None: all), and `on_request` is called with each one when
    it is over. `contact()`, `contacts`, `events`, `products` and `jobs` show the account, and `advance()` winds its
    clock.
    """

    def __init__(
        self,
        credentials: Credentials = DEMO_CREDENTIALS,
        *,
        owners: Sequence[str] = (DEMO_OWNER,),
        clock: Callable[[], float] = time.time,
        job_seconds: float = 1.0,
        link_seconds: float = 300.0,
        password: str = DEMO_PASSWORD,
        token_seconds: float = 3600.0,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        state: str | Path | None = None,
        strict: bool = False,
        odd_spellings: bool = False,
        products: ProductSettings | None = None,
        requests_kept: int | None = 1000,
        on_request: Callable[[ReceivedRequest], object] | None = None,
    ) -> None:
        self.credentials = credentials
        self.clock = WindableClock(clock)
        self.requests = ReceivedRequests(requests_kept)
        self._on_request = on_request
        store = AccountStore(
            clock=self.clock,
            owners=owners,
            job_seconds=job_seconds,
            link_seconds=link_seconds,
            spell=oddly_spelled_file if odd_spellings else bytes,
        )
        super().__init__(store)
        self.masking = Masking(credentials, store)
        self._answering = Answering(credentials, store, strict=strict, odd_spellings=odd_spellings)
        tokens = self._store.section(Tokens)
        tokens.client_id = credentials.client_id
        tokens.proof = credentials.api_secret or credentials.sha or credentials.token or ""
        tokens.password = password
        tokens.lifetime_seconds = token_seconds
        account = self._store.section(ProductAccount)
        account.settings = products or ProductSettings()
        account.keys[DEMO_PRODUCTS_KEY] = StoredKey("demo", webhook_url=account.settings.webhook_url)
        self._seed = seed
        self._schedule = FaultSchedule(faults, seed)
        if state:
            self._answering.state = StateFile(state)
            self._restore(self._answering.state)

    def _restore(self, state: StateFile) -> None:
        try:
            with state.reading():
                self._store.owners = state.owners(self._store.owners)
                last = replay(state.calls(), self._store)
            self.clock.advance(max(0.0, last - self.clock()))  # it was wound, and time does not go back
        except BaseException:
            state.close()
            raise

    def close(self) -> None:
        """Close the state file, if there is one. The simulator cannot be used after that."""
        if self._answering.state:
            self._answering.state.close()

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults. They can be set at any time; requests are then counted from 1 again."""
        return self._schedule.faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._schedule = FaultSchedule(faults, self._seed)

    def fail(self, kind: str, **options: Any) -> Fault:
        """Add a fault, and return it: `fail("503", path="contact/upsert", at=1)`. See `Fault` for the options."""
        fault = Fault(kind, **options)
        self.faults = (*self.faults, fault)
        return fault

    def advance(self, time: float | timedelta) -> None:
        """Wind the account's clock forward, by seconds or a timedelta: jobs end, links and tokens expire."""
        with self._lock:
            self.clock.advance(time)
            self._store.catch_up()

    @property
    def owner(self) -> str:
        """The first user account."""
        return self._store.owners[0]

    def environment(self, address: str) -> dict[str, str]:
        """Return the variables SALESMANAGO_* of a client of this simulator, which is served at an address."""
        mine = self.credentials
        given = {
            "BASE_URL": address,
            "CLIENT_ID": mine.client_id,
            "API_KEY": mine.api_key,
            "API_SECRET": mine.api_secret,
            "SHA": mine.sha,
            "OWNER": self.owner,
            "PRODUCTS_KEY": DEMO_PRODUCTS_KEY,
            "PRODUCTS_URL": address,
        }
        return {f"SALESMANAGO_{name}": value for name, value in given.items() if value}

    @property
    def job_seconds(self) -> float:
        """How long a job takes that starts from now on."""
        return self._store.job_seconds

    @job_seconds.setter
    def job_seconds(self, seconds: float) -> None:
        self._store.job_seconds = seconds

    def requests_to(self, path: str) -> list[ReceivedRequest]:
        """Return the requests to a path, or to the paths that a pattern such as `contact/*` matches."""
        return [request for request in self.requests if fnmatchcase(request.path, path)]

    def log_line(self, request: ReceivedRequest) -> str:
        """Return a request as one line without secrets: time, status, path, size, duration, and what was unusual."""
        return self.masking.text(log_line(request))

    @property
    def undocumented(self) -> Counter[tuple[str, str]]:
        """How many calls had each undocumented field, by path and dotted name: ("contact/upsert", "contact.nmae").

        The first call with a field is also logged as a warning of the logger `salesmanago_async.simulator`. What the
        vendor's own clients are known to send, such as `internalIntegration`, is not counted.
        """
        return Counter(self._answering.undocumented.counts)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `ConnectionResetError` if a fault leaves the answer out, or incomplete."""
        if scope["type"] != "http":
            return
        path = FILES if is_file(scope) else path_of(scope)
        with self._lock:
            fault = self._schedule.next(path)
            received = self.requests.add(partial(_received, scope, path, fault, self._store.clock()))
        started = time.perf_counter()
        try:
            reply = await self._reply(scope, receive, received)
            received.status = reply.status
            self.requests.keep(received, answer=b"" if is_file(scope) else reply.content)
            await send_reply(send, reply)
        finally:
            received.seconds, received.is_over = time.perf_counter() - started, True
            if self._on_request:
                self._on_request(received)
            await self._answering.webhooks.deliver()

    async def _reply(self, scope: Message, receive: Receive, received: ReceivedRequest) -> SimulatedReply:
        try:
            content = await read_content(receive)
        except RefusedCall as refusal:
            return refused(refusal)
        received.size = len(content)
        self.requests.keep(received, content=content)
        process = partial(self._answer, scope, content, received)
        if received.fault:
            return await apply(received.fault, process, store=self._store, is_file=is_file(scope))
        return process()

    def _answer(self, scope: Message, content: bytes, received: ReceivedRequest) -> SimulatedReply:
        with self._lock:
            return self._answering.answer(scope, content, received)


def _received(scope: Message, path: str, fault: Fault | None, moment: float, number: int) -> ReceivedRequest:
    kind = headers_of(scope).get("content-type", "")
    return ReceivedRequest(number, moment, str(scope["method"]), path, fault, content_type=kind)
