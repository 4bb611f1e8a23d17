"""Starts apps as users do: in their own processes, on a real socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from attrs import frozen


@frozen
class Served:
    """An app that answers at `address`."""

    address: str
    process: subprocess.Popen[bytes]

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End the process with a signal; return its exit code."""
        self.process.send_signal(by)
        return self.process.wait(60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def running(arguments: Sequence[str], port: int, folder: Path, environ: Mapping[str, str]) -> Iterator[Served]:
    """Run `python arguments` in a folder until the end of the block, which begins when it answers at a port."""
    environ = {**os.environ, "PYTHONPATH": "", **environ}
    with subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environ) as process:
        try:
            _wait_for(port, process)
            yield Served(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()


def uvicorn_of(app: str, folder: Path, environ: Mapping[str, str]) -> AbstractContextManager[Served]:
    """Run an app with uvicorn, by its module and name."""
    port = free_port()
    return running(["-m", "uvicorn", "--log-level", "warning", "--port", str(port), app], port, folder, environ)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the app did not start")
