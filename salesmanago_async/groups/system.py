"""`sm.system`: temporary authorisation."""

from ..api.system import Authorise
from .group import Group, call


class System(Group):
    """Calls about the account itself (reference: "API - Other")."""

    authorise = call(Authorise)
