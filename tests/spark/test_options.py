"""The options of reads and writes: those that are taken, and what is said about others."""

from collections.abc import Mapping
from typing import Any

import pytest

from salesmanago_async import Credentials, Invalid, SalesManago
from tests.spark.conftest import MISSING

pytest.importorskip("pyspark", reason=MISSING)

from salesmanago_async.integrations.spark._account import client_of
from salesmanago_async.integrations.spark._options import ReadOptions, WriteOptions

EVENTS = {"operation": "events", "runid": "orders", "journal": "postgresql://h/d", "partitions": "8"}

REFUSED_OF_WRITES: dict[str, tuple[dict[str, str | None], str]] = {
    "no journal for events": ({"journal": None}, "journal: events need a journal"),
    "no run": ({"runid": None}, "runId: a journal needs it"),
    "no number of partitions": ({"partitions": None}, "partitions: a journal needs it"),
    "no partitions": ({"partitions": "0"}, "partitions: is 0; give 1 or more"),
    "a file": ({"journal": "run.db"}, "journal: executors share no files"),
    "an address with a run": ({"journal": "postgresql://h/d?run=a"}, "journal: the address names a run"),
    "a password": ({"journal": "postgresql://u:hunter2@h/d"}, "journal: has a password, and options are shown"),
    "a password of a quota": ({"quota": "postgresql://u:hunter2@h/d?quota=q"}, "quota: has a password"),
    "a quota that is none": ({"quota": "q"}, "quota: give the address of a quota"),
    "a secret": ({"apisecret": "hunter2"}, "apisecret: is not taken as an option"),
    "a key": ({"ApiKey": "hunter2"}, "ApiKey: is not taken as an option"),
    "a misspelt option": ({"runids": "a"}, "runids: there is no such option; did you mean runId?"),
    "an unknown operation": ({"operation": "coupons"}, "operation: is 'coupons', not one of contacts, events"),
    "no operation": ({"operation": None}, "operation: is missing; give contacts or events"),
    "a batch that is too large": ({"batchsize": "1001"}, "batchSize: is 1001; give 1 to 1000"),
    "a number that is none": ({"concurrency": "four"}, "concurrency: is 'four', which is no number"),
    "a wait that is none": ({"wait": "maybe"}, "wait: is 'maybe', not one of true, false"),
    "tags of events": ({"tags": "A"}, "tags: are for contacts"),
    "details of events": ({"extracolumns": "properties"}, "extraColumns: is for contacts"),
    "a tag that is too long": ({"operation": "contacts", "tags": 256 * "A"}, "tags: "),
    "a run without a name": ({"runid": " "}, "runId: give a printable name"),
    "credentials that are no function": ({"credentials": "os.environ"}, "credentials: give MODULE:FUNCTION"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED_OF_WRITES.values(), ids=REFUSED_OF_WRITES)
def test_options_of_a_write_that_cannot_be_used_are_refused(options: dict[str, str | None], message: str) -> None:
    given = {name: value for name, value in {**EVENTS, **options}.items() if value is not None}
    with pytest.raises(Invalid) as caught:
        WriteOptions.parse(given)
    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)


def test_each_partition_has_a_run_of_its_own() -> None:
    options = WriteOptions.parse({**EVENTS, "indoubt": "send", "locktimeout": "7"})
    run = options.run(7)
    assert str(run.pop("journal")) == "postgresql://h/d?run=orders%2F7"
    assert run == {
        "wait": True,
        "batch_size": 1000,
        "extra_columns": "error",
        "in_doubt": "send",
        "known_by": "content",
        "identity": {"partitions": 8},
        "when_busy": "wait",
        "lock_timeout": 7.0,
    }
    with pytest.raises(Invalid, match="partitions: is 8, but this is partition number 8, counted from 0"):
        options.run(8)


def test_contacts_may_go_without_a_journal() -> None:
    options = WriteOptions.parse({"operation": "contacts", "tags": "A, B", "WAIT": "False"})
    assert options.run(100) == {"wait": False, "batch_size": 1000, "extra_columns": "error", "tags": ("A", "B")}


REFUSED_OF_READS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "what: is missing; give contacts or modified"),
    "a span of contacts": ({"what": "contacts", "start": "0", "end": "1"}, "start: start and end are both for"),
    "no end": ({"what": "modified", "start": "0"}, "start: start and end are both for"),
    "a span that ends before": ({"what": "modified", "start": "2", "end": "1"}, "end: the span ends before"),
    "a time without a zone": ({"what": "modified", "start": "2026-01-01", "end": "1"}, "start: the time has no time"),
    "no time": ({"what": "modified", "start": "yesterday", "end": "1"}, "start: give UNIX milliseconds"),
    "pages that are too large": ({"what": "contacts", "pagesize": "5000"}, "pageSize: is 5000; give 1 to 1000"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED_OF_READS.values(), ids=REFUSED_OF_READS)
def test_options_of_a_read_that_cannot_be_used_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        ReadOptions.parse(options)
    assert str(caught.value).startswith(message)


def test_times_may_be_texts() -> None:
    options = ReadOptions.parse(
        {"what": "modified", "start": "1970-01-01T00:00:01Z", "end": "1970-01-01T01:00:05+01:00"}
    )
    assert (options.start, options.end) == (1000, 5000)


def test_the_sha_of_a_function_needs_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CLIENT_ID", "c"), ("API_KEY", "k"), ("API_SECRET", "of another account")):
        monkeypatch.setenv(f"SALESMANAGO_{name}", value)
    taken: list[Mapping[str, str]] = []
    monkeypatch.setattr(SalesManago, "from_env", lambda environ, **_: taken.append(environ))
    client_of(ReadOptions(what="contacts", credentials="tests.spark.credentials:with_a_sha"))
    assert Credentials.from_env(taken[0]) == Credentials(client_id="c", api_key="k", sha="5ha")
