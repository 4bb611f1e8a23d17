"""Selectors as values and as the API's objects."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.api.selectors import ContactId, Email, Funnel, Selector, Stage, Tag
from salesmanago_async.errors import Invalid
from tests.conftest import examples

PLAIN = [Email, ContactId, Tag, Funnel]


@pytest.mark.parametrize(
    ("selector", "wire"),
    [
        (Email("ann@example.com"), {"addresseeType": "EMAIL", "value": "ann@example.com"}),
        (ContactId("c1", "c2"), {"addresseeType": "CONTACT_ID", "value": "c1,c2"}),
        (Tag("VIP", "NEW"), {"addresseeType": "TAG", "value": "VIP,NEW"}),
        (Funnel("Leads"), {"addresseeType": "FUNNEL", "value": "Leads"}),
        (Stage("Leads", "new", "warm"), {"addresseeType": "STAGE", "value": "Leads", "optValue": "new,warm"}),
    ],
)
def test_a_selector_is_written_and_read(selector: Selector, wire: dict[str, str]) -> None:
    assert Selector.to_wire(selector) == wire
    assert Selector.from_wire(wire) == selector
    assert Selector.from_wire({**wire, "addresseeType": wire["addresseeType"].lower()}) == selector


@pytest.mark.parametrize(
    ("wire", "selector"),
    [
        ({"addresseeType": "Tag", "value": " VIP , NEW,"}, Tag("VIP", "NEW")),
        ({"addresseeType": "stage", "value": "Leads", "optValue": "new, warm"}, Stage("Leads", "new", "warm")),
        ({"addresseeType": "contact_id", "value": 123}, ContactId("123")),
    ],
)
def test_the_spellings_of_the_reference_are_read(wire: dict[str, Any], selector: Selector) -> None:
    assert Selector.from_wire(wire) == selector


@pytest.mark.parametrize(
    ("wire", "rule"),
    [
        ({}, "not one of EMAIL, CONTACT_ID, TAG, FUNNEL, STAGE"),
        ({"addresseeType": "SIGN", "value": "Leo"}, "'SIGN', not one of"),
        ({"addresseeType": "TAG"}, "at least one value"),
        ({"addresseeType": "TAG", "value": " , "}, "at least one value"),
        ({"addresseeType": "STAGE", "value": "Leads"}, "at least one value"),
        ({"addresseeType": "STAGE", "optValue": "new"}, "."),
        ("VIP", "."),
    ],
)
def test_an_object_that_selects_nothing_is_refused(wire: Any, rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        Selector.from_wire(wire)


@pytest.mark.parametrize("selector_class", PLAIN)
@pytest.mark.parametrize("values", [(), ("",), ("a", ""), ("a,b",)])
def test_a_value_that_would_select_something_else_is_refused(
    selector_class: type[Selector], values: tuple[Any, ...]
) -> None:
    with pytest.raises(Invalid) as caught:
        selector_class(*values)
    assert caught.value.field == selector_class.__name__


@pytest.mark.parametrize("value", [["ann@example.com", "bob@example.com"], 5, None])
def test_a_value_that_is_not_text_is_refused_when_given(value: Any) -> None:
    with pytest.raises(Invalid):
        Email(value)


@pytest.mark.parametrize("values", [("Leads",), ("Leads", ""), ("Leads", "new,warm"), ("", "new")])
def test_a_stage_names_its_funnel_and_its_stages(values: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        Stage(*values)
    assert caught.value.field == "Stage"


@pytest.mark.parametrize("given", ["VIP", None, {"addresseeType": "TAG", "value": "VIP"}])
def test_an_invalid_selector_is_refused_with_examples(given: Any) -> None:
    with pytest.raises(Invalid, match=r"Tag\(\.\.\.\)"):
        Selector.to_wire(given)


def test_selectors_are_equal_when_kind_and_values_are() -> None:
    assert Tag("a", "b") == Tag("a", "b")
    assert Stage("Leads", "new") == Stage("Leads", "new")
    different: list[Selector] = [
        Tag("a"),
        Tag("a", "b"),
        Tag("b", "a"),
        Funnel("a"),
        Stage("a", "a"),
        Stage("b", "a"),
    ]
    assert len(set(different)) == len(different)


def test_the_repr_of_a_selector_is_its_constructor_call() -> None:
    for selector in (Email("ann@example.com"), Tag("it's", "b"), Stage("Leads", "new", "warm")):
        assert eval(repr(selector)) == selector


VALUES = st.text(min_size=1).filter(lambda value: "," not in value and value == value.strip())


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(VALUES, min_size=1, max_size=4), VALUES)
def test_any_values_are_read_back_unchanged(values: list[str], funnel: str) -> None:
    for selector in (*(selector_class(*values) for selector_class in PLAIN), Stage(funnel, *values)):
        assert Selector.from_wire(Selector.to_wire(selector)) == selector
