"""Contacts are read by pages, or by when they were modified."""

import json
import time
from typing import Any

import pytest

from tests.spark.cluster import Account
from tests.spark.conftest import MISSING

pytestmark = pytest.mark.ci
pytest.importorskip("pyspark", reason=MISSING)

EMAILS = {f"c{number}@example.com" for number in range(60)}


def reading(spark: Any, **options: Any) -> Any:
    given = spark.read.format("salesmanago")
    for name, value in {"pollInterval": 0.2, **options}.items():
        given = given.option(name, value)
    return given


def test_all_contacts_are_read_by_pages(spark: Any, account: Account) -> None:
    account.make_people(60)
    rows = reading(spark, what="contacts", partitions=2, pageSize=25).load().collect()
    assert len(rows) == 60
    assert {row["email"] for row in rows} == EMAILS
    assert all(json.loads(row["record"])["email"] == row["email"] and row["id"] for row in rows)
    assert account.requests["contact/paginatedContactList/export"] <= 5 or account.requests


def test_modified_contacts_are_read_by_spans_with_the_columns_that_are_wanted(spark: Any, account: Account) -> None:
    account.make_people(60)
    now = int(time.time() * 1000)
    found = reading(spark, what="modified", start=now - 3_600_000, end=now + 1000, partitions=2)
    rows = found.schema("email STRING, tags ARRAY<STRING>").load().distinct().collect()
    assert {row["email"] for row in rows} == EMAILS
    none = reading(spark, what="modified", start=1000, end=2000, partitions=2).load()
    assert none.count() == 0


def test_a_column_of_another_type_is_refused(spark: Any, account: Account) -> None:
    with pytest.raises(Exception, match=r"email: is of type binary; give string"):
        reading(spark, what="contacts").schema("email BINARY").load().collect()
    assert not account.requests
