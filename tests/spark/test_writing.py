"""Contacts and events of a DataFrame are written, or refused before anything is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.readme import docstring_example
from tests.spark.cluster import ADD, NOON, UPSERT, Account
from tests.spark.conftest import MISSING

pytestmark = pytest.mark.ci
pytest.importorskip("pyspark", reason=MISSING)

from pyspark.sql import functions as F  # noqa: E402, N812

from salesmanago_async import Invalid  # noqa: E402
from salesmanago_async.integrations.spark import prepare, problems, report  # noqa: E402

Write = Callable[..., None]


@pytest.fixture
def write(postgresql: str, run_id: str) -> Write:
    """Return a function that writes a DataFrame, with options that others may replace; None leaves one out."""

    def write(df: Any, operation: str, **others: Any) -> None:
        options = {
            "operation": operation,
            "runId": run_id,
            "journal": postgresql,
            "partitions": df.rdd.getNumPartitions(),
            "batchSize": 100,
            "pollInterval": 0.2,
            **others,
        }
        writing = df.write.format("salesmanago").mode("append")
        for name, value in options.items():
            if value is not None:
                writing = writing.option(name, value)
        writing.save()

    return write


def purchases(spark: Any, count: int, people: int, partitions: int = 4) -> Any:
    """Return purchases of types as they are in warehouses."""
    return spark.range(count, numPartitions=partitions).select(
        F.concat(F.lit("c"), F.col("id") % people, F.lit("@example.com")).alias("email"),
        F.timestamp_millis(F.lit(NOON) + F.col("id") * 1000).alias("date"),
        F.lit("PURCHASE").alias("contactExtEventType"),
        (F.col("id") / 100).cast("decimal(12,2)").alias("value"),
        F.concat(F.lit("E"), F.col("id")).alias("externalId"),
    )


def test_events_are_written_once_and_a_second_time_not_at_all(
    spark: Any, account: Account, write: Write, run_id: str, postgresql: str
) -> None:
    account.make_people(50)
    df = purchases(spark, 1000, 50)
    write(df, "events")
    assert account.events == [1] * 1000
    posts = account.requests[ADD]
    counts = report(run_id, journal=postgresql)
    assert (counts.read, counts.accepted, counts.chunks) == (1000, 1000, posts)
    write(df, "events")
    assert account.requests[ADD] == posts
    assert problems(df, run_id, journal=postgresql).count() == 0


def test_contacts_are_written_and_the_last_row_of_each_wins(spark: Any, account: Account, write: Write) -> None:
    rows = [(f"c{number % 60}@example.com", f"version {number}", number) for number in range(300)]
    df = spark.createDataFrame(rows, "email STRING, name STRING, version INT").orderBy(F.rand(7))
    ready = prepare(df, order_by="version", partitions=3).drop("version")
    write(ready, "contacts", tags="SPARK, TEST")
    assert account.names() == {f"c{number}@example.com": f"version {240 + number}" for number in range(60)}
    assert {frozenset(one.tags) for one in account.simulator._store.contacts.values()} == {frozenset({"SPARK", "TEST"})}


def test_only_the_last_row_of_each_contact_is_kept(spark: Any) -> None:
    rows = [("Ann@Example.com", 1), (" ann@example.com", 3), ("bob@example.com", 2), (None, 1), (None, 5)]
    df = spark.createDataFrame(rows, "email STRING, version INT")
    kept = prepare(df, order_by="version", partitions=2, keep="last")
    assert kept.rdd.getNumPartitions() == 2
    assert kept.columns == df.columns
    assert sorted(map(tuple, kept.collect()), key=str) == sorted(
        [(" ann@example.com", 3), ("bob@example.com", 2), (None, 1), (None, 5)], key=str
    )
    with pytest.raises(Invalid, match="order_by: is needed"):
        prepare(df, keep="last")


def test_the_example_of_the_docstring_writes_purchases(
    spark: Any, account: Account, database: str, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    account.make_people(10)
    code = docstring_example("integrations/spark/__init__.py").replace(
        "postgresql://importer@db.example.com/etl", database
    )
    names: dict[str, Any] = {}
    exec(code.replace("{JOURNAL}?quota", "{JOURNAL}&quota"), names)
    missing = names["write_purchases"](spark, purchases(spark, 100, 11), run_id)
    assert missing.count() == 9
    assert account.events == [1] * 91
    assert capsys.readouterr().out == "100 read: 91 accepted, 9 rejected\n"


def test_contacts_need_no_journal(spark: Any, account: Account, write: Write) -> None:
    df = spark.createDataFrame([("ann@example.com", "Ann")], "email STRING, name STRING").repartition(1)
    write(df, "contacts", journal=None, runId=None, partitions=None)
    assert account.names() == {"ann@example.com": "Ann"}


def test_the_rows_with_a_problem_are_found_again(
    spark: Any, account: Account, write: Write, run_id: str, postgresql: str
) -> None:
    """One contact is not there, one address is none; the order and the partitions are others."""
    account.make_people(20)
    df = purchases(spark, 200, 21).withColumn(
        "email", F.when(F.col("externalId") == "E5", F.lit("nobody")).otherwise(F.col("email"))
    )
    write(df, "events")
    found = problems(df.orderBy(F.rand(3)).repartition(2), run_id, journal=postgresql).collect()
    missing = {f"E{number}" for number in range(200) if number % 21 == 20}
    assert {row["externalId"] for row in found} == {*missing, "E5"}
    assert {row["_state"] for row in found} == {"rejected"}
    assert all(row["_reason"] for row in found)
    [bad] = [row for row in found if row["externalId"] == "E5"]
    assert "email" in bad["_reason"]
    counts = report(run_id, journal=postgresql)
    assert (counts.read, counts.accepted, counts.rejected) == (199, 199 - len(missing), len(missing))
    assert sum(counts.reasons.values()) == len(missing)


def test_a_secret_among_the_options_is_refused_and_not_shown(spark: Any, account: Account, write: Write) -> None:
    with pytest.raises(Exception, match="apisecret: is not taken as an option") as caught:
        write(purchases(spark, 1, 1, 1), "events", apiSecret="hunter2")
    assert "hunter2" not in str(caught.value)
    assert not account.requests


def test_only_append_is_a_mode(spark: Any, account: Account) -> None:
    df = spark.createDataFrame([("ann@example.com",)], "email STRING")
    with pytest.raises(Exception, match="nothing is removed from an account"):
        df.write.format("salesmanago").mode("overwrite").option("operation", "contacts").save()
    assert not account.requests


def test_unknown_columns_are_refused_before_anything_is_sent(spark: Any, account: Account, write: Write) -> None:
    df = spark.createDataFrame([("ann@example.com", 1)], "email STRING, wrong INT")
    with pytest.raises(Exception, match="wrong"):
        write(df.repartition(1), "contacts")
    assert not account.requests
    write(df.repartition(1), "contacts", extraColumns="ignore")
    assert list(account.names()) == ["ann@example.com"]


def test_another_number_of_partitions_is_refused(spark: Any, account: Account, write: Write) -> None:
    account.make_people(10)
    write(purchases(spark, 100, 10, 4), "events")
    posts = account.requests[ADD]
    with pytest.raises(Exception, match="was begun with a different partitions"):
        write(purchases(spark, 100, 10, 2), "events")
    assert account.requests[ADD] == posts
    assert account.events == [1] * 100


def test_too_few_partitions_are_noticed_at_the_end(spark: Any, account: Account, write: Write) -> None:
    account.make_people(10)
    with pytest.raises(Exception, match="is 4, but there were 2"):
        write(purchases(spark, 100, 10, 2), "events", partitions=4)


def test_changed_rows_are_refused(spark: Any, account: Account, write: Write) -> None:
    account.make_people(10)
    write(purchases(spark, 100, 10, 2), "events")
    posts = account.requests[ADD]
    changed = purchases(spark, 100, 10, 2).withColumn("value", F.lit(1))
    with pytest.raises(Exception, match="the source has changed"):
        write(changed, "events")
    assert account.requests[ADD] == posts


def test_credentials_may_come_from_a_function_of_the_executors(spark: Any, account: Account, write: Write) -> None:
    df = spark.createDataFrame([("ann@example.com",)], "email STRING").repartition(1)
    write(df, "contacts", credentials="tests.spark.credentials:of_the_demo_account")
    assert account.requests[UPSERT] == 1
    with pytest.raises(Exception, match=r"the executor cannot import tests\.spark\.credentials:nothing"):
        write(df, "contacts", credentials="tests.spark.credentials:nothing", runId="another")
