"""v3/product/catalog*: product catalogues (API v3: not in the reference; shapes are those of the vendor's own SDK)."""

import re
from typing import Annotated

from attrs import field, frozen

from .fields import NameText, Text
from .products import Limits, ProductAnswer
from .request import Answer, Part, ProductRequest

__all__ = ["DeleteCatalog", "ListCatalogs", "UpsertCatalog"]

CatalogLocation = Annotated[
    str,
    Text(
        36,
        least=3,
        pattern=re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{2,35}"),
        rule="may hold only letters a-z, digits and _, must not begin with a digit, and takes 3 to 36 characters",
        clearable=False,
    ),
]
Currency = Annotated[
    str, Text(3, least=3, pattern=re.compile("[A-Z]{3}"), rule="is no currency such as EUR", clearable=False)
]


@frozen(kw_only=True)
class Catalog(Part):
    """A catalogue. `location` joins it to the products of external events with the same location."""

    catalog_id: str | None = None
    name: str | None = None
    set_as_default: bool | None = None
    currency: str | None = None
    location: str | None = None


@frozen(kw_only=True)
class CatalogList(Answer):
    """The catalogues of the account, and how many it may have."""

    catalogs: tuple[Catalog, ...] = ()
    limits: Limits | None = None


@frozen
class ListCatalogs(ProductRequest[CatalogList]):
    """List the catalogues of the account (API v3, product/catalogList)."""

    path = "v3/product/catalogList"
    method = "GET"
    changes_nothing = True


@frozen(kw_only=True)
class CatalogUpserted(ProductAnswer):
    """`catalog_id` is the id of the catalogue."""

    catalog_id: str | None = None


@frozen
class UpsertCatalog(ProductRequest[CatalogUpserted]):
    """Create a catalogue, or change the one with `catalog_id` [likely] (API v3, product/catalogUpsert).

    `name` takes 64 characters [likely]. `currency` is three letters (ISO 4217). `location` must equal the location of
    the external events of the same shop. With `set_as_default` its products can be used in recommendations and e-mails;
    otherwise in analytics only. Without a `catalog_id` the request is sent once only: twice may make two catalogues.
    """

    path = "v3/product/catalogUpsert"
    repeatable = False
    name: Annotated[str, Text(64, clearable=False)]
    currency: Currency = field(kw_only=True)
    location: CatalogLocation = field(kw_only=True)
    set_as_default: bool | None = field(default=None, kw_only=True)
    catalog_id: NameText | None = field(default=None, kw_only=True)

    @property
    def is_repeatable(self) -> bool:
        """Whether the request changes a catalogue, and creates none."""
        return bool(self.catalog_id)


@frozen
class DeleteCatalog(ProductRequest[CatalogUpserted]):
    """Delete a catalogue (API v3, product/catalogDelete)."""

    path = "v3/product/catalogDelete"
    catalog_id: NameText
