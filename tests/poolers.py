"""Poolers in front of a PostgreSQL server: one of the tests' own, and PgBouncer."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.integrations.apps import free_port
from tests.postgresql import as_database_user


def socket_folder(server: str) -> str:
    """Return the folder of a server's socket; skip the test if it has none."""
    if "host=/" not in server:
        pytest.skip("the server has no socket to which a pooler could forward")
    return server.partition("host=")[2]


@contextmanager
def pooling(server: str) -> Iterator[int]:
    """Forward connections to a server, and tell another number of the session, as poolers do; yield the port."""
    path = f"{socket_folder(server)}/.s.PGSQL.5432"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_forward_all, args=(listener, path))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _forward_all(listener: socket.socket, path: str) -> None:
    threads: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(path)
            threads += [
                threading.Thread(target=_forward, args=(client, server, bytes)),
                threading.Thread(target=_forward, args=(server, client, _with_other_pid)),
            ]
            for thread in threads[-2:]:
                thread.start()
    for thread in threads:
        thread.join()


def _forward(source: socket.socket, target: socket.socket, change: Any) -> None:
    with source, suppress(OSError):
        while content := source.recv(65536):
            target.sendall(change(content))
        target.shutdown(socket.SHUT_WR)


def _with_other_pid(content: bytes) -> bytes:
    """Change the number of the session in the message BackendKeyData."""
    at = content.find(b"K\0\0\0\x0c")
    return content if at < 0 else content[: at + 5] + b"\0\0\0\1" + content[at + 9 :]


PGBOUNCER = """
[databases]
postgres = host={folder} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
"""


@contextmanager
def pooled(server: str, mode: str) -> Iterator[int]:
    """Run PgBouncer in front of a server; yield its port, or skip the test if it is not there."""
    folder = socket_folder(server)
    program = which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("there is no pooler: install pgbouncer")
    port = free_port()
    with TemporaryDirectory(dir="/tmp") as config:
        Path(config).chmod(0o755)
        (Path(config) / "pool.ini").write_text(PGBOUNCER.format(folder=folder, port=port, mode=mode))
        with subprocess.Popen([*as_database_user(), program, "-q", f"{config}/pool.ini"]) as pooler:
            try:
                wait_for_port(port)
                yield port
            finally:
                pooler.terminate()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at port {port}")
