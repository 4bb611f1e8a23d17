"""`sm.recommendations`: products to recommend."""

from ..api.recommendations import (
    LastViewedProducts,
    MostPurchasedProducts,
    ProductsPurchasedByContact,
    ProductsPurchasedTogether,
)
from .group import Group, call


class Recommendations(Group):
    """Calls about products (reference: "API - Product recommendation")."""

    last_viewed = call(LastViewedProducts)
    most_purchased = call(MostPurchasedProducts)
    purchased_by_contact = call(ProductsPurchasedByContact)
    purchased_together = call(ProductsPurchasedTogether)
