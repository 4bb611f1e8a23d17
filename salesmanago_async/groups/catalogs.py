"""`sm.catalogs`: product catalogues (API v3)."""

from ..api.catalogs import DeleteCatalog, ListCatalogs, UpsertCatalog
from .group import Group, call


class Catalogs(Group):
    """Calls about product catalogues (API v3). They need a `products_key`."""

    list = call(ListCatalogs)
    upsert = call(UpsertCatalog)
    delete = call(DeleteCatalog)
