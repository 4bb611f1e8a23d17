"""contact/tags: the tags of the account (reference: "API - Tags management")."""

from attrs import field, frozen

from .request import Answer, Owner, Part, Request

__all__ = ["ListTags"]


@frozen(kw_only=True)
class TagCount(Part):
    """A tag, and the number of contacts with it."""

    tag: str | None = None
    number_of_tagged: int | None = None


@frozen(kw_only=True)
class TagList(Answer):
    """The tags of the account."""

    tags: tuple[TagCount, ...] = ()


@frozen
class ListTags(Request[TagList]):
    """List the tags, each with its number of contacts (reference: "Export of tag list").

    `show_system_tags=True` includes the tags that SALESmanago assigns itself.
    """

    path = "contact/tags"
    changes_nothing = True
    show_system_tags: bool = field(kw_only=True)
    owner: Owner = field(default=None, kw_only=True)
