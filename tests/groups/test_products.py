"""`sm.products`, `sm.catalogs`, `sm.collections` and `sm.keys`: what is sent, what comes back, what is refused."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from salesmanago_async import Contact, Invalid, NoAnswer, NotAuthenticated, Refused, SalesManago, Unreadable
from salesmanago_async.api import PRODUCT_REQUESTS, UpsertCatalog, UpsertProducts, write_request
from salesmanago_async.api.codec import read_strictly
from salesmanago_async.api.fields import CLEAR
from salesmanago_async.api.product_collections import ContactProducts
from salesmanago_async.api.products import Product, ProductPrice, ProductQuantity, SystemDetails
from salesmanago_async.connection.products import problems_in, read_product_body
from salesmanago_async.connection.wire import Reply
from salesmanago_async.simulator import (
    DEMO_CREDENTIALS,
    DEMO_OWNER,
    DEMO_PASSWORD,
    DEMO_PRODUCTS_KEY,
    Fault,
    ProductSettings,
    Simulator,
)
from tests.conftest import MakeClient

pytestmark = pytest.mark.anyio

SHIRT = Product(product_id="SKU-100", name="Linen shirt", main_category="Shirts", price=29.99)
MAIN: dict[str, Any] = {"currency": "EUR", "location": "shop_de"}


@pytest.fixture
async def sm(simulator: Simulator, make_client: MakeClient) -> AsyncIterator[SalesManago]:
    """A client with a key."""
    async with make_client(simulator, products_key=DEMO_PRODUCTS_KEY) as client:
        yield client


async def new_catalog(sm: SalesManago) -> str:
    catalog_id = (await sm.catalogs.upsert("Main_catalog", **MAIN)).catalog_id
    assert catalog_id
    return catalog_id


async def test_a_catalogue_lives_from_its_creation_to_its_deletion(sm: SalesManago) -> None:
    catalog_id = await new_catalog(sm)
    changed = await sm.catalogs.upsert("Other", **MAIN, set_as_default=True, catalog_id=catalog_id)
    assert changed.catalog_id == catalog_id
    listed = await sm.catalogs.list()
    (catalog,) = listed.catalogs
    assert (catalog.name, catalog.set_as_default, catalog.currency) == ("Other", True, "EUR")
    assert listed.limits
    assert listed.limits.max == 10
    await sm.catalogs.delete(catalog_id)
    assert (await sm.catalogs.list()).catalogs == ()


async def test_products_quantities_and_prices_are_sent(sm: SalesManago) -> None:
    catalog_id = await new_catalog(sm)
    answer = await sm.products.upsert(catalog_id, [SHIRT])
    assert (answer.product_ids, answer.problems) == (("SKU-100",), ())
    assert answer.request_id
    assert (await sm.products.update_quantities(catalog_id, [ProductQuantity(product_id="1", quantity=0)])).request_id
    prices = [ProductPrice(product_id="1", price=2, discount_price=CLEAR), ProductPrice(product_id="2", price=3)]
    assert (await sm.products.update_prices(catalog_id, prices)).request_id


async def test_a_warning_is_no_failure(sm: SalesManago) -> None:
    long = Product(
        product_id="1", name="A", main_category="B", price=1, description="d" * 16384, system_details=SystemDetails()
    )
    assert (await sm.products.upsert(await new_catalog(sm), [long])).problems == ()
    body = {"requestId": "r", "productIds": ["1"], "problems": [{"reasonCode": 12, "message": "products[0].a|max:1|b"}]}
    assert read(200, body) == body
    (warning,) = problems_in(body)
    assert (warning.is_warning, warning.field, warning.index) == (True, "products[0].a", 0)


async def test_a_refusal_names_each_bad_field(sm: SalesManago) -> None:
    with pytest.raises(Refused) as refused:
        await sm.products.upsert("nosuch", [SHIRT])
    (problem,) = refused.value.problems
    assert (problem.reason_code, problem.field, problem.index) == (16, "catalogId", None)
    assert refused.value.status == 400
    assert isinstance(refused.value.request, UpsertProducts)


async def test_collections_hold_products_of_contacts(sm: SalesManago) -> None:
    contact_id = (await sm.contacts.upsert(Contact(email="ann@example.com"))).contact_id
    assert contact_id
    made = await sm.collections.add("Wishlist", catalog_id=await new_catalog(sm))
    assert made.collection_id
    products = [ContactProducts(contact_id=contact_id, product_ids=["1", "2"])]
    await sm.collections.add_products(made.collection_id, products)
    held = await sm.collections.contact_products(made.collection_id, contact_id=contact_id)
    assert held.products == ("1", "2")
    await sm.collections.delete_products(made.collection_id, products)
    (listed,) = (await sm.collections.list()).collections
    assert (listed.collection_id, listed.name) == (made.collection_id, "Wishlist")
    await sm.collections.delete(made.collection_id)
    assert (await sm.collections.list()).collections == ()


async def test_a_key_is_made_without_one_and_revoked_once(simulator: Simulator, make_client: MakeClient) -> None:
    async with make_client(simulator) as sm:
        login = {"password": DEMO_PASSWORD, "key_name": "PY", "expiry": "NEVER"}
        key = (await sm.keys.create(DEMO_OWNER, **login)).api_key
        assert key
        assert key not in repr(await sm.keys.create(DEMO_OWNER, **login))
        with pytest.raises(NotAuthenticated) as refused:
            await sm.keys.create(DEMO_OWNER, **{**login, "password": "my secret"})
        assert "my secret" not in repr(refused.value.request)
    async with make_client(simulator, products_key=key) as sm:
        assert (await sm.keys.revoke(key)).api_key_name == "PY"
        with pytest.raises(NotAuthenticated):
            await sm.catalogs.list()


@pytest.mark.parametrize("form", ["problems", "messages"])
async def test_a_wrong_key_is_not_tried_again(form: Any, make_client: MakeClient) -> None:
    app = Simulator(products=ProductSettings(key_refusal=form))
    asked: list[str] = []

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await app(scope, receive, send)

    async with make_client(counting, products_key="wrong") as sm:
        with pytest.raises(NotAuthenticated):
            await sm.catalogs.list()
    assert asked == ["/v3/product/catalogList"]


async def test_without_a_key_nothing_is_sent(simulator: Simulator, make_client: MakeClient) -> None:
    async with make_client(simulator) as sm:
        with pytest.raises(Invalid, match="products_key"):
            await sm.catalogs.list()


async def test_the_key_goes_in_a_header_to_its_own_host_and_nothing_else_does(make_client: MakeClient) -> None:
    heard: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200, json={"success": True, "catalogs": [], "requestId": 1, "productIds": [1]})

    sm = SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.MockTransport(answer), products_key="K1",
        products_url="https://api.manago.ai/",
    )  # fmt: skip
    async with sm:
        await sm.catalogs.list()
        assert (await sm.send(UpsertProducts("c", [SHIRT]))).product_ids == ("1",)
        await sm.contacts.has("ann@example.com")
    listing, upsert, other = heard
    assert (listing.method, str(listing.url), listing.content) == (
        "GET", "https://api.manago.ai/v3/product/catalogList", b"",
    )  # fmt: skip
    assert [request.headers.get("API-KEY") for request in heard] == ["K1", "K1", None]
    assert upsert.headers["User-Agent"].startswith("salesmanago-async/")
    assert json.loads(upsert.content) == {
        "catalogId": "c",
        "products": [{"productId": "SKU-100", "name": "Linen shirt", "mainCategory": "Shirts", "price": 29.99}],
    }
    assert other.url.host == "app2.salesmanago.com"


async def test_what_must_happen_once_is_not_sent_again(simulator: Simulator, make_client: MakeClient) -> None:
    paths = ("v3/product/catalogUpsert", "v3/product/upsert")
    simulator.faults = [Fault("reset-after", path=path, at=1) for path in paths]
    async with make_client(simulator, products_key=DEMO_PRODUCTS_KEY) as sm:
        with pytest.raises(NoAnswer) as lost:
            await sm.catalogs.upsert("Main_catalog", **MAIN)
        assert lost.value.in_doubt
        (catalog,) = (await sm.catalogs.list()).catalogs
        assert (await sm.products.upsert(str(catalog.catalog_id), [SHIRT])).product_ids == ("SKU-100",)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"products_key": "with space"}, "products_key"),
        ({"products_key": "x" * 65}, "products_key"),
        ({"products_key": ""}, "products_key"),
        ({"products_url": "http://api.salesmanago.com"}, "products_url"),
    ],
)
async def test_settings_that_cannot_be_used_are_named(options: Any, field: str, make_client: MakeClient) -> None:
    with pytest.raises(Invalid) as caught:
        make_client(Simulator(), **options)
    assert caught.value.field == field


@pytest.mark.parametrize("url", ["http://api.example.com", "https://api.example.com:0", "https://u:p@api.example.com"])
async def test_an_address_that_cannot_be_used_is_named_by_its_setting_alone(url: str, make_client: MakeClient) -> None:
    with pytest.raises(Invalid, match=r"^products_url: ") as caught:
        make_client(Simulator(), products_url=url)
    assert "https://api.salesmanago.com" in str(caught.value) or "user" in str(caught.value)
    assert "base_url" not in str(caught.value)
    assert "app2" not in str(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        *(httpx.Response(status, html="<html>nothing here") for status in (403, 404, 405)),
        *(httpx.Response(status, headers={"Location": "/login"}) for status in (301, 302, 303, 307, 308)),
    ],
    ids=lambda response: str(response.status_code),
)
async def test_an_answer_from_the_wrong_place_names_the_setting_of_the_address(response: httpx.Response) -> None:
    sm = SalesManago(
        DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=httpx.MockTransport(lambda _: response), products_key="K1"
    )
    async with sm:
        with pytest.raises(Unreadable, match=r"; is products_url right\?$"):
            await sm.catalogs.list()
        with pytest.raises(Unreadable, match=r"; is products_url right\?$"):
            await sm.products.upsert("c", [SHIRT])
        with pytest.raises(Unreadable, match=r"; is base_url right\?$"):
            await sm.contacts.has("ann@example.com")


async def test_the_environment_has_the_key_and_the_host() -> None:
    environ = {
        "SALESMANAGO_CLIENT_ID": "a", "SALESMANAGO_API_KEY": "b", "SALESMANAGO_SHA": "c",
        "SALESMANAGO_PRODUCTS_KEY": " K1\n", "SALESMANAGO_PRODUCTS_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    async with SalesManago.from_env(environ) as sm:
        assert (sm._products.has_key, sm._products.http.server) == (True, "127.0.0.1:9")
        assert "K1" not in repr(sm._products)


def read(status: int, body: Any) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_product_body(Reply(status, {"content-type": "application/json"}, content), None, datetime.now(UTC))


@pytest.mark.parametrize(
    ("status", "body", "error", "codes"),
    [
        (400, {"problems": [{"reasonCode": 13, "message": "products[0].name|Missing"}]}, Refused, [13]),
        (200, {"problems": [{"reasonCode": 14, "message": "products[2].price:float|Wrong"}]}, Refused, [14]),
        (200, {"problems": [{"reasonCode": 12, "message": "a|b"}, {"reasonCode": 19, "message": "c"}]}, Refused, [19]),
        (400, {"messages": "text", "reasonCode": 10}, NotAuthenticated, [10]),
        (400, {"messages": ["[a]", "b"], "reasonCode": "10"}, NotAuthenticated, [10, 10]),
        (400, {"messages": ["[Specified json is not valid]"], "reasonCode": 400}, Refused, [400]),
        (400, {"problems": [{"reasonCode": 10, "message": "Not authenticated"}]}, NotAuthenticated, [10]),
        (400, {"problems": ["odd", None, {"reasonCode": []}]}, Refused, [None, None, None]),
        (400, {}, Refused, []),
        (401, {}, NotAuthenticated, []),
        (200, {"success": False, "message": ["no"]}, Refused, []),
        (400, {"problems": [{"reasonCode": 12, "message": "a|b"}]}, Refused, [12]),
        (404, b"<html>", Unreadable, None),
        (200, b"[]", Unreadable, None),
    ],
)
def test_both_forms_of_a_failure_are_read(status: int, body: Any, error: type[Exception], codes: Any) -> None:
    with pytest.raises(error) as caught:
        read(status, body)
    assert type(caught.value) is error
    found = getattr(caught.value, "problems", None)
    assert (None if found is None else [problem.reason_code for problem in found]) == codes


@pytest.mark.parametrize(
    ("message", "field", "index"),
    [
        ("products[3].name|Missing", "products[3].name", 3),
        ("products[2].price:float|Wrong type", "products[2].price", 2),
        ("products[12].systemDetails.brand|max:255|Too long", "products[12].systemDetails.brand", 12),
        ("location|Pattern", "location", None),
        ("No more catalogs", None, None),
        ("", None, None),
    ],
)
def test_a_problem_names_its_field_and_product(message: str, field: str | None, index: int | None) -> None:
    (problem,) = problems_in({"problems": [{"reasonCode": 13, "message": message}]})
    assert (problem.field, problem.index) == (field, index)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: UpsertProducts("c", []), "products"),
    (lambda: UpsertProducts("c", [SHIRT] * 101), "products"),
    (lambda: UpsertProducts("c", [Product(product_id="", name="A", main_category="B", price=1)]), "products"),
    (lambda: UpsertProducts("c", [Product(product_id="1", name="A", main_category="B", price=1, product_url="x")]),
     "products"),
    (lambda: UpsertCatalog("A", currency="euro", location="shop"), "currency"),
    (lambda: UpsertCatalog("A", currency="EUR", location="a"), "location"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "field"), WRONG)
def test_limits_are_checked_before_anything_is_sent(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        write_request(make())
    assert str(caught.value.field).startswith(field)


def test_a_body_is_written_as_it_was_read() -> None:
    shirt = {
        "productId": "SKU-100", "name": "Linen shirt", "mainCategory": "Shirts", "price": 29.99,
        "categories": ["Shirts"], "imageUrls": ["https://x.pl/a.jpg"], "available": True, "quantity": 0,
        "systemDetails": {"brand": "Lin", "gender": -1, "newProduct": True}, "customDetails": {"detail5": "x"},
        "setAsNull": ["discountPrice"],
    }  # fmt: skip
    body = {"catalogId": "c", "products": [shirt]}
    assert write_request(read_strictly(UpsertProducts, body)) == body


def test_no_call_of_v3_is_signed_or_has_an_owner() -> None:
    assert len(PRODUCT_REQUESTS) == 14
    assert not any(known.signed or known.needs_owner for known in PRODUCT_REQUESTS.values())
    once = {path for path, known in PRODUCT_REQUESTS.items() if not known.repeatable}
    assert once == {"v3/product/catalogUpsert", "v3/product/collection/add", "v3/auth/create"}
