"""`sm.tags`: the tags of the account."""

from ..api.tags import ListTags, TagList
from .group import Group


class Tags(Group):
    """Calls about tags (reference: "API - Tags management")."""

    async def list(self, *, show_system_tags: bool = False, owner: str | None = None) -> TagList:
        """List the tags, each with its number of contacts; see `ListTags` for the arguments."""
        return await self._connection.send(ListTags(show_system_tags=show_system_tags, owner=owner))
