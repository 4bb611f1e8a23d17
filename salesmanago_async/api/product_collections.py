"""v3/product/collection/*: products per contact, such as wish lists (API v3: not in the reference)."""

from collections.abc import Sequence
from typing import Annotated

from attrs import field, frozen

from .fields import Count, JsonPath, NameText
from .products import Limits, ProductId
from .request import Answer, Part, ProductRequest

__all__ = [
    "AddCollection",
    "AddCollectionProducts",
    "DeleteCollection",
    "DeleteCollectionProducts",
    "GetCollectionProducts",
    "ListCollections",
]

CollectionId = Annotated[NameText, JsonPath("collectionUUID")]
"""The id that lists call collectionId, and all other calls collectionUUID."""


@frozen(kw_only=True)
class Collection(Part):
    """A collection of products."""

    collection_id: str | None = None
    name: str | None = None


@frozen(kw_only=True)
class CollectionList(Answer):
    """The collections of the account, and how many it may have."""

    collections: tuple[Collection, ...] = ()
    limits: Limits | None = None


@frozen
class ListCollections(ProductRequest[CollectionList]):
    """List the collections of the account (API v3, product/collection/list)."""

    path = "v3/product/collection/list"
    method = "GET"
    changes_nothing = True


@frozen(kw_only=True)
class CollectionAdded(Answer):
    """`collection_id` is the id of the new collection."""

    collection_id: Annotated[str | None, JsonPath("collectionUUID")] = None


@frozen
class AddCollection(ProductRequest[CollectionAdded]):
    """Create a collection of products of one catalogue (API v3, product/collection/add)."""

    path = "v3/product/collection/add"
    repeatable = False
    name: NameText
    catalog_id: NameText = field(kw_only=True)


@frozen
class DeleteCollection(ProductRequest[Answer]):
    """Delete a collection (API v3, product/collection/delete)."""

    path = "v3/product/collection/delete"
    collection_id: CollectionId


@frozen(kw_only=True)
class ContactProducts:
    """Products of one contact. `contact_id` is the id of an existing contact, never an e-mail address."""

    contact_id: NameText
    product_ids: Annotated[Sequence[ProductId], Count(1, 10**6)]


@frozen
class AddCollectionProducts(ProductRequest[Answer]):
    """Add products to the collections of contacts (API v3, product/collection/products/add)."""

    path = "v3/product/collection/products/add"
    collection_id: CollectionId
    data: Annotated[Sequence[ContactProducts], Count(1, 10**6)]


@frozen
class DeleteCollectionProducts(ProductRequest[Answer]):
    """Take products out of the collections of contacts (API v3, product/collection/products/delete)."""

    path = "v3/product/collection/products/delete"
    collection_id: CollectionId
    data: Annotated[Sequence[ContactProducts], Count(1, 10**6)]


@frozen(kw_only=True)
class CollectionProducts(Answer):
    """`products` are the ids of the products."""

    products: tuple[str, ...] = ()


@frozen
class GetCollectionProducts(ProductRequest[CollectionProducts]):
    """Read the products that a contact has in a collection (API v3, product/collection/contact/products)."""

    path = "v3/product/collection/contact/products"
    changes_nothing = True
    collection_id: CollectionId
    contact_id: NameText = field(kw_only=True)
