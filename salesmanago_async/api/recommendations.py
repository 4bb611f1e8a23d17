"""recommendation/*: recommended products (reference: "API - Product recommendation")."""

import re
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import NameText, Text
from .request import Answer, Request

__all__ = ["LastViewedProducts", "MostPurchasedProducts", "ProductsPurchasedByContact", "ProductsPurchasedTogether"]

StoreLocation = Annotated[
    str,
    Text(
        36,
        pattern=re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
        rule="may hold only letters a-z, digits and _, and must not begin with a digit",
        clearable=False,
    ),
]


@frozen(kw_only=True)
class RecommendedProducts(Answer):
    """`product_ids` are ids of the product feed, the best first."""

    product_ids: tuple[str, ...] = ()


@frozen
class LastViewedProducts(Request[RecommendedProducts]):
    """List the products that a contact viewed last (reference: "Last viewed products").

    `location` is the name of the shop in its product feed: 36 letters, digits and _, no digit first. The visitor is
    identified by `contact_id`, or by `contact_anonymous_id`, the value of the cookie smuuid; if both are given,
    contact_id counts.
    """

    path = "recommendation/lastViewed"
    changes_nothing = True
    needs_owner = False
    location: StoreLocation
    contact_id: NameText | None = field(default=None, kw_only=True)
    contact_anonymous_id: NameText | None = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the body identifies no visitor."""
        if "contactId" not in body and "contactAnonymousId" not in body:
            raise Invalid("give a contactId or a contactAnonymousId", field="contactId")


@frozen
class MostPurchasedProducts(Request[RecommendedProducts]):
    """List the products that were purchased most (reference: "Most purchased products").

    `location` is the name of the shop in its product feed, with up to 255 characters.
    """

    path = "recommendation/mostPurchased"
    changes_nothing = True
    needs_owner = False
    location: NameText


@frozen
class ProductsPurchasedByContact(Request[RecommendedProducts]):
    """List the products that a monitored contact purchased (reference: "Products purchased by contact").

    `location` is the name of the shop in its product feed, `sm_client` the value of the contact's cookie smclient,
    which is the contact id. Each takes 255 characters.
    """

    path = "recommendation/purchasedByContact"
    changes_nothing = True
    needs_owner = False
    location: NameText
    sm_client: NameText = field(kw_only=True)


@frozen
class ProductsPurchasedTogether(Request[RecommendedProducts]):
    """List the products purchased with a product (reference: "Products purchased with the product being viewed").

    `location` is the name of the shop in its product feed, with up to 64 characters; `product_id` takes 32.
    """

    path = "recommendation/purchasedTogether"
    changes_nothing = True
    needs_owner = False
    location: Annotated[str, Text(64, clearable=False)]
    product_id: Annotated[str, Text(32, clearable=False)] = field(kw_only=True)
