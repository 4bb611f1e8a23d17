"""`sm.funnels`: funnels, their stages, and the contacts in each stage."""

from ..api.funnels import AddFunnel, AddFunnelContact, CountFunnel, DeleteFunnel
from .group import Group, call


class Funnels(Group):
    """Calls about sales funnels (reference: "API - Funnels")."""

    add = call(AddFunnel)
    add_contact = call(AddFunnelContact)
    count = call(CountFunnel)
    delete = call(DeleteFunnel)
