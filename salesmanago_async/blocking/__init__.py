"""The client without `await`, for scripts, Django and Celery: the same calls, parameters, answers and errors.

    from salesmanago_async.blocking import SalesManago

    with SalesManago.from_env() as sm:
        report = sm.contacts.upsert_many("contacts.csv", journal="nightly.db")
        with sm.contacts.upserting(people) as outcomes:
            for outcome in outcomes:
                print(outcome.position, outcome.state)
        sm.contacts.export(to=[Tag("VIP")]).save("vip.jsonl")

It is made from the async client, which runs in a thread of its own, so everything that the other pages of this library
promise holds here, too. What else there is to know:

**Threads.** Any number of threads may use one client. Sources (such as generators and queries of Django) and callbacks
are used in the thread that called, so they may use the database connection of that thread; `on_outcome` of a buffer is
called in a thread of the buffer. Async iterables are sources, too; they are read in the thread of the client.

**Processes.** The thread begins at the first call, and does not survive a fork. With prefork servers, make the client
in the child (Celery's `worker_process_init`, gunicorn's `post_worker_init`), or at its first use there. A client that
was used before a fork raises `ClientClosed` in the child.

**Ctrl-C** stops a run in order, and `RunInterrupted`, a `KeyboardInterrupt`, has its `report`. A second Ctrl-C cuts the
run off; then what was in flight is in doubt. Every other call is cancelled.

**Closing.** Leave the `with` block, or call `close()`, any number of times. Later calls raise `ClientClosed`. A client
that is forgotten is closed, too, with a `ResourceWarning`.

**An app that must not lose a sign-up** has a buffer with a journal (see `salesmanago_async.buffers`). Each worker opens
it when it starts, and not at the first sign-up: what a killed worker has left is sent when a buffer opens its file.
This is `signups.py`, of which you need the part for your server:

```python
from contextlib import ExitStack
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from salesmanago_async.blocking import Buffer, SalesManago

contacts: "Buffer[Any]"  # from `start` on
opened = ExitStack()


def start() -> None:
    global contacts
    sm = opened.enter_context(SalesManago.from_env())
    contacts = opened.enter_context(sm.contacts.buffer(journal="signups.db"))


def stop() -> None:
    opened.close()


# gunicorn -c python:signups shop.wsgi

graceful_timeout = timeout = 30  # at least `drain_within` (20) and 8 seconds more, for each buffer


def post_worker_init(worker: object) -> None:
    start()


def worker_exit(server: object, worker: object) -> None:
    stop()


# celery -A tasks worker, with `import signups` in tasks.py


@worker_process_init.connect
def start_in_celery(**_: object) -> None:
    start()


@worker_process_shutdown.connect
def stop_in_celery(**_: object) -> None:
    stop()
```

A view or a task calls `signups.contacts.add(Contact(email=email))`, with `import signups`: the buffer is there only
after `start`. `add` returns when the record is on the disk. Other servers call `start` in each worker before its
first request; `atexit.register(stop)` is enough where they have no hook for the end.

In a thread with a running event loop, such as a notebook or an async view, use the async client.
"""

from ._client import Buffer, Job, ModifiedExport, Outcomes, Receipt, Records, SalesManago, SyncOutcomes
from ._thread import RunInterrupted

__all__ = [
    "Buffer",
    "Job",
    "ModifiedExport",
    "Outcomes",
    "Receipt",
    "Records",
    "RunInterrupted",
    "SalesManago",
    "SyncOutcomes",
]
