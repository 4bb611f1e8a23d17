"""One cluster of Spark for all tests, and an account that is empty for each."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import pytest

from tests.spark.cluster import Account, serving, session

MISSING = "PySpark is not installed; .ci/past_one_machine runs these tests"


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Account, Mapping[str, str]]]:
    with serving() as found:
        yield found


@pytest.fixture(scope="session")
def spark(served: tuple[Account, Mapping[str, str]]) -> Iterator[Any]:
    """A session with two executors, whose environment leads to the account."""
    pytest.importorskip("pyspark", reason=MISSING)
    if not shutil.which("java"):
        pytest.skip("Java is not installed; Spark 4 needs Java 17")
    folder = Path(mkdtemp())
    try:
        with session(served[1], folder) as started:
            yield started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environ(served: tuple[Account, Mapping[str, str]]) -> Mapping[str, str]:
    return served[1]


@pytest.fixture
def account(served: tuple[Account, Mapping[str, str]]) -> Account:
    served[0].empty()
    return served[0]


@pytest.fixture
def run_id() -> str:
    """A name that no other run has."""
    return uuid4().hex
