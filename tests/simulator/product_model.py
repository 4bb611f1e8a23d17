"""Catalogues, products and collections for test_model.py: random calls of API v3, and a model in plain dicts.

A step is a function of the client and the model, as there. Ids that the account has given are chosen by their number.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve
from hypothesis import strategies as st

from salesmanago_async import Refused, SalesManago
from salesmanago_async.api.fields import CLEAR
from salesmanago_async.api.product_collections import ContactProducts
from salesmanago_async.api.products import CustomDetails, Product, ProductPrice, ProductQuantity
from salesmanago_async.simulator import ProductSettings, Simulator
from salesmanago_async.simulator.products.account import ProductAccount

Model = dict[str, Any]
Step = Callable[[SalesManago, Model], Awaitable[None]]

BAD = "BAD"
SETTINGS = ProductSettings(
    most_catalogs=2, most_collections=2, most_products=4, problems={BAD: (11, "price|min:0|max:9|Out of range")}
)
NAMES = ("Main", "Outlet")
LOCATIONS = ("shop_de", "shop_pl")
IDS = ("P1", "P2", "P3", BAD)
EMPTY: Model = {"catalogs": {}, "collections": {}}
"""`catalogs` by id, with their products; `collections` by id, with the products of each address."""


@asynccontextmanager
async def refused_unless(allowed: object, *codes: int) -> AsyncIterator[None]:
    """Compare the success of a call with the model, and the reason codes of a refusal."""
    if allowed:
        yield
        return
    with pytest.raises(Refused) as refused:
        yield
    assert {problem.reason_code for problem in refused.value.problems} == set(codes)


def chosen(known: Mapping[str, Any], which: int) -> str:
    """Return the id of that number; one that the account does not know if there are not so many."""
    return next(iter(list(known)[which : which + 1]), "nosuch")


def is_used(model: Model, name: str, location: str, but: str = "") -> bool:
    others = [one for id_, one in model["catalogs"].items() if id_ != but]
    return any(one["name"] == name or one["location"] == location for one in others)


def add_catalog(name: str, location: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        used, full = is_used(model, name, location), len(model["catalogs"]) >= SETTINGS.most_catalogs
        async with refused_unless(not used and not full, 15 if used else 19):
            made = await sm.catalogs.upsert(name, currency="EUR", location=location)
            model["catalogs"][made.catalog_id] = {"name": name, "location": location, "products": {}}

    return step


def change_catalog(which: int, name: str, location: str) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        id_ = chosen(model["catalogs"], which)
        known, used = id_ in model["catalogs"], is_used(model, name, location, but=id_)
        async with refused_unless(known and not used, 15 if known else 16):
            await sm.catalogs.upsert(name, currency="EUR", location=location, catalog_id=id_)
            model["catalogs"][id_].update(name=name, location=location)

    return step


def delete_catalog(which: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        id_ = chosen(model["catalogs"], which)
        async with refused_unless(id_ in model["catalogs"], 16):
            await sm.catalogs.delete(id_)
            del model["catalogs"][id_]

    return step


def product(id_: str, number: int) -> Product:
    """Return a product; the number decides which fields it has."""
    made = Product(product_id=id_, name=f"N{number}", main_category="All", price=number)
    if number % 2:
        made = evolve(made, discount_price=number / 2, custom_details=CustomDetails(detail1=f"d{number}"))
    return evolve(made, set_as_null=["discountPrice", "detail1"]) if number % 4 == 2 else made


def upsert_products(which: int, ids: list[str], number: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        catalog_id = chosen(model["catalogs"], which)
        held = {(id_, one) for id_, catalog in model["catalogs"].items() for one in catalog["products"]}
        is_full = len(held | {(catalog_id, id_) for id_ in ids}) > (SETTINGS.most_products or 0)
        codes = [*([11] if BAD in ids else []), *([19] if is_full else [])]
        if not codes and catalog_id not in model["catalogs"]:
            codes = [16]
        async with refused_unless(not codes, *codes):
            answer = await sm.products.upsert(catalog_id, products=[product(id_, number) for id_ in ids])
            assert list(answer.product_ids) == ids
            for id_ in ids:
                upsert_in(model["catalogs"][catalog_id]["products"].setdefault(id_, {}), number)

    return step


def upsert_in(stored: dict[str, Any], number: int) -> None:
    """Apply `product(…, number)` to a product of the model: what is left out keeps its value."""
    stored |= {"name": f"N{number}", "price": number}
    if number % 2:
        stored |= {"discountPrice": number / 2, "detail1": f"d{number}"}
    if number % 4 == 2:
        stored.pop("discountPrice", None)
        stored.pop("detail1", None)


def update_products(which: int, id_: str, number: int, kind: str) -> Step:
    """Change a quantity or a price; an unknown product is passed over."""

    async def step(sm: SalesManago, model: Model) -> None:
        catalog_id = chosen(model["catalogs"], which)
        code = 11 if id_ == BAD else 16
        async with refused_unless(id_ != BAD and catalog_id in model["catalogs"], code):
            if kind == "quantity":
                await sm.products.update_quantities(
                    catalog_id, products=[ProductQuantity(product_id=id_, quantity=number)]
                )
            else:
                discount = CLEAR if number % 2 else None
                price = ProductPrice(product_id=id_, price=number, discount_price=discount)
                await sm.products.update_prices(catalog_id, products=[price])
            stored = model["catalogs"][catalog_id]["products"].get(id_, {})
            if stored:
                stored[kind] = number
            if kind == "price" and number % 2:
                stored.pop("discountPrice", None)

    return step


def add_collection(name: str, which: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        catalog_id = chosen(model["catalogs"], which)
        known, full = catalog_id in model["catalogs"], len(model["collections"]) >= SETTINGS.most_collections
        async with refused_unless(known and not full, 19 if known else 16):
            made = await sm.collections.add(name, catalog_id=catalog_id)
            model["collections"][made.collection_id] = {"name": name, "wishes": {}}

    return step


def delete_collection(which: int) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        id_ = chosen(model["collections"], which)
        async with refused_unless(id_ in model["collections"], 16):
            await sm.collections.delete(id_)
            del model["collections"][id_]

    return step


def change_wishes(which: int, email: str, ids: list[str], adds: bool) -> Step:
    async def step(sm: SalesManago, model: Model) -> None:
        id_ = chosen(model["collections"], which)
        contact_id = (await sm.contacts.has(email)).contact_id or "nobody"
        async with refused_unless(id_ in model["collections"] and email in model["contacts"], 16):
            change = sm.collections.add_products if adds else sm.collections.delete_products
            await change(id_, [ContactProducts(contact_id=contact_id, product_ids=ids)])
            held = model["collections"][id_]["wishes"].setdefault(email, [])
            kept = [one for one in held if adds or one not in ids]
            held[:] = list(dict.fromkeys([*kept, *(ids if adds else [])]))

    return step


def steps_for(emails: st.SearchStrategy[str]) -> st.SearchStrategy[Step]:
    """Return the strategy of all these steps; wishes are of contacts with these addresses."""
    which, number, ids = st.integers(0, 2), st.integers(0, 7), st.sampled_from(IDS)
    few = st.lists(ids, min_size=1, max_size=3, unique=True)
    name, location = st.sampled_from(NAMES), st.sampled_from(LOCATIONS)
    return st.one_of(
        st.builds(add_catalog, name, location),
        st.builds(change_catalog, which, name, location),
        st.builds(delete_catalog, which),
        st.builds(upsert_products, which, few, number),
        st.builds(upsert_products, which, few, number),
        st.builds(update_products, which, ids, number, st.sampled_from(["quantity", "price"])),
        st.builds(add_collection, name, which),
        st.builds(delete_collection, which),
        st.builds(change_wishes, which, emails, few, st.booleans()),
    )


async def compare_products(sm: SalesManago, simulator: Simulator, model: Model) -> None:
    """Compare catalogues and collections with the model by calls, and products, which no call reads, directly."""
    listed = await sm.catalogs.list()
    assert {one.catalog_id: (one.name, one.location) for one in listed.catalogs} == {
        id_: (one["name"], one["location"]) for id_, one in model["catalogs"].items()
    }
    stored = simulator._store.section(ProductAccount).products
    assert {id_: {one: flat(fields) for one, fields in products.items()} for id_, products in stored.items()} == {
        id_: catalog["products"] for id_, catalog in model["catalogs"].items()
    }
    collections = {one.collection_id: one.name for one in (await sm.collections.list()).collections}
    assert collections == {id_: one["name"] for id_, one in model["collections"].items()}
    for id_, collection in model["collections"].items():
        for email in model["contacts"]:
            contact_id = str((await sm.contacts.has(email)).contact_id)
            found = await sm.collections.contact_products(id_, contact_id=contact_id)
            assert list(found.products) == collection["wishes"].get(email, [])


def flat(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a stored product that the model has."""
    fields = {**stored, **stored.get("customDetails", {})}
    return {name: fields[name] for name in ("name", "price", "discountPrice", "quantity", "detail1") if name in fields}
