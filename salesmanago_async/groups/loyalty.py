"""`sm.loyalty`: members of loyalty programs, and their points."""

from ..api.loyalty import AddLoyaltyContact, GetLoyaltyPoints, ModifyLoyaltyPoints, RemoveLoyaltyContact
from .group import Group, call


class Loyalty(Group):
    """Calls about loyalty programs (reference: "API - Loyalty Program")."""

    add_contact = call(AddLoyaltyContact)
    remove_contact = call(RemoveLoyaltyContact)
    modify_points = call(ModifyLoyaltyPoints)
    get_points = call(GetLoyaltyPoints)
