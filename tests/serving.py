"""The simulator over a real socket, for tests that need one."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.simulator.serve import make_config


@contextmanager
def serving_app(app: Any) -> Iterator[str]:
    """Serve an ASGI app in a thread, and give its address."""
    server = uvicorn.Server(make_config(app))
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
def serving(**options: Any) -> Iterator[dict[str, str]]:
    """Serve a simulator, and give the environment that leads to it."""
    with serving_app(Simulator(**options)) as address:
        yield {
            "SALESMANAGO_BASE_URL": address,
            "SALESMANAGO_CLIENT_ID": DEMO_CREDENTIALS.client_id,
            "SALESMANAGO_API_KEY": DEMO_CREDENTIALS.api_key,
            "SALESMANAGO_API_SECRET": DEMO_CREDENTIALS.api_secret or "",
            "SALESMANAGO_OWNER": DEMO_OWNER,
        }
