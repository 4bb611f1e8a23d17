"""Jobs as large as those of users: 200,000 contacts and 50,000 events, with somebody killed in the middle."""

import time
from typing import Any

import pytest

from salesmanago_async.simulator import Simulator
from tests.postgresql import query
from tests.spark.cluster import ADD, UPSERT, Account
from tests.spark.conftest import MISSING

pytestmark = pytest.mark.slow
pytest.importorskip("pyspark", reason=MISSING)

from pyspark.sql import functions as F  # noqa: E402, N812

from salesmanago_async.integrations.spark import prepare, report  # noqa: E402
from tests.spark.test_killed import Writing, kill_a_holder, options  # noqa: E402
from tests.spark.test_writing import purchases  # noqa: E402

ROWS, PEOPLE, EVENTS = 200_000, 100_000, 50_000


def test_contacts_of_two_versions_and_their_events(
    spark: Any, account: Account, database: str, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker is killed while contacts are written, an executor while events are."""
    account.app.simulator = Simulator(job_seconds=1.0)
    quota = f"{database}&quota=large&slots=4"
    common = {"quota": quota, "batchSize": 1000, "pollInterval": 1, "concurrency": 4}
    versions = spark.range(ROWS).select(
        F.concat(F.lit("c"), F.col("id") % PEOPLE, F.lit("@example.com")).alias("email"),
        F.concat(F.lit("version "), F.col("id")).alias("name"),
        F.col("id").alias("number"),
    )
    contacts = prepare(versions, order_by="number", partitions=4).drop("number")
    began = time.monotonic()
    writing = Writing(contacts, **options(database, f"{run_id}-c", operation="contacts", **common))
    kill_a_holder(writing, database, f"{run_id}-c", account, "worker", posts=20)
    writing.join(1200)
    seconds = [time.monotonic() - began]
    assert account.names() == {f"c{number}@example.com": f"version {PEOPLE + number}" for number in range(PEOPLE)}
    assert report(f"{run_id}-c", journal=database).accepted == ROWS
    requests = dict(account.requests)

    events = purchases(spark, EVENTS, PEOPLE, 3).repartition(4)
    began = time.monotonic()
    writing = Writing(events, **options(database, f"{run_id}-e", **common))
    kill_a_holder(writing, database, f"{run_id}-e", account, "executor", posts=requests[UPSERT] + 10)
    writing.join(1200)
    seconds.append(time.monotonic() - began)
    assert account.events == [1] * EVENTS
    assert report(f"{run_id}-e", journal=database).accepted == EVENTS
    [[size]] = query(database, "SELECT pg_total_relation_size('salesmanago.chunks')")
    with capsys.disabled():
        print(
            f"\n{ROWS:,} contacts: {seconds[0]:.0f} s, {requests}; {EVENTS:,} events: {seconds[1]:.0f} s, "
            f"{account.requests[ADD]} posts; journal {size / 1e6:.1f} MB; in flight {account.most_in_flight}"
        )
    assert account.most_in_flight == 4
