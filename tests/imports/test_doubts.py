"""Which events are there? A table: what was sent, what the account shows, and what follows from the two."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.imports._doubts import recorded, sort_out

ANN, BOB = "ann@example.com", "bob@example.com"
AT = 1_700_000_000_000
Event = dict[str, Any]


def sent(kind: str = "PURCHASE", **others: Any) -> Event:
    """An event as it is sent."""
    return {"contactExtEventType": kind, "date": AT, **others}


def shown(kind: str = "PURCHASE", **others: Any) -> Event:
    """An event as the account shows it: with all fields, most of them empty."""
    empty = dict.fromkeys(("description", "products", "location", "value", "shopDomain", "detail1", "externalId"))
    return {"eventId": "5cd3", **empty, **sent(kind), **others}


def bare(event: Event, *hidden: str) -> Event:
    """An event of which the account shows less."""
    return {name: value for name, value in event.items() if name not in hidden}


@frozen
class Case:
    """`sent` are events of Ann, `found` is what she has; `told` is T(here), M(issing) or ? for each that was sent."""

    title: str
    sent: Sequence[Event]
    found: Sequence[Event]
    told: str

    def __str__(self) -> str:
        return self.title


WITH_ID, SHOWN_ID = sent(externalId="1"), shown(externalId="1")

CASES = [
    Case("nothing there", [sent(externalId="1"), sent(value=2.0)], [], "MM"),
    # By externalId, with its type
    Case("by id", [sent(externalId="1"), sent(externalId="2")], [shown(externalId="2")], "MT"),
    Case("an id as a number", [sent(externalId="17")], [shown(externalId=17)], "T"),
    Case(
        "a return has the id of its purchase",
        [sent(externalId="1"), sent("RETURN", externalId="1")],
        [shown(externalId="1")],
        "TM",
    ),
    Case("a type in other letters", [sent("purchase", externalId="1")], [shown(" PURCHASE ", externalId="1")], "T"),
    Case("an id, and a value that was rounded", [WITH_ID | {"value": 1.999}], [SHOWN_ID | {"value": 2.0}], "T"),
    Case("an id, and a text that was cut", [WITH_ID | {"detail1": "abc"}], [SHOWN_ID | {"detail1": "a"}], "T"),
    Case("an id, and another date", [sent(externalId="1")], [shown(externalId="1", date=AT + 86_400_000)], "?"),
    Case("two of one id, both there", [sent(externalId="1", value=1.0), sent(externalId="1", value=2.0)],
         [shown(externalId="1", value=1.0), shown(externalId="1", value=2.0)], "TT"),
    Case("two of one id, one there", [sent(externalId="1", value=1.0), sent(externalId="1", value=2.0)],
         [shown(externalId="1", value=2.0)], "MT"),
    Case("the same id twice, once there", [sent(externalId="1")] * 2, [shown(externalId="1")], "TM"),
    Case("ours has an id, theirs of the same looks another", [sent(externalId="1")], [shown(externalId="2")], "M"),
    Case("ours has none, theirs of the same looks has one", [sent()], [shown(externalId="2")], "M"),
    # The account tells no ids
    Case("no ids are told", [sent(externalId="1", value=5.0)], [bare(shown(value=5.0), "externalId")], "T"),
    Case("no ids are told, other looks", [WITH_ID | {"value": 5.0}], [bare(shown(value=6.0), "externalId")], "M"),
    Case("all ids are told as null", [sent(externalId="1", value=5.0)], [shown(value=5.0)], "T"),
    # By type, date, value, products
    Case("by looks", [sent(value=1.0), sent(value=2.0)], [shown(value=2.0)], "MT"),
    Case("another type", [sent("CART")], [shown("VISIT")], "M"),
    Case("another date", [sent()], [shown(date=AT + 1000)], "M"),
    Case("a date in seconds", [sent()], [shown(date=AT // 1000)], "T"),
    Case("a date as text", [sent()], [shown(date=str(AT))], "T"),
    Case("a date in ISO 8601, UTC", [sent()], [shown(date="2023-11-14T22:13:20Z")], "T"),
    Case("a date in ISO 8601, with an offset", [sent()], [shown(date="2023-11-14T23:13:20.000+01:00")], "T"),
    Case("a date in ISO 8601, with neither", [sent()], [shown(date="2023-11-14 22:13:20")], "T"),
    Case("parts of a second are lost", [sent(date=AT + 999)], [shown(date=AT)], "T"),
    Case("a value as text", [sent(value=189.99)], [shown(value="189.99")], "T"),
    Case("a value with float dust", [sent(value=0.3)], [shown(value=0.1 + 0.2)], "T"),
    Case("no value is a value of 0", [sent(), sent("CART", value=0.0)], [shown(value=0), shown("CART")], "TT"),
    Case("products with spaces", [sent(products="p01,p02")], [shown(products="p01, p02")], "T"),
    Case("products as a list", [sent(products="p01,p02")], [shown(products=["p01", "p02"])], "T"),
    Case("other products", [sent(products="p01,p02")], [shown(products="p01")], "M"),
    Case("texts with other white space", [sent(description="a  b ")], [shown(description=" a b")], "T"),
    # Several that look alike
    Case("three alike, two there", [sent()] * 3, [shown()] * 2, "TTM"),
    Case("three alike, four there", [sent()] * 3, [shown()] * 4, "TTT"),
    Case("told apart by a text", [sent(detail1="a"), sent(detail1="b")], [shown(detail1="b")], "MT"),
    Case("told apart, all there", [sent(), sent(detail1="b")], [shown(detail1="b"), shown()], "TT"),
    Case("one that differs in a text is there", [sent(detail1="a")], [shown(detail1="b")], "?"),
    Case("one of two, which differs from both", [sent(detail1="a"), sent(detail1="b")], [shown(detail1="c")], "??"),
    Case("the text is not shown", [sent(detail1="a")], [bare(shown(), "detail1")], "T"),
    Case("alike and some with ids", [sent(), sent(externalId="1")], [shown(externalId="1")], "MT"),
    Case("what was there before", [sent(value=1.0)], [shown(value=9.0), shown("VISIT"), shown(value=1.0)], "T"),
    # What is not told
    *(
        Case(f"no {name} told", [sent(value=5.0, products="p1")], [bare(shown(value=5.0, products="p1"), name)], "T")
        for name in ("contactExtEventType", "products", "value", "date")
    ),
    # What cannot be read
    Case("a date that nobody can read", [sent()], [shown(date="yesterday")], "?"),
    Case("a value that nobody can read", [sent(value=5.0)], [shown(value="5,00 zł")], "?"),
    Case("a date beyond all bounds", [sent()], [shown(date="9" * 400)], "?"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_of_one_contact(case: Case) -> None:
    found = recorded([{"email": ANN, "id": "A", "contactExtEvents": case.found}], [])
    assert told([(ANN,)] * len(case.sent), case.sent, found) == case.told


def told(names: Sequence[tuple[str, ...]], events: Sequence[Event], found: Any) -> str:
    """Each event's letter; they must share out all that were sent."""
    answer = sort_out(names, events, found)
    letters = {
        **dict.fromkeys(answer.there, "T"),
        **dict.fromkeys(answer.missing, "M"),
        **dict.fromkeys(answer.undecided, "?"),
    }
    assert len(answer.there) + len(answer.missing) + len(answer.undecided) == len(events)
    assert all(answer.undecided.values())
    return "".join(letters[index] for index in range(len(events)))


