"""Workers, executors and drivers are killed with SIGKILL in the middle of a write: nothing is lost, nothing doubled."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from typing import Any

import pytest

from tests.postgresql import query
from tests.spark.cluster import (
    ADD,
    ROOT,
    UPSERT,
    Account,
    children_of,
    command_of,
    executor_of,
    holder_of,
    kill,
    until,
    use_session,
)
from tests.spark.conftest import MISSING

pytestmark = pytest.mark.ci
pytest.importorskip("pyspark", reason=MISSING)

from pyspark.sql import functions as F  # noqa: E402, N812

from salesmanago_async.integrations.spark import prepare, report  # noqa: E402
from tests.spark.test_writing import purchases  # noqa: E402

PARTITIONS = 4
EVENTS, PEOPLE = 4000, 1000


@pytest.fixture
def journal(database: str) -> str:
    """The address of an empty database."""
    return database


@pytest.fixture
def quota(journal: str) -> str:
    return f"{journal}&quota=spark&slots=3&settle=2"


class Writing:
    """A write that goes on in a thread of the driver."""

    def __init__(self, df: Any, **options: Any) -> None:
        self.error: Exception | None = None
        self._session = df.sparkSession
        self._writer = df.write.format("salesmanago").mode("append")
        for name, value in options.items():
            self._writer = self._writer.option(name, value)
        self._thread = Thread(target=self._save)
        self._thread.start()

    def _save(self) -> None:
        try:
            use_session(self._session)
            self._writer.save()
        except Exception as error:
            self.error = error

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is true, and return it; raise if the write ends before."""

        def found() -> Any:
            is_over = not self._thread.is_alive()
            result = condition()
            if is_over and not result:
                raise AssertionError("the write has ended") from self.error
            return result

        return until(found, seconds=180)

    def join(self, seconds: float = 240.0) -> None:
        """Wait for the end of the write; raise what it raises."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error


def options(journal: str, run_id: str, **others: Any) -> dict[str, Any]:
    chosen = {
        "operation": "events",
        "runId": run_id,
        "journal": journal,
        "partitions": PARTITIONS,
        "batchSize": 50,
        "pollInterval": 0.3,
        "concurrency": 2,
    }
    return {**chosen, **others}


def holder_of_any(journal: str, run_id: str) -> int | None:
    """Return a process that has the journal of one of the partitions now."""
    found = (holder_of(journal, f"{run_id}/{number}") for number in range(PARTITIONS))
    return next(filter(None, found), None)


def kill_a_holder(writing: Writing, journal: str, run_id: str, account: Account, who: str, posts: int = 6) -> None:
    """Kill a Python worker that is sending, or its executor."""
    writing.until(lambda: account.requests[ADD] + account.requests[UPSERT] >= posts)
    worker = writing.until(lambda: holder_of_any(journal, run_id))
    kill(worker if who == "worker" else executor_of(worker))


def shuffled(spark: Any) -> Any:
    """Return events in partitions whose rows may come in another order each time that a task is run again."""
    return purchases(spark, EVENTS, PEOPLE, 3).repartition(PARTITIONS)


@pytest.mark.parametrize("who", ["worker", "executor"])
def test_events_are_there_once_though_somebody_was_killed(
    who: str, spark: Any, account: Account, journal: str, quota: str, run_id: str
) -> None:
    account.make_people(PEOPLE)
    writing = Writing(shuffled(spark), **options(journal, run_id, quota=quota))
    kill_a_holder(writing, journal, run_id, account, who)
    writing.join()
    assert account.events == [1] * EVENTS
    assert 1 < account.most_in_flight <= 3
    counts = report(run_id, journal=journal)
    assert (counts.read, counts.accepted) == (EVENTS, EVENTS)
    posts = account.requests[ADD]
    Writing(shuffled(spark), **options(journal, run_id)).join()
    assert account.requests[ADD] == posts


def test_contacts_are_there_in_their_last_version_though_a_worker_was_killed(
    spark: Any, account: Account, journal: str, run_id: str
) -> None:
    versions = spark.range(2000).select(
        F.concat(F.lit("c"), F.col("id") % 1000, F.lit("@example.com")).alias("email"),
        F.concat(F.lit("version "), F.col("id")).alias("name"),
        F.col("id").alias("number"),
    )
    df = prepare(versions, order_by="number", partitions=PARTITIONS).drop("number")
    writing = Writing(df, **options(journal, run_id, operation="contacts", batchSize=100))
    kill_a_holder(writing, journal, run_id, account, "worker", posts=3)
    writing.join()
    assert account.names() == {f"c{number}@example.com": f"version {1000 + number}" for number in range(1000)}


def test_two_attempts_at_once_send_each_event_once(spark: Any, account: Account, journal: str, run_id: str) -> None:
    """The same write by two jobs: their tasks take the journals one after the other."""
    account.make_people(PEOPLE)
    both = [Writing(shuffled(spark), **options(journal, run_id)) for _ in range(2)]
    for writing in both:
        writing.join()
    assert account.events == [1] * EVENTS
    assert report(run_id, journal=journal).accepted == EVENTS


DRIVER = """
import sys
from pathlib import Path
from tempfile import mkdtemp
from tests.spark.cluster import ACCOUNT_OF_ENVIRONMENT, session
from tests.spark.test_killed import options, shuffled

journal, quota, run_id = sys.argv[1:]
with session(ACCOUNT_OF_ENVIRONMENT, Path(mkdtemp())) as spark:
    writing = shuffled(spark).write.format("salesmanago").mode("append")
    for name, value in options(journal, run_id, quota=quota).items():
        writing = writing.option(name, value)
    writing.save()
"""


@pytest.fixture
def driver(environ: Mapping[str, str], journal: str, quota: str, run_id: str) -> Iterator[Callable[..., Any]]:
    """Return a function that starts a driver in a process of its own; what is left of it is ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", DRIVER, journal, quota, run_id]
        variables = {**os.environ, **environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen(command, env=variables, cwd=ROOT, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        for child in [*children_of(process.pid), process.pid]:
            if process.poll() is None:
                kill(child)
        process.communicate()


def test_events_are_there_once_though_the_driver_was_killed(
    driver: Callable[..., Any], account: Account, journal: str, run_id: str
) -> None:
    """Python and the JVM of the driver are killed, and the executors notice. Another driver runs the same job again."""
    account.make_people(PEOPLE)
    first = driver()
    until(lambda: account.requests[ADD] >= 6, seconds=180)
    until(lambda: holder_of_any(journal, run_id))
    [jvm] = [child for child in children_of(first.pid) if "SparkSubmit" in command_of(child)]
    kill(first.pid)
    kill(jvm)
    before = len(account.events)
    assert before < EVENTS
    second = driver()
    _, err = second.communicate(timeout=400)
    assert second.returncode == 0, err[-3000:]
    assert account.events == [1] * EVENTS
    assert 1 < account.most_in_flight <= 3
    unsettled = query(journal, "SELECT count(*) FROM salesmanago.chunks WHERE state IN ('in_doubt', 'submitted')")
    assert unsettled == [(0,)]
