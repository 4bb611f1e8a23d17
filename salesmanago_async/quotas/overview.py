"""Quotas in a database, for whoever looks after them: set, and shown with who has slots and who waits."""

from collections import Counter
from collections.abc import Sequence

from attrs import field, frozen

from ..stores.postgresql import Connection, opened_briefly
from ..stores.postgresql_schema import ensure_quota_tables
from ._postgresql import FLAGS, Flag, set_numbers
from .address import QuotaAddress

_QUOTAS = """
SELECT name, key, slots, rate, settle, greatest(0, extract(epoch FROM hold_until - clock_timestamp())::float8),
    ARRAY(SELECT number FROM salesmanago.quota_slots WHERE quota = id)
FROM salesmanago.quotas WHERE name = %s OR %s::text IS NULL ORDER BY name
"""
_LOCKS = """
SELECT classid::bigint, objid::bigint, pg_locks.pid, coalesce(application_name, ''), coalesce(client_addr::text, '')
FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 2
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@frozen(kw_only=True)
class Participant:
    """A process that shares a quota: its name, its host, how many slots it has, and whether its share is too small."""

    name: str
    address: str
    slots: int
    wants_more: bool


@frozen(kw_only=True)
class QuotaSummary:
    """A quota as it is now; `pause` is in seconds. `left` slots were of processes that did not give them back."""

    name: str
    slots: int
    rate: float | None
    settle: float
    pause: float
    left: int
    participants: Sequence[Participant] = field(factory=tuple)


def set_quota(address: QuotaAddress) -> None:
    """Make a quota, or change the numbers that are given; processes that use it follow at their next tick.

    Raises `Invalid` if there is no such quota and the address gives no slots, or if the database cannot be used.
    """
    with opened_briefly(address.database) as connection:
        ensure_quota_tables(connection)
        set_numbers(connection, address)


def quotas_in(address: QuotaAddress) -> list[QuotaSummary]:
    """Return the quota that an address names, or, if it names none, all quotas in the database."""
    with opened_briefly(address.database) as connection:
        ensure_quota_tables(connection)
        return _summaries(connection, address.name)


def _summaries(connection: Connection, name: str | None) -> list[QuotaSummary]:
    quotas = connection.execute(_QUOTAS, (name, name)).fetchall()
    locks = connection.execute(_LOCKS).fetchall()
    return [
        QuotaSummary(
            name=found,
            slots=slots,
            rate=rate,
            settle=settle,
            pause=pause,
            left=len({*taken} - {number for of, number, *_ in locks if of == key}),
            participants=_participants([tuple(lock) for of, *lock in locks if of == key]),
        )
        for found, key, slots, rate, settle, pause, taken in quotas
    ]


def _participants(locks: Sequence[tuple[int, int, str, str]]) -> list[Participant]:
    slots = Counter(pid for number, pid, *_ in locks if number < FLAGS)
    waiting = {pid for number, pid, *_ in locks if number in {Flag.IS_STARVING, Flag.IS_EAGER}}
    names = {pid: (name, address) for _, pid, name, address in locks}
    return [
        Participant(name=name, address=address, slots=slots[pid], wants_more=pid in waiting)
        for pid, (name, address) in sorted(names.items(), key=lambda item: item[1])
    ]
