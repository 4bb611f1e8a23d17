"""Past one machine: how to run imports on several, and what happens when something fails. Only this text, no code.

**Is one process enough?** Mostly: it checks and encodes more rows in a second than accounts take. `salesmanago plan
100M --job-seconds 300` names the limit and the one number to raise. Take more machines if the data lies on several, if
several jobs share one account, or if a job must survive its machine. dlt, Spark and Airflow bring their own (see the
packages beside this module); what follows holds for all of them, and for cron.

# What you need

A PostgreSQL database (extra `postgres`; tried with 15 and 18), for two things that need nothing of each other:

- a *journal* for each run, `journal="postgresql://host/database?run=NAME"`: what was sent, and what became of it;
- a *quota* for each account, `quota="postgresql://host/database?quota=NAME&slots=16&rate=20"`: what all processes
  together may have in flight, and begin in a second.

The tables are in a schema of their own, `salesmanago`. Whoever may not create it has somebody else run `salesmanago
journal init ADDRESS --grant NAME` once. Set PGPASSFILE, PGSERVICE or PGPASSWORD; a password in an address is shown
nowhere, but other programs show addresses.

- **Connections**: one for each run that is made and one for each process with a quota. 16 tasks need 32; the default
  of PostgreSQL is 100.
- **Size**: about 6 KB for a thousand records, so 0.6 GB for 100 million, and some ten small writes a second.
  `salesmanago journal list` shows the runs, `journal remove` removes those that have ended.
- **Poolers**: give the address of the server itself. A pooler hands one session to several clients, so that a lock
  protects nobody; it is refused when it is noticed.
- **Replicas and fail-over**: only with synchronous replication. A standby that lacks the last commits does not know
  what was sent in the last moments, and nothing can tell. Treat its runs as restored ones.
- **Backups**: a journal that was restored is older than what was sent. A run that goes on with it sends contacts and
  products again, which does no harm, and may double events. So go on with contacts, and import the missing events as a
  new run, from where those of the account end.

# Partitions, slots and rate

Split the source into as many parts as there are tasks at once, each with a run of its own (`?run=orders-2026-11/3`),
and at most as many as there are slots. More parts mean more tails: each ends with a wait for its last server job. All
rows of one contact belong in one part, in their order; events need no order.

    slots             what the account may have in flight, over all processes
    concurrency       what one process may have: slots / parts, rounded up, or more, if parts end at different times
    records a second  1000 * slots / (latency * (1 + polls of a job)), and at most 1000 * rate / (1 + polls of a job)

Processes take slots when they need them and give them back when others need them, so a part that ends early leaves its
slots to the rest. `settle` is the longest time that a request takes at the server (5 seconds by default): for so long
the slots of a killed process stay unused, because the server may still work on what it had sent.

# What happens on each failure

- **A process is killed, or its machine stops.** Its database session ends, at once or after 11 seconds, and frees its
  run and its slots. Run the same call, or `salesmanago resume`, on any machine. What was in flight had been written
  down as in doubt: contacts and products are sent again, events are looked for, and only missing ones are sent.
- **A process is frozen or cut off from its database, and overtaken.** It asks before each request whether the run is
  still its own, so it sends nothing any more. Only one that is frozen between asking and sending, for over two poll
  intervals, can double an event.
- **Two processes want one run.** The second one is refused; with `when_busy="wait"` it waits, and logs who has the run.
- **A process hangs and keeps its run.** Nobody else gets it. End the process, or its session with
  `pg_terminate_backend`.
- **The database is killed or restarted.** Runs stop in order (exit code 3), and nothing is sent without a line in the
  journal. Run the same call again. Processes with only a quota wait for a minute; after that requests raise `NoAnswer`.
- **The database is away at the start.** `Invalid`; nothing is sent.
- **Somebody deletes lines of a run.** That is noticed when the run is opened, and refused.
- **The source has changed.** The run is refused before anything is sent. Go on with the source as it was. If only its
  order changes, as in a SELECT without ORDER BY, begin the run with `known_by="content"`.
- **The API answers 429 or 503.** All processes of the quota wait together.

# Kafka, Prefect, Dagster and others

They need no code of ours. A task is one call with a journal; that it is tried again does no harm:

```python
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from salesmanago_async import SalesManago

DATABASE = os.environ["JOURNALS"]  # postgresql://importer@db.example.com/etl


async def import_people(path: str, run: str) -> dict[str, Any]:
    async with SalesManago.from_env() as sm:
        report = await sm.contacts.upsert_many(path, journal=f"{DATABASE}?run={run}")
    report.raise_if_incomplete()  # so the task fails, and its next try goes on
    return report.as_dict()


async def import_slice(consumer: Any, partition: Any, event_of: Callable[[Any], Mapping[str, Any]]) -> int:
    start = await consumer.committed(partition) or 0
    consumer.seek(partition, start)
    end = start

    async def events() -> AsyncIterator[Mapping[str, Any]]:
        nonlocal end
        while end < start + 100_000:
            found = await consumer.getmany(partition, timeout_ms=5_000)
            if not found.get(partition):
                return
            for message in found[partition]:
                end = message.offset + 1
                yield event_of(message)

    run = f"{partition.topic}/{partition.partition}/{start}"
    async with SalesManago.from_env() as sm:
        report = await sm.events.add_many(events(), journal=f"{DATABASE}?run={run}")
    report.raise_if_incomplete()
    await consumer.commit({partition: end})
    return end - start
```

- **Prefect**: `task(retries=5, retry_delay_seconds=30)(import_people)`, with the id of the flow run as `run`.
- **Dagster**: an asset whose function calls `asyncio.run(import_people(path, context.partition_key))`, with a
  `RetryPolicy`.
- **Temporal, DBOS, Celery**: an activity, a step or a task that does the same.
- **Kafka** (aiokafka, `enable_auto_commit=False`): `import_slice` for each assigned partition, again and again. The
  order in a partition is fixed, so a slice that is read again from the same offset has the same events at the same
  positions. The offset is committed when the run is complete. If a second reading brings fewer events than the first,
  the run is refused and nothing is sent; the next try reads on.

These recipes are tested without the packages: with what they call of them, played by the test.
"""
