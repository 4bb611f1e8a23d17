"""What answers of API v3 say of a refused request, in any of the forms that servers may give it."""

from typing import Any

import pytest

from salesmanago_async.connection.products import problems_in, refusal


@pytest.mark.parametrize(
    ("body", "whole", "texts"),
    [
        (
            {"problems": [{"reasonCode": 13, "message": "products[1].name|Missing"}]},
            "products[1].name|Missing (13)",
            ["name: Missing (reason code 13)"],
        ),
        ({"problems": ["products[1].name|Missing"]}, "products[1].name|Missing", ["name: Missing"]),
        ({"problems": [{"reasonCode": 13}]}, "no message (13)", ["no message (reason code 13)"]),
        ({"problems": [{}]}, "no message", ["no message"]),
        (
            {"messages": "Not authenticated", "reasonCode": 10},
            "Not authenticated (10)",
            ["Not authenticated (reason code 10)"],
        ),
        ({"messages": ["a", "b"], "reasonCode": None}, "a; b", []),
        ({"problems": None, "reasonCode": None}, "refused without a message", []),
        ({"success": False}, "refused without a message", []),
    ],
)
def test_a_refusal_says_what_is_known_and_no_more(body: dict[str, Any], whole: str, texts: list[str]) -> None:
    problems = problems_in(body)
    assert str(refusal(body, problems, status=400, request=None)) == whole
    assert [problem.text for problem in problems] == texts
