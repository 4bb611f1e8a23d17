"""The address of a quota: a name in a PostgreSQL database, and the numbers that the caller expects it to have.

    postgresql://USER@HOST/DATABASE?quota=NAME&slots=16&rate=20&settle=5

`slots` is the most requests in flight, `rate` the most that start in a second (none: no limit), `settle` the seconds
after which the server has surely answered what a killed process had sent. Other parameters are those of libpq.
"""

import math
from typing import Self
from urllib.parse import quote, unquote

from attrs import frozen

from ..errors import Invalid
from ..stores.addresses import MAX_NAME, SCHEMES, DatabaseAddress

FIELD = "quota"
EXAMPLE = "postgresql://host/database?quota=account-1&slots=16"
MOST_SLOTS = 10_000
LONGEST_SETTLE = 3600.0
DEFAULT_SETTLE = 5.0
NO_RATE = math.inf
"""The rate of a quota that limits only what is in flight; in an address: `rate=none`."""

_OURS = frozenset({"quota", "slots", "rate", "settle"})


@frozen(kw_only=True)
class Numbers:
    """The numbers of a quota; None is one that was not given, and a rate may be `NO_RATE`."""

    slots: int | None = None
    rate: float | None = None
    settle: float | None = None

    def __str__(self) -> str:
        given = {"slots": self.slots, "rate": self.rate, "settle": self.settle}
        shown = {
            name: "none" if value == NO_RATE else f"{value:g}" for name, value in given.items() if value is not None
        }
        return "&".join(f"{name}={value}" for name, value in shown.items())


@frozen
class QuotaAddress:
    """A quota in a database; its text has no password. Without a name: all quotas of the database."""

    database: DatabaseAddress
    name: str | None
    numbers: Numbers = Numbers()

    def __str__(self) -> str:
        if self.name is None:
            return str(self.database)
        numbers = f"&{self.numbers}" if str(self.numbers) else ""
        start = "&" if "?" in self.database.location else "?"
        return f"{self.database.location}{start}quota={quote(self.name, safe='')}{numbers}"

    @classmethod
    def parse(cls, text: str, *, needs_name: bool = True) -> Self:
        """Read an address; raise `Invalid`, which quotes nothing but our own parameters, if it is not one."""
        if not text.startswith(SCHEMES):
            raise Invalid(f"give the address of a quota, such as {EXAMPLE}", field=FIELD)
        place, _, query = text.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        ours = [(name, unquote(value)) for name, _, value in pairs if name in _OURS]
        rest = "&".join(f"{name}{equals}{value}" for name, equals, value in pairs if name not in _OURS)
        database = DatabaseAddress.parse(f"{place}?{rest}" if rest else place, field=FIELD)
        if database.run is not None:
            raise Invalid("the address names a run, which is for journals; name the quota: quota=NAME", field=FIELD)
        given = dict(ours)
        if len(given) < len(ours):
            raise Invalid("the address gives a parameter twice", field=FIELD)
        name = given.get("quota")
        if name is not None or needs_name:
            _check_name(name)
        return cls(database, name, _numbers(given))


def numbers(*, slots: float | None, rate: float | None, settle: float | None) -> Numbers:
    """Return checked numbers; raise `Invalid` naming the one that no quota can have."""
    if slots is not None and not (1 <= slots <= MOST_SLOTS and slots == int(slots)):
        raise Invalid(f"slots is {slots:g}; give 1 to {MOST_SLOTS:,} requests in flight", field=FIELD)
    if rate is not None and not rate > 0:
        raise Invalid(f"rate is {rate:g}; give requests per second, or none for no limit", field=FIELD)
    if settle is not None and not 0 <= settle <= LONGEST_SETTLE:
        raise Invalid(f"settle is {settle:g}; give 0 to {LONGEST_SETTLE:g} seconds", field=FIELD)
    return Numbers(slots=None if slots is None else int(slots), rate=rate, settle=settle)


def _numbers(given: dict[str, str]) -> Numbers:
    return numbers(**{name: _number(name, given.get(name)) for name in ("slots", "rate", "settle")})


def _number(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    if (name, text) == ("rate", "none"):
        return NO_RATE
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"{name} is no number", field=FIELD) from None


def _check_name(name: str | None) -> None:
    if name is None or not name.strip():
        raise Invalid(f"the address names no quota; add quota=NAME, as in {EXAMPLE}", field=FIELD)
    if len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(f"the name of the quota must be printable, and have at most {MAX_NAME} characters", field=FIELD)
