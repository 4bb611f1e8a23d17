"""Selectors choose the contacts that a call applies to. Every call with addressees takes the same family of classes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from attrs import frozen

from ..errors import Invalid


@frozen(init=False, repr=False)
class Addressee:
    """The recipients of a text message: any `Selector`, or `InternalId` or `Everyone`, which no other call takes."""

    addressee_type: ClassVar[str] = ""
    wire_fields: ClassVar[tuple[str, ...]] = ("addresseeType", "value", "optValue")
    values: tuple[str, ...]

    def __init__(self, *values: str) -> None:
        object.__setattr__(self, "values", _checked(type(self).__name__, values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.values))})"

    @staticmethod
    def to_wire(given: object) -> dict[str, str]:
        """Return the API's object for an addressee; raise `Invalid` for anything else."""
        if not isinstance(given, Addressee):
            raise Invalid("is not an addressee; give Email(...), Tag(...), Everyone(...) or another one")
        return {"addresseeType": given.addressee_type, **given._written()}

    @staticmethod
    def from_wire(given: Mapping[str, Any]) -> "Addressee":
        """Read the API's object; addressee types may be in upper or lower case."""
        return _of_type(given, {**_BY_TYPE, **_MESSAGES_ONLY})

    def _written(self) -> dict[str, str]:
        return {"value": ",".join(self.values)}

    @classmethod
    def _read(cls, given: Mapping[str, Any]) -> Self:
        return cls(*_split(given.get("value")))


@frozen(init=False, repr=False)
class Selector(Addressee):
    """Contacts chosen by one property; several values of one selector are joined with commas.

    A value must not contain a comma: the API has no way to quote one.
    """

    @staticmethod
    def to_wire(given: object) -> dict[str, str]:
        """Return the API's object for a selector; raise `Invalid` for anything else."""
        if not isinstance(given, Selector):
            raise Invalid("is not a selector; give Email(...), ContactId(...), Tag(...), Funnel(...) or Stage(...)")
        return Addressee.to_wire(given)

    @staticmethod
    def from_wire(given: Mapping[str, Any]) -> "Selector":
        """Read the API's object; addressee types may be in upper or lower case."""
        return _of_type(given, _BY_TYPE)


@frozen(init=False, repr=False)
class Email(Selector):
    """Contacts by e-mail address. Several contacts of one account may share an address."""

    addressee_type = "EMAIL"


@frozen(init=False, repr=False)
class ContactId(Selector):
    """Contacts by SALESmanago's own identifier: the only selector that always means exactly one contact."""

    addressee_type = "CONTACT_ID"


@frozen(init=False, repr=False)
class Tag(Selector):
    """Contacts that have any of these tags."""

    addressee_type = "TAG"


@frozen(init=False, repr=False)
class Funnel(Selector):
    """Contacts in any of these funnels, at any stage."""

    addressee_type = "FUNNEL"


@frozen(init=False, repr=False)
class Stage(Selector):  # type: ignore[override]  # the type checker sees an __init__ of attrs that is not used
    """Contacts at any of the given stages of one funnel: Stage("Leads", "new", "warm")."""

    addressee_type = "STAGE"
    funnel: str

    def __init__(self, funnel: str, *stages: str) -> None:
        super().__init__(*stages)
        object.__setattr__(self, "funnel", _checked("Stage", (funnel,))[0])

    def __repr__(self) -> str:
        return f"Stage({', '.join(map(repr, (self.funnel, *self.values)))})"

    def _written(self) -> dict[str, str]:
        return {"value": self.funnel, "optValue": ",".join(self.values)}

    @classmethod
    def _read(cls, given: Mapping[str, Any]) -> Self:
        return cls(str(given.get("value") or ""), *_split(given.get("optValue")))


@frozen(init=False, repr=False)
class InternalId(Addressee):
    """Contacts by the addressee type ID [guess: the number in the address of a contact's card; undocumented]."""

    addressee_type = "ID"


@frozen(init=False, repr=False)
class Everyone(Addressee):
    """All contacts in one state, such as Everyone("PHONE_OPTED_IN") [guess: sent without a value].

    OPTED_OUT, OPTED_IN, PHONE_OPTED_OUT, PHONE_OPTED_IN, INVALID, MONITORED or NOT_MONITORED.
    """

    def __init__(self, state: str) -> None:
        super().__init__(state)
        if state not in _STATES:
            raise Invalid(f"is {state!r}, not one of {', '.join(_STATES)}", field="Everyone")

    def _written(self) -> dict[str, str]:
        return {"addresseeType": self.values[0]}

    @classmethod
    def _read(cls, given: Mapping[str, Any]) -> Self:
        return cls(str(given["addresseeType"]).upper())


_STATES = ("OPTED_OUT", "OPTED_IN", "PHONE_OPTED_OUT", "PHONE_OPTED_IN", "INVALID", "MONITORED", "NOT_MONITORED")
_BY_TYPE: dict[str, type[Selector]] = {
    selector.addressee_type: selector for selector in (Email, ContactId, Tag, Funnel, Stage)
}
_MESSAGES_ONLY: dict[str, type[Addressee]] = {"ID": InternalId, **dict.fromkeys(_STATES, Everyone)}

AddresseeT = TypeVar("AddresseeT", bound=Addressee)


def _of_type(given: Mapping[str, Any], known: Mapping[str, type[AddresseeT]]) -> AddresseeT:
    if not isinstance(given, Mapping):
        raise Invalid(f"is a {type(given).__name__}, not an object")
    for name in given.keys() - set(Addressee.wire_fields):
        raise Invalid("is not a documented field", field=name)
    kind = str(given.get("addresseeType", "")).upper()
    if kind not in known:
        raise Invalid(f"is {kind!r}, not one of {', '.join(known)}", field="addresseeType")
    return known[kind]._read(given)


def _checked(name: str, values: tuple[object, ...]) -> tuple[str, ...]:
    texts = tuple(value for value in values if isinstance(value, str))
    if not texts or len(texts) < len(values) or not all(texts):
        raise Invalid("needs at least one value, and each must be non-empty text", field=name)
    if any("," in text for text in texts):
        raise Invalid("a value with a comma would be read as two", field=name)
    return texts


def _split(values: object) -> list[str]:
    return [part.strip() for part in str(values or "").split(",") if part.strip()]
