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
in the child (Celery's `worker_process_init`, gunicorn's `post_fork`), or at its first use there. A client that was used
before a fork raises `ClientClosed` in the child.

**Ctrl-C** stops a run in order, and `RunInterrupted`, a `KeyboardInterrupt`, has its `report`. A second Ctrl-C cuts the
run off; then what was in flight is in doubt. Every other call is cancelled.

**Closing.** Leave the `with` block, or call `close()`, any number of times. Later calls raise `ClientClosed`. A client
that is forgotten is closed, too, with a `ResourceWarning`.

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
