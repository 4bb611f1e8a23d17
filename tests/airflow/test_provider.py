"""The hook, the operators and the trigger, each as Airflow calls it, with an account behind a socket."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from salesmanago_async import Invalid, RunIncomplete
from salesmanago_async.simulator import DEMO_CREDENTIALS, Fault
from salesmanago_async.stores.addresses import MAX_NAME, DatabaseAddress
from tests.airflow.conftest import MISSING, as_connection
from tests.cli.accounts import contacts_of
from tests.postgresql import query
from tests.readme import docstring_example
from tests.serving import Counted

pytestmark = [pytest.mark.ci, pytest.mark.filterwarnings("default")]  # Airflow warns of itself
pytest.importorskip("airflow", reason=MISSING)

from airflow.sdk.exceptions import AirflowFailException, TaskDeferred  # noqa: E402 - it needs Airflow

from salesmanago_async.integrations.airflow.hook import SalesManagoHook  # noqa: E402
from salesmanago_async.integrations.airflow.journals import run_of_task  # noqa: E402
from salesmanago_async.integrations.airflow.operators import (  # noqa: E402
    SalesManagoExportOperator,
    SalesManagoImportOperator,
    SalesManagoJobsOperator,
)
from salesmanago_async.integrations.airflow.triggers import JobsTrigger  # noqa: E402

QUICK = {"poll_interval": 0.2}
UPSERT, ADD_EVENTS = "contact/batchupsertv2", "contact/batchAddContactExtEvent"


def context(map_index: int = -1, run_id: str = "manual__1") -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="crm", run_id=run_id, task_id="people", map_index=map_index)}


def people(count: int = 30) -> list[dict[str, Any]]:
    return [{"email": f"c{number}@example.com", "name": f"Name {number}"} for number in range(count)]


def import_of(kind: Any = "contacts", source: Any = people, **options: Any) -> Any:
    return SalesManagoImportOperator(task_id="people", kind=kind, source=source, client=QUICK, **options)


def deferral(operator: Any, of: dict[str, Any]) -> Any:
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(of)
    return deferred.value


def fire(trigger: Any) -> list[Any]:
    """Run a trigger as the triggerer does: made again from its arguments as Airflow keeps them, in a plain loop."""
    path, arguments = trigger.serialize()
    assert path == "salesmanago_async.integrations.airflow.triggers.JobsTrigger"
    again = JobsTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)

    async def events() -> list[Any]:
        return [event.payload async for event in again.run()]

    return asyncio.run(events())


@pytest.fixture
def journal_conn_id(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", as_connection(database))
    monkeypatch.setenv("DATABASE", database)
    return "warehouse"


# The hook


def test_the_hook_makes_clients(account: Counted) -> None:
    assert SalesManagoHook().test_connection() == (True, "the server takes the credentials and knows the owner")

    async def users() -> int:
        async with await SalesManagoHook(client=QUICK).aget_conn() as sm:
            return len((await sm.users.list()).users)

    assert asyncio.run(users()) > 0


def test_the_hook_says_what_is_wrong(account: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    given = json.loads(os.environ["AIRFLOW_CONN_SALESMANAGO_DEFAULT"])
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({**given, "password": "wrong"}))
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "salesmanago"}))
    assert SalesManagoHook("wrong").test_connection()[0] is False
    assert "client_id and api_key are both needed" in SalesManagoHook("empty").test_connection()[1]


def test_airflow_knows_the_connection_type_and_its_form() -> None:
    from airflow.providers_manager import ProvidersManager

    manager: Any = cast("Any", ProvidersManager)()
    assert "salesmanago-async" in manager.providers
    assert {name for name in manager.connection_form_widgets if "salesmanago" in name} == {
        f"extra__salesmanago__{name}" for name in ("api_key", "sha", "owner", "products_key", "products_url")
    }
    assert manager.field_behaviours["salesmanago"]["relabeling"]["password"] == "API secret"
    assert manager.connection_form_widgets["extra__salesmanago__api_key"].is_sensitive


# Imports


def test_contacts_are_sent_then_waited_for_then_counted(account: Counted, journal_conn_id: str) -> None:
    operator = import_of(journal_conn_id=journal_conn_id, options={"batch_size": 10, "tags": ["AIRFLOW"]})
    deferred = deferral(operator, context())
    assert account.requests[UPSERT] == 3
    assert fire(deferred.trigger) == [{"ended": 3}]
    assert deferred.method_name == "execute_complete"
    counts = operator.execute_complete(context(), {"ended": 3})
    assert (counts["accepted"], counts["complete"]) == (30, True)
    assert json.loads(json.dumps(counts)) == counts
    assert account.requests[UPSERT] == 3
    [(name,)] = query(DatabaseAddress.parse(os.environ["DATABASE"]), "SELECT name FROM salesmanago.runs")
    assert name == "crm/manual__1/people"


def test_a_retried_task_sends_nothing_twice(account: Counted, journal_conn_id: str) -> None:
    def make() -> Any:
        return import_of(journal_conn_id=journal_conn_id, options={"batch_size": 10})

    first, second = deferral(make(), context()), deferral(make(), context())
    assert account.requests[UPSERT] == 3
    assert first.trigger.serialize() == second.trigger.serialize()
    assert make().execute_complete(context())["accepted"] == 30
    assert make().execute(context())["accepted"] == 30
    assert account.requests[UPSERT] == 3
    deferral(make(), context(map_index=0))
    assert account.requests[UPSERT] == 6


def test_a_task_that_fails_goes_on_when_it_is_retried(account: Counted, journal_conn_id: str) -> None:
    account.app.faults = [Fault.parse(f"503,path={UPSERT},at=2-")]
    options = {"batch_size": 10, "patience": 0.1}
    with pytest.raises(RunIncomplete):
        import_of(journal_conn_id=journal_conn_id, options=options).execute(context())
    account.app.faults = []
    deferred = deferral(import_of(journal_conn_id=journal_conn_id, options=options), context())
    assert fire(deferred.trigger) == [{"ended": 3}]
    assert import_of(journal_conn_id=journal_conn_id, options=options).execute_complete(context())["accepted"] == 30
    assert len(list(contacts_of(os.environ, [f"c{number}@example.com" for number in range(30)]))) == 30


def test_the_jobs_of_a_large_import_are_read_from_its_journal(
    account: Counted, journal_conn_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesmanago_async.integrations.airflow.operators.MOST_IDS", 2)
    deferred = deferral(import_of(journal_conn_id=journal_conn_id, options={"batch_size": 10}), context())
    assert deferred.trigger.serialize()[1]["request_ids"] == []
    assert fire(deferred.trigger) == [{"ended": 3}]


def test_no_secret_is_in_what_airflow_stores(account: Counted, journal_conn_id: str) -> None:
    deferred = deferral(import_of(journal_conn_id=journal_conn_id), context())
    stored = repr(deferred.trigger) + json.dumps(deferred.trigger.serialize())
    assert str(DEMO_CREDENTIALS.api_secret) not in stored
    assert DEMO_CREDENTIALS.api_key not in stored
    assert "postgresql://" not in stored


def test_a_password_in_the_address_of_the_journal_is_refused(account: Counted) -> None:
    with pytest.raises(Invalid, match="must have no password") as refused:
        import_of(journal="postgresql://me:s3cret@host/db").execute(context())
    assert "s3cret" not in str(refused.value)


def test_events_are_added_once(account: Counted, journal_conn_id: str) -> None:
    import_of(deferrable=False, source=lambda: people(2)).execute(context())
    when = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [{"email": f"c{n}@example.com", "date": when, "contactExtEventType": "PURCHASE"} for n in range(2)]
    for _ in range(2):
        operator = import_of("events", lambda: rows, journal_conn_id=journal_conn_id)
        assert operator.execute(context())["accepted"] == 2
    assert account.requests[ADD_EVENTS] == 1


def test_products_are_imported_from_a_file(account: Counted, tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("productId,name,mainCategory,price\nP1,A book,Books,12.5\n")
    operator = import_of("products", str(tmp_path / "products.csv"), catalog_id="main", journal=str(tmp_path / "p.db"))
    assert operator.execute(context())["accepted"] == 1
    assert (tmp_path / "p.db").exists()


def test_rejected_records_fail_the_task_if_this_is_wanted(account: Counted) -> None:
    rows = [*people(2), {"email": "nobody"}]
    assert import_of(source=lambda: rows, deferrable=False).execute(context())["rejected"] == 1
    with pytest.raises(AirflowFailException, match="1 of 3 records were rejected"):
        import_of(source=lambda: rows, deferrable=False, fail_on_rejected=True).execute(context())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "people"}, "kind: is 'people', not one of contacts, events, products"),
        ({}, "journal: a task needs a journal"),
        ({"kind": "events", "deferrable": False}, "journal: a task needs a journal"),
        ({"kind": "products"}, "catalog_id: products need the catalogue"),
        ({"journal": "x", "options": {"wait": True}}, "options.wait: is decided by the task"),
    ],
)
def test_a_bad_task_is_refused_where_the_dag_is_read(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        import_of(**arguments)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match="there is no option 'tag'; did you mean 'tags'"):
        import_of(journal="x", options={"tag": ["A"]})


def test_the_name_of_a_run_fits_whatever_the_names_of_its_parts() -> None:
    long, other = (run_of_task(context(run_id=f"{'r' * 300}{end}")) for end in "ab")
    assert len(long) == len(other) == MAX_NAME
    assert long != other
    assert run_of_task(context(map_index=0)) == "crm/manual__1/people/0"


def test_the_example_of_the_module_is_a_dag() -> None:
    names: dict[str, Any] = {}
    exec(docstring_example("integrations/airflow/__init__.py"), names)
    assert names["people"].downstream_task_ids == {"vip"}


# Exports and jobs


def test_an_export_is_waited_for_and_saved(account: Counted, tmp_path: Path) -> None:
    import_of(deferrable=False, options={"tags": ["VIP"]}).execute(context())
    path = tmp_path / "vip.jsonl"
    operator = SalesManagoExportOperator(task_id="vip", tags=["VIP"], path=str(path), client=QUICK)
    deferred = deferral(operator, context())
    assert fire(deferred.trigger) == [{"ended": 1}]
    kept = json.loads(json.dumps(deferred.kwargs))
    assert operator.execute_complete(context(), {"ended": 1}, **kept)["records"] == 30
    assert len(path.read_text().splitlines()) == 30


def test_an_export_needs_to_know_of_whom() -> None:
    with pytest.raises(Invalid, match="tags: give tags, emails or contact_ids"):
        SalesManagoExportOperator(task_id="vip", path="vip.jsonl")


def test_jobs_that_were_started_elsewhere_are_waited_for(account: Counted, tmp_path: Path) -> None:
    export = SalesManagoExportOperator(task_id="vip", emails=["c0@example.com"], path="vip.jsonl", client=QUICK)
    number = deferral(export, context()).kwargs["request_id"]
    operator = SalesManagoJobsOperator(task_id="jobs", request_ids=[str(number)], client=QUICK)
    deferred = deferral(operator, context())
    assert fire(deferred.trigger) == [{"ended": 1}]
    assert operator.execute_complete(context(), {"ended": 1}) == {str(number): "done"}
    unknown = SalesManagoJobsOperator(task_id="jobs", request_ids=[999_999], client=QUICK, deferrable=False)
    with pytest.raises(AirflowFailException, match="1 of 1 jobs have no result: 999999 is unknown"):
        unknown.execute(context())


def test_a_trigger_that_is_cancelled_and_begun_again_sends_nothing(account: Counted) -> None:
    export = SalesManagoExportOperator(task_id="vip", emails=["c0@example.com"], path="vip.jsonl", client=QUICK)
    trigger: Any = deferral(export, context()).trigger
    before = account.requests.copy()

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(anext(trigger.run()), 0.1))
    assert fire(trigger) == [{"ended": 1}]
    assert set(account.requests - before) == {"job/status"}
