"""Times of digits: ISO 8601, forms near to it, and digits without separators. Pure: no I/O.

2024-01-05 10:00:00 UTC, 2024-01-05 11:00:00 +01, 2024/1/5 10:00:00       near to ISO 8601
20240105100000, 202401051000                                              without separators
"""

import re
from datetime import datetime

_ZONE_NAME = re.compile(r"[ ]?(?:UTC|GMT|Z)$", re.IGNORECASE)
_SHORT_ZONE = re.compile(r"([+-]\d\d)$")
_SPACED_ZONE = re.compile(r" (?=[+-]\d\d:?\d\d$)")
_COMPACT = re.compile(r"((?:19|20)\d{10})(\d\d)?(?:[.,]\d+)?")
"""The digits of a time, to the minute or the second. [guess] Twelve digits could also be milliseconds, of 1976."""
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d\d?)\2(\d\d?)(?!\d)")


def iso_time(text: str) -> datetime | None:
    """Return a time in ISO 8601 and forms near to it: with a space before the zone, UTC, +01, or slashes."""
    try:
        return datetime.fromisoformat(text)  # nearly all
    except ValueError:
        pass
    plain = _ZONE_NAME.sub("+00:00", text) if not text[-1:].isdecimal() else _SHORT_ZONE.sub(r"\1:00", text)
    try:
        return datetime.fromisoformat(_SPACED_ZONE.sub("", with_dashes(plain)))
    except ValueError:
        return None


def compact_time(text: str) -> datetime | None:
    """Return a time whose digits follow each other, to the minute or the second."""
    found = _COMPACT.fullmatch(text)
    try:
        return datetime.strptime(f"{found[1]}{found[2] or '00'}", "%Y%m%d%H%M%S") if found else None  # noqa: DTZ007
    except ValueError:
        return None


def with_dashes(text: str) -> str:
    """Return a text with its date as yyyy-mm-dd, if it is yyyy/m/d, yyyy.m.d or yyyy-m-d."""
    return _YEAR_FIRST.sub(lambda found: f"{found[1]}-{found[3].zfill(2)}-{found[4].zfill(2)}", text, count=1)
