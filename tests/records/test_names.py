"""Canonical names: all spellings of one contact have the same canonical form."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent
from salesmanago_async.imports.engine.answers import of_events, of_import
from salesmanago_async.records.names import canonical, canonical_names, names_of_contact, names_of_event
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape

ID = "7d8f1c9e-aaaa-4bbb-8ccc-0123456789ab"
ONE_CONTACT = [
    ["ann@example.com", "Ann@Example.COM", " ann@example.com "],
    ["ann@bücher.example", "ann@xn--bcher-kva.example", "ANN@BÜCHER.EXAMPLE", "ann@XN--BCHER-KVA.example"],
    ["ann@shop.bücher.xn--p1ai", "ann@shop.xn--bcher-kva.рф", "ANN@SHOP.bücher.РФ"],
    ["zoë@example.com", "zoe\u0308@example.com", "ZOË@example.com", "ZOE\u0308@EXAMPLE.com"],
    ["ann@bu\u0308cher.example", "ann@bücher.example"],
    ["żółć@przykład.pl", normalize("NFD", "ŻÓŁĆ@PRZYKŁAD.PL"), "żółć@xn--przykad-rjb.pl"],
    ["ann@straße.example", "ann@xn--strae-oqa.example"],
    [ID, ID.upper(), f" {ID} "],
]
OTHERS = [
    ("ann.smith@gmail.com", "annsmith@gmail.com"),
    ("ann+shop@gmail.com", "ann@gmail.com"),
    ("ann@straße.example", "ann@strasse.example"),
    ("ann@bücher.example", "ann@bucher.example"),
    ("zoë@example.com", "zoe@example.com"),
    ("xn--bcher-kva@example.com", "bücher@example.com"),
    ("007", "7"),
]


@pytest.mark.parametrize("spellings", ONE_CONTACT, ids=lambda several: several[0])
def test_the_spellings_of_one_contact_have_one_canonical_form(spellings: list[str]) -> None:
    assert len(set(map(canonical, spellings))) == 1


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_names_that_may_be_two_contacts_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "name", ["a@xn--", "a@xn---", "a@xn--foo-.de", "a@xn--ł.de", "a@xn--9.de", f"a@xn--{'a' * 100_000}-b.de"]
)
def test_invalid_punycode_is_kept_unchanged(name: str) -> None:
    assert canonical(name) == name


_domains = st.text(st.sampled_from("abxn-.üßŻŁİΣςﬁ\u0308Å\u212b日本"), max_size=12)
_names = st.one_of(st.text(), st.builds("{}@{}".format, st.text(), st.one_of(st.text(), _domains)))


@given(_names)
def test_a_canonical_name_is_its_own_canonical_form(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


@given(_names, st.sampled_from(["NFC", "NFD"]))
def test_unicode_forms_and_blanks_make_no_difference(name: str, form: Any) -> None:
    assert canonical(f" {normalize(form, name)}\t") == canonical(name)


@given(st.text(st.characters(categories=["Ll", "Lo"]), min_size=1, max_size=20))
def test_a_domain_in_punycode_has_the_same_canonical_form(label: str) -> None:
    known_as = canonical(f"@{label}")[1:]
    if not known_as.isascii() and len(code := known_as.encode("punycode").decode()) <= 59:
        assert canonical(f"ann@xn--{code}.example") == f"ann@{known_as}.example"


@pytest.mark.ci
def test_the_canonical_form_of_every_letter_is_stable() -> None:
    letters = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    assert [one for one in map(canonical, letters) if canonical(one) != one] == []


def test_empty_names_of_a_server_are_left_out() -> None:
    assert canonical_names(["Ann@example.com", None, "", 7, " "]) == {"ann@example.com", "7"}


SPELLINGS = [pytest.param(pair, id=f"{pair[0]} {pair[1]}") for each in ONE_CONTACT for pair in combinations(each, 2)]


EVENT = {"date": 1_700_000_000_000, "contact_ext_event_type": "CART"}
KINDS = [
    pytest.param(contact_shape(), Contact, {}, names_of_contact, id="contact"),
    pytest.param(event_shape(), ExternalEvent, EVENT, names_of_event, id="event"),
]


@pytest.mark.parametrize(("shape", "record_class", "others", "names_of"), KINDS)
@pytest.mark.parametrize("name", [name for spellings in ONE_CONTACT for name in spellings if "u\u0308cher" not in name])
def test_a_record_has_the_same_canonical_name_in_every_form(
    name: str, shape: Shape, record_class: Any, others: Mapping[str, Any], names_of: Callable[[Any], Any]
) -> None:
    """As a value, as an object, flat and as cells."""
    fields: dict[str, Any] = {"email" if "@" in name else "contact_id": name, **others}
    body = shape.body(fields)
    cells = shape.cell_encoder(list(fields), [], lambda row: shape.body(dict(zip(fields, row, strict=True))))
    found = [
        names_of(body),
        *(shape.encoder().encode(record)[1] for record in (fields, body, record_class(**fields))),
        cells.encode([str(value) for value in fields.values()])[1],
    ]
    assert set(found) == {(canonical(name),)}


@pytest.mark.parametrize("pair", SPELLINGS)
def test_answers_in_any_spelling_are_matched(pair: tuple[str, str]) -> None:
    """The first is the name in the record, the second is the server's name of the contact."""
    keys, name = [canonical(pair[0]), "bob@example.com"], pair[1]
    found = of_import(keys, {"success": True, "contactIds": {name: "A", "bob@example.com": "B"}}, 1)
    assert found.contact_ids == {keys[0]: "A", keys[1]: "B"}
    assert not found.others
    for entry in (name, {"email": name}, {"contact": {"email": name}}, {"contactId": name}):
        refused = of_import(keys, {"success": True, "invalidContacts": [entry]}, 1)
        assert {index: state for index, (state, _) in refused.others.items()} == {0: "rejected"}
    failed = of_events(keys, {"success": True, "createdAmount": 1, "failedAmount": 1, "failedContacts": [name]})
    assert {index: state for index, (state, _) in failed.others.items()} == {0: "rejected"}


@pytest.mark.parametrize("shown_as", [ID, ID.upper()])
def test_an_id_in_another_case_is_the_same_contact(shown_as: str) -> None:
    found = of_import([canonical(ID.upper())], {"success": True, "contactIds": {"ann@example.com": shown_as}}, 1)
    assert found.contact_ids == {ID: shown_as}
