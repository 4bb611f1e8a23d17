"""What an answer of API v3 says of each product. Pure: returns verdicts, or reasons by index.

A product that was accepted is stored later; what goes wrong then is reported to the webhook of the key. One bad product
refuses its whole request [likely], and each problem names its product by the index in that request.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...api.product_problems import NOT_AUTHENTICATED, QUOTA, ProductProblem
from ...connection.products import problems_in
from ...outcome import State, Verdicts


def of_products(keys: Sequence[str], answer: Mapping[str, Any]) -> Verdicts:
    """Return the verdicts on a chunk of products; what was trimmed (reason code 12) is accepted, with a reason.

    An answer with `productIds` accepts those only. An answer without them must have a `requestId`. A warning that names
    no product is the reason of each.
    """
    listed = answer.get("productIds")
    if not isinstance(listed, list) and answer.get("requestId") is None:
        return _UNCLEAR
    problems = problems_in(answer)
    warnings = reasons_by_index(problems)
    of_all = "; ".join(problem.text for problem in problems if problem.index is None) or None
    others: dict[int, tuple[State, str]] = {
        index: ("accepted", reason) for index, reason in warnings.items() if index < len(keys)
    }
    if isinstance(listed, list):
        ids: list[Any] = listed
        taken = {str(id_).strip() for id_ in ids}
        others |= {index: ("in_doubt", _NOT_NAMED) for index, key in enumerate(keys) if key.strip() not in taken}
    return Verdicts("accepted", of_all, others)


_UNCLEAR = Verdicts("in_doubt", "the server's answer does not say what became of it")
_NOT_NAMED = "productIds of the server's answer does not name it"


def reasons_by_index(problems: Iterable[ProductProblem]) -> dict[int, str]:
    """Return what is wrong with each product that problems name by its index in the request."""
    texts: dict[int, list[str]] = {}
    for problem in problems:
        if problem.index is not None:
            texts.setdefault(problem.index, []).append(problem.text)
    return {index: "; ".join(found) for index, found in texts.items()}


def is_about_all(problems: Iterable[ProductProblem]) -> bool:
    """Return whether other products would be refused for the same reason: the key, a quota, or the catalogue."""
    return any(
        problem.reason_code in {NOT_AUTHENTICATED, QUOTA} or problem.is_about_catalog
        for problem in problems
        if problem.index is None
    )
