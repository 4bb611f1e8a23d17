"""Selectors: which contacts a call is for. One family, taken by every call that has addressees."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from ..errors import Invalid


class Selector:
    """Contacts picked by one property; several values of one selector are joined with commas.

    A value must not itself hold a comma: the API has no way to quote one.
    """

    addressee_type: ClassVar[str] = ""
    __slots__ = ("values",)

    def __init__(self, *values: str) -> None:
        if not values or not all(values):
            raise Invalid("needs at least one value, none empty", field=type(self).__name__)
        if any("," in value for value in values):
            raise Invalid("a value with a comma would be read as two", field=type(self).__name__)
        self.values = values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.values))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and (type(other), other.values) == (type(self), self.values)

    def __hash__(self) -> int:
        return hash((type(self), self.values))

    @staticmethod
    def to_wire(given: object) -> dict[str, str]:
        """Return the API's object for a selector; raise `Invalid` for anything else."""
        if not isinstance(given, Selector):
            raise Invalid("is no selector; give Email(...), ContactId(...), Tag(...), Funnel(...) or Stage(...)")
        return {"addresseeType": given.addressee_type, **given._written()}

    @staticmethod
    def from_wire(given: Mapping[str, Any]) -> "Selector":
        """Read the API's object; addressee types are taken in either case."""
        kind = str(given.get("addresseeType", "")).upper()
        if kind not in _BY_TYPE:
            raise Invalid(f"is {kind!r}, not one of {', '.join(_BY_TYPE)}", field="addresseeType")
        return _BY_TYPE[kind]._read(given)

    def _written(self) -> dict[str, str]:
        return {"value": ",".join(self.values)}

    @classmethod
    def _read(cls, given: Mapping[str, Any]) -> Self:
        return cls(*_split(given.get("value")))


class Email(Selector):
    """Contacts by e-mail address. Several contacts of one account may share an address."""

    addressee_type = "EMAIL"
    __slots__ = ()


class ContactId(Selector):
    """Contacts by SALESmanago's own identifier: the only selector that names exactly one contact."""

    addressee_type = "CONTACT_ID"
    __slots__ = ()


class Tag(Selector):
    """Contacts that have any of these tags."""

    addressee_type = "TAG"
    __slots__ = ()


class Funnel(Selector):
    """Contacts in any of these funnels, at whatever stage."""

    addressee_type = "FUNNEL"
    __slots__ = ()


class Stage(Selector):
    """Contacts at any of the given stages of one funnel: Stage("Leads", "new", "warm")."""

    addressee_type = "STAGE"
    __slots__ = ("funnel",)

    def __init__(self, funnel: str, *stages: str) -> None:
        super().__init__(*stages)
        self.funnel = funnel

    def __repr__(self) -> str:
        return f"Stage({', '.join(map(repr, (self.funnel, *self.values)))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and (other.funnel, other.values) == (self.funnel, self.values)

    def __hash__(self) -> int:
        return hash((self.funnel, self.values))

    def _written(self) -> dict[str, str]:
        return {"value": self.funnel, "optValue": ",".join(self.values)}

    @classmethod
    def _read(cls, given: Mapping[str, Any]) -> Self:
        return cls(str(given.get("value")), *_split(given.get("optValue")))


_BY_TYPE: dict[str, type[Selector]] = {
    selector.addressee_type: selector for selector in (Email, ContactId, Tag, Funnel, Stage)
}


def _split(values: object) -> list[str]:
    return [part.strip() for part in str(values or "").split(",") if part.strip()]
