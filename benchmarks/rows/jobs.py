"""Ten thousand jobs outstanding at once, polled every 60 s, 64 requests in flight, each answered after 0.2 s.

The minutes are skipped, not the work (see skipping.py), so being late and being busy are as real as they can be: polls
go through the client, its permits and httpx to a server in the same process, which notes when they arrive. Due is one
interval after the answer to the look before. What the scheduler itself costs is measured with polls that only wait.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import orjson
from attrs import define, field, frozen

from benchmarks.ours import client_of
from benchmarks.row import OURS, Row, Ways, at_most
from benchmarks.skipping import run_skipping
from salesmanago_async.jobs import Job
from salesmanago_async.polling import JobScheduler, PollResult

INTERVAL = 60.0
LATENCY = 0.2
IN_FLIGHT = 64
POLLS = 2


@define
class _Server:
    """Says that a job is running, after a while, and notes by how much each look missed its time, in seconds."""

    misses: list[float] = field(factory=list)
    _due: dict[int, float] = field(factory=dict)

    async def poll(self, number: int) -> None:
        """Take a look, and answer it."""
        if number in self._due:
            self.misses.append(abs(anyio.current_time() - self._due[number]))
        await anyio.sleep(LATENCY)
        self._due[number] = anyio.current_time() + INTERVAL

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, is_complete = b"", False
        while not is_complete:
            message = await receive()
            body, is_complete = body + message["body"], not message["more_body"]
        await self.poll(orjson.loads(body)["requestId"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"success":true,"message":["running"]}'})


@frozen
class Watched:
    """What watching came to: the share of a core, and by how much the worst look missed its time: a part of 60 s."""

    share: float
    worst: float


async def _watch(jobs: int, *, ask: bool) -> Watched:
    """Start jobs as fast as the server takes them, and have each polled, twice; `ask` by requests."""
    server = _Server()
    polls = Counter[int]()
    transport = httpx.ASGITransport(app=server)
    async with client_of("http://localhost", transport=transport, concurrency=IN_FLIGHT, poll_interval=INTERVAL) as sm:

        async def poll(job: Job[Any]) -> PollResult:
            await (job.status() if ask else server.poll(job.request_id))
            polls[job.request_id] += 1
            return "settled" if polls[job.request_id] == POLLS else "running"

        scheduler = JobScheduler[Job[Any]](sm._connection, outstanding=jobs)
        numbers = iter(range(jobs))

        async def start() -> None:
            for number in numbers:
                await anyio.sleep(LATENCY)
                await scheduler.add(Job(sm._connection, number, lambda record: record))

        began, worked = anyio.current_time(), time.process_time()
        async with anyio.create_task_group() as watching:
            for _ in range(scheduler.workers):
                watching.start_soon(scheduler.work, poll)
            async with anyio.create_task_group() as starting:
                for _ in range(IN_FLIGHT):
                    starting.start_soon(start)
            scheduler.close()
        share = (time.process_time() - worked) / (anyio.current_time() - began)
    return Watched(share, max(server.misses) / INTERVAL)


def watch(jobs: int, *, ask: bool) -> Watched:
    """Watch so many jobs for two intervals."""
    return run_skipping(_watch(jobs, ask=ask))


@contextmanager
def _due(size: int) -> Iterator[Ways]:
    yield {OURS: lambda: 100 * watch(size, ask=True).worst}


@contextmanager
def _share(size: int) -> Iterator[Ways]:
    yield {OURS: lambda: 100 * watch(size, ask=False).share}


ROWS = (
    Row(
        name="jobs-due",
        what="10,000 outstanding jobs (quick: 1,000): polls are due within",
        ways=_due,
        targets=(at_most(10.0, "worst poll", "%"),),
        size=10_000,
        quick_size=1_000,
        rounds=1,
        unit="%",
    ),
    Row(
        name="jobs-cpu",
        what="10,000 outstanding jobs: CPU of the scheduler at 60 s",
        ways=_share,
        targets=(at_most(2.0, "of a core", "%"),),
        size=10_000,
        quick_size=10_000,
        rounds=1,
        unit="%",
    ),
)
