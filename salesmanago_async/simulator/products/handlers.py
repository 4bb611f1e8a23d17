"""What each call of API v3 does to the account. A handler gets a checked body, and returns the fields of the answer."""

import string
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._refusal import RefusedCall
from .._store import AccountStore
from .account import LIFETIMES, ProductAccount, StoredCollection, StoredKey
from .checks import NOT_AUTHENTICATED, NOT_UNIQUE, PATTERN, QUOTA, UNKNOWN, FieldProblem

Body: TypeAlias = dict[str, Any]

KEY_CHARACTERS = string.ascii_letters + string.digits
KEY_LENGTH = 32
DESCRIPTION_LIMIT = 16384
CLEARABLE = frozenset({"discountPrice", *(f"detail{number}" for number in range(1, 6))})
"""What `setAsNull` clears."""


class RefusedProducts(RefusedCall):
    """A refusal with a reason code for each problem."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__(*(problem.message for problem in problems), status=400)
        self.problems = problems


def _account(store: AccountStore) -> ProductAccount:
    return store.section(ProductAccount)


def create_key(store: AccountStore, body: Body) -> Body:
    """auth/create: the login was checked before."""
    if body["expiry"] not in LIFETIMES:
        raise RefusedProducts(FieldProblem(PATTERN, "expiry|Does not match the pattern"))
    key = "".join(store.random.choices(KEY_CHARACTERS, k=KEY_LENGTH))
    lifetime = LIFETIMES[body["expiry"]]
    ends = None if lifetime is None else store.clock() + lifetime
    _account(store).keys[key] = StoredKey(body["keyName"], ends, webhook_url=body.get("webhookUrl"))
    return {"apiKey": key}


def revoke_key(store: AccountStore, body: Body) -> Body:
    """auth/revoke: a key that is revoked already is refused."""
    key = _account(store).keys.get(body["apiKey"])
    if key is None or key.is_revoked:
        raise RefusedProducts(FieldProblem(NOT_AUTHENTICATED, "Key is already revoked"))
    key.is_revoked = True
    return {"apiKeyName": key.name}


def list_catalogs(store: AccountStore, _: Body) -> Body:
    """product/catalogList: with the documented keys only, as clients fail on others."""
    account = _account(store)
    return {"catalogs": list(account.catalogs.values()), "limits": {"max": account.settings.most_catalogs}}


def upsert_catalog(store: AccountStore, body: Body) -> Body:
    """product/catalogUpsert. [guess] name and location are unique in the account."""
    account = _account(store)
    catalog_id = body.get("catalogId")
    if catalog_id and catalog_id not in account.catalogs:
        raise _unknown("catalogId")
    others = [catalog for id_, catalog in account.catalogs.items() if id_ != catalog_id]
    used = [name for name in ("name", "location") if any(body[name] == other[name] for other in others)]
    if used:
        raise RefusedProducts(*(FieldProblem(NOT_UNIQUE, f"{name}|Exists already") for name in used))
    if not catalog_id and len(account.catalogs) >= account.settings.most_catalogs:
        raise RefusedProducts(FieldProblem(QUOTA, "No more catalogs are allowed"))
    catalog_id = catalog_id or store.new_id()
    known = {name: body[name] for name in ("name", "currency", "location")}
    before = account.catalogs.get(catalog_id, {"setAsDefault": False})
    is_default = bool(body.get("setAsDefault", before["setAsDefault"]))
    account.catalogs[catalog_id] = {"catalogId": catalog_id, **known, "setAsDefault": is_default}
    account.products.setdefault(catalog_id, {})
    return {"requestId": store.new_id(), "catalogId": catalog_id}


def delete_catalog(store: AccountStore, body: Body) -> Body:
    """product/catalogDelete. [guess] an unknown id is refused."""
    catalog_id = _catalog_in(store, body)
    del _account(store).catalogs[catalog_id], _account(store).products[catalog_id]
    return {"requestId": store.new_id(), "catalogId": catalog_id}


def upsert_products(store: AccountStore, body: Body) -> Body:
    """product/upsert: what is left out keeps its value."""
    stored = _products_in(store, body)
    for product in body["products"]:
        product_id = str(product["productId"])
        stored[product_id] = _changed(stored.get(product_id, {}), product)
    return {"requestId": store.new_id(), "productIds": [str(product["productId"]) for product in body["products"]]}


def _changed(before: Body, product: Mapping[str, Any]) -> Body:
    """Return a stored product with the given fields; details change one by one [likely]."""
    after = {**before, "productId": str(product["productId"])}
    for name, value in product.items():
        if value is None:  # as if it was left out
            continue
        if name in {"systemDetails", "customDetails"}:
            after[name] = {**before.get(name, {}), **value}
        elif name not in {"productId", "setAsNull"}:
            after[name] = value[:DESCRIPTION_LIMIT] if name == "description" else value
    for name in CLEARABLE.intersection(product.get("setAsNull") or ()):  # [guess] other names are passed over
        after.pop(name, None)
        after["customDetails"] = {key: text for key, text in after.get("customDetails", {}).items() if key != name}
    return after


def update_products(store: AccountStore, body: Body) -> Body:
    """product/updateQuantity and product/updatePrice. [likely] ids that are not known are passed over."""
    stored = _products_in(store, body)
    for change in body["products"]:
        product = stored.get(str(change["productId"]))
        for name in (name for name in change if name != "productId" and product is not None):
            _set(product or {}, name, change[name])
    return {"requestId": store.new_id()}


def _set(product: Body, name: str, value: Any) -> None:
    if value is None:
        product.pop(name, None)
    else:
        product[name] = value


def list_collections(store: AccountStore, _: Body) -> Body:
    """product/collection/list."""
    account = _account(store)
    found = [{"collectionId": id_, "name": one.name} for id_, one in account.collections.items()]
    return {"collections": found, "limits": {"max": account.settings.most_collections}}


def add_collection(store: AccountStore, body: Body) -> Body:
    """product/collection/add."""
    account = _account(store)
    catalog_id = _catalog_in(store, body)
    if len(account.collections) >= account.settings.most_collections:
        raise RefusedProducts(FieldProblem(QUOTA, "No more collections are allowed"))
    collection_id = store.new_id()
    account.collections[collection_id] = StoredCollection(body["name"], catalog_id)
    return {"success": True, "collectionUUID": collection_id}


def delete_collection(store: AccountStore, body: Body) -> Body:
    """product/collection/delete. [guess] an unknown id is refused."""
    _collection_in(store, body)
    del _account(store).collections[body["collectionUUID"]]
    return {"success": True}


def add_collection_products(store: AccountStore, body: Body) -> Body:
    """product/collection/products/add: each product once. [likely] it need not be in the catalogue."""
    collection = _collection_in(store, body)
    for entry in _entries(store, body):
        held = collection.products.setdefault(entry["contactId"], [])
        held.extend(id_ for id_ in dict.fromkeys(map(str, entry["productIds"])) if id_ not in held)
    return {"success": True}


def delete_collection_products(store: AccountStore, body: Body) -> Body:
    """product/collection/products/delete: what is not there is passed over."""
    collection = _collection_in(store, body)
    for entry in _entries(store, body):
        gone = set(map(str, entry["productIds"]))
        held = collection.products.get(entry["contactId"], [])
        collection.products[entry["contactId"]] = [id_ for id_ in held if id_ not in gone]
    return {"success": True}


def contact_products(store: AccountStore, body: Body) -> Body:
    """product/collection/contact/products."""
    collection = _collection_in(store, body)
    _check_contact(store, body, "contactId")
    return {"success": True, "products": collection.products.get(body["contactId"], [])}


def _products_in(store: AccountStore, body: Body) -> dict[str, Body]:
    account, catalog_id = _account(store), str(body["catalogId"])
    if account.settings.takes_any_catalog and catalog_id not in account.catalogs:
        names = {"catalogId": catalog_id, "name": catalog_id, "location": catalog_id}
        account.catalogs[catalog_id] = {**names, "currency": "EUR", "setAsDefault": False}
        account.products[catalog_id] = {}
    return account.products[_catalog_in(store, body)]


def _catalog_in(store: AccountStore, body: Body) -> str:
    if body["catalogId"] not in _account(store).catalogs:
        raise _unknown("catalogId")
    return str(body["catalogId"])


def _collection_in(store: AccountStore, body: Body) -> StoredCollection:
    found = _account(store).collections.get(body["collectionUUID"])
    if found is None:
        raise _unknown("collectionUUID")
    return found


def _entries(store: AccountStore, body: Body) -> list[Body]:
    for index, entry in enumerate(body["data"]):
        _check_contact(store, entry, f"data[{index}].contactId")
    entries: list[Body] = body["data"]
    return entries


def _check_contact(store: AccountStore, body: Body, name: str) -> None:
    """[likely] The contact must exist."""
    if body["contactId"] not in store.contacts:
        raise _unknown(name)


def _unknown(name: str) -> RefusedProducts:
    return RefusedProducts(FieldProblem(UNKNOWN, f"{name}|Not known"))


ProductHandler: TypeAlias = Callable[[AccountStore, Body], Body]
HANDLERS: dict[str, ProductHandler] = {
    "v3/auth/create": create_key,
    "v3/auth/revoke": revoke_key,
    "v3/product/catalogList": list_catalogs,
    "v3/product/catalogUpsert": upsert_catalog,
    "v3/product/catalogDelete": delete_catalog,
    "v3/product/upsert": upsert_products,
    "v3/product/updateQuantity": update_products,
    "v3/product/updatePrice": update_products,
    "v3/product/collection/list": list_collections,
    "v3/product/collection/add": add_collection,
    "v3/product/collection/delete": delete_collection,
    "v3/product/collection/products/add": add_collection_products,
    "v3/product/collection/products/delete": delete_collection_products,
    "v3/product/collection/contact/products": contact_products,
}
