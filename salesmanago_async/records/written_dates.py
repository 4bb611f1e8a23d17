"""Dates with English names of months. Pure: no I/O.

    Jan 5, 2024, 10:00:00 PM                       as shops and browsers show it
    Fri, 05 Jan 2024 22:00:00 GMT                  as mail and HTTP have it
    Fri Jan 05 2024 22:00:00 GMT+0100 (CET)        as JavaScript prints it

Every part of such a text has to be understood: what is passed over, such as PM or the name of a zone, would change the
time. So names of zones other than UTC and GMT are refused; CST alone has four meanings.
"""

import re
from datetime import datetime

_MONTHS = {
    name[:3]: number
    for number, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
         "december"), 1)
}  # fmt: skip
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|wednes|thu|thurs|fri|sat|satur|sun)(?:day)?,? +)?"
_DATE = rf"{_WEEKDAY}(?:{_MONTH} +(\d{{1,2}}),? +(\d{{4}})|(\d{{1,2}})[ -]+{_MONTH}[ -]+(\d{{4}}))"
_TIME = r"(?:,? +(?:at +)?(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:[ \u202f]?([ap])\.?m\.?)?)?"
_ZONE = r"(?: *(?:(?:utc|gmt)? ?([+-]\d\d):?(\d\d)|(utc|gmt|z))(?: +\([^()]*\))?)?"
_WRITTEN = re.compile(_DATE + _TIME + _ZONE, re.IGNORECASE)


def written_date(text: str) -> datetime | None:
    """Return the time in a text with the English name of a month, without a zone if it has none; None if it is none."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    month, day, year = found.group(1, 2, 3) if found[1] else found.group(5, 4, 6)
    hour, minute, second, half, *offset, utc = found.group(7, 8, 9, 10, 11, 12, 13)
    if half and not 1 <= int(hour) <= 12:
        return None
    hours = int(hour or 0) % 12 + 12 * (half.lower() == "p") if half else int(hour or 0)
    zone = "+00:00" if utc else ":".join(offset) if offset[0] else ""
    try:
        moment = datetime(int(year), _MONTHS[month[:3].lower()], int(day), hours, int(minute or 0), int(second or 0))  # noqa: DTZ001
        return datetime.fromisoformat(f"{moment.isoformat()}{zone}")
    except ValueError:
        return None
