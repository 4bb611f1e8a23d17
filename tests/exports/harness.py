"""A simulated account with finished exports, behind a simulated connection, and the results of reading them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from attrs import define, field, frozen

from salesmanago_async import Contact, Job, SalesManago, Tag
from salesmanago_async.api.contact_exports import DataType
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.conftest import wall_clock
from tests.exports.wires import Wire, wired

KINDS = ["json", "zip"]
"""The exports of an account: an array of contacts, and an archive of messages to them."""


@define
class Export:
    """The records that were read, and the error that ended the reading, if there was one."""

    records: list[Any] = field(factory=list)
    error: Exception | None = None


async def read(job: Job[Any]) -> Export:
    """Read a job's records up to their end, or to an error."""
    export = Export()
    try:
        async with job.records(raw=True) as records:
            async for record in records:
                export.records.append(record)
    except Exception as error:
        export.error = error
    return export


@frozen
class Account:
    """An account with finished exports: the numbers of their jobs, and the records and sizes of their files."""

    simulator: Simulator
    jobs: dict[str, int] = field(factory=dict)
    records: dict[str, list[Any]] = field(factory=dict)
    sizes: dict[str, int] = field(factory=dict)


@frozen
class World:
    """A client of an account, and the connection between them."""

    account: Account
    wire: Wire
    sm: SalesManago

    def job(self, kind: str) -> Job[Any]:
        return self.sm.jobs.attach(self.account.jobs[kind])

    async def export(self, kind: str, *faults: Fault) -> Export:
        """Read an export with these faults."""
        self.account.simulator.faults = faults
        self.wire.asked.clear()
        return await read(self.job(kind))


@asynccontextmanager
async def connected(
    account: Account, *, clock: Callable[[], float] = wall_clock, **options: Any
) -> AsyncGenerator[World]:
    """Connect a client to an account."""
    chosen = {"owner": DEMO_OWNER, "clock": clock, "random": Random(7), **options}
    async with wired(account.simulator) as wire, SalesManago(DEMO_CREDENTIALS, transport=wire, **chosen) as sm:
        yield World(account, wire, sm)


async def opened(
    contacts: Sequence[Contact], data: Sequence[DataType], *, clock: Callable[[], float] = wall_clock
) -> Account:
    """Return an account with contacts, all tagged ALL, and its exports; the array has that `data`."""
    account = Account(Simulator(clock=clock, job_seconds=0.0, link_seconds=300.0))
    everybody = [Tag("ALL")]
    async with connected(account, clock=clock) as world:
        await world.sm.contacts.upsert_many(contacts, wait=False)
        sent = await world.sm.messages.send(everybody, name="hello", text_content='},{"')
        exported = await world.sm.contacts.export(everybody, data)
        account.jobs["json"] = exported.request_id
        account.jobs["zip"] = (await world.sm.messages.export(sent.conversation_id or 0)).request_id
        for kind in KINDS:
            account.records[kind] = (await world.export(kind)).records
            account.sizes[kind] = len(await world.job(kind).result())
    return account


@asynccontextmanager
async def world(count: int, data: Sequence[DataType] = ("CONTACT", "TAG")) -> AsyncGenerator[World]:
    """Yield an account with `count` contacts, and a client of it."""
    async with connected(await opened(contacts(count), data)) as world:
        yield world


def contacts(count: int, *, noise: int = 0) -> list[Contact]:
    """Return contacts that can receive messages, each with `noise` bytes of random data."""
    random = Random(1)
    return [
        Contact(
            email=f"c{number}@example.com",
            phone="1",
            tags=["ALL"],
            force_phone_opt_in=True,
            properties={f"p{at}": random.randbytes(100).hex() for at in range(noise // 200)},
        )
        for number in range(count)
    ]
