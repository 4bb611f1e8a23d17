"""Contacts, events and products through a pipeline of dlt, to an account behind a socket."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.imports.report import Report
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault
from tests.cli.accounts import contacts_of
from tests.dlt.conftest import MISSING, MakePipeline
from tests.readme import ROOT, docstring_example
from tests.serving import Counted

pytestmark = pytest.mark.ci
dlt = pytest.importorskip("dlt", reason=MISSING)

from salesmanago_async.integrations.dlt import contacts, events, products  # noqa: E402 - it needs dlt

QUICK: dict[str, Any] = {"poll_interval": 0.1}
ADD_EVENTS = "contact/batchAddContactExtEvent"


def people(count: int = 3) -> list[dict[str, Any]]:
    return [{"email": f"c{number}@example.com", "name": f"Name {number}"} for number in range(count)]


def purchases(count: int = 3) -> list[dict[str, Any]]:
    when = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [
        {
            "email": f"c{number}@example.com",
            "date": when,
            "contactExtEventType": "PURCHASE",
            "value": 12.5,
            "products": ["p1", "p2"],
            "externalId": f"ORDER-{number}",
        }
        for number in range(count)
    ]


def read_back(count: int = 3) -> list[dict[str, Any]]:
    return list(contacts_of(os.environ, [f"c{number}@example.com" for number in range(count)]))


def load_people(make_pipeline: MakePipeline) -> None:
    make_pipeline(contacts(**QUICK)).run(people(), table_name="people")


def test_contacts_arrive_with_their_lists_and_objects(account: Counted, make_pipeline: MakePipeline) -> None:
    """dlt keeps lists and objects as JSON; fields that are absent in a row leave the contact as it is."""
    reports: dict[str, Report] = {}
    rows = [
        {
            "email": "c0@example.com",
            "name": "Ann",
            "tags": ["A", "B"],
            "address": {"city": "Łódź"},
            "properties": {"size": "7"},
            "_dlt_note": "columns of dlt are no fields",
        },
        {"email": "c1@example.com", "tags": ["A"]},
    ]
    destination = contacts(on_report=reports.__setitem__, tags=["DLT"], **QUICK)
    make_pipeline(destination).run(rows, table_name="people", write_disposition="merge", primary_key="email")
    assert reports["people"].accepted == 2
    ann, other = read_back(2)
    assert (ann["name"], ann["address"]["city"]) == ("Ann", "Łódź")
    assert {tag["tag"] for tag in ann["contactTags"]} == {"A", "B", "DLT"}
    assert {(one["name"], one["value"]) for one in ann["properties"]} == {("size", "7")}
    assert not other["name"]


def test_a_table_without_objects_is_read_by_column(account: Counted, make_pipeline: MakePipeline) -> None:
    make_pipeline(contacts(columns={"full_name": "name"}, **QUICK)).run(
        [{"email": "c0@example.com", "full_name": "Ann"}], table_name="people"
    )
    [ann] = read_back(1)
    assert ann["name"] == "Ann"


def test_events_arrive(account: Counted, make_pipeline: MakePipeline) -> None:
    load_people(make_pipeline)
    make_pipeline(events(**QUICK)).run(purchases(), table_name="purchases")
    found = [event for contact in read_back() for event in contact["contactExtEvents"]]
    when = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
    assert {(event["externalId"], event["date"], event["products"]) for event in found} == {
        (f"ORDER-{number}", when, "p1,p2") for number in range(3)
    }


def test_products_arrive(account: Counted, make_pipeline: MakePipeline) -> None:
    rows = [{"productId": "P1", "name": "A book", "mainCategory": "Books", "price": 12.5}]
    reports: dict[str, Report] = {}
    make_pipeline(products("main", on_report=reports.__setitem__, **QUICK)).run(rows, table_name="products")
    assert reports["products"].accepted == 1
    assert account.requests["/v3/product/upsert"] == 1


def test_each_file_has_a_journal_in_its_package(account: Counted, make_pipeline: MakePipeline, tmp_path: Path) -> None:
    load_people(make_pipeline)
    [journal] = tmp_path.glob("dlt/pipelines/pipeline/load/loaded/*/salesmanago/people.*.db")
    assert journal.stat().st_size > 0


def test_an_unknown_column_keeps_the_package_until_it_is_mapped(account: Counted, make_pipeline: MakePipeline) -> None:
    rows = [{"email": "c0@example.com", "title": "Ann", "tags": ["A"]}]
    with pytest.raises(Exception, match="table people: UnknownColumns: title: is not a field; map it"):
        make_pipeline(contacts(**QUICK)).run(rows, table_name="people")
    assert not account.requests
    make_pipeline(contacts(columns={"title": "name"}, **QUICK)).load()
    assert [contact["name"] for contact in read_back(1)] == ["Ann"]


def test_wrong_credentials_keep_the_package(
    account: Counted, make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt's secrets come before the environment."""
    secret = "DESTINATION__SALESMANAGO__CREDENTIALS__API_SECRET"
    monkeypatch.setenv(secret, "wrong")
    with pytest.raises(Exception, match="table people: NotAuthenticated: "):
        make_pipeline(contacts(**QUICK)).run(people(), table_name="people")
    assert account.requests["contact/batchupsertv2"] == 1
    monkeypatch.delenv(secret)
    make_pipeline(contacts(**QUICK)).load()
    assert len(read_back()) == 3


