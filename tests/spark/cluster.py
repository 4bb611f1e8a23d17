"""A cluster of Spark for tests, the account that its executors write to, and the processes in it that tests kill."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import anyio
import httpx

from salesmanago_async import Contact, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.stores.addresses import DatabaseAddress
from tests.imports.harness import events_of
from tests.postgresql import query
from tests.serving import Counted, SlowAccount, serving_account

ROOT = Path(__file__).parents[2]
ADD, UPSERT = "contact/batchAddContactExtEvent", "contact/batchupsertv2"
NOON = 1_767_268_800_000


ACCOUNT_OF_ENVIRONMENT = {name: value for name, value in os.environ.items() if name.startswith("SALESMANAGO_")}
"""The variables of the account that this process was started with."""


class Account(Counted):
    """What the executors write to: its calls are counted, not its downloads, which take no slot of a quota."""

    app: SlowAccount

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path", "").startswith("/files/"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def empty(self, **simulator: Any) -> None:
        """Begin with an empty account, and count from 0."""
        self.app = SlowAccount(simulator=Simulator(**{"job_seconds": 0.3, **simulator}))
        self.requests.clear()
        self.most_in_flight = 0

    @property
    def simulator(self) -> Simulator:
        return self.app.simulator

    def make_people(self, count: int) -> None:
        """Create the contacts c0@example.com and so on."""
        anyio.run(_make_people, self.simulator, count)

    @property
    def events(self) -> list[int]:
        """How often each event is there."""
        return sorted(events_of(self.simulator).values())

    def names(self) -> dict[str, Any]:
        """The name of each contact, by its address."""
        return {str(one.email): one.fields.get("name") for one in self.simulator._store.contacts.values()}


async def _make_people(simulator: Simulator, count: int) -> None:
    transport = httpx.ASGITransport(app=simulator)
    async with SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, poll_interval=0.1) as sm:
        people = [Contact(email=f"c{number}@example.com") for number in range(count)]
        assert (await sm.contacts.upsert_many(people)).accepted == count


@contextmanager
def serving() -> Iterator[tuple[Account, Mapping[str, str]]]:
    """Serve an account, and yield it with the variables for executors."""
    account = Account(SlowAccount())
    with serving_account(account) as environ:
        yield account, environ


@contextmanager
def session(environ: Mapping[str, str], folder: Path) -> Iterator[Any]:
    """Start Spark with two executors of one core each."""
    from pyspark.sql import SparkSession

    from salesmanago_async.integrations.spark import SalesManagoSource

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .appName("tests")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.local.dir", str(folder))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.executorEnv.PYTHONPATH", str(ROOT))
        .config("spark.executorEnv.SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE", ""))
    )
    for name, value in environ.items():
        builder = builder.config(f"spark.executorEnv.{name}", value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    spark.dataSource.register(SalesManagoSource)
    try:
        yield spark
    finally:
        spark.stop()


def use_session(spark: Any) -> None:
    """Make a session that of this thread: Spark looks for registered data sources there."""
    spark._jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(spark._jsparkSession)


# The processes


def until(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
    return found


def holder_of(database: str, run: str) -> int | None:
    """Return the process that has the journal of a partition now."""
    from salesmanago_async.stores.postgresql import lock_key

    found = query(
        DatabaseAddress.parse(database),
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
        "AND granted AND objsubid = 1 AND (classid::bigint << 32) + objid::bigint = %s",
        lock_key(run),
    )
    return int(found[0][0].split()[1]) if found else None


def executor_of(worker: int) -> int:
    """Return the process of the executor to which a Python worker belongs."""
    process = worker
    while "CoarseGrainedExecutorBackend" not in command_of(process):
        process = parent_of(process)
    return process


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def parent_of(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def kill(process: int) -> None:
    os.kill(process, SIGKILL)


def children_of(process: int) -> list[int]:
    """Return all descendants of a process."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = parent_of(int(entry.name))
            except OSError:
                continue
            if parent == process:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found
