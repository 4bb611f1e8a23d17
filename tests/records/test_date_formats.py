"""Times and birthdays in the formats of `date_format`."""

from datetime import datetime

from salesmanago_async.records.date_formats import formatted_birthday, formatted_time


def test_the_first_format_that_suits_counts() -> None:
    assert formatted_birthday("5.8.", ["%d.%m.%Y", "%d.%m."]) == "0805"
    assert formatted_birthday("n/a", ["%d.%m.%Y", "%d.%m."]) is None


def test_a_format_without_a_year_makes_no_time() -> None:
    assert formatted_time("5.8.", ["%d.%m."]) is None
    assert formatted_time("5.8.2024", ["%d.%m.", "%d.%m.%Y"]) == datetime(2024, 8, 5)  # noqa: DTZ001
