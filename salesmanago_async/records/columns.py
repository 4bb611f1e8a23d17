"""Which field does a column mean? Names as shops and spreadsheets write them → fields. Pure: no I/O.

`E-mail`, `e_mail` and `Email` are all the field `email`: case, spaces, `-`, `_` and `.` do not count. What only looks
like a field (`First Name`, `type`) is suggested, and never taken for it.
"""

from collections.abc import Iterable, Mapping

from ..errors import Invalid
from ..support.nearest import nearest, plain

_MEANT = {
    "emailaddress": "email", "mailaddress": "email", "mail": "email",
    "customeremail": "email", "useremail": "email", "adresemail": "email",
    "firstname": "name", "lastname": "name", "fullname": "name", "customername": "name", "imie": "name",
    "nazwisko": "name", "phonenumber": "phone", "mobile": "phone", "telephone": "phone", "telefon": "phone",
    "zip": "zipCode", "postcode": "zipCode", "postalcode": "zipCode", "dateofbirth": "birthday", "dob": "birthday",
    "birthdate": "birthday", "tag": "tags", "labels": "tags", "organization": "company", "organisation": "company",
    "type": "contactExtEventType", "eventtype": "contactExtEventType", "event": "contactExtEventType",
    "time": "date", "timestamp": "date", "createdat": "date", "amount": "value", "total": "value", "price": "value",
    "orderid": "externalId", "transactionid": "externalId", "sku": "products", "productid": "products",
    "optin": "forceOptIn", "emailoptin": "forceOptIn", "newsletteroptin": "forceOptIn", "subscribed": "forceOptIn",
    "optout": "forceOptOut", "emailoptout": "forceOptOut", "newsletteroptout": "forceOptOut",
    "unsubscribed": "forceOptOut", "smsoptin": "forcePhoneOptIn", "mobileoptin": "forcePhoneOptIn",
    "smsoptout": "forcePhoneOptOut", "mobileoptout": "forcePhoneOptOut", "address": "streetAddress",
    "street": "streetAddress", "town": "city", "countrycode": "country", "region": "province", "language": "lang",
    "locale": "lang", "customerid": "externalId", "userid": "externalId",
}  # fmt: skip


SIMILAR = 0.7
"""How similar a column must be to a field (0 to 1), so that --map with that field may be pasted."""


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the field that an unknown name probably means, None if there is none."""
    names = list(known)
    found = _MEANT.get(plain(name))
    if found in names:
        return found
    last = name.rpartition(".")[2]
    if last and last != name:  # contact.name: the name of its object says nothing about the field
        return {plain(field): field for field in names}.get(plain(last)) or meant(last, names)
    return nearest(name, names, similar=SIMILAR)


class UnknownColumns(Invalid):
    """Columns that are not fields. `suggestions` has, for each of them, the field that is probably meant, or None."""

    def __init__(self, suggestions: Mapping[str, str | None], file: str | None = None) -> None:
        self.suggestions = dict(suggestions)
        self.file = file
        name = _shown(next(iter(self.suggestions)))
        rule = _rule(self.suggestions)
        if len(self.suggestions) > 1 or file:
            super().__init__(rule if len(self.suggestions) > 1 else f"{name}: {rule}", field=file)
        else:
            super().__init__(rule, field=name)

    @property
    def reason(self) -> str:
        """Why a single record is rejected: the columns, without the remedy, which the report gives once."""
        shown = {_shown(name): field for name, field in self.suggestions.items()}
        if len(shown) == 1:
            [(name, field)] = shown.items()
            return f"{name}: is not a field{f'; did you mean {field!r}?' if field else ''}"
        names = (f"{name} (did you mean {field!r}?)" if field else name for name, field in shown.items())
        return f"{', '.join(names)}: are not fields"

    @property
    def findings(self) -> dict[str, str]:
        """What is wrong with each column, and the remedy, in words that follow its name."""
        return {_shown(name): _finding(name, field) for name, field in self.suggestions.items()}

    @property
    def mapping(self) -> dict[str, str]:
        """The unknown columns with the fields that are probably meant, "FIELD" if there is no suggestion."""
        return _mapping(self.suggestions)

    def in_file(self, file: str) -> "UnknownColumns":
        """Return the same error, which names a file."""
        return UnknownColumns(self.suggestions, file)


class NoContactColumn(Invalid):
    """No column has the address or the id of the contacts. `suggestion` is the column that probably has it, or None.

    `others` has each other column that is not a field, with the field that is probably meant, or None.
    """

    def __init__(
        self, suggestion: str | None, others: Mapping[str, str | None] | None = None, file: str | None = None
    ) -> None:
        self.suggestion = suggestion
        self.others = dict(others or {})
        self.file = file
        example = f"columns={{{suggestion or 'COLUMN'!r}: 'email'}}"
        also = f"; {_rule_of_several(self.others)}" if self.others else ""
        rule = f"no column is the contacts' email or contactId; map the one that is: {example}{also}"
        super().__init__(rule, field=file)

    @property
    def mapping(self) -> dict[str, str]:
        """The other unknown columns with the fields that are probably meant, "FIELD" if there is no suggestion."""
        return _mapping(self.others)

    def in_file(self, file: str) -> "NoContactColumn":
        """Return the same error, which names a file."""
        return NoContactColumn(self.suggestion, self.others, file)


def _mapping(suggestions: Mapping[str, str | None]) -> dict[str, str]:
    return {name: field or "FIELD" for name, field in suggestions.items()}


def _shown(name: str) -> str:
    return name or "a column without a name"


def _finding(name: str, field: str | None) -> str:
    near = f"did you mean {field!r}? " if field else ""
    mapping = {name: field or "FIELD"}
    return f"is not a field; {near}columns={mapping} maps it, extra_columns='ignore' leaves such columns out"


_REMEDY = "map it (columns=...), or choose what happens to such columns (extra_columns=...)"


def _rule(suggestions: Mapping[str, str | None]) -> str:
    if len(suggestions) == 1:
        [field] = suggestions.values()
        return f"is not a field; did you mean {field!r}?" if field else f"is not a field; {_REMEDY}"
    return _rule_of_several(suggestions)


def _rule_of_several(suggestions: Mapping[str, str | None]) -> str:
    listed = ", ".join(
        f"{name!r} (did you mean {field!r}?)" if field else repr(name) for name, field in suggestions.items()
    )
    return f"these columns are not fields: {listed}; {_REMEDY.replace('map it', 'map them')}"
