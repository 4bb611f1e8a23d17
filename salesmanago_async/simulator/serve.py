"""The simulator over a real socket (needs uvicorn, of the extra `cli`)."""

import socket
from collections.abc import Callable

import uvicorn

from .app import Simulator


def serve(app: Simulator, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal comes; `announce` is told the address once connections are taken.

    Raises `OSError` where the port is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listening:
        bound = listening.getsockname()[1]
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=60)
        announce(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        uvicorn.Server(config).run(sockets=[listening])
