"""A run and small calls as a careful programmer writes them, over any of the clients.

`codec` names the module that writes the bodies and reads the answers: unchecked.py or checked.py. Every result is
compared with what was sent, so that contacts that a result does not name are missed.
"""

import asyncio
from importlib import import_module
from typing import Any, Literal, TypeAlias

import orjson

from benchmarks.floors import SIGNED, UPSERT_MANY
from benchmarks.in_flight import call_all
from benchmarks.peers.clients import CLIENTS, Name
from benchmarks.records import address_of, contact_rows, in_thousands

Codec: TypeAlias = Literal["unchecked", "checked"]

POLL_INTERVAL = 0.01


async def upsert_all(address: str, count: int, *, in_flight: int, client: Name, codec: Codec) -> int:
    """Send so many contacts, a task for each thousand; return how many of them the results name."""
    coder = import_module(f"benchmarks.peers.{codec}")
    semaphore = asyncio.Semaphore(in_flight)
    async with CLIENTS[client]() as ask:

        async def upsert(thousand: list[dict[str, Any]]) -> int:
            try:
                started = await ask(address + UPSERT_MANY, coder.write_contacts(thousand))
                question = orjson.dumps({**SIGNED, "requestId": coder.read_request_id(started)})
                while not (link := coder.read_link(await ask(f"{address}/api/job/status", question))):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_INTERVAL)
                named = coder.read_addresses(await ask(link, None))
                return sum(row["email"] in named for row in thousand)
            finally:
                semaphore.release()

        tasks: list[asyncio.Task[int]] = []
        async with asyncio.TaskGroup() as group:
            for thousand in in_thousands(contact_rows(count)):
                await semaphore.acquire()
                tasks.append(group.create_task(upsert(thousand)))
    return sum(task.result() for task in tasks)


async def upsert_singly(address: str, count: int, *, in_flight: int, client: Name) -> int:
    """Send so many contacts, each in a request of its own; return how many were answered."""
    async with CLIENTS[client]() as ask:

        async def call(number: int) -> object:
            body = {**SIGNED, "owner": "o@example.com", "contact": {"email": address_of(number), "name": "Ann"}}
            return orjson.loads(await ask(f"{address}/api/contact/upsert", orjson.dumps(body)))["contactId"]

        return await call_all(call, count, in_flight=in_flight)
