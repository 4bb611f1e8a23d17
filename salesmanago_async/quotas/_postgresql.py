"""Slots, start times and pauses of a quota in a PostgreSQL database: one session for each process, used by one thread.

    slot      an advisory lock of the session on (key of the quota, number of the slot), and a row while it is taken
    flag      a shared advisory lock on (key, FLAGS + n), which tells the others something, and writes no table
    rate      `next_at`, the time of the next start that nobody has reserved
    pause     `hold_until`, before which nothing starts

A slot is locked first and written down then; it is removed from the table first and unlocked then.
"""

import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Self

import psycopg
from attrs import field, frozen

from ..errors import Invalid
from ..stores.addresses import DatabaseAddress
from ..stores.postgresql import Connection, closed_if_unusable, connect, one_line
from ..stores.postgresql_schema import ensure_quota_tables
from ._decisions import Others
from .address import DEFAULT_SETTLE, NO_RATE, Numbers, QuotaAddress

FLAGS = 2_000_000_000
"""The numbers of flags begin here; those of slots are below."""


class Flag(IntEnum):
    """What a process tells the others."""

    TAKES_PART = FLAGS
    IS_STARVING = FLAGS + 1
    IS_EAGER = FLAGS + 2


class SessionLost(Exception):
    """The session has ended, and its slots with it; another one may be opened."""


class QuotaGone(Exception):
    """The quota or its tables cannot be used any longer, also not by another session."""


@frozen(kw_only=True)
class Sight:
    """A quota as it is now. `pause` is in seconds from now, 0 or less if there is none."""

    slots: int
    rate: float | None
    settle: float
    pause: float
    free: Collection[int] = field(repr=False)
    others: Others


@frozen
class Taken:
    """A slot that was free; `was_left` by somebody who did not give it, so that its request may not have ended."""

    number: int
    was_left: bool


_CREATE = """
INSERT INTO salesmanago.quotas (name, key, slots, rate, settle) VALUES (%s, %s, %s, nullif(%s::float8, 'infinity'), %s)
ON CONFLICT DO NOTHING
"""
_FIND = "SELECT id, key, slots, rate, settle FROM salesmanago.quotas WHERE name = %s"
_SET = """
UPDATE salesmanago.quotas SET slots = coalesce(%s, slots), rate = nullif(coalesce(%s::float8, rate), 'infinity'),
    settle = coalesce(%s, settle)
WHERE name = %s
"""
_LOOK = """
SELECT slots, rate, settle, extract(epoch FROM hold_until - clock_timestamp())::float8
FROM salesmanago.quotas WHERE id = %s
"""
_LOCKS = """
SELECT objid::bigint, pid = pg_backend_pid() FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_LOCK = "SELECT n FROM unnest(%s::integer[]) n WHERE pg_try_advisory_lock(%s, n) LIMIT %s"  # locks no more
_MARK = """
WITH given AS (SELECT unnest(%(numbers)s::integer[]) AS number),
    old AS (SELECT number FROM salesmanago.quota_slots JOIN given USING (number) WHERE quota = %(quota)s),
    new AS (
        INSERT INTO salesmanago.quota_slots (quota, number) SELECT %(quota)s, number FROM given
        ON CONFLICT (quota, number) DO UPDATE SET taken = now()
    )
