"""Statistics of workflows: times in seconds, unknown periods, and a field with two spellings."""

from datetime import UTC, datetime
from typing import Any

import pytest

from salesmanago_async import api
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.workflows import GetWorkflowStatistics, WorkflowEmails, WorkflowStatistics


def test_the_sample_statistics_are_typed(catalogue: dict[str, dict[str, Any]]) -> None:
    (sample,) = catalogue["workflow/statistics"]["responses"]
    found = read_leniently(WorkflowStatistics, sample)
    assert found.creation_date == datetime(2022, 2, 23, 11, 54, 56, tzinfo=UTC)
    assert found.email_stats
    assert (found.email_stats.average_or, found.email_stats.all_clicks) == ("-", 0)
    assert found.revenue_stats
    assert found.revenue_stats.web_push_click_sales == 0.0


@pytest.mark.parametrize("name", ["allCliks", "allClicks"])
def test_all_clicks_are_read_in_both_spellings(name: str) -> None:
    found = read_leniently(WorkflowEmails, {name: 3})
    assert (found.all_clicks, found.extra) == (3, {})


def test_an_answer_with_both_spellings_loses_neither() -> None:
    found = read_leniently(WorkflowEmails, {"allCliks": 3, "allClicks": 4})
    assert (found.all_clicks, found.extra) == (3, {"allClicks": 4})


def test_an_unknown_period_is_accepted() -> None:
    request = GetWorkflowStatistics(7, period="NEXT_YEAR")
    assert api.write_request(request) == {"workflowId": 7, "period": "NEXT_YEAR"}
