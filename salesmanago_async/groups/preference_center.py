"""`sm.preference_center`: pages where contacts choose which messages they receive."""

from ..api.preference_center import GeneratePreferenceCenterEndpoint
from .group import Group, call


class PreferenceCenter(Group):
    """Calls about preference centers (reference: "API - Customer Preference Center")."""

    generate_endpoint = call(GeneratePreferenceCenterEndpoint)