SELECT number, number IN (SELECT number FROM old) FROM given
"""
_UNMARK = "DELETE FROM salesmanago.quota_slots WHERE quota = %s AND number = ANY(%s)"
_UNLOCK = "SELECT pg_advisory_unlock(%s, n) FROM unnest(%s::integer[]) n"
_RAISE = "SELECT pg_advisory_lock_shared(%s, n) FROM unnest(%s::integer[]) n"
_LOWER = "SELECT pg_advisory_unlock_shared(%s, n) FROM unnest(%s::integer[]) n"
_RESERVE = """
UPDATE salesmanago.quotas
SET next_at = greatest(next_at, hold_until, clock_timestamp()) + %(count)s / rate * interval '1 second'
WHERE id = %(quota)s AND rate IS NOT NULL
RETURNING extract(epoch FROM next_at - clock_timestamp())::float8, rate
"""
_HOLD = """
UPDATE salesmanago.quotas SET hold_until = greatest(hold_until, clock_timestamp() + %s * interval '1 second')
WHERE id = %s
"""


_NO_QUOTA = "there is no such quota; give its slots, as in &slots=16"
_SAME_KEY = "the locks of this quota would be those of another one, by chance; give it another name"


class Session:
    """The session of a process. Its methods raise `SessionLost` or `QuotaGone`; all but `abort` are of one thread."""

    def __init__(self, address: DatabaseAddress, connection: Connection, quota: int, key: int) -> None:
        self._address = address
        self._connection = connection
        self._quota = quota
        self._key = key
        self._flags: frozenset[Flag] = frozenset()

    @classmethod
    def open(cls, address: QuotaAddress) -> Self:
        """Open a session; a quota that is not there is made.

        Raises `Invalid` if the database cannot be used, or the quota has other numbers than the address.
        """
        connection = connect(address.database)
        with closed_if_unusable(address.database, connection):
            ensure_quota_tables(connection)
            quota, key = found_or_made(connection, address)
            return cls(address.database, connection, quota, key)

    def look(self) -> Sight:
        """Return what the quota is, and what other processes have and want."""
        with self._named_failures():
            found = self._connection.execute(_LOOK, (self._quota,)).fetchall()
            if not found:
                raise QuotaGone("it was removed")
            [(slots, rate, settle, pause)] = found
            locks: list[tuple[int, bool]] = self._connection.execute(_LOCKS, (self._key,)).fetchall()
        taken = {number for number, _ in locks}
        others = [number for number, is_mine in locks if not is_mine]
        return Sight(
            slots=slots,
            rate=rate,
            settle=settle,
            pause=pause,
            free=[number for number in range(1, slots + 1) if number not in taken],
            others=Others(
                participants=others.count(Flag.TAKES_PART),
                starving=others.count(Flag.IS_STARVING),
                eager=others.count(Flag.IS_EAGER),
            ),
        )

    def take(self, numbers: Sequence[int], count: int) -> list[Taken]:
        """Take up to `count` of these slots; another process may be quicker."""
        with self._named_failures():
            locked = self._connection.execute(_LOCK, ([*numbers], self._key, count)).fetchall()
            if not locked:
                return []
            values = {"numbers": [number for (number,) in locked], "quota": self._quota}
            return [Taken(*row) for row in self._connection.execute(_MARK, values).fetchall()]

    def give(self, ended: Sequence[int], unsettled: Sequence[int] = ()) -> None:
        """Give slots back: those that the server has surely done with, and those that others must still wait for."""
        with self._named_failures():
            if ended:
                self._connection.execute(_UNMARK, (self._quota, [*ended]))
            self._connection.execute(_UNLOCK, (self._key, [*ended, *unsettled]))

    def tell(self, flags: frozenset[Flag]) -> None:
        """Tell the other processes what this one wants."""
        with self._named_failures():
            if lowered := self._flags - flags:
                self._connection.execute(_LOWER, (self._key, [int(flag) for flag in lowered]))
            if raised := flags - self._flags:
                self._connection.execute(_RAISE, (self._key, [int(flag) for flag in raised]))
        self._flags = flags

    def reserve(self, count: int) -> list[float]:
        """Reserve times at which requests may start; return them in seconds from now."""
        with self._named_failures():
            values = {"count": count, "quota": self._quota}
            found = self._connection.execute(_RESERVE, values).fetchall()
        return [end - (count - number) / rate for end, rate in found for number in range(count)]

    def hold(self, seconds: float) -> None:
        """Have nothing start in any process for that long."""
        with self._named_failures():
            self._connection.execute(_HOLD, (seconds, self._quota))

    def close(self) -> None:
        """End the session: slots that were not given stay written down."""
        with suppress(psycopg.Error):
            self._connection.close()

    def abort(self) -> None:
        """Break the connection while the thread waits for the database; the thread gets an error, and goes on."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self._connection.fileno())) as link:
            link.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise SessionLost(self._address.without_password(one_line(error))) from None
        except psycopg.Error as error:
            self.close()
            raise QuotaGone(self._address.without_password(one_line(error))) from None


def found_or_made(connection: Connection, address: QuotaAddress) -> tuple[int, int]:
    """Return the id and the key of a quota; raise `Invalid` if it has other numbers, or is not there and has none."""
    assert address.name is not None
    wanted = address.numbers
    if wanted.slots is not None:
        settle = DEFAULT_SETTLE if wanted.settle is None else wanted.settle
        connection.execute(_CREATE, (address.name, key_of(address.name), wanted.slots, wanted.rate, settle))
    rows = connection.execute(_FIND, (address.name,)).fetchall()
    if not rows and wanted.slots is not None:
        raise Invalid(_SAME_KEY, field=str(address))
    if not rows:
        raise Invalid(_NO_QUOTA, field=str(address))
    [(quota, key, slots, rate, settle)] = rows
    there = Numbers(slots=slots, rate=NO_RATE if rate is None else rate, settle=settle)
    if _differs(wanted, there):
        raise Invalid(
            f"the quota has {there}; give the same numbers or none, or change it: salesmanago quota set ADDRESS",
            field=str(address),
        )
    return quota, key


def set_numbers(connection: Connection, address: QuotaAddress) -> None:
    """Make a quota, or change the numbers that are given; raise `Invalid` for a new one without slots."""
    assert address.name is not None
    given = address.numbers
    with connection.transaction():
        if given.slots is not None:
            settle = DEFAULT_SETTLE if given.settle is None else given.settle
            connection.execute(_CREATE, (address.name, key_of(address.name), given.slots, given.rate, settle))
        if not connection.execute(_SET, (given.slots, given.rate, given.settle, address.name)).rowcount:
            raise Invalid(_NO_QUOTA if given.slots is None else _SAME_KEY, field=str(address))


def _differs(wanted: Numbers, there: Numbers) -> bool:
    pairs: list[tuple[Any, Any]] = [
        (wanted.slots, there.slots),
        (wanted.rate, there.rate),
        (wanted.settle, there.settle),
    ]
    return any(one is not None and one != other for one, other in pairs)


def key_of(name: str) -> int:
    """Return the first number of the locks of a quota; a table holds that no two quotas have the same."""
    digest = blake2b(f"salesmanago quota {name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) >> 1
