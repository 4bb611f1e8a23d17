"""The recipients of an e-mail: selectors, optionally with texts for the placeholders of the e-mail."""

from collections.abc import Mapping
from typing import Any, cast

from attrs import frozen

from ..errors import Invalid
from .fields import Text, sequence, text
from .selectors import ContactId, Email, Selector, Tag


@frozen
class Personalized:
    """Recipients with a text for each placeholder: {"discount": "20%"} replaces $cst.discount$ in the e-mail.

    Names should consist of a-z, A-Z, 0-9 and _ only. Names and texts take 255 characters each.
    """

    selector: Selector
    properties: Mapping[str, str]


_LONGEST = 255
_SINGLE: dict[str, tuple[type[Selector], str]] = {
    "EMAIL": (Email, "email"),
    "CONTACT_ID": (ContactId, "contactId"),
    "TAGS": (Tag, "tag"),
    "TAG": (Tag, "tag"),
}
"""addresseeType → its selector and the name of the value's field, for calls with one object per recipient."""

SINGLE_FIELDS = ("addresseeType", *dict.fromkeys(name for _, name in _SINGLE.values()), "properties")
"""The fields of an object per recipient."""

_SINGLE_TYPES = {Email: "EMAIL", ContactId: "CONTACT_ID", Tag: "TAGS"}

_name = text(Text(_LONGEST, clearable=False))
_content = text(Text(_LONGEST, least=0, clearable=False))


def write_addressee(given: object) -> dict[str, Any]:
    """Return the API's object for a selector, personalized or not."""
    selector, properties = _parts(given)
    return {**Selector.to_wire(selector), **properties}


def read_addressee(given: Any) -> Selector | Personalized:
    """Read the API's object; an object with `properties`, even empty ones, becomes `Personalized`."""
    fields = _object(given)
    properties = fields.pop("properties", None)
    return _personalized(Selector.from_wire(fields), properties)


def write_single_addressees(given: object) -> list[dict[str, Any]]:
    """Return one object for each value of each selector, as email/sendWithAttachment expects."""
    return [entry for entries in _singles(given) for entry in entries]


def read_single_addressees(given: Any) -> list[Selector | Personalized]:
    """Read the objects that `write_single_addressees` returns."""
    return [_read_single(_object(entry)) for entry in (given if isinstance(given, list) else [given])]


def _write_single(given: object) -> list[dict[str, Any]]:
    selector, properties = _parts(given)
    kind = _SINGLE_TYPES.get(type(selector))
    if kind is None:
        raise ValueError("must be Email(...), ContactId(...) or Tag(...): this call takes no other selector")
    return [{"addresseeType": kind, _SINGLE[kind][1]: value, **properties} for value in selector.values]


_singles = sequence(_write_single)


def _read_single(fields: dict[str, Any]) -> Selector | Personalized:
    kind = str(fields.pop("addresseeType", "")).upper()
    if kind not in _SINGLE:
        raise Invalid(f"is {kind!r}, not one of {', '.join(_SINGLE_TYPES.values())}", field="addresseeType")
    selector, name = _SINGLE[kind]
    value, properties = fields.pop(name, None), fields.pop("properties", None)
    for unknown in (unknown for unknown, content in fields.items() if content not in (None, "")):
        raise Invalid(f"is not a field of an addressee of type {kind}", field=unknown)
    return _personalized(selector(value), properties)


def _parts(given: object) -> tuple[Selector, dict[str, Any]]:
    """Return a checked selector, and its properties as they are sent."""
    selector = given.selector if isinstance(given, Personalized) else given
    if not isinstance(selector, Selector):
        raise Invalid("is not a selector such as Email(...) or Tag(...), and not Personalized(...)")
    if any(len(value) > _LONGEST for value in selector.values):
        raise Invalid(f"has a value of more than {_LONGEST} characters")
    return selector, {"properties": _pairs(given.properties)} if isinstance(given, Personalized) else {}


def _pairs(properties: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the texts of the placeholders as pairs; an empty text is kept, because it empties its placeholder."""
    pairs: list[dict[str, str]] = []
    for name, content in properties.items():
        try:
            pairs.append({"name": _name(name), "value": _content(content)})
        except ValueError as error:
            raise Invalid(str(error), field=f"properties.{name}") from None
    return pairs


def _personalized(selector: Selector, properties: Any) -> Selector | Personalized:
    if properties is None:
        return selector
    if not isinstance(properties, list):
        raise Invalid("is not a list", field="properties")
    read: dict[str, str] = {}
    for pair in map(_object, properties):
        if pair.keys() != {"name", "value"} or pair["name"] in read:
            raise Invalid("must be objects of a name and a value, each name once", field="properties")
        read[pair["name"]] = pair["value"]
    return Personalized(selector, read)


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise Invalid(f"is a {type(given).__name__}, not an object")
    return dict(cast("Mapping[str, Any]", given))
