"""Times and birthdays in the formats of `date_format`, which are those of `strptime`. Pure: no I/O."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

_YEAR = re.compile(r"%[YyGcx]")
_SHORT_YEAR = re.compile(r"%y")


def formatted_time(text: str, forms: Iterable[str]) -> datetime | None:
    """Return the time in the first of these formats that suits; those without a year are for birthdays."""
    for form in filter(_has_year, forms):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
        except ValueError:
            continue
    return None


def formatted_birthday(text: str, forms: Iterable[str]) -> date | str | None:
    """Return a birthday in the first of these formats that suits: a date, or MMdd if the format has no year.

    A year of two digits that is still to come was a hundred years before.
    """
    for form in forms:
        try:
            if not _has_year(form):
                return f"{datetime.strptime(f'2000 {text}', f'%Y {form}'):%m%d}"  # noqa: DTZ007
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        is_to_come = _SHORT_YEAR.search(form) is not None and day > datetime.now(UTC).date()
        return day.replace(year=day.year - 100) if is_to_come else day
    return None


def _has_year(form: str) -> bool:
    """Return whether a format of `strptime` has a year; without one, Python takes 1900."""
    return _YEAR.search(form) is not None
