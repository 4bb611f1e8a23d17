"""Quotas: how many requests of an account all processes together have in flight, and how fast they start.

    address.py           pure: postgresql://HOST/DATABASE?quota=NAME&slots=16&rate=20&settle=5
    _decisions.py        pure: what a process does about its slots, given what it and the others have and want
    _keeper.py           the task of a process: it has slots, and its `Pace` uses them
    _starts.py           the start times that are reserved for a process
    _session_thread.py   the thread in which a keeper's session talks to the database
    _postgresql.py       slots, start times and pauses in a PostgreSQL database; the only SQL of this room
    overview.py          quotas set and shown, for whoever looks after them

A slot is the right to have one request in flight. Each slot is a lock of a database session, so PostgreSQL frees it
when its process ends, however it ends. A process keeps its slots between requests, and gives them to others when they
have fewer: a permit needs no message to the database.

When a process is killed, the server may still work on what it has sent. So a slot is also written down while somebody
has it. Whoever finds a slot free that is still written down waits for `settle` seconds before using it.
"""

from typing import TYPE_CHECKING

from ..connection.pace import Pace
from ..extras import check_postgresql
from .address import QuotaAddress

if TYPE_CHECKING:
    from ._keeper import Keeper


def open_quota(where: str | QuotaAddress, pace: Pace) -> "Keeper":
    """Let a pace use no more than its part of a quota. Nothing is connected before the first request.

    Raises `Invalid` if `where` is not the address of a quota, or psycopg is missing. The caller closes the keeper.
    """
    address = where if isinstance(where, QuotaAddress) else QuotaAddress.parse(where)
    check_postgresql("quota")
    from ._keeper import Keeper  # here, so that a client without a quota needs no psycopg
    from ._postgresql import Session
    from ._session_thread import SessionThread

    keeper = Keeper(pace, str(address), SessionThread(lambda: Session.open(address)))
    pace.limit_by(keeper)
    return keeper
