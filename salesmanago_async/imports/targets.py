"""Where a run sends its chunks: contacts, events, or products with all of their fields, quantities or prices."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent
from ..api.fields import BATCH
from ..api.products import MOST_PRODUCTS, UpdateProductPrices, UpdateProductQuantities, UpsertProducts
from ..api.request import Request


@frozen(kw_only=True)
class Target:
    """The request to which a run sends its chunks.

    It takes at most `most_items` records. `has_jobs`: the answer names a server job, whose result has the outcomes.
    `reads_back`: what is in doubt is not simply sent again; it is looked up in the account first. `request_at` is for
    runs that need several requests: it returns the class of the one that sends the record at a position.
    """

    kind: str
    request_class: type[Request[Any]]
    list_field: str
    most_items: int = BATCH.most
    has_jobs: bool = False
    reads_back: bool = False
    request_at: Callable[[int], type[Request[Any]]] | None = None


CONTACTS = Target(kind="contacts", request_class=BatchUpsertContacts, list_field="upsertDetails", has_jobs=True)
EVENTS = Target(kind="events", request_class=BatchAddContactExtEvent, list_field="events", reads_back=True)
PRODUCTS = Target(kind="products", request_class=UpsertProducts, list_field="products", most_items=MOST_PRODUCTS)
QUANTITIES = Target(
    kind="product quantities", request_class=UpdateProductQuantities, list_field="products", most_items=MOST_PRODUCTS
)
PRICES = Target(
    kind="product prices", request_class=UpdateProductPrices, list_field="products", most_items=MOST_PRODUCTS
)