def contact(email: str, id_: str, *events: Event) -> Mapping[str, Any]:
    return {"email": email, "id": id_, "contactExtEvents": list(events)}


CONTACTS = [
    ("an address in other letters", [contact("Ann@Example.com", "A", shown())], [(ANN,)], "T"),
    ("by id", [contact(ANN, "A", shown())], [("A",)], "T"),
    ("the event of another contact", [contact(ANN, "A"), contact(BOB, "B", shown())], [(ANN,)], "M"),
    ("a contact that is not there", [], [(ANN,)], "M"),
    ("by address and by id", [contact(ANN, "A", shown())], [(ANN,), ("A",)], "TM"),
    ("by address and by id, both there", [contact(ANN, "A", shown(), shown())], [(ANN,), ("A",)], "TT"),
    ("one contact, shown twice", [contact(ANN, "A", shown())] * 2, [(ANN,), (ANN,)], "TM"),
    ("an old address, and an id", [contact(BOB, "A", shown())], [(ANN, "A")], "T"),
    ("two contacts of one address", [contact(ANN, "A"), contact(ANN, "B", shown())], [(ANN,)], "T"),
    ("two of one address, two events", [contact(ANN, "A", shown()), contact(ANN, "B", shown())], [(ANN,)] * 2, "TT"),
]  # fmt: skip


