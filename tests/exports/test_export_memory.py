"""Memory is constant for any size of an export, and for any delay of its reader."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.peak_memory import run_and_measure

pytestmark = pytest.mark.ci

SERVER = """
import json, socket, sys, threading

RECORD = {"0f5d2c1a": {"contactData": {"email": "ann@example.com", "name": "Ann"}, "tags": [{"tag": "A", "score": 7}]}}
BLOCK = (json.dumps(RECORD).encode() + b",") * 2000

def answer(connection, blocks):
    while request := connection.recv(65536):
        if b"job/status" in request:
            link = f"http://127.0.0.1:{connection.getsockname()[1]}/file"
            body = json.dumps({"success": True, "message": [], "fileUrl": link}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        else:
            length = 1 + blocks * len(BLOCK) + 3
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n[" % length)
            for _ in range(blocks):
                connection.sendall(BLOCK)
            connection.sendall(b"17]")

blocks = int(sys.argv[1]) * 1_000_000 // len(BLOCK)
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], blocks * 2000 + 1, flush=True)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=answer, args=(connection, blocks), daemon=True).start()
"""

CLIENT = """
import sys
import anyio
from salesmanago_async import Credentials, SalesManago

async def main(port, seconds):
    credentials = Credentials(client_id="c", api_key="k", api_secret="s")
    count = 0
    async with SalesManago(credentials, owner="o@x.pl", base_url=f"http://127.0.0.1:{port}") as sm:
        async with sm.jobs.attach(1).records(raw=True) as records:
            async for record in records:
                if not count:
                    await anyio.sleep(seconds)  # so that most of the file arrives before the reader continues
                count += 1
    assert record == 17, record
    print(count)

anyio.run(main, int(sys.argv[1]), float(sys.argv[2]))
"""


@contextmanager
def serving(megabytes: int) -> Iterator[tuple[int, int]]:
    """Serve an export of that size, generated while it is sent; yield the port and the number of records."""
    command = [sys.executable, "-c", SERVER, str(megabytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            port, count = map(int, server.stdout.readline().split())
            yield port, count
        finally:
            server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
@pytest.mark.parametrize("megabytes", [150, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["a quick reader", "a reader that is far behind"])
def test_an_export_of_any_size_takes_less_than_80_megabytes(megabytes: int, seconds: float) -> None:
    with serving(megabytes) as (port, count):
        read, peak = run_and_measure(CLIENT, port, seconds)
    assert int(read) == count
    assert peak < 80
