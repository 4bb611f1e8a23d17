"""customerPreferenceCenter/*: pages for contacts' own settings (reference: "API - Customer Preference Center")."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .fields import NameText
from .request import Answer, Request

__all__ = ["GeneratePreferenceCenterEndpoint"]


@frozen(kw_only=True)
class PreferenceCenterEndpoint(Answer):
    """`endpoint` is an address that opens the contact's page without authentication: treat it as a secret."""

    endpoint: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class GeneratePreferenceCenterEndpoint(Request[PreferenceCenterEndpoint]):
    """Create the address of a contact's preference center (reference: "Customer Preference Center").

    Copy `preference_center_id` from the last step of its wizard; `contact_id` may be the value of the smclient cookie.
    Each takes 255 characters.
    """

    path = "customerPreferenceCenter/generateEndpoint"
    changes_nothing = True
    needs_owner = False
    preference_center_id: NameText
    contact_id: NameText = field(kw_only=True)
