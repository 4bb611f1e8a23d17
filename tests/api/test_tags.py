"""The request contact/tags."""

from typing import Any

from salesmanago_async.api import ListTags, write_request
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.tags import TagList


def test_show_system_tags_is_always_sent() -> None:
    assert write_request(ListTags(show_system_tags=False)) == {"showSystemTags": False}


def test_the_sample_tags_are_typed(catalogue: dict[str, dict[str, Any]]) -> None:
    (sample,) = catalogue["contact/tags"]["responses"]
    (tag,) = read_leniently(TagList, sample).tags
    assert (tag.tag, tag.number_of_tagged) == ("ADmanago", 12)
