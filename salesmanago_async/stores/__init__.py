"""Durable storage: the journals of runs and the queues of buffers.

    values.py         pure: what a journal holds, and its changes, as values
    group_commit.py   a store in its own thread, with one commit for all changes that wait
    journal.py        the journal of a run: makes values, and has a store write them
    journal_rows.py   that journal as rows of a SQLite file
    queue_rows.py     the queue of a buffer as rows of a SQLite file
    sqlite.py         opens SQLite files: private, in one process only, durable
    proof.py          how a SQLite file proves to be complete

Runs use journal.py, buffers use queue_rows.py. Both commit by group_commit.py, and open their files by sqlite.py.
"""
