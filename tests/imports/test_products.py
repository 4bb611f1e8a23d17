"""Products in bulk (API v3): the outcome of each product, refusals that name products, warnings, order, journals."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from salesmanago_async import Invalid, NotAuthenticated, Outcome, Refused, Report, SalesManago
from salesmanago_async.api.fields import CLEAR
from salesmanago_async.api.product_problems import ProductProblem
from salesmanago_async.api.products import Product, ProductPrice, ProductQuantity, SystemDetails
from salesmanago_async.imports.engine.products import is_about_all, of_products, reasons_by_index
from salesmanago_async.outcome import State, Verdicts
from salesmanago_async.simulator import DEMO_PRODUCTS_KEY, Fault, ProductSettings, Simulator
from salesmanago_async.simulator.products.account import ProductAccount, StoredKey
from tests.conftest import MakeClient, wall_clock

pytestmark = pytest.mark.anyio

UPSERT = "v3/product/upsert"
MAIN: dict[str, Any] = {"currency": "EUR", "location": "shop_de"}


class Account(httpx.ASGITransport):
    """A simulated account that keeps the product ids of its requests; `answer` may replace answers."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(app=simulator)
        self.simulator = simulator
        self.sent: list[list[str]] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, Any] | None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content or b"{}")
        if "products" in body:
            self.sent.append([product["productId"] for product in body["products"]])
            if answer := self.answer(body):
                return httpx.Response(answer[0], json=answer[1], request=request)
        return await super().handle_async_request(request)

    @property
    def stored(self) -> dict[str, dict[str, Any]]:
        """The products of the only catalogue."""
        store = vars(self.simulator)["_store"]
        (products,) = store.section(ProductAccount).products.values()
        return dict(products)

    def set(self, **settings: Any) -> None:
        """Change the settings of the account."""
        vars(self.simulator)["_store"].section(ProductAccount).settings = ProductSettings(**settings)


@pytest.fixture
def account() -> Account:
    """An account without products."""
    return Account(Simulator(clock=wall_clock))


@pytest.fixture
def open_client(account: Account, make_client: MakeClient) -> Callable[..., SalesManago]:
    """Return a function that makes clients of the account."""
    return lambda **options: make_client(
        account.simulator, **{"transport": account, "products_key": DEMO_PRODUCTS_KEY, "poll_interval": 1.0, **options}
    )


async def new_catalog(sm: SalesManago) -> str:
    catalog_id = (await sm.catalogs.upsert("Main_catalog", **MAIN)).catalog_id
    assert catalog_id
    return catalog_id


def row(number: int, **others: Any) -> dict[str, Any]:
    return {"productId": f"P{number}", "name": f"Product {number}", "mainCategory": "All", "price": number, **others}


def rows(count: int) -> Iterator[dict[str, Any]]:
    return map(row, range(count))


async def outcomes_of(sm: SalesManago, source: Any, **options: Any) -> tuple[list[Outcome], Report]:
    async with sm.products.upserting(source, **options) as outcomes:
        found = [outcome async for outcome in outcomes]
    return sorted(found, key=lambda outcome: outcome.position), outcomes.report


def by_state(outcomes: list[Outcome]) -> dict[State, list[int]]:
    found: dict[State, list[int]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.state, []).append(outcome.position)
    return found


# Outcomes


