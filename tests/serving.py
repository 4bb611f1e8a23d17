"""The simulator over a real socket, for tests that need one."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from attrs import define, field

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, DEMO_PRODUCTS_KEY, Simulator
from salesmanago_async.simulator.serve import serving_in_thread

serving_app = serving_in_thread


@contextmanager
def serving_account(app: Any, port: int = 0) -> Iterator[dict[str, str]]:
    """Serve an app that answers for the demo account, and yield the environment variables for it."""
    with serving_app(app, port) as address:
        yield {
            "SALESMANAGO_BASE_URL": address,
            "SALESMANAGO_CLIENT_ID": DEMO_CREDENTIALS.client_id,
            "SALESMANAGO_API_KEY": DEMO_CREDENTIALS.api_key,
            "SALESMANAGO_API_SECRET": DEMO_CREDENTIALS.api_secret or "",
            "SALESMANAGO_OWNER": DEMO_OWNER,
        }


def with_products(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an account with those of its products (API v3)."""
    address = environ["SALESMANAGO_BASE_URL"]
    return {**environ, "SALESMANAGO_PRODUCTS_KEY": DEMO_PRODUCTS_KEY, "SALESMANAGO_PRODUCTS_URL": address}


@contextmanager
def serving(*, port: int = 0, **options: Any) -> Iterator[dict[str, str]]:
    """Serve a simulator, and yield the environment for it."""
    with serving_account(Simulator(**options), port) as environ:
        yield environ


@define
class SlowAccount:
    """A simulated account that takes some time for each request; a request whose client is gone is processed, too."""

    latency: float = 0.05
    simulator: Simulator = field(factory=lambda: Simulator(job_seconds=0.3))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(self.latency)
        await self.simulator(scope, receive, send)


@define
class Counted:
    """Stands before an app, counts its requests by path without /api/, and how many are in flight at most."""

    app: Any
    requests: Counter[str] = field(factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests[scope.get("path", "").removeprefix("/api/")] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def wait_for(self, path: str, count: int, seconds: float = 60.0) -> None:
        """Wait until so many requests of a path have come."""
        deadline = time.monotonic() + seconds
        while self.requests[path] < count:
            assert time.monotonic() < deadline, f"only {self.requests[path]} of {count} requests to {path} have come"
            time.sleep(0.01)


@asynccontextmanager
async def listening(serve: Callable[[StreamReader, StreamWriter], Coroutine[Any, Any, None]]) -> AsyncGenerator[str]:
    """Answer each connection with `serve`, byte by byte, and yield the address; on asyncio."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
