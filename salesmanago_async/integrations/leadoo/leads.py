"""Converts a lead to a contact (SALESmanago and Leadoo integration: "Mapping Rules"); no I/O.

Leadoo documents no schema. The names on the left of the table are those of its API, as a customer saw them, and those
of the documented table [guess]. So the table is a value, and you can replace it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

from ...api.codegen import names_of
from ...api.contacts import Contact
from ...errors import Invalid
from ...support.nearest import plain

TAG = "LEADOO"
LONGEST_URL = 255
LEAD_URL = "leadoo_lead_url"

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "name": "name",
        "first_name + last_name": "name",
        "email": "email",
        "phone": "phone",
        "country": "country",
        "zip_code": "zip_code",
        "postcode": "zip_code",
        "city": "city",
        "address": "street_address",
        "street_address": "street_address",
        "company_name": "company",
        "company": "company",
        "utm_tags.source": "properties.leadoo_utm_source",
        "utm_tags.medium": "properties.leadoo_utm_medium",
        "utm_tags.campaign": "properties.leadoo_utm_campaign",
        "utm_tags.term": "properties.leadoo_utm_term",
        "utm_tags.content": "properties.leadoo_utm_content",
        "utm_source": "properties.leadoo_utm_source",
        "utm_medium": "properties.leadoo_utm_medium",
        "utm_campaign": "properties.leadoo_utm_campaign",
        "utm_term": "properties.leadoo_utm_term",
        "utm_content": "properties.leadoo_utm_content",
        "last_touch.referrer": "properties.leadoo_last_touch_referrers",
        "customer_profile_id": "properties.leadoo_customer_profile_id",
        "url": "properties.leadoo_lead_url",
        "lead_url": "properties.leadoo_lead_url",
        "score": "properties.leadoo_score",
        "bot_name": "properties.leadoo_bot_name",
        "bot": "properties.leadoo_bot_name",
        "bot_type": "properties.leadoo_bot_type",
        "bot_category_name": "properties.leadoo_bot_category",
        "bot_category": "properties.leadoo_bot_category",
        "organization_profile_ids": "properties.leadoo_organisation_profile_id",
        "profile_id": "properties.leadoo_organisation_profile_id",
        "tags": "tags",
        "labels": "tags",
        "tag_*": "tags",
        "var_*": "properties.leadoo_*",
    }
)
"""Maps a lead's field to the contact's: a field of `Contact`, `properties.X`, or `tags` for labels with commas.

Case and separators in a name are ignored, and a field of an object is named with a dot. If several fields map to the
same one, the first that is filled counts; `with_own` puts your fields first. `a + b` takes both, joined by a space. `*`
stands for the rest of a name: the name of a variable, or a label, which is set unless its value is empty, 0, no or
false.
"""

UNTRANSFERRED = ("id", "bot_category_id", "first_name", "last_name", "created_at_iso8601", "last_touch.utm.*")
"""The other fields of a lead, which the integration does not transfer."""

_NO = frozenset({"", "0", "no", "false"})


def with_own(own: Mapping[str, str], sources: Mapping[str, str] = SOURCES) -> Mapping[str, str]:
    """Return the table with your own sources before the others; yours replace those of the same name."""
    named = set(map(plain, own))
    return {**own, **{source: target for source, target in sources.items() if plain(source) not in named}}


def contact_of(lead: Mapping[str, Any], sources: Mapping[str, str] = SOURCES) -> Contact | None:
    """Convert a lead to a contact; return None if the lead has no e-mail address.

    Fields that are not in the table are not transferred. The lead's URL is cut at 255 characters. Other texts are not
    cut: one that is too long is refused, with its name, when the contact is sent. Raises `Invalid` if the table maps to
    a field that does not exist.
    """
    texts: dict[str, str] = {}
    labels: list[str] = []
    for target, text in _transferred(dict(flat_fields(lead)), sources):
        if target == "tags":
            labels += (f"{TAG}_{label.strip()}" for label in text.split(",") if label.strip())
        else:
            texts.setdefault(target, text)
    if "email" not in texts:
        return None
    kinds: defaultdict[bool, dict[str, str]] = defaultdict(dict)
    for target, text in texts.items():
        kinds[target.startswith("properties.")][target.removeprefix("properties.")] = text
    properties, fields = kinds[True], kinds[False]
    if LEAD_URL in properties:
        properties[LEAD_URL] = properties[LEAD_URL][:LONGEST_URL]
    others: dict[str, Any] = fields
    return Contact(**others, tags=list(dict.fromkeys([TAG, *labels])), properties=properties or None)


def flat_fields(lead: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the non-empty fields of a lead, with their text; fields of an object have a dot in their name."""
    for name, value in lead.items():
        if isinstance(value, Mapping):
            yield from flat_fields(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif text := _text(value):
            yield f"{before}{name}", text


def check_sources(sources: Mapping[str, str]) -> None:
    """Raise `Invalid` if the table maps to something that is not a field of a contact."""
    for target in sources.values():
        _checked(target.replace("*", "X"))


def is_named(name: str, sources: Mapping[str, str] | Sequence[str]) -> bool:
    """Return whether a lead's field is among the sources."""
    return any(
        _rest(name, source) is not None if "*" in source else plain(name) in map(plain, source.split(" + "))
        for source in sources
    )


def _transferred(lead: Mapping[str, str], sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the contact's fields that a lead fills, in the order of the table, with their text."""
    by_name = {plain(name): text for name, text in reversed(list(lead.items()))}
    for source, target in sources.items():
        if "*" in source:
            yield from _starred(lead, source, target)
        elif text := " ".join(found for part in source.split(" + ") if (found := by_name.get(plain(part)))):
            yield _checked(target), text


def _starred(lead: Mapping[str, str], source: str, target: str) -> Iterator[tuple[str, str]]:
    for name, text in lead.items():
        rest = _rest(name, source)
        if rest and target == "tags":
            # [guess] a label has its own field, whose value says whether the label is set
            yield from [("tags", rest)] if text.casefold() not in _NO else []
        elif rest:
            yield _checked(target.replace("*", rest)), text


def _rest(name: str, source: str) -> str | None:
    """Return the part of the name that the star of a source stands for; None if the name does not match."""
    start = source.removesuffix("*")
    return name[len(start) :] if name.casefold().startswith(start.casefold()) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):  # inside a list: it has no text form
        return ""
    if isinstance(value, list | tuple):
        return ",".join(text for part in cast("Sequence[Any]", value) if (text := _text(part)))
    return str(value).strip()


_TEXTS = frozenset(
    {"name", "email", "phone", "fax", "company", "external_id", "state", "street_address", "zip_code", "city",
     "country", "province", "birthday"}
)  # fmt: skip


@lru_cache(maxsize=4096)
def _checked(target: str) -> str:
    """Return the name of a contact's field in Python's spelling, or the name of the detail."""
    if target.startswith("properties.") and len(target) > len("properties."):
        return target
    spec = names_of(Contact).get(target)
    if target == "tags" or (spec and spec.name in _TEXTS):
        return spec.name if spec else target
    raise Invalid("is not a field of a contact that a lead can fill; try properties.X", field=target)