def test_a_sha_in_dlts_secrets_needs_no_secret_of_the_environment(
    account: Counted, make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.environ["SALESMANAGO_API_SECRET"]
    monkeypatch.setenv("DESTINATION__SALESMANAGO__CREDENTIALS__SHA", DEMO_CREDENTIALS.signature())
    load_people(make_pipeline)
    assert len(read_back()) == 3


def test_missing_credentials_are_named(make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIENT_ID", "API_KEY", "API_SECRET", "SHA", "OWNER"):
        monkeypatch.delenv(f"SALESMANAGO_{name}", raising=False)
    with pytest.raises(Exception, match="client_id"):
        make_pipeline(contacts()).run(people(), table_name="people")


def test_a_server_that_is_away_keeps_the_package(account: Counted, make_pipeline: MakePipeline) -> None:
    account.app.faults = [Fault.parse("503,path=contact/batchupsertv2,at=1-")]
    with pytest.raises(Exception, match="table people: RunIncomplete: the run is not complete"):
        make_pipeline(contacts(patience=0.1, **QUICK)).run(people(), table_name="people")
    account.app.faults = []
    make_pipeline(contacts(**QUICK)).load()
    assert len(read_back()) == 3


def test_events_in_doubt_keep_the_package_until_somebody_decides(account: Counted, make_pipeline: MakePipeline) -> None:
    load_people(make_pipeline)
    lost = f"reset-after,path={ADD_EVENTS},at=1"
    account.app.faults = [Fault.parse(lost), Fault.parse("401,path=contact/list,at=1-")]
    with pytest.raises(Exception, match="not complete: 3 read: 3 in doubt; first reason: no answer has confirmed it"):
        make_pipeline(events(patience=0.1, **QUICK)).run(purchases(), table_name="purchases")
    account.app.faults = []
    make_pipeline(events(**QUICK)).load()
    assert account.requests[ADD_EVENTS] == 1


def test_rejected_rows_are_told_and_stop_nothing(
    account: Counted, make_pipeline: MakePipeline, caplog: pytest.LogCaptureFixture
) -> None:
    reports: dict[str, Report] = {}
    rows = [*people(), {"email": "nobody", "name": "No address"}]
    with caplog.at_level(logging.WARNING, "salesmanago_async.integrations.dlt"):
        make_pipeline(contacts(on_report=reports.__setitem__, **QUICK)).run(rows, table_name="people")
    report = reports["people"]
    assert (report.accepted, report.rejected) == (3, 1)
    assert report.problems[0].record["name"] == "No address"
    assert "people: 4 read: 3 accepted, 1 rejected; 1 times: " in caplog.text


@pytest.mark.parametrize(
    "destination", [lambda: contacts(**QUICK), lambda: events(**QUICK)], ids=["contacts", "events"]
)
def test_what_would_have_to_remove_something_is_refused(
    destination: Any, account: Counted, make_pipeline: MakePipeline
) -> None:
    with pytest.raises(Exception, match="write_disposition: is 'replace', which this destination cannot do"):
        make_pipeline(destination()).run(people(), table_name="people", write_disposition="replace")
    assert not account.requests


def test_options_are_checked_before_there_is_a_pipeline() -> None:
    with pytest.raises(TypeError, match="there is no option 'tag'; did you mean 'tags'"):
        contacts(tag=["A"])  # type: ignore[call-arg]
    with pytest.raises(Invalid, match="dry_run"):
        contacts(dry_run=True)
    with pytest.raises(Invalid, match="journal: give the address of a PostgreSQL database"):
        events(journal="events.db")


def test_no_secret_is_shown(account: Counted, make_pipeline: MakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_pipeline(contacts(**QUICK))
    print(made.run(people(), table_name="people"), repr(made.destination), made.last_trace)
    shown = capsys.readouterr().out
    assert os.environ["SALESMANAGO_BASE_URL"] in shown
    assert os.environ["SALESMANAGO_API_SECRET"] not in shown
    assert DEMO_OWNER not in shown


def test_the_example_of_the_module(account: Counted, make_pipeline: MakePipeline) -> None:
    make_pipeline(contacts(**QUICK)).run([{"email": "ann@example.com"}], table_name="people")
    Path("purchases.py").write_text(docstring_example("integrations/dlt/__init__.py"))
    for _ in range(2):
        subprocess.run([sys.executable, "purchases.py"], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    [ann] = contacts_of(os.environ, ["ann@example.com"])
    assert [event["externalId"] for event in ann["contactExtEvents"]] == ["ORDER-1", "ORDER-1"]
