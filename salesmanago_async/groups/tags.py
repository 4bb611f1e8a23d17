"""`sm.tags`: the tags of the account."""

from ..api.tags import ListTags
from ._group import Group, call


class Tags(Group):
    """Calls about tags (reference: "API - Tags management")."""

    list = call(ListTags)
