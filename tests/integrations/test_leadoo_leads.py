"""Leadoo's leads: the documented mapping, row by row."""

from typing import Any

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, Invalid
from salesmanago_async.api.codec import dumps
from salesmanago_async.integrations.leadoo import SOURCES, LeadShape, contact_of, with_own
from salesmanago_async.records.cells import CellRules
from tests.integrations.leads import LEAD


def contact(**fields: Any) -> Contact:
    found = contact_of({"email": "ann@example.com", **fields})
    assert found
    return found


def properties(**fields: Any) -> dict[str, str]:
    return dict(contact(**fields).properties or {})


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Name", "name"),
        ("Email", "email"),
        ("Phone", "phone"),
        ("Country", "country"),
        ("Postcode", "zip_code"),
        ("City", "city"),
        ("Street address", "street_address"),
        ("Company", "company"),
    ],
)
def test_the_documented_fields(source: str, target: str) -> None:
    value = "bob@example.com" if target == "email" else "Some text"
    lead = {"Email": "ann@example.com", source: value}
    found = contact_of(lead)
    assert found
    assert getattr(found, target) == value


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("var_size", "leadoo_size"),
        ("utm_source", "leadoo_utm_source"),
        ("utm_medium", "leadoo_utm_medium"),
        ("utm_campaign", "leadoo_utm_campaign"),
        ("utm_term", "leadoo_utm_term"),
        ("utm_content", "leadoo_utm_content"),
        ("Last touch referrer", "leadoo_last_touch_referrers"),
        ("Customer Profile ID", "leadoo_customer_profile_id"),
        ("Lead URL", "leadoo_lead_url"),
        ("Score", "leadoo_score"),
        ("Bot", "leadoo_bot_name"),
        ("Bot type", "leadoo_bot_type"),
        ("Bot category", "leadoo_bot_category"),
        ("Profile ID", "leadoo_organisation_profile_id"),
    ],
)
def test_the_documented_details(source: str, detail: str) -> None:
    assert properties(**{source: "text"}) == {detail: "text"}


def test_the_documented_tags() -> None:
    assert contact(labels="LABELEXAMPLE").tags == ["LEADOO", "LEADOO_LABELEXAMPLE"]
    assert contact().tags == ["LEADOO"]


def test_a_lead_of_the_api() -> None:
    found = contact_of(LEAD)
    assert found
    assert {name: value for name, value in asdict(found).items() if value is not None} == {
        "email": "ann@example.com",
        "name": "Ann M. Example",
        "phone": "+358 40 1234567",
        "company": "Example Oy",
        "street_address": "Esplanadi 1",
        "country": "FI",
        "city": "Helsinki",
        "zip_code": "00100",
        "tags": ["LEADOO", "LEADOO_Hot", "LEADOO_Big deal", "LEADOO_Newsletter"],
        "properties": {
            "leadoo_utm_source": "google",
            "leadoo_utm_medium": "cpc",
            "leadoo_utm_campaign": "spring",
            "leadoo_utm_term": "shoes",
            "leadoo_utm_content": "ad1",
            "leadoo_last_touch_referrers": "https://bing.example/",
            "leadoo_customer_profile_id": "cp-1",
            "leadoo_lead_url": "https://shop.example/page?a=1",
            "leadoo_score": "42",
            "leadoo_bot_name": "Offer bot",
            "leadoo_bot_type": "inpage",
            "leadoo_bot_category": "Sales",
            "leadoo_organisation_profile_id": "op-1,op-2",
            "leadoo_budget": "1000",
        },
    }


@pytest.mark.parametrize("address", ["", "  ", None, []])
def test_without_an_address_there_is_no_contact(address: Any) -> None:
    assert contact_of({**LEAD, "email": address}) is None
    assert contact_of({"phone": "+358 40 1234567"}) is None


def test_a_missing_name_is_joined_from_its_parts() -> None:
    assert contact(name="", first_name="Ann", last_name="Example").name == "Ann Example"
    assert contact(last_name="Example").name == "Example"
    assert contact(name="", first_name="").name is None


