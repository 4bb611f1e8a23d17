"""One socket that serves the simulator of one test after the other."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..errors import Invalid
from ..simulator import Simulator, SimulatorServer
from .clients import POLL_INTERVAL

OTHER_VARIABLES = ("SALESMANAGO_SHA", "SALESMANAGO_QUOTA", "SALESMANAGO_ENV_FILE")
"""Variables of a real account, which must not be mixed with those of the simulated one."""


class Socket:
    """An ASGI app at an address, which passes each request to the simulator that is served now."""

    def __init__(self) -> None:
        self.url = ""
        self._simulator: Simulator | None = None

    @contextmanager
    def serving(self, simulator: Simulator) -> Generator[SimulatorServer]:
        """Serve a simulator until the end of the block."""
        self._simulator = simulator
        variables = {"SALESMANAGO_POLL_INTERVAL": str(POLL_INTERVAL)}
        try:
            yield SimulatorServer(self.url, simulator, {**simulator.environment(self.url), **variables})
        finally:
            self._simulator = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; without a simulator the connection is reset, as if there were no server."""
        if self._simulator is None:
            raise ConnectionResetError("no test uses salesmanago_server now")
        await self._simulator(scope, receive, send)


@contextmanager
def open_socket() -> Generator[Socket]:
    """Serve at a free port of this machine until the end of the block. Raises `Invalid` without uvicorn."""
    try:
        from ..simulator.serve import serving_in_thread
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise Invalid("salesmanago_server needs the extra 'cli': pip install 'salesmanago-async[cli]'") from None
    opened = Socket()
    with serving_in_thread(opened) as opened.url:
        yield opened
