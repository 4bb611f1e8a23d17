"""What becomes of a lead (SALESmanago and Leadoo integration: "Mapping Rules"). Pure.

Leadoo documents no schema: the names on the left of the table are those of its API as a customer saw them, and those
of the documented table [guess]. So the table is a value, and yours can take its place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

from ...api.codegen import names_of
from ...api.contacts import Contact
from ...errors import Invalid
from ._names import plain

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
"""From a lead's field to the contact's: a field of `Contact`, `properties.X`, or `tags` for labels with commas.

Case and separators in a name do not count, and a field of an object is named with a dot. Where several lead to one
field, the first that is filled counts; `with_own` puts yours first. `a + b` takes both, with a space between. `*`
stands for the rest of a name: a variable's, or a label's, which is given unless its value is empty, 0, no or false.
"""

UNTRANSFERRED = ("id", "bot_category_id", "first_name", "last_name", "created_at_iso8601", "last_touch.utm.*")
"""The other fields of a lead, which the integration does not transfer."""

_NO = frozenset({"", "0", "no", "false"})


def with_own(own: Mapping[str, str], sources: Mapping[str, str] = SOURCES) -> Mapping[str, str]:
    """Return the table with sources of your own before the others, and in place of those of the same name."""
    named = set(map(plain, own))
    return {**own, **{source: target for source, target in sources.items() if plain(source) not in named}}


def contact_of(lead: Mapping[str, Any], sources: Mapping[str, str] = SOURCES) -> Contact | None:
    """Return the contact that a lead becomes, or None where it has no e-mail address.

    What is no field of the table is not transferred. The lead's URL is cut at 255 characters; other texts are not, so
    that too long ones are refused by name when the contact is sent. Raises `Invalid` for a table that leads nowhere.
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
    """Yield the fields of a lead that hold anything, with their text; those of an object have a dot in their name."""
    for name, value in lead.items():
        if isinstance(value, Mapping):
            yield from flat_fields(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif text := _text(value):
            yield f"{before}{name}", text


def check_sources(sources: Mapping[str, str]) -> None:
    """Raise `Invalid` for a table that leads to something that is no field of a contact."""
    for target in sources.values():
        _checked(target.replace("*", "X"))


def is_named(name: str, sources: Mapping[str, str] | Sequence[str]) -> bool:
    """Tell whether a lead's field is among the sources."""
    return any(
        _rest(name, source) is not None if "*" in source else plain(name) in map(plain, source.split(" + "))
        for source in sources
    )


def _transferred(lead: Mapping[str, str], sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the fields of the contact that a lead fills, in the order of the table, and what with."""
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
            # [guess] a label has a field of its own, and a value that says whether it is given
            yield from [("tags", rest)] if text.casefold() not in _NO else []
        elif rest:
            yield _checked(target.replace("*", rest)), text


def _rest(name: str, source: str) -> str | None:
    """Return what stands for the star at the end of a source, as the name has it; None where it is another name."""
    start = source.removesuffix("*")
    return name[len(start) :] if name.casefold().startswith(start.casefold()) else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):  # within a list: no text
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
    """Return the field of a contact in Python's spelling, or the detail."""
    if target.startswith("properties.") and len(target) > len("properties."):
        return target
    spec = names_of(Contact).get(target)
    if target == "tags" or (spec and spec.name in _TEXTS):
        return spec.name if spec else target
    raise Invalid("is not a field of a contact that a lead can fill; try properties.X", field=target)
