"""Write-behind buffers: records are taken one by one, go out together, and what became of each is told.

    receipts.py      what whoever gave a record is told
    buffer.py        taken → queue → run after run → settled; closed within bounds
    options.py       how a buffer goes
    _queue.py        what is in it: the source of its runs, and their journal
    _queue_file.py   the same on the disk
    _places.py       a file for each worker of an app, and what dead ones have left
    _runs.py         the runs, one after the other
    sigterm.py       SIGTERM for programs that no web server runs

`async with sm.contacts.buffer(…)` and `async with sm.events.buffer(…)` open one; `integrations` opens both for an app.
`await buffer.add(record)` returns a receipt at once, `await receipt` gives the record's outcome, and
`await buffer.confirm(record)` does both. A bad record is refused at once.

While the server is away a buffer keeps trying. What a run promises (see `imports`) holds for the records that a buffer
has taken. Its options are those of `BufferOptions`. With `journal` a record is on the disk before `add` returns, and is
deleted when it is accepted: after a kill the next start sends it. `salesmanago rejected signups.db --forget` writes out
what the server rejected.

Leaving the block sends what is there for at most `drain_within` seconds (20), and takes 3 to 8 seconds more for a last
poll and for what is in flight. Web servers leave it at SIGTERM, and `sigterm.until_sigterm` does so for other programs.
Two buffers take twice that if the server is away: with 30 seconds of grace, give them 5 seconds each.
"""
