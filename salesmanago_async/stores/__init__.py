"""Durable storage: the journals of runs and the queues of buffers.

    values.py               pure: what a journal holds, and its changes, as values
    rows.py                 pure: what a row of a journal is, in every kind of database
    addresses.py            where a journal is: a file, or a run in a PostgreSQL database
    refusals.py             why a journal cannot be opened
    group_commit.py         a store in its own thread, with one commit for all changes that wait
    journal.py              the journal of a run: makes values, and has a store write them
    waiting.py              waits for a journal that another process has open
    journal_rows.py         that journal as rows of a SQLite file
    queue.py                the queue of a buffer: makes values, and has a store write them; one for each worker
    queue_values.py         pure: what a queue holds, and its changes, as values
    queue_rows.py           that queue as rows of a SQLite file
    sqlite.py               opens SQLite files: private, in one process only, durable
    proof.py                how a SQLite file proves to be complete
    postgresql_journal.py   the journal of a run as rows of a PostgreSQL database
    postgresql_queue.py     the queue of a buffer as rows of a PostgreSQL database
    postgresql_runs.py      the runs in a PostgreSQL database: prepared, listed, counted, removed
    postgresql_states.py    the states of exports in a PostgreSQL database
    postgresql.py           takes a run in a PostgreSQL database: for one session only, fenced
    postgresql_schema.py    the tables in a PostgreSQL database

Runs use journal.py, buffers use queue.py. Both commit by group_commit.py. What is written is a value of values.py;
a store (a file by sqlite.py, or a database by postgresql.py) says how. Before each request, a run has its store confirm
that it is still alone (`Store.confirm`).
"""
