"""A record becomes a flat row: with the names of an import, nothing lost, and nothing in a wrong cell."""

from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from salesmanago_async.exports.flat import DEEPEST, flat

BIRTH = 1489493057000
AT = datetime(2017, 3, 14, 12, 4, 17, tzinfo=UTC)
ID = "5bb84002-08ae-11e7-a63d-28d24400c116"


def exported(**parts: Any) -> dict[str, Any]:
    return {ID: parts}


@pytest.mark.parametrize(
    ("record", "row"),
    [
        # an exported contact
        (exported(), {"id": ID}),
        (exported(contactData={"id": ID, "email": "a@b.pl"}), {"id": ID, "email": "a@b.pl"}),
        (exported(contactData={"id": None, "email": None}), {"id": ID, "email": None}),
        (exported(contactData={"id": "other"}), {"id": ID, "id (2)": "other"}),
        (exported(contactData=None), {"id": ID}),
        (exported(contactData="odd"), {"id": ID, "contactData": "odd"}),
        (exported(tagData=[{"tagName": "A", "score": 2}, {"tagName": "B"}]), {"id": ID, "tags": ["A", "B"]}),
        (exported(tagData=[{"tag": "A", "tagName": None}]), {"id": ID, "tags": ["A"]}),
        (exported(tagData=None), {"id": ID, "tags": None}),
        (exported(tagData=[{"score": 2}]), {"id": ID, "tagData": '[{"score":2}]'}),
        (exported(tagData={"tagName": "A"}), {"id": ID, "tagData.tagName": "A"}),
        (exported(contactPropertiesData=[{"name": "size", "value": "XL"}]), {"id": ID, "properties.size": "XL"}),
        (exported(contactPropertiesData=[{"name": "a.b", "value": None}]), {"id": ID, "properties.a.b": None}),
        (exported(contactPropertiesData=None), {"id": ID}),
        (
            exported(contactPropertiesData=[{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
            {"id": ID, "properties.a": "1", "properties.a (2)": "2"},
        ),
        (
            exported(contactPropertiesData=[{"name": "a", "value": "1"}, {"value": "2"}, {"name": "b", "x": 1}]),
            {"id": ID, "properties.a": "1", "contactPropertiesData": '[{"value":"2"},{"name":"b","x":1}]'},
        ),
        (exported(contactPropertiesData={"size": "XL"}), {"id": ID, "contactPropertiesData.size": "XL"}),
        (
            exported(
                contactDictionaryPropertiesData=[
                    {"name": "visits", "type": "NUMBER", "value": 9},
                    {"name": "since", "type": "DATE", "value": BIRTH},
                ]
            ),
            {"id": ID, "dictionary.visits": 9, "dictionary.since": AT},
        ),
        (exported(extEventData=[{"date": BIRTH}]), {"id": ID, "extEventData": f'[{{"date":{BIRTH}}}]'}),
        (exported(extEventData=None), {"id": ID, "extEventData": None}),
        (exported(newData={"x": 1}), {"id": ID, "newData.x": 1}),
        # a contact of a list
        ({"email": "a@b.pl", "address": {"city": "Kraków", "zipCode": None}},
         {"email": "a@b.pl", "city": "Kraków", "zipCode": None}),
        ({"contactTags": [{"tag": "A", "tagName": "A", "tagWithScore": "A (1)"}]}, {"tags": ["A"]}),
        ({"properties": [{"name": "size", "value": "XL"}]}, {"properties.size": "XL"}),
        ({"birthdayYear": 1980, "birthdayMonth": 1, "birthdayDay": 2}, {"birthday": "19800102"}),
        ({"birthdayYear": None, "birthdayMonth": "4", "birthdayDay": "17"}, {"birthday": "0417"}),
        ({"birthdayYear": None, "birthdayMonth": None, "birthdayDay": None}, {"birthday": None}),
        ({"birthdayYear": 1980, "birthdayMonth": None, "birthdayDay": None},
         {"birthdayYear": 1980, "birthdayMonth": None, "birthdayDay": None}),
        # times
        ({"createdOn": BIRTH, "dateSent": str(BIRTH), "date": None}, {"createdOn": AT, "dateSent": AT, "date": None}),
        ({"sentOn": "2017-03-14"}, {"sentOn": datetime(2017, 3, 14, tzinfo=UTC)}),
        ({"sentOn": "2017-03-14T13:04:17+01:00"}, {"sentOn": AT}),
        ({"sentOn": "soon", "createdOn": 10**18, "date": True}, {"sentOn": "soon", "createdOn": 10**18, "date": True}),
        ({"sentMessage": BIRTH}, {"sentMessage": BIRTH}),
        # any record
        ({"a": {"b": {"c": 1}, "d": []}}, {"a.b.c": 1, "a.d": []}),
        ({"a": {}, "b": 1}, {"a": "{}", "b": 1}),
        ({"a": {"b": 1}, "a.b": 2}, {"a.b": 1, "a.b (2)": 2}),
        ({"a": [1, "b", 2.5, True]}, {"a": ["1", "b", "2.5", "true"]}),
        ({"a": [None]}, {"a": "[null]"}),
        ({"a": [{"b": 1}]}, {"a": '[{"b":1}]'}),
        ({"a": 2**63}, {"a": str(2**63)}),
        ({"a": 2**63 - 1}, {"a": 2**63 - 1}),
        ({"a": None, "b": ""}, {"a": None, "b": ""}),
        ({}, {}),
        ("a text", {"value": "a text"}),
        (None, {"value": None}),
        ([{"a": 1}], {"value": '[{"a":1}]'}),
    ],
)  # fmt: skip
def test_a_record_becomes_this_row(record: Any, row: dict[str, Any]) -> None:
    assert flat(record) == row


def test_every_documented_file_becomes_rows_with_regular_names(catalogue: dict[str, dict[str, Any]]) -> None:
    files = [file for entry in catalogue.values() for file in entry.get("files", ())]
    records = [record for file in files for record in (file if isinstance(file, list) else [file])]
    assert len(records) >= 10
    for record in records:
        row = flat(record)
        assert row
        assert not any("(" in name or name.startswith(ID[:4]) for name in row)


def test_an_object_of_any_depth_is_a_row() -> None:
    record: Any = 1
    for _ in range(900):
        record = {"a": record}
    ((name, cell),) = flat(record).items()
    assert name == ".".join("a" * DEEPEST)
    assert isinstance(cell, str)


def plain_values(value: Any) -> list[Any]:
    """All plain values in a record, as text."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in plain_values(inner)]
    return [value]


NAMES = st.sampled_from(
    ["id", "a", "a.b", "b", "tags", "tagData", "contactData", "address", "properties", "birthday", "x (2)"]
) | st.text(max_size=3)
SCALARS = st.integers(-(2**53), 2**53) | st.text(max_size=3) | st.booleans()
RECORDS = st.dictionaries(
    NAMES,
    st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=6),
    max_size=5,
)


@given(RECORDS)
def test_no_value_is_lost_for_any_names(record: dict[str, Any]) -> None:
    """Each plain value of a record is in a cell: unchanged, or inside JSON."""
    cells = list(flat(record).values())
    shown = orjson.dumps(cells).decode()
    for value in plain_values(record):
        as_json = orjson.dumps(value).decode()
        assert value in cells or as_json in shown or orjson.dumps(as_json).decode()[1:-1] in shown
