"""Times and birthdays in the formats of `date_format`."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.records.cells import CellRules
from salesmanago_async.records.date_formats import formatted_birthday, formatted_time


def test_the_first_format_that_suits_counts() -> None:
    assert formatted_birthday("5.8.", ["%d.%m.%Y", "%d.%m."]) == "0805"
    assert formatted_birthday("n/a", ["%d.%m.%Y", "%d.%m."]) is None


def test_a_format_without_a_year_makes_no_time() -> None:
    assert formatted_time("5.8.", ["%d.%m."]) is None
    assert formatted_time("5.8.2024", ["%d.%m.", "%d.%m.%Y"]) == datetime(2024, 8, 5)  # noqa: DTZ001


def test_several_forms_may_be_given_and_errors_and_help_say_so() -> None:
    rules = CellRules(date_format=("%d.%m.%Y", "%d/%m/%Y"))
    found = [rules.moment(text) for text in ("05.01.2024", "06/01/2024")]
    assert found == [datetime(2024, 1, 5, tzinfo=UTC), datetime(2024, 1, 6, tzinfo=UTC)]
    for read in (CellRules().moment, CellRules().birthday):
        with pytest.raises(ValueError, match=r"date_format=\.\.\. reads other forms, one or several"):
            read("5/1/24 AD")
    shown = " ".join(CliRunner().invoke(salesmanago, ["import", "events", "--help"]).output.split())
    assert "A form of dates and times, such as '%d.%m.%Y %H:%M'. May be repeated" in shown
