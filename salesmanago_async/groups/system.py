"""`sm.system`: temporary authorisation, and the calls that make credentials."""

from ..api.login import GetLoginToken, IntegrateAccount
from ..api.system import Authorise
from .group import Group, call


class System(Group):
    """Calls about the account itself (reference: "API - Other")."""

    authorise = call(Authorise)
    login_token = call(GetLoginToken)
    integrate = call(IntegrateAccount)
