"""Sorts the products of a request: which are stored, which are refused, and which are refused later. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import frozen

from ...api.product_problems import ProductProblem
from .._store import AccountStore
from .account import ProductAccount
from .answers import class_of, shown
from .checks import QUOTA, FieldProblem, problems_of
from .handlers import RefusedProducts

UPSERT = "v3/product/upsert"
OF_PRODUCTS = frozenset({UPSERT, "v3/product/updateQuantity", "v3/product/updatePrice"})


@frozen
class SortedBody:
    """A checked body. `stored` is the part that the account takes; `later` are the problems for the webhook.

    `problems` belong into the answer: warnings, or the errors of the products that were left out.
    """

    body: Mapping[str, Any]
    stored: Mapping[str, Any]
    problems: tuple[FieldProblem, ...]
    later: tuple[FieldProblem, ...] = ()

    @property
    def status(self) -> int:
        """The status of the answer."""
        return 200 if all(problem.is_warning for problem in self.problems) else 400

    def answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the complete answer; a product that is refused later counts as stored."""
        if self.later and "productIds" in answer:
            refused = _indices(self.problems)
            answer["productIds"] = [
                str(product["productId"]) for index, product in enumerate(self.body["products"]) if index not in refused
            ]
        return {**answer, "problems": shown(self.problems)} if self.problems else answer


def sort_products(path: str, body: Mapping[str, Any], store: AccountStore) -> SortedBody:
    """Sort the body of any call of API v3.

    [likely] One bad product refuses all; with the setting `stores_the_others` [guess] it is left out.
    """
    settings = store.section(ProductAccount).settings
    problems = tuple(problems_of(class_of(path), body)) or tuple(_asked_for(path, body, store))
    errors = tuple(problem for problem in problems if not problem.is_warning)
    bad = _indices(errors)
    if errors and not (settings.stores_the_others and path in OF_PRODUCTS and len(bad) == len(_by_index(errors))):
        raise RefusedProducts(*errors)
    if path not in OF_PRODUCTS:
        return SortedBody(body, body, problems)
    later = tuple(_of_ids(body, settings.later_problems, bad))
    return SortedBody(body, _without(body, bad | _indices(later)), errors or problems, later)


def _asked_for(path: str, body: Mapping[str, Any], store: AccountStore) -> Iterator[FieldProblem]:
    """Yield the problems that the settings ask for: of certain products, and of too many products."""
    if path not in OF_PRODUCTS:
        return
    account = store.section(ProductAccount)
    yield from _of_ids(body, account.settings.problems)
    most = account.settings.most_products
    sent = {(body["catalogId"], str(product["productId"])) for product in body["products"]}
    held = {(catalog_id, id_) for catalog_id, stored in account.products.items() for id_ in stored}
    if most is not None and path == UPSERT and len(held | sent) > most:
        yield FieldProblem(QUOTA, "No more products are allowed")


def _of_ids(
    body: Mapping[str, Any], problems: Mapping[str, tuple[int, str]], without: Collection[int] = ()
) -> Iterator[FieldProblem]:
    for index, product in enumerate(body["products"]):
        if index not in without and str(product["productId"]) in problems:
            code, message = problems[str(product["productId"])]
            yield FieldProblem(code, f"products[{index}].{message}")


def _indices(problems: Collection[FieldProblem]) -> set[int]:
    """Return the indices of the products that problems name."""
    return {index for index in _by_index(problems) if index is not None}


def _by_index(problems: Collection[FieldProblem]) -> set[int | None]:
    return {ProductProblem(message=problem.message).index for problem in problems}


def _without(body: Mapping[str, Any], indices: Collection[int]) -> Mapping[str, Any]:
    """Return a body without the products at these indices."""
    if not indices:
        return body
    kept = [product for index, product in enumerate(body["products"]) if index not in indices]
    return {**body, "products": kept}