async def test_a_request_has_a_hundred_products_and_each_product_its_outcome(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    async with open_client() as sm:
        source = [*rows(249), row(249, name="")]
        outcomes, report = await outcomes_of(sm, source, catalog_id=await new_catalog(sm))
    assert [len(sent) for sent in account.sent] == [100, 100, 49]
    assert by_state(outcomes) == {"accepted": [*range(249)], "rejected": [249]}
    assert outcomes[249].reason == "name: is missing"
    assert (report.accepted, report.rejected, report.jobs, report.complete) == (249, 1, 0, True)
    assert len(account.stored) == 249


async def test_products_are_given_as_values_and_in_every_spelling(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    source: list[Any] = [
        Product(product_id="1", name="A", main_category="C", price=1, system_details=SystemDetails(brand="Lin")),
        {"product_id": 2, "name": "B", "main_category": "C", "price": "2.50", "brand": "Lin", "detail1": "x"},
        {"productId": "3", "name": "C", "mainCategory": "C", "price": 3, "systemDetails": {"brand": "Lin"}},
        {"Product ID": "4", "Name": "D", "main category": "C", "price": 4, "systemDetails.brand": "Lin"},
        {"productId": "5", "name": "E", "mainCategory": "C", "price": 5, "system_details": SystemDetails(brand="Lin")},
    ]
    async with open_client() as sm:
        report = await sm.products.upsert_many(source, catalog_id=await new_catalog(sm))
    assert report.accepted == 5, report.problems
    assert {product["systemDetails"]["brand"] for product in account.stored.values()} == {"Lin"}
    assert (account.stored["2"]["price"], account.stored["2"]["customDetails"]) == (2.5, {"detail1": "x"})


async def test_a_refusal_rejects_the_products_that_it_names_and_sends_the_others_again(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    account.set(problems={"P3": (13, "name|Missing"), "P97": (11, "price|min:0|max:9|Out of range")})
    async with open_client() as sm:
        outcomes, report = await outcomes_of(sm, rows(100), catalog_id=await new_catalog(sm))
    assert [len(sent) for sent in account.sent] == [100, 98]  # two requests, where halves would take a dozen
    assert by_state(outcomes) == {"accepted": [*{*range(100)} - {3, 97}], "rejected": [3, 97]}
    assert outcomes[3].reason == "name: Missing (reason code 13)"
    assert outcomes[97].reason == "price: Out of range (min:0, max:9, reason code 11)"
    assert (report.accepted, report.rejected) == (98, 2)
    assert account.stored.keys() == {f"P{number}" for number in range(100)} - {"P3", "P97"}


async def test_a_server_that_names_one_product_at_a_time_is_followed_to_the_last(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    bad = {"P1", "P5", "P9"}

    def first_bad(body: dict[str, Any]) -> tuple[int, Any] | None:
        found = next((n for n, product in enumerate(body["products"]) if product["productId"] in bad), None)
        problem = {"reasonCode": 15, "message": f"products[{found}].name|Exists already"}
        return None if found is None else (400, {"problems": [problem]})

    account.answer = first_bad
    async with open_client() as sm:
        outcomes, _ = await outcomes_of(sm, rows(10), catalog_id=await new_catalog(sm))
    assert by_state(outcomes)["rejected"] == [1, 5, 9]
    assert [len(sent) for sent in account.sent] == [10, 9, 8, 7]


@pytest.mark.parametrize("status", [200, 400])
async def test_ids_beside_problems_change_nothing(
    account: Account, open_client: Callable[..., SalesManago], status: int
) -> None:
    """Should a server take a part of a request, that part is sent again, which does no harm."""
    problems = [{"reasonCode": 13, "message": "products[1].name|Missing"}]

    def take_a_part(body: dict[str, Any]) -> tuple[int, Any] | None:
        is_bad = any(product["productId"] == "P1" for product in body["products"])
        return (status, {"requestId": "r", "productIds": ["P0", "P2"], "problems": problems}) if is_bad else None

    account.answer = take_a_part
    async with open_client() as sm:
        outcomes, _ = await outcomes_of(sm, rows(3), catalog_id=await new_catalog(sm))
    assert by_state(outcomes) == {"accepted": [0, 2], "rejected": [1]}
    assert account.sent == [["P0", "P1", "P2"], ["P0", "P2"]]


async def test_a_refusal_that_names_no_product_is_searched_in_halves(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    def refuse(body: dict[str, Any]) -> tuple[int, Any] | None:
        is_bad = any(product["productId"] == "P2" for product in body["products"])
        return (400, {"messages": "no", "reasonCode": 13}) if is_bad else None

    account.answer = refuse
    async with open_client() as sm:
        outcomes, _ = await outcomes_of(sm, rows(4), catalog_id=await new_catalog(sm))
    assert by_state(outcomes) == {"accepted": [0, 1, 3], "rejected": [2]}


async def test_what_was_trimmed_is_accepted_with_a_warning(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    account.set(problems={"P1": (12, "description|max:5|Trimmed"), "P7": (12, "description|max:5|Trimmed")})
    async with open_client() as sm:
        outcomes, report = await outcomes_of(sm, rows(9), catalog_id=await new_catalog(sm))
    assert by_state(outcomes) == {"accepted": [*range(9)]}
    assert len(account.sent) == 1
    assert [outcome.reason for outcome in outcomes if outcome.reason] == [
        "description: Trimmed (max:5, reason code 12)"
    ] * 2
    (warning,) = report.warnings
    assert (warning.column, warning.count, warning.position) == ("description", 2, 1)
    assert (report.reasons, report.problems, report.complete) == ({}, (), True)


async def test_the_last_row_of_a_product_wins(account: Account, open_client: Callable[..., SalesManago]) -> None:
    """Requests with the same product are never in flight together, even if the first one has to be sent again."""
    account.simulator.faults = [Fault("status-after", path=UPSERT, status=503, at=1)]
    source = [row(number % 7, price=number) for number in range(60)]
    async with open_client() as sm:
        report = await sm.products.upsert_many(source, catalog_id=await new_catalog(sm), batch_size=5)
    assert report.accepted == 60
    assert {id_: product["price"] for id_, product in account.stored.items()} == {
        f"P{number % 7}": number for number in range(53, 60)
    }


async def test_ids_that_differ_in_case_are_two_products(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    async with open_client() as sm:
        outcomes, _ = await outcomes_of(
            sm, [row(1, productId="sku"), row(2, productId="SKU")], catalog_id=await new_catalog(sm)
        )
    assert by_state(outcomes) == {"accepted": [0, 1]}
    assert account.stored.keys() == {"sku", "SKU"}


async def test_an_answer_that_does_not_name_a_product_leaves_it_in_doubt(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    account.answer = lambda _: (200, {"requestId": 7, "productIds": ["P0", "P2"]})
    async with open_client() as sm:
        outcomes, report = await outcomes_of(sm, rows(3), catalog_id=await new_catalog(sm))
    assert by_state(outcomes) == {"accepted": [0, 2], "in_doubt": [1]}
    assert not report.complete


# What all requests would get


async def test_429_is_waited_for(account: Account, open_client: Callable[..., SalesManago]) -> None:
    account.simulator.faults = [Fault("status", path=UPSERT, status=429, retry_after=2, at=range(1, 4))]
    async with open_client() as sm:
        report = await sm.products.upsert_many(rows(300), catalog_id=await new_catalog(sm))
    assert (report.accepted, report.retries) == (300, 3)
    assert report.seconds >= 2


@pytest.mark.parametrize("settings", [{"most_products": 150}])
async def test_a_quota_ends_the_run_and_nothing_is_lost(
    account: Account, open_client: Callable[..., SalesManago], settings: dict[str, Any]
) -> None:
    account.set(**settings)
    async with open_client(concurrency=1) as sm:
        outcomes, report = await outcomes_of(sm, rows(500), catalog_id=await new_catalog(sm))
    assert by_state(outcomes)["accepted"] == [*range(100)]
    assert len(account.sent) == 2
    assert {outcome.state for outcome in outcomes[100:]} == {"not_sent"}
    assert isinstance(report.stopped, Refused)
    assert "No more products are allowed (19)" in str(report.stopped)


async def test_an_unknown_catalogue_and_a_wrong_key_end_the_run(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    async with open_client() as sm:
        with pytest.raises(Refused, match="catalogId"):
            await sm.products.upsert_many(rows(3), catalog_id="nosuch")
    async with open_client(products_key="wrong") as sm:
        with pytest.raises(NotAuthenticated):
            await sm.products.upsert_many(rows(3), catalog_id="any")
    assert len(account.sent) == 2


async def test_a_run_needs_a_key_a_catalogue_and_small_requests(open_client: Callable[..., SalesManago]) -> None:
    async with open_client(products_key=None) as sm:
        with pytest.raises(Invalid, match="products_key"):
            await sm.products.upsert_many(rows(3), catalog_id="any")
        assert (await sm.products.upsert_many(rows(3), catalog_id="any", dry_run=True)).not_sent == 3
    async with open_client() as sm:
        with pytest.raises(Invalid, match="catalogId"):
            await sm.products.upsert_many(rows(3), catalog_id="")
        with pytest.raises(Invalid, match="batch_size: is 101; a request takes 1 to 100 products"):
            await sm.products.upsert_many(rows(3), catalog_id="any", batch_size=101)
        wait: Any = {"wait": False}
        with pytest.raises(TypeError, match="there is no option 'wait'"):
            await sm.products.upsert_many(rows(3), catalog_id="any", **wait)


async def test_a_dry_run_counts_and_sends_nothing(account: Account, open_client: Callable[..., SalesManago]) -> None:
    async with open_client() as sm:
        report = await sm.products.upsert_many([*rows(250), row(0)], catalog_id="any", dry_run=True)
    assert account.sent == []
    assert (report.not_sent, report.chunks, report.duplicates, report.complete) == (251, 3, 1, True)
    assert report.estimate
    assert (report.estimate.jobs, report.estimate.polls) == (0, 0)


# Journals


async def test_a_journal_resumes_a_run_that_got_no_answer(
    account: Account, open_client: Callable[..., SalesManago], tmp_path: Path
) -> None:
    """What is in doubt is sent again, what was rejected or taken with a warning is not; each is reported again."""
    account.set(problems={"P3": (13, "name|Missing"), "P5": (12, "name|max:1|Trimmed")})
    async with open_client(concurrency=1) as sm:
        catalog_id = await new_catalog(sm)
        options: dict[str, Any] = {"catalog_id": catalog_id, "journal": tmp_path / "run.db", "patience": 5.0}
        account.simulator.faults = [Fault("reset-after", path=UPSERT, at=range(3, 1000))]
        first, report = await outcomes_of(sm, rows(300), **options)
        assert by_state(first)["in_doubt"] == [*range(100, 200)]
        assert by_state(first)["rejected"] == [3]
        assert not report.complete
        account.simulator.faults = []
        account.sent.clear()
        outcomes, report = await outcomes_of(sm, rows(300), **options)
    assert sorted(map(len, account.sent)) == [100, 100]
    assert by_state(outcomes) == {"accepted": [*{*range(300)} - {3}], "rejected": [3]}
    assert (report.earlier, report.complete) == (100, True)
    assert (outcomes[3].reason, outcomes[5].reason) == (first[3].reason, first[5].reason)
    assert [warning.column for warning in report.warnings] == ["name"]


async def test_a_journal_outlives_a_key(
    account: Account, open_client: Callable[..., SalesManago], tmp_path: Path
) -> None:
    """A key that expires in the middle ends the run; with another key the same call goes on."""
    async with open_client(concurrency=1) as sm:
        options: dict[str, Any] = {"catalog_id": await new_catalog(sm), "journal": tmp_path / "run.db"}
        account.answer = lambda _: (
            (400, {"messages": ["expired"], "reasonCode": 10}) if len(account.sent) == 2 else None
        )
        report = await sm.products.upsert_many(rows(300), **options)
    assert isinstance(report.stopped, NotAuthenticated)
    assert (report.accepted, report.rejected, report.in_doubt) == (100, 0, 0)
    account.answer = lambda _: None
    vars(account.simulator)["_store"].section(ProductAccount).keys["Other"] = StoredKey("other")
    async with open_client(products_key="Other") as sm:
        report = await sm.products.upsert_many(rows(300), **options)
    assert (report.accepted, report.earlier, report.complete) == (300, 100, True)


async def test_a_journal_belongs_to_one_catalogue_and_one_call(
    open_client: Callable[..., SalesManago], tmp_path: Path
) -> None:
    async with open_client() as sm:
        catalog_id = await new_catalog(sm)
        journal = tmp_path / "run.db"
        source = [{"productId": "1", "quantity": 1}]
        await sm.products.update_quantities_many(source, catalog_id=catalog_id, journal=journal)
        with pytest.raises(Invalid, match="catalogId"):
            await sm.products.update_quantities_many(source, catalog_id="other", journal=journal)
        with pytest.raises(Invalid, match="kind"):
            await sm.products.update_prices_many(
                [{"productId": "1", "price": 1}], catalog_id=catalog_id, journal=journal
            )


# Quantities and prices


async def test_quantities_and_prices_are_updated(account: Account, open_client: Callable[..., SalesManago]) -> None:
    async with open_client() as sm:
        catalog_id = await new_catalog(sm)
        await sm.products.upsert_many(
            (row(number, discountPrice=1, quantity=1) for number in range(150)), catalog_id=catalog_id
        )
        account.sent.clear()
        quantities = [ProductQuantity(product_id=f"P{number}", quantity=number) for number in range(150)]
        report = await sm.products.update_quantities_many(quantities, catalog_id=catalog_id)
        assert (report.accepted, [len(sent) for sent in account.sent]) == (150, [100, 50])
        prices: list[Any] = [
            ProductPrice(product_id="P1", price=5, discount_price=CLEAR),
            {"product_id": "P2", "price": "6.50", "discount_price": CLEAR},
            {"productId": "P3", "price": 7},
            {"productId": "P4", "price": "cheap"},
        ]
        async with sm.products.updating_prices(prices, catalog_id=catalog_id) as outcomes:
            found = {outcome.position: outcome.state async for outcome in outcomes}
    assert found == {0: "accepted", 1: "accepted", 2: "accepted", 3: "rejected"}
    stored = account.stored
    assert [stored[f"P{number}"]["quantity"] for number in range(150)] == [*range(150)]
    assert [(stored[id_]["price"], stored[id_].get("discountPrice")) for id_ in ("P1", "P2", "P3")] == [
        (5, None), (6.5, None), (7, 1),
    ]  # fmt: skip


async def test_a_refused_update_names_its_products_too(
    account: Account, open_client: Callable[..., SalesManago]
) -> None:
    account.set(problems={"P1": (16, "productId|Unknown")})
    async with open_client() as sm:
        catalog_id = await new_catalog(sm)
        quantities = [{"productId": f"P{number}", "quantity": 1} for number in range(3)]
        async with sm.products.updating_quantities(quantities, catalog_id=catalog_id) as outcomes:
            found = {outcome.position: outcome.reason async for outcome in outcomes}
    assert found == {0: None, 1: "productId: Unknown (reason code 16)", 2: None}


# Files


async def test_columns_of_a_file(account: Account, open_client: Callable[..., SalesManago], tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text(
        "Product ID;name;main_category;price;categories;image_urls;available;quantity;brand;newProduct;detail5;"
        "customDetails.detail2\n"
        "00950;Shirt;Shirts;29,99;Shirts, Summer;https://a.example/1.jpg;yes;25;Lin;true;x;y\n"
        "2;Hat;Hats;1 250,00;;;no;0;;;;\n"
        "3;;Hats;1;;;;;;;;\n"
    )
    async with open_client() as sm:
        report = await sm.products.upsert_many(file, catalog_id=await new_catalog(sm), decimal=",")
        with pytest.raises(Invalid, match="productId: is missing"):
            await sm.products.update_quantities_many(
                _file(tmp_path, "id;quantity\n1;2\n"), catalog_id="any", extra_columns="ignore"
            )
    assert (report.accepted, report.rejected) == (2, 1)
    assert report.problems[0].line == 4
    shirt, hat = account.stored["00950"], account.stored["2"]
    assert shirt == {
        "productId": "00950", "name": "Shirt", "mainCategory": "Shirts", "price": 29.99,
        "categories": ["Shirts", "Summer"], "imageUrls": ["https://a.example/1.jpg"], "available": True,
        "quantity": 25, "systemDetails": {"brand": "Lin", "newProduct": True},
        "customDetails": {"detail5": "x", "detail2": "y"},
    }  # fmt: skip
    assert (hat["price"], hat["available"], hat["quantity"]) == (1250.0, False, 0)


def _file(folder: Path, text: str) -> Path:
    path = folder / "other.csv"
    path.write_text(text)
    return path


# Pure


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"requestId": "r"}, Verdicts("accepted")),
        ({"requestId": 7, "productIds": ["1", 2]}, Verdicts("accepted")),
        ({"productIds": [1, 2, 3]}, Verdicts("accepted")),
        ({}, Verdicts("in_doubt", "the server's answer does not say what became of it")),
        (
            {"requestId": "r", "problems": [{"reasonCode": 12, "message": "products[1].name|max:1|Trimmed"}]},
            Verdicts("accepted", None, {1: ("accepted", "name: Trimmed (max:1, reason code 12)")}),
        ),
        (
            {"requestId": "r", "problems": [{"reasonCode": 12, "message": "products[7].name|max:1|Trimmed"}]},
            Verdicts("accepted"),
        ),
        (
            {"requestId": "r", "problems": [{"reasonCode": 12, "message": "name|max:1|Trimmed"}]},
            Verdicts("accepted", "name: Trimmed (max:1, reason code 12)"),
        ),
    ],
)
def test_verdicts_on_products(answer: dict[str, Any], expected: Verdicts) -> None:
    assert of_products(["1", "2"], answer) == expected


def problem(code: int | None, message: str | None) -> ProductProblem:
    return ProductProblem(reason_code=code, message=message)


def test_reasons_are_put_together_for_each_product() -> None:
    problems = [
        problem(13, "products[0].name|Missing"),
        problem(14, "products[2].price:float|Wrong type"),
        problem(11, "products[0].systemDetails.brand|min:0|max:255|Too long"),
        problem(10, "Not authenticated"),
    ]
    assert reasons_by_index(problems) == {
        0: "name: Missing (reason code 13); systemDetails.brand: Too long (min:0, max:255, reason code 11)",
        2: "price:float: Wrong type (reason code 14)",
    }


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (10, "Not authenticated", True),
        (19, "No more", True),
        (16, "catalogId|Unknown", True),
        (19, "products[3].name|No more", False),
        (11, "products|min:1|max:100|Wrong number", False),
        (13, "name|Missing", False),
        (None, None, False),
    ],
)
def test_whether_other_products_would_be_refused_too(code: int | None, message: str | None, expected: bool) -> None:
    assert is_about_all([problem(code, message)]) is expected
