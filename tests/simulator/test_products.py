"""API v3 of the simulator, over a socket, by a client that is not ours: documented shapes, codes and state."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.api import PRODUCT_REQUESTS
from salesmanago_async.simulator import DEMO_OWNER, DEMO_PASSWORD, DEMO_PRODUCTS_KEY, ProductSettings
from salesmanago_async.simulator.products.account import ProductAccount
from tests.simulator.raw import RawClient, filled, raw_client

MAIN = {"name": "Main_catalog", "setAsDefault": True, "currency": "EUR", "location": "shop_de"}
SHIRT: dict[str, Any] = {
    "productId": "SKU-100", "name": "Linen shirt", "mainCategory": "Shirts", "categoryExternalId": "17",
    "categories": ["Shirts", "Summer"], "description": "Light linen.", "productUrl": "https://shop.example/p/100",
    "mainImageUrl": "https://shop.example/i/100.jpg", "imageUrls": ["https://shop.example/i/100b.jpg"],
    "available": True, "active": True, "quantity": 25, "price": 29.99,
    "systemDetails": {"brand": "Lin", "gender": 4, "popularity": 80, "bestseller": False, "newProduct": True},
    "customDetails": {"detail1": "linen"}, "setAsNull": ["discountPrice", "detail2"],
}  # fmt: skip
LOGIN = {"email": DEMO_OWNER, "password": DEMO_PASSWORD, "keyName": "PY", "expiry": "ONE_MONTH"}


CALLS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "vendor-product-calls.json").read_text())


def ask(
    raw: RawClient, path: str, body: Any = None, key: str | None = DEMO_PRODUCTS_KEY, method: str = ""
) -> tuple[int, dict[str, Any]]:
    """Send a request to API v3 and return the status and the body."""
    connection = HTTPConnection(raw.host, raw.port, timeout=20)
    headers = {"Content-Type": "application/json", **({"API-KEY": key} if key else {})}
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    try:
        connection.request(method or ("GET" if body is None else "POST"), f"/v3/{path}", content, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def done(raw: RawClient, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
    status, answer = ask(raw, path, body, **options)
    assert status == 200, answer
    return answer


def problems(raw: RawClient, path: str, body: Any, **options: Any) -> list[tuple[int, str]]:
    status, answer = ask(raw, path, body, **options)
    assert (status, set(answer)) == (400, {"problems"})
    return [(problem["reasonCode"], problem["message"]) for problem in answer["problems"]]


@pytest.fixture
def raw() -> Iterator[RawClient]:
    """A client of a new tolerant account."""
    with raw_client() as client:
        yield client


def new_catalog(raw: RawClient, **fields: Any) -> str:
    return str(done(raw, "product/catalogUpsert", {**MAIN, **fields})["catalogId"])


def stored(raw: RawClient, catalog_id: str) -> dict[str, Any]:
    """The products of a catalogue: no call reads them."""
    return raw.simulator._store.section(ProductAccount).products[catalog_id]


def test_each_call_of_the_vendor_s_clients_gets_exactly_its_documented_answer(raw: RawClient) -> None:
    """Bodies in the shapes of its current PHP SDK, in order; it fails on keys that it does not know."""
    contact_id = raw.post("contact/upsert", {"contact": {"email": "ann@example.com"}})["contactId"]
    known = {"owner": DEMO_OWNER, "password": DEMO_PASSWORD, "contact": contact_id}
    for call in CALLS:
        key = None if call.get("unsigned") else known["key"]
        body = filled(call["body"], known) if "body" in call else None
        answer = done(raw, call["path"].removeprefix("v3/"), body, key=key, method=call["method"])
        assert set(answer) == set(call["answer"]), call["name"]
        known.update({name: answer[field] for name, field in call.get("keep", {}).items()})
        if call["name"] == "catalogues":
            (entry,) = answer["catalogs"]
            assert entry.keys() == {"catalogId", "name", "setAsDefault", "currency", "location"}
        if call["name"] == "wishes of a contact":
            assert answer["products"] == ["SKU-100", "SKU-7"]
    assert not raw.simulator.undocumented
    assert {call["path"] for call in CALLS} == PRODUCT_REQUESTS.keys()


def test_a_catalogue_is_created_changed_listed_and_deleted(raw: RawClient) -> None:
    made = done(raw, "product/catalogUpsert", MAIN)
    assert made.keys() == {"requestId", "catalogId"}
    entry = {"catalogId": made["catalogId"], **MAIN}
    assert done(raw, "product/catalogList") == {"catalogs": [entry], "limits": {"max": 10}}
    changed = {**entry, "name": "Other", "setAsDefault": False}
    assert done(raw, "product/catalogUpsert", changed)["catalogId"] == made["catalogId"]
    assert done(raw, "product/catalogList")["catalogs"] == [changed]
    gone = done(raw, "product/catalogDelete", {"catalogId": made["catalogId"]})
    assert (set(gone), gone["catalogId"]) == ({"requestId", "catalogId"}, made["catalogId"])
    assert done(raw, "product/catalogList")["catalogs"] == []


def test_the_older_name_of_a_catalogue_s_name_is_taken(raw: RawClient) -> None:
    old = {name: value for name, value in MAIN.items() if name != "name"}
    done(raw, "product/catalogUpsert", {**old, "catalogName": "Older", "location": "shop_pl"})
    assert [one["name"] for one in done(raw, "product/catalogList")["catalogs"]] == ["Older"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": None}, [(17, "name|Null")]),
        ({"name": "n" * 65}, [(11, "name|min:0|max:64|Too long")]),
        ({"location": "1shop"}, [(18, "location|Does not match the pattern")]),
        ({"location": "ab"}, [(18, "location|Does not match the pattern")]),
        ({"currency": 5}, [(14, "currency:string|Wrong type")]),
        ({"setAsDefault": "yes"}, [(14, "setAsDefault:boolean|Wrong type")]),
        ({"catalogId": "nosuch"}, [(16, "catalogId|Not known")]),
    ],
)
def test_a_bad_catalogue_is_refused_by_field(fields: Any, expected: Any, raw: RawClient) -> None:
    assert problems(raw, "product/catalogUpsert", {**MAIN, **fields}) == expected


def test_names_and_locations_are_unique_and_catalogues_are_counted() -> None:
    with raw_client(products=ProductSettings(most_catalogs=2, most_collections=1)) as raw:
        first = new_catalog(raw)
        twice = [(15, "name|Exists already"), (15, "location|Exists already")]
        assert problems(raw, "product/catalogUpsert", MAIN) == twice
        new_catalog(raw, name="Second", location="shop_pl")
        third = {**MAIN, "name": "Third", "location": "shop_cz"}
        assert [code for code, _ in problems(raw, "product/catalogUpsert", third)] == [19]
        done(raw, "product/collection/add", {"name": "W", "catalogId": first})
        refused = problems(raw, "product/collection/add", {"name": "X", "catalogId": first})
        assert [code for code, _ in refused] == [19]
        limits = [done(raw, f"product/{path}")["limits"] for path in ("catalogList", "collection/list")]
        assert limits == [{"max": 2}, {"max": 1}]


def test_products_are_stored_changed_and_cleared(raw: RawClient) -> None:
    catalog_id = new_catalog(raw)
    other = {"productId": 17, "name": "Cap", "mainCategory": "Caps", "price": 5}
    answer = done(raw, "product/upsert", {"catalogId": catalog_id, "products": [SHIRT, other]})
    assert (set(answer), answer["productIds"]) == ({"requestId", "productIds"}, ["SKU-100", "17"])
    changes: list[tuple[str, dict[str, Any]]] = [
        ("updateQuantity", {"productId": "SKU-100", "quantity": 3}),
        ("updateQuantity", {"productId": 17, "quantity": 0}),
        ("updatePrice", {"productId": "SKU-100", "price": 24.99, "discountPrice": 19.5}),
        ("updatePrice", {"productId": "nosuch", "price": 1}),
    ]
    for path, product in changes:
        assert done(raw, f"product/{path}", {"catalogId": catalog_id, "products": [product]}).keys() == {"requestId"}
    shirt, cap = stored(raw, catalog_id).values()
    assert (shirt["quantity"], shirt["price"], shirt["discountPrice"], cap["quantity"]) == (3, 24.99, 19.5, 0)
    cleared = {"productId": "SKU-100", "price": 24.99, "discountPrice": None}
    done(raw, "product/updatePrice", {"catalogId": catalog_id, "products": [cleared]})
    again = {key: SHIRT[key] for key in ("productId", "name", "mainCategory", "price")}
    again |= {"customDetails": {"detail2": "b"}, "setAsNull": ["detail1"]}
    done(raw, "product/upsert", {"catalogId": catalog_id, "products": [again]})
    shirt = stored(raw, catalog_id)["SKU-100"]
    assert "discountPrice" not in shirt
    assert (shirt["customDetails"], shirt["quantity"], shirt["systemDetails"]["brand"]) == ({"detail2": "b"}, 3, "Lin")


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ([{**SHIRT, "name": None}], [(17, "products[0].name|Null")]),
        ([SHIRT, {"productId": "2"}], [(13, f"products[1].{n}|Missing") for n in ("name", "mainCategory", "price")]),
        ([{**SHIRT, "price": "29"}], [(14, "products[0].price:float|Wrong type")]),
        ([{**SHIRT, "quantity": 1.5}], [(14, "products[0].quantity:int|Wrong type")]),
        ([{**SHIRT, "available": 1}], [(14, "products[0].available:boolean|Wrong type")]),
        ([{**SHIRT, "name": 5}], [(14, "products[0].name:string|Wrong type")]),
        ([{**SHIRT, "categories": "A"}], [(14, "products[0].categories:array|Wrong type")]),
        ([{**SHIRT, "systemDetails": []}], [(14, "products[0].systemDetails:object|Wrong type")]),
        ([{**SHIRT, "systemDetails": {"season": "s" * 41}}],
         [(11, "products[0].systemDetails.season|min:0|max:40|Too long")]),
        ([{**SHIRT, "imageUrls": ["https://x.pl"] * 6}],
         [(11, "products[0].imageUrls|min:0|max:5|Wrong number of entries")]),
        ([SHIRT] * 101, [(11, "products|min:1|max:100|Wrong number of entries")]),
        ([], [(11, "products|min:1|max:100|Wrong number of entries")]),
        ("many", [(14, "products:array|Wrong type")]),
        (["one"], [(14, "products[0]:object|Wrong type")]),
        ([SHIRT, {**SHIRT, "price": None}, {**SHIRT, "name": "n" * 256}],
         [(17, "products[1].price|Null"), (11, "products[2].name|min:0|max:255|Too long")]),
    ],
)  # fmt: skip
def test_bad_products_are_named_by_their_index_and_none_is_stored(products: Any, expected: Any, raw: RawClient) -> None:
    catalog_id = new_catalog(raw)
    assert problems(raw, "product/upsert", {"catalogId": catalog_id, "products": products}) == expected
    assert stored(raw, catalog_id) == {}


def test_the_other_products_of_a_request_may_be_stored() -> None:
    settings = ProductSettings(stores_the_others=True, problems={"P1": (15, "name|Exists already")})
    with raw_client(products=settings) as raw:
        catalog_id = new_catalog(raw)
        products = [{**SHIRT, "productId": f"P{number}"} for number in range(3)]
        for body, named, ids in (
            ({"products": products}, [(15, "products[1].name|Exists already")], ["P0", "P2"]),
            ({"products": [products[0], {"productId": "P5"}]}, [
                (13, f"products[1].{name}|Missing") for name in ("name", "mainCategory", "price")], ["P0"]),
        ):  # fmt: skip
            status, answer = ask(raw, "product/upsert", {"catalogId": catalog_id, **body})
            assert (status, answer["productIds"]) == (400, ids)
            assert [(problem["reasonCode"], problem["message"]) for problem in answer["problems"]] == named
        assert stored(raw, catalog_id).keys() == {"P0", "P2"}
        unknown = {"catalogId": "nosuch", "products": products}
        assert problems(raw, "product/upsert", unknown) == [(16, "catalogId|Not known")]
        none = problems(raw, "product/upsert", {"products": products})
        assert none == [(13, "catalogId|Missing")]


def test_a_product_with_a_later_problem_is_accepted_and_not_stored(tmp_path: Path) -> None:
    settings = ProductSettings(later_problems={"P1": (11, "price|min:0|max:9|Out of range")})
    products = [{**SHIRT, "productId": f"P{number}"} for number in range(3)]
    for found in ({"P0", "P2"}, {"P0", "P2"}):  # the second time from the state file
        with raw_client(products=settings, state=tmp_path / "account.db") as raw:
            if not done(raw, "product/catalogList")["catalogs"]:
                body = {"catalogId": new_catalog(raw), "products": products}
                assert done(raw, "product/upsert", body)["productIds"] == ["P0", "P1", "P2"]
            (catalog,) = done(raw, "product/catalogList")["catalogs"]
            assert stored(raw, catalog["catalogId"]).keys() == found
            raw.simulator.close()


def test_what_is_trimmed_is_a_warning_of_a_success(raw: RawClient) -> None:
    catalog_id = new_catalog(raw)
    long = {**SHIRT, "description": "d" * 16385}
    answer = done(raw, "product/upsert", {"catalogId": catalog_id, "products": [long]})
    assert answer["productIds"] == ["SKU-100"]
    (warning,) = answer["problems"]
    assert (warning["reasonCode"], warning["message"].split("|")[0]) == (12, "products[0].description")
    assert len(stored(raw, catalog_id)["SKU-100"]["description"]) == 16384


def test_a_collection_holds_the_products_of_contacts(raw: RawClient) -> None:
    contact_id = raw.post("contact/upsert", {"contact": {"email": "ann@example.com"}})["contactId"]
    made = done(raw, "product/collection/add", {"name": "Wishlist", "catalogId": new_catalog(raw)})
    assert made.keys() == {"success", "collectionUUID"}
    collection = {"collectionUUID": made["collectionUUID"]}
    listed = done(raw, "product/collection/list")
    assert listed["collections"] == [{"collectionId": made["collectionUUID"], "name": "Wishlist"}]
    one = {**collection, "contactId": contact_id}
    assert done(raw, "product/collection/contact/products", one) == {"success": True, "products": []}
    entries = {"contactId": contact_id, "productIds": ["SKU-100", 7, "SKU-100"]}
    for path, left in (("add", ["SKU-100", "7"]), ("add", ["SKU-100", "7"]), ("delete", [])):
        assert done(raw, f"product/collection/products/{path}", {**collection, "data": [entries]}) == {"success": True}
        assert done(raw, "product/collection/contact/products", one)["products"] == left
    strange = {**collection, "data": [{"contactId": "ann@example.com", "productIds": ["1"]}]}
    assert problems(raw, "product/collection/products/add", strange) == [(16, "data[0].contactId|Not known")]
    assert done(raw, "product/collection/delete", collection) == {"success": True}
    assert problems(raw, "product/collection/delete", collection) == [(16, "collectionUUID|Not known")]


def test_a_key_is_made_with_a_login_and_works_until_it_is_revoked_or_expires() -> None:
    now = [1_700_000_000.0]
    with raw_client(clock=lambda: now[0]) as raw:
        key = done(raw, "auth/create", LOGIN, key=None)["apiKey"]
        short = done(raw, "auth/create", {**LOGIN, "expiry": "SEVEN_DAYS", "keyName": "short"}, key=None)["apiKey"]
        assert key.isalnum()
        assert len(key) == 32
        for good in (key, short):
            done(raw, "product/catalogList", key=good)
        assert done(raw, "auth/revoke", {"apiKey": key}, key=key) == {"apiKeyName": "PY"}
        now[0] += 8 * 86_400
        for bad in (key, short, "nosuch", None):
            status, answer = ask(raw, "product/catalogList", key=bad)
            assert (status, answer["problems"][0]["reasonCode"]) == (400, 10)
        assert problems(raw, "auth/create", {**LOGIN, "password": "wrong"}, key=None)[0][0] == 10


def test_a_key_may_be_refused_in_the_other_form() -> None:
    with raw_client(products=ProductSettings(key_refusal="messages")) as raw:
        status, answer = ask(raw, "product/catalogList", key="wrong")
        assert (status, answer) == (400, {"messages": ["Not authenticated"], "reasonCode": 10})


def test_what_is_no_call_is_refused(raw: RawClient) -> None:
    no_json = (400, {"messages": ["[Specified json is not valid]"], "reasonCode": 400})
    for content in (b"{", b"[]", b"5", b"\xff"):
        assert ask(raw, "product/upsert", content) == no_json
    assert ask(raw, "product/nosuch", {})[0] == 404
    assert ask(raw, "product/catalogList", {})[0] == 405
    assert ask(raw, "product/upsert", method="GET")[0] == 405


def test_undocumented_fields_are_passed_over_and_counted(raw: RawClient) -> None:
    catalog_id = new_catalog(raw)
    body = {"catalogId": catalog_id, "products": [{**SHIRT, "unitPrice": 5, "systemDetails": {"odd": 1}}]}
    done(raw, "product/upsert", body)
    assert dict(raw.simulator.undocumented) == {
        ("v3/product/upsert", "products.unitPrice"): 1,
        ("v3/product/upsert", "products.systemDetails.odd"): 1,
    }
    with raw_client(strict=True) as strict:
        status, answer = ask(strict, "product/catalogUpsert", {**MAIN, "odd": 1})
        assert (status, answer["messages"]) == (400, ["odd|Not documented"])


def test_the_account_outlives_the_simulator(tmp_path: Path) -> None:
    state = tmp_path / "account.db"
    with raw_client(state=state) as raw:
        catalog_id = new_catalog(raw)
        key = done(raw, "auth/create", LOGIN, key=None)["apiKey"]
        done(raw, "product/upsert", {"catalogId": catalog_id, "products": [SHIRT]})
        before = stored(raw, catalog_id)
        raw.simulator.close()
    assert DEMO_PASSWORD.encode() not in state.read_bytes()
    with raw_client(state=state) as raw:
        assert done(raw, "product/catalogList", key=key)["catalogs"][0]["catalogId"] == catalog_id
        assert stored(raw, catalog_id) == before
        raw.simulator.close()
