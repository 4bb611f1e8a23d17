"""Airflow 3: a hook, operators and a trigger, with a connection type (extra `airflow`).

    hook.py        SalesManagoHook: clients of the account of a connection
    operators.py   SalesManagoImportOperator, SalesManagoExportOperator, SalesManagoJobsOperator
    triggers.py    JobsTrigger: waits for server jobs, in the triggerer
    journals.py    where the journal of an import is
    info.py        what Airflow shows of all this: the provider, and the form of a connection

```python
from datetime import datetime

from airflow.sdk import DAG

from salesmanago_async.integrations.airflow.operators import SalesManagoExportOperator, SalesManagoImportOperator

with DAG("crm", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False):
    people = SalesManagoImportOperator(
        task_id="people",
        kind="contacts",
        source="/data/people-{{ ds }}.csv",
        journal_conn_id="warehouse",
        options={"tags": ["NEWSLETTER"]},
        retries=5,
    )
    vip = SalesManagoExportOperator(task_id="vip", tags=["VIP"], path="/data/vip-{{ ds }}.jsonl")
    people >> vip
```

**The connection** has the type SALESmanago: its host is the base address, its login the client id, its password the
API secret; the API key, the owner and what products need have fields of their own. `salesmanago_default` is its usual
name. Secrets are in no argument of a task, a trigger or an event.

**An import** sends everything, then leaves its worker and waits for the server jobs in the triggerer, then makes the
same call again, which reads their results: a second look at the file, and one poll of each job. So its source must be
there for both, and be the same: a file that each worker can read, or a function that returns the same rows.

The journal of an import is a run in a PostgreSQL database. `journal_conn_id` is the Airflow connection of the database,
or `journal` its address without a password, which then comes from PGPASSFILE or PGPASSWORD. The run is named after the
DAG, its run, the task and its map index. So a task that is retried goes on: it sends nothing again that was accepted,
and no event twice. If you clear a task to send the same file again, give it another `run`.

| what is killed | what happens |
|---|---|
| a worker that sends | the retried task has the same journal and goes on; give the task `retries` |
| the triggerer | another one begins the wait again, from the ids of the jobs; it only looks |
| the scheduler, the API server | nothing, they take the task up again |
| the database of the journals | the task fails in order, nothing is sent without a line; its retry goes on |

With `deferrable=False` the worker waits for the jobs itself, and contacts and products need no journal; events always
do, as a retry would double them. `client` has options for `SalesManago`, such as `{"quota": "postgresql://…"}`, by
which tasks share what the account may have in flight.

Tried with Airflow 3.3. The form of the connection needs 3.2; before, the extra field takes its fields as JSON.
"""