def test_only_a_url_is_cut() -> None:
    long = "https://shop.example/" + "x" * 300
    assert properties(url=long) == {"leadoo_lead_url": long[:255]}
    assert properties(var_answer=long) == {"leadoo_answer": long}
    assert properties(url=long[:255]) == {"leadoo_lead_url": long[:255]}


@pytest.mark.parametrize("empty", ["", " ", None, [], {}])
def test_empty_values_are_absent(empty: Any) -> None:
    found = contact(name=empty, phone=empty, score=empty, tags=empty, var_x=empty, tag_X=empty)
    assert found == Contact(email="ann@example.com", tags=["LEADOO"])


@pytest.mark.parametrize(
    ("value", "is_given"),
    [(True, True), ("yes", True), (1, True), ("2026", True), (False, False), ("0", False), ("No", False), (0, False)],
)
def test_a_label_is_set_by_its_value(value: Any, is_given: bool) -> None:
    assert contact(tag_Hot=value).tags == (["LEADOO", "LEADOO_Hot"] if is_given else ["LEADOO"])


def test_labels_are_unique_and_keep_their_spelling() -> None:
    assert contact(tags="Hot,,hot , Hot", tag_Hot="1").tags == ["LEADOO", "LEADOO_Hot", "LEADOO_hot"]
    assert contact(tags=["A", "B"]).tags == ["LEADOO", "LEADOO_A", "LEADOO_B"]


def test_values_that_are_not_text_make_no_label() -> None:
    contact = contact_of({"email": "ann@leads.pl", "tags": [{"name": "Hot"}, "Cold"]})
    assert contact
    assert contact.tags == ["LEADOO", "LEADOO_Cold"]


def test_zero_and_no_are_values() -> None:
    assert properties(score=0, var_a=False, var_b=1.5) == {"leadoo_score": "0", "leadoo_a": "false", "leadoo_b": "1.5"}


def test_a_variable_does_not_overwrite_a_documented_detail() -> None:
    assert properties(score=42, var_score="high") == {"leadoo_score": "42"}


def test_the_table_can_be_replaced() -> None:
    own = with_own({"Kampania": "properties.leadoo_utm_campaign", "url": "properties.page", "ext": "externalId"})
    found = contact_of({**LEAD, "kampania": "wiosna", "ext": "X-1"}, own)
    assert found
    assert found.external_id == "X-1"
    details = found.properties or {}
    assert details["leadoo_utm_campaign"] == "wiosna"
    assert details["page"] == "https://shop.example/page?a=1"
    assert "leadoo_lead_url" not in details


@pytest.mark.parametrize("target", ["nome", "properties.", "force_opt_in", "consentDetails", ""])
def test_a_table_with_an_unknown_target_is_an_error(target: str) -> None:
    with pytest.raises(Invalid, match="is not a field of a contact"):
        contact_of({**LEAD, "own": "text"}, with_own({"own": target}))


def test_the_table_cannot_be_changed() -> None:
    table: Any = SOURCES
    with pytest.raises(TypeError):
        table["own"] = "name"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*LEAD, "var_", "tag_", "", "Name", "*"]), JSON))
def test_any_lead_becomes_a_contact_or_none(lead: dict[str, Any]) -> None:
    found = contact_of(lead)
    if found:
        assert found.email
        assert found.tags
        assert found.tags[0] == "LEADOO"
        assert all(tag.startswith("LEADOO_") for tag in found.tags[1:])
        assert all(name.startswith("leadoo_") and value for name, value in (found.properties or {}).items())


def test_texts_of_leads_are_read_by_the_options_of_a_run() -> None:
    rules = CellRules(null=frozenset({"NULL"}), date_format=("%d.%m.%Y",))
    shape = LeadShape(with_own({"born": "birthday"})).read_by(rules)
    lead = {"email": " ann@example.com", "name": "NULL", "city": " Ely ", "born": "05.08.1984", "score": 7}
    body = shape.body(lead)
    assert body["contact"] == {"email": "ann@example.com", "address": {"city": "Ely"}}
    assert (body["birthday"], body["properties"]) == ("19840805", {"leadoo_score": "7"})
    assert shape.encoder().encode(lead)[0] == dumps(body)
