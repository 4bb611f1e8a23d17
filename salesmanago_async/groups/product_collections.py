"""`sm.collections`: products per contact, such as wish lists (API v3)."""

from ..api.product_collections import (
    AddCollection,
    AddCollectionProducts,
    DeleteCollection,
    DeleteCollectionProducts,
    GetCollectionProducts,
    ListCollections,
)
from .group import Group, call


class Collections(Group):
    """Calls about collections of products (API v3). They need a `products_key`."""

    list = call(ListCollections)
    add = call(AddCollection)
    delete = call(DeleteCollection)
    add_products = call(AddCollectionProducts)
    delete_products = call(DeleteCollectionProducts)
    contact_products = call(GetCollectionProducts)
