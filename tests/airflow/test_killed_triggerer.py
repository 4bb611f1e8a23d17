"""A real Airflow, whose triggerer is killed with SIGKILL while a task waits for its server jobs."""

import json
import os
from pathlib import Path

import pytest

from tests.airflow.conftest import MISSING, Clock, as_connection, connection_to
from tests.cli.accounts import contacts_of
from tests.serving import Counted

pytestmark = pytest.mark.ci
pytest.importorskip("airflow", reason=MISSING)

from tests.airflow.components import Airflow, running_airflow  # noqa: E402 - it needs what Airflow needs

UPSERT = "contact/batchupsertv2"
CONTACTS = 3000
JOB_SECONDS = 36_000.0
DAG = """
from datetime import datetime, timedelta

from airflow.sdk import DAG

from salesmanago_async.integrations.airflow.operators import SalesManagoImportOperator

with DAG("crm", schedule=None, start_date=datetime(2026, 1, 1)):
    SalesManagoImportOperator(
        task_id="people",
        kind="contacts",
        source="{source}",
        journal_conn_id="warehouse",
        client={{"poll_interval": 1.0}},
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("email,name\n" + "".join(f"c{n}@example.com,Name {n}\n" for n in range(CONTACTS)))
    return path


@pytest.mark.parametrize("account", [JOB_SECONDS], indirect=True)
def test_a_task_survives_its_triggerer_and_sends_nothing_twice(
    source: Path, account: Counted, clock: Clock, database: str, tmp_path: Path
) -> None:
    connections = {
        "salesmanago_default": json.loads(connection_to(os.environ["SALESMANAGO_BASE_URL"])),
        "warehouse": json.loads(as_connection(database)),
    }
    with running_airflow(tmp_path / "airflow", DAG.format(source=source), connections) as airflow:
        airflow.wait_until(lambda: begin(airflow), "the DAG can be run")
        airflow.wait_until(lambda: account.requests["job/status"] or None, "the triggerer polls")
        airflow.kill("triggerer")
        assert airflow.state_of("crm", "test", "people") == "deferred"
        polls = account.requests["job/status"]
        airflow.start("triggerer")
        airflow.wait_until(lambda: account.requests["job/status"] > polls or None, "another triggerer polls")
        clock.ahead = JOB_SECONDS  # only now the jobs are over
        ended = airflow.wait_until(lambda: final_state(airflow), "the task has ended")
        counts = airflow.call("dags/crm/dagRuns/test/taskInstances/people/xcomEntries/return_value")["value"]
    assert ended == "success"
    assert (json.loads(counts) if isinstance(counts, str) else counts)["accepted"] == CONTACTS
    assert account.requests[UPSERT] == CONTACTS / 1000
    assert len(list(contacts_of(os.environ, [f"c{n}@example.com" for n in range(CONTACTS)]))) == CONTACTS


def begin(airflow: Airflow) -> bool:
    airflow.call("dags/crm/dagRuns", {"dag_run_id": "test", "logical_date": None})
    return True


def final_state(airflow: Airflow) -> str | None:
    state = airflow.state_of("crm", "test", "people")
    return state if state in {"success", "failed", "upstream_failed"} else None
