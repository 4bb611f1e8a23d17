"""The simulator over a real socket, for tests that need one."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

import uvicorn

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.simulator.serve import make_config


@contextmanager
def serving_app(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an ASGI app in a thread, by default at any free port, and give its address."""
    config = make_config(app)
    config.port = port
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving_account(app: Any, port: int = 0) -> Iterator[dict[str, str]]:
    """Serve an app that answers for the demo account, and give the variables that lead to it."""
    with serving_app(app, port) as address:
        yield {
            "SALESMANAGO_BASE_URL": address,
            "SALESMANAGO_CLIENT_ID": DEMO_CREDENTIALS.client_id,
            "SALESMANAGO_API_KEY": DEMO_CREDENTIALS.api_key,
            "SALESMANAGO_API_SECRET": DEMO_CREDENTIALS.api_secret or "",
            "SALESMANAGO_OWNER": DEMO_OWNER,
        }


@contextmanager
def serving(*, port: int = 0, **options: Any) -> Iterator[dict[str, str]]:
    """Serve a simulator, and give the environment that leads to it."""
    with serving_account(Simulator(**options), port) as environ:
        yield environ


@asynccontextmanager
async def listening(serve: Callable[[StreamReader, StreamWriter], Coroutine[Any, Any, None]]) -> AsyncGenerator[str]:
    """Have `serve` answer each connection, byte by byte, and give the address; on asyncio."""
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
