"""Write-behind buffers: records are taken one by one, go out together, and what became of each is told.

    receipts.py      what whoever gave a record is told
    buffer.py        taken → queue → run after run → settled; closed within bounds
    options.py       how a buffer goes
    _queue.py        what is in it: the source of its runs, and their journal
    _queue_file.py   the same on the disk
    _places.py       a file for each worker of an app, and what dead ones have left
    _runs.py         the runs, one after the other
    sigterm.py       SIGTERM for programs that no web server runs

For apps: see `sm.contacts.buffer` and `sm.events.buffer`.
"""
