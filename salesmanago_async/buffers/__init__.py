"""Write-behind buffers: records are taken one by one and sent together, and the outcome of each is reported.

    buffer.py          `Buffer`: takes records, and closes within bounds
    options.py         the options of buffers, as callers give them
    settings.py        the same, checked
    receipts.py        what `add` returns: the outcome of one record, once it is known
    reporting.py       reports outcomes to the caller's `on_outcome` and to the log
    places.py          where queues are on the disk: one file for each worker of an app, and those of dead workers
    queue.py           the records of a buffer until their outcome is known, in memory and in a file
    dispatching.py     one run after the other over one queue
    queue_source.py    the queue as the source of one run
    queue_journal.py   the queue as the journal of one run
    rounds.py          pure: which states are final, and how many runs may leave a record in another one
    sigterm.py         SIGTERM for programs that no web server runs

A buffer opens its files (places) and has a queue and a dispatcher for each. A dispatcher starts runs of imports/engine,
and each run reads from a `QueueSource` and writes to a `QueueJournal`.

`async with sm.contacts.buffer(…)` and `async with sm.events.buffer(…)` open one; `integrations` opens both for an app.
`sm.products` has three, for products, quantities and prices.
`await buffer.add(record)` returns a receipt immediately, `await receipt` returns the outcome of the record, and `await
buffer.confirm(record)` does both. A bad record is refused immediately.

While the server is away, a buffer keeps trying. The promises of a run (see `imports`) hold for the records that a
buffer has taken. The options are in options.py. With `journal`, a record is on the disk before `add` returns, and is
deleted when it is accepted: after a kill, the next buffer that opens the file sends it, so an app opens its buffers
when it starts. `salesmanago rejected signups.db --forget` writes out what the server rejected.

Leaving the block sends what is there for at most `drain_within` seconds (20), and takes 3 to 8 seconds more for a last
poll and for what is in flight. Web servers leave the block at SIGTERM, and `sigterm.until_sigterm` does so for other
programs. Two buffers take twice that time if the server is away: with 30 seconds of grace, set `drain_within` of each
to 5 seconds.
"""