@pytest.mark.parametrize(("contacts", "names", "letters"), [pytest.param(*rest, id=name) for name, *rest in CONTACTS])
def test_the_same_event_of_contacts(contacts: Any, names: Any, letters: str) -> None:
    assert told(names, [sent()] * len(names), recorded(contacts, [])) == letters


def test_a_contact_that_is_not_shown_leaves_its_events_in_doubt() -> None:
    found = recorded([contact(ANN, "A", shown())], ["X", 7])
    assert told([("A",), ("X",), ("7",), ("Y",)], [sent()] * 4, found) == "T??M"


@pytest.mark.parametrize(
    "hidden",
    [
        {"email": ANN, "id": "A"},
        {"email": ANN, "id": "A", "contactExtEvents": {"items": []}},
        {"email": "****@example.com", "id": "A", "contactExtEvents": []},
        {"contactExtEvents": []},
        {"contact": {"email": ANN, "id": "A", "contactExtEvents": []}},
    ],
    ids=["no events told", "events that are no list", "a masked address", "no name", "wrapped"],
)
def test_where_a_contact_may_be_hidden_its_events_are_in_doubt(hidden: Mapping[str, Any]) -> None:
    found = recorded([hidden, {"email": BOB, "id": "B", "contactExtEvents": []}], [])
    assert told([(ANN,), (BOB,)], [sent(), sent()], found) == "?M"


def test_a_contact_without_events_may_have_null_in_their_place() -> None:
    found = recorded([{"email": f" {ANN.upper()} ", "contactExtEvents": None}], [])
    assert told([(ANN,)], [sent()], found) == "M"


def test_what_is_no_contact_and_what_is_no_event_is_passed_over() -> None:
    found = recorded([None, 7, "x", contact(ANN, "A", shown()), {"email": BOB, "contactExtEvents": [None, "x"]}], [])
    assert told([(ANN,), (BOB,)], [sent()] * 2, found) == "TM"


OURS = st.builds(
    sent,
    st.sampled_from(["CART", "PURCHASE"]),
    value=st.sampled_from([1.0, 2.0]),
    detail1=st.sampled_from(["a", "b"]),
    externalId=st.sampled_from(["", "1", "2"]),
)


@given(st.lists(st.tuples(OURS, st.booleans()), max_size=8), st.booleans(), st.randoms(use_true_random=False))
def test_of_events_that_arrived_unchanged_none_is_called_missing_and_no_other_there(
    events: list[tuple[Event, bool]], knows_ids: bool, random: Any
) -> None:
    """Some of the events arrived. What is called there or missing is so, but for which of several that are equal."""
    arrived = [shown(**event) | event for event, has_arrived in events if has_arrived]
    random.shuffle(arrived)
    found = recorded([contact(ANN, "A", *(one if knows_ids else bare(one, "externalId") for one in arrived))], [])
    letters = told([(ANN,)] * len(events), [event for event, _ in events], found)
    for looks in ({"CART"}, {"PURCHASE"}):
        of_them = [
            (has_arrived, letter)
            for (event, has_arrived), letter in zip(events, letters, strict=True)
            if event["contactExtEventType"] in looks
        ]
        there = sum(has_arrived for has_arrived, _ in of_them)
        assert sum(letter == "T" for _, letter in of_them) <= there
        assert sum(letter == "M" for _, letter in of_them) <= len(of_them) - there
