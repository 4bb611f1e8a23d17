"""Dates with English names of months."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from salesmanago_async.records.written_dates import written_date

NIGHT = datetime(2024, 1, 5, 22)  # noqa: DTZ001 - the text has no zone
WARSAW = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    "text",
    [
        "Jan 5, 2024, 10:00:00 PM",
        "Jan 5, 2024 10:00 PM",
        "Jan 5, 2024, 10:00:00\u202fPM",
        "Friday, January 5, 2024 at 10:00 p.m.",
        "05-Jan-2024 22:00",
        "5 JAN 2024 22:00:00",
    ],
)
def test_halves_of_the_day_are_read(text: str) -> None:
    assert written_date(text) == NIGHT


@pytest.mark.parametrize(
    ("text", "hour"), [("Jan 5, 2024 12:00 AM", 0), ("Jan 5, 2024 12:00 PM", 12), ("Jan 5, 2024", 0)]
)
def test_twelve_begins_a_half(text: str, hour: int) -> None:
    assert written_date(text) == NIGHT.replace(hour=hour)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Fri, 05 Jan 2024 22:00:00 GMT", UTC),
        ("Fri, 05 Jan 2024 22:00:00 +0000", UTC),
        ("Fri Jan 05 2024 22:00:00 GMT+0100 (Central European Standard Time)", WARSAW),
        ("Fri, 5 Jan 2024 22:00:00 +0100 (CET)", WARSAW),
        ("Jan 5, 2024, 10:00:00 PM UTC", UTC),
    ],
)
def test_zones_are_read(text: str, zone: timezone) -> None:
    assert written_date(text) == NIGHT.replace(tzinfo=zone)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 05 Jan 2024 22:00:00 CET",
        "Fri Jan 05 22:00:00 CET 2024",
        "Jan 5, 2024 22:00 PM",
        "Jan 5, 2024 0:30 AM",
        "Jan 32, 2024",
        "Jan 5, 24",
        "5 stycznia 2024",
        "Jan 5",
        "Jan 5, 2024 soon",
        "2024-01-05",
        "",
    ],
)
def test_what_is_not_understood_as_a_whole_is_no_date(text: str) -> None:
    assert written_date(text) is None
