"""Several processes that share a quota, over sockets, against a server that counts what it works at. One is killed."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGKILL
from typing import Any

import anyio
import orjson
import pytest
from attrs import define, field

from tests.postgresql import query
from tests.serving import serving_account

pytest.importorskip("psycopg")
pytestmark = pytest.mark.ci

WORKER = """
import anyio
from salesmanago_async import SalesManago

async def main():
    async with SalesManago.from_env(concurrency=8) as sm, anyio.create_task_group() as tasks:
        async def ask():
            while True:
                await sm.call("contact/hasContact", {"email": "{name}@example.com", "owner": "a@example.com"})
        for _ in range(8):
            tasks.start_soon(ask)

anyio.run(main)
"""


@define
class Account:
    """Answers each request after `latency` seconds, also if whoever sent it is gone, as a real server does."""

    latency: float
    in_flight: int = 0
    max_in_flight: int = 0
    sent: Counter[str] = field(factory=Counter)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.sent[orjson.loads(body)["email"]] += 1
        await anyio.sleep(self.latency)
        self.in_flight -= 1
        answer = orjson.dumps({"success": True, "message": [], "result": True, "contactId": "1"})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@contextmanager
def working(account: Account, quota: str, processes: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Run processes that send what they can; `account` counts it."""
    with serving_account(account) as environ:
        variables = {**os.environ, **environ, "SALESMANAGO_QUOTA": quota}
        started = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER.replace("{name}", str(number))],
                env=variables,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        try:
            yield started
        finally:
            for process in started:
                process.kill()
                process.communicate()


def wait_until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def slots_of(database: str) -> Counter[int]:
    """Count the slots of each process, by its id."""
    rows = query(
        database,
        "SELECT split_part(application_name, ' ', 2)::int, count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ExclusiveLock' AND datname = current_database() "
        "GROUP BY 1",
    )
    return Counter(dict(rows))


@pytest.mark.parametrize("settle", [0.0, 3.0], ids=["given at once", "settled"])
def test_the_server_never_has_more_in_flight_than_the_quota_also_when_a_process_is_killed(
    database: str, settle: float
) -> None:
    """The requests of whoever is killed are worked at for 2 seconds more; without `settle` others come on top."""
    account = Account(latency=2.0)
    with working(account, f"{database}&quota=account&slots=6&settle={settle:g}", processes=4) as processes:
        wait_until(lambda: account.in_flight == 6 and len(account.sent) == 4)
        held = slots_of(database)
        assert sum(held.values()) == 6
        victim = next(process for process in processes if process.pid == held.most_common(1)[0][0])
        before = sum(account.sent.values())
        os.kill(victim.pid, SIGKILL)
        wait_until(lambda: sum(account.sent.values()) > before + 18)
        killed = processes.index(victim)
        shares = [count for pid, count in slots_of(database).items() if pid != victim.pid]
        assert (killed, sorted(shares)) == (killed, [2, 2, 2])
    if settle:
        assert account.max_in_flight == 6
    else:
        assert account.max_in_flight > 6  # else this test would prove nothing


def test_more_processes_than_slots_all_get_their_turns(database: str) -> None:
    account = Account(latency=0.1)
    with working(account, f"{database}&quota=account&slots=3&settle=1", processes=5):
        wait_until(lambda: len(account.sent) == 5 and min(account.sent.values()) >= 10)
    assert account.max_in_flight == 3
    assert max(account.sent.values()) < 6 * min(account.sent.values())
