"""`sm.keys`: the keys of API v3."""

from ..api.product_keys import CreateKey, RevokeKey
from .group import Group, call


class Keys(Group):
    """Calls about the keys of API v3."""

    create = call(CreateKey)
    revoke = call(RevokeKey)
