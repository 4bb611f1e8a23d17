"""Which events does the server have? A table: what was sent, what the account shows, and what follows from the two."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.imports.engine.matching import match_events, server_events
from salesmanago_async.records.names import canonical
from tests.imports.renderings import AMBIGUOUS, LIMITS, RECOGNIZABLE, Event, Rendering, bare

ANN, BOB = "ann@example.com", "bob@example.com"
AT = 1_700_000_000_000


def sent(kind: str = "PURCHASE", **others: Any) -> Event:
    """An event as it is sent."""
    return {"contactExtEventType": kind, "date": AT, **others}


def shown(kind: str = "PURCHASE", **others: Any) -> Event:
    """An event as the account shows it: with all fields, most of them empty."""
    empty = dict.fromkeys(("description", "products", "location", "value", "shopDomain", "detail1", "externalId"))
    return {"eventId": "5cd3", **empty, **sent(kind), **others}


@frozen
class Case:
    """Events `sent` to Ann, events `found` there, and the `expected` result: T(here), M(issing) or ? (undecided)."""

    title: str
    sent: Sequence[Event]
    found: Sequence[Event]
    expected: str

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
    Case("ours has an id, theirs of the same looks another", [sent(externalId="1")], [shown(externalId="2")], "?"),
    Case("ours has none, theirs of the same looks has one", [sent()], [shown(externalId="2")], "?"),
    Case("another id, and another date", [WITH_ID], [shown(externalId="2", date=AT + 1000)], "M"),
    Case("another id, and an hour between", [WITH_ID], [shown(externalId="2", date=AT + 3_600_000)], "M"),
    Case("another id and another type", [WITH_ID], [shown("VISIT", externalId="2")], "M"),
    Case("a return, long after its purchase", [sent("RETURN", externalId="1", date=AT + 10**9)], [SHOWN_ID], "M"),
    # Ids of one series
    Case("the next order of the same moment", [sent(externalId="Order-18")], [shown(externalId="Order-17")], "M"),
    Case("its id may be cut short", [sent(externalId="Order-18")], [shown(externalId="Order-1")], "?"),
    Case("a longer id shows that none is cut there", [sent(externalId="Order-18")],
         [shown(externalId="Order-1"), shown("VISIT", externalId="Order-170")], "M"),
    Case("an id like it, but for its letters", [sent(externalId="Order-18")], [shown(externalId="Invoice-18")], "?"),
    Case("numbers alone, which may be the server's", [sent(externalId="1018")], [shown(externalId="1017")], "?"),
    # Ids in several spellings
    Case("an id in lower case", [sent(externalId="AB-1")], [shown(externalId="ab-1")], "T"),
    Case("two of ours spelt alike, told apart by a value",
         [sent(externalId="ab", value=1), sent(externalId="AB", value=2)], [shown(externalId="ab", value=2)], "MT"),
    Case("two of ours spelt alike, one there", [sent(externalId="ab"), sent(externalId="AB")],
         [shown(externalId="ab")], "??"),
    Case("two of ours spelt alike, both there", [sent(externalId="ab"), sent(externalId="AB")],
         [shown(externalId="ab"), shown(externalId="ab")], "TT"),
    Case("two of ours spelt alike, one there that differs",
         [sent(externalId="07", value=1), sent(externalId="7", value=2)], [shown(externalId=7, value=3)], "??"),
    # The account shows no ids
    Case("no ids are told", [sent(externalId="1", value=5.0)], [bare(shown(value=5.0), "externalId")], "T"),
    Case("no ids are told, other looks", [WITH_ID | {"value": 5.0}], [bare(shown(value=6.0), "externalId")], "M"),
    Case("all ids are told as null", [sent(externalId="1", value=5.0)], [shown(value=5.0)], "T"),
    # By type, date, value, products
    Case("by looks", [sent(value=1.0), sent(value=2.0)], [shown(value=2.0)], "MT"),
    Case("another type, or the same one renamed", [sent("CART")], [shown("VISIT")], "?"),
    Case("another type, which is one of ours", [sent("CART"), sent("VISIT")], [shown("VISIT")], "MT"),
    Case("another type, and another date", [sent("CART")], [shown("VISIT", date=AT + 1000)], "M"),
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
    # Several that are alike
    Case("three alike, two there", [sent()] * 3, [shown()] * 2, "TTM"),
    Case("three alike, four there", [sent()] * 3, [shown()] * 4, "TTT"),
    Case("told apart by a text", [sent(detail1="a"), sent(detail1="b")], [shown(detail1="b")], "MT"),
    Case("told apart, all there", [sent(), sent(detail1="b")], [shown(detail1="b"), shown()], "TT"),
    Case("one that differs in a text is there", [sent(detail1="a")], [shown(detail1="b")], "?"),
    Case("one of two, which differs from both", [sent(detail1="a"), sent(detail1="b")], [shown(detail1="c")], "??"),
    Case("the text is not shown", [sent(detail1="a")], [bare(shown(), "detail1")], "T"),
    Case("alike and some with ids", [sent(), sent(externalId="1")], [shown(externalId="1")], "MT"),
    Case("what was there before", [sent(value=1.0)], [shown(value=9.0), shown("VISIT"), shown(value=1.0)], "T"),
    # What is not shown
    *(
        Case(f"no {name} told", [sent(value=5.0, products="p1")], [bare(shown(value=5.0, products="p1"), name)], "T")
        for name in ("contactExtEventType", "products", "value", "date")
    ),
    # What may be one of ours or another of ours
    Case("one there of two that differ in what is not shown", [sent(detail1="a"), sent(detail1="b")],
         [bare(shown(), "detail1")], "??"),
    Case("both there of two that differ in what is not shown", [sent(detail1="a"), sent(detail1="b")],
         [bare(shown(), "detail1")] * 2, "TT"),
    Case("one there of two that differ in their ids, and no ids are shown",
         [sent(externalId="1"), sent(externalId="2")], [bare(shown(), "externalId")], "??"),
    Case("one there of two equal ones and a third like them", [sent(detail1="a"), sent(detail1="a"), sent(detail1="b")],
         [bare(shown(), "detail1")], "?M?"),
    Case("one there of two, and no type is shown", [sent(externalId="1"), sent("RETURN", externalId="1")],
         [bare(SHOWN_ID, "contactExtEventType")], "??"),
    Case("one there of two in one minute, and minutes are shown", [sent(date=AT - AT % 60_000), sent(date=AT)],
         [shown(date=AT - AT % 60_000)], "??"),
    Case("one there of two in one minute, and seconds are shown", [sent(date=AT), sent(date=AT + 1000)],
         [shown(date=AT)], "TM"),
    Case("two there, both renamed to the type of the first", [sent("CART"), sent("VISIT")], [shown("CART")] * 2, "T?"),
    Case("three there, none with a date that can be read", [sent(), sent(date=AT + 5), sent(date=AT + 9_000)],
         [shown(date="one day")] * 3, "???"),
    Case("one that shows nothing", [sent()], [{"event": {}}], "?"),
    # Similar events without ids
    Case("daily ones", [sent(date=AT + 86_400_000)], [shown()], "M"),
    Case("hourly ones that are all ours", [sent(date=AT + 3_600_000), sent()], [shown()], "MT"),
    Case("an hour before, not ours", [sent()], [shown(date=AT - 3_600_000)], "?"),
    Case("an hour before, of other products", [sent(products="p1")], [shown(products="p2", date=AT - 3_600_000)], "M"),
    Case("an hour before, of another text", [sent(detail1="a")], [shown(detail1="b", date=AT - 3_600_000)], "M"),
    Case("some minutes before", [sent()], [shown(date=AT - 300_000)], "M"),
    # What cannot be read
    Case("a date that nobody can read", [sent()], [shown(date="yesterday")], "?"),
    Case("a value that nobody can read", [sent(value=5.0)], [shown(value="5,00 zł")], "?"),
    Case("a date beyond all bounds", [sent()], [shown(date="9" * 400)], "?"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_of_one_contact(case: Case) -> None:
    found = server_events([{"email": ANN, "id": "A", "contactExtEvents": case.found}], [])
    assert classify([(ANN,)] * len(case.sent), case.sent, found) == case.expected


def classify(names: Sequence[tuple[str, ...]], events: Sequence[Event], found: Any) -> str:
    """Return the letter of each event; every event that was sent has exactly one."""
    answer = match_events([tuple(map(canonical, each)) for each in names], events, found)
    letters = {
        **dict.fromkeys(answer.present, "T"),
        **dict.fromkeys(answer.missing, "M"),
        **dict.fromkeys(answer.undecided, "?"),
    }
    assert len(answer.present) + len(answer.missing) + len(answer.undecided) == len(events)
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
    assert classify(names, [sent()] * len(names), server_events(contacts, [])) == letters


def test_a_contact_that_is_not_shown_leaves_its_events_in_doubt() -> None:
    found = server_events([contact(ANN, "A", shown())], ["X", 7])
    assert classify([("A",), ("X",), ("7",), ("Y",)], [sent()] * 4, found) == "T??M"


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
def test_if_a_contact_may_be_hidden_its_events_are_in_doubt(hidden: Mapping[str, Any]) -> None:
    found = server_events([hidden, {"email": BOB, "id": "B", "contactExtEvents": []}], [])
    assert classify([(ANN,), (BOB,)], [sent(), sent()], found) == "?M"


@pytest.mark.parametrize(
    ("others", "letter"),
    [
        ([contact(BOB, "B", shown())], "M"),
        ([contact(BOB, "B")], "?"),
        ([contact(BOB, "B", shown()), contact("c@example.com", "C")], "?"),
        ([], "?"),
        ([{"email": BOB, "id": "B", "contactExtEvents": None}], "?"),
    ],
    ids=["as others have events", "as another has an empty list", "as there are both", "as it is alone", "as all do"],
)
def test_null_means_no_events_only_if_the_answer_shows_that(others: list[Any], letter: str) -> None:
    found = server_events([{"email": f" {ANN.upper()} ", "contactExtEvents": None}, *others], [])
    assert classify([(ANN,), (BOB,), ("C",)], [sent()] * 3, found)[0] == letter


@pytest.mark.parametrize(
    ("name", "shown_as"),
    [
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ANN@BÜCHER.example"),
        ("zoë@example.com", "zoe\u0308@example.com"),
    ],
)
def test_a_contact_is_known_in_whatever_spelling_it_is_shown(name: str, shown_as: str) -> None:
    assert classify([(name,)], [sent()], server_events([contact(shown_as, "A", shown())], [])) == "T"
    assert classify([(name,)], [sent()], server_events([], [shown_as])) == "?"


def test_what_is_no_contact_and_what_is_no_event_is_passed_over() -> None:
    found = server_events(
        [None, 7, "x", contact(ANN, "A", shown()), {"email": BOB, "contactExtEvents": [None, "x"]}], []
    )
    assert classify([(ANN,), (BOB,)], [sent()] * 2, found) == "TM"


# Events shown in every way

EVENTS: list[Event] = [
    {
        "externalId": "Zamówienie-007",
        "value": 189.99,
        "products": "p01,p02",
        "description": "blue shirt",
        "detail1": "XL",
    },
    {"externalId": "zamo\u0301wienie-8", "value": 20.5, "products": "p03", "description": "red shoes", "detail1": "41"},
    {"externalId": "0000123", "value": 15.25, "products": "p04,p05,p06", "description": "hat", "detail1": "one size"},
    {
        "externalId": "\uff21\uff22C-9",
        "value": 7.75,
        "products": "p07",
        "description": "gloves of wool",
        "detail1": "pair",
    },
    {"externalId": " K-77 ", "value": 1200.1, "products": "p08,p09", "description": "a very long coat", "detail1": "L"},
]
"""Events that differ in everything, some days and some odd minutes apart."""
ALL = [sent(date=AT + number * 199_999_871, **event) for number, event in enumerate(EVENTS)]


def shown_by(rendering: Rendering, events: Sequence[Event]) -> Any:
    return server_events([contact(ANN, "A", *(rendering(shown(**event)) for event in events))], [])


def letters_of(rendering: Rendering, *, has_ids: bool, arrived: Sequence[bool]) -> list[tuple[bool, str]]:
    """Return whether each event has arrived, and its letter by what the server shows."""
    events = ALL if has_ids else [bare(event, "externalId") for event in ALL]
    found = shown_by(rendering, [event for event, has_arrived in zip(events, arrived, strict=True) if has_arrived])
    return list(zip(arrived, classify([(ANN,)] * len(events), events, found), strict=True))


ARRIVED = [[bool(number >> place & 1) for place in range(len(EVENTS))] for number in range(2 ** len(EVENTS))]


@pytest.mark.sampled
@pytest.mark.parametrize("has_ids", [True, False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("rendering", [*RECOGNIZABLE, *AMBIGUOUS])
def test_an_event_that_is_there_is_never_missing_in_whatever_way_it_is_shown(rendering: str, has_ids: bool) -> None:
    """Whichever of the events have arrived. An event that has not arrived never counts as there."""
    for arrived in ARRIVED:
        letters = letters_of((RECOGNIZABLE | AMBIGUOUS)[rendering], has_ids=has_ids, arrived=arrived)
        assert (True, "M") not in letters
        assert (False, "T") not in letters
        if rendering in RECOGNIZABLE and has_ids:
            assert (True, "?") not in letters
        if not any(arrived):  # nothing similar is there
            assert letters == [(False, "M")] * len(EVENTS)


@pytest.mark.sampled
@pytest.mark.parametrize("rendering", [rendering for rendering in RECOGNIZABLE if rendering != "ids and dates alone"])
def test_an_event_that_is_not_there_is_missing_if_the_server_shows_enough(rendering: str) -> None:
    for arrived in ARRIVED:
        assert (False, "?") not in letters_of(RECOGNIZABLE[rendering], has_ids=True, arrived=arrived)


@pytest.mark.parametrize("rendering", LIMITS)
def test_what_cannot_be_seen_is_named_as_a_limit(rendering: str) -> None:
    """If one of these is recognised one day, update the header of matching.py and the limits in README.md."""
    assert letters_of(LIMITS[rendering], has_ids=True, arrived=[True] * len(EVENTS)) == [(True, "M")] * len(EVENTS)


_renderings = st.sampled_from([*(RECOGNIZABLE | AMBIGUOUS).values()])
_dates = st.sampled_from([0, 1, 29, 31, 60, 3_600, 7_200, 86_400, 90_061]).map(lambda seconds: AT + seconds * 1000)
_alike = st.builds(
    sent,
    st.sampled_from(["CART", "PURCHASE"]),
    date=_dates,
    value=st.sampled_from([1.0, 1.25, 2.0]),
    products=st.sampled_from(["p1", "p2", "p1,p2"]),
    detail1=st.sampled_from(["a", "b"]),
)


@given(st.lists(st.tuples(_alike, st.booleans()), max_size=7), _renderings, st.randoms(use_true_random=False))
def test_purchases_with_ids_are_never_doubled_however_alike(
    drawn: list[tuple[Event, bool]], rendering: Rendering, random: Any
) -> None:
    """Each event has its own id; the server may show it with another one."""
    events = [event | {"externalId": f"Order-{number:03}"} for number, (event, _) in enumerate(drawn)]
    arrived = [event for event, (_, has_arrived) in zip(events, drawn, strict=True) if has_arrived]
    random.shuffle(arrived)
    letters = classify([(ANN,)] * len(events), events, shown_by(rendering, arrived))
    assert not [event for event, letter in zip(events, letters, strict=True) if letter == "M" and event in arrived]


@given(st.lists(st.booleans(), max_size=30))
def test_orders_of_one_moment_are_told_apart_by_their_numbers(arrived: list[bool]) -> None:
    events = [sent(externalId=f"Order-{number:03}") for number in range(len(arrived))]
    there = [shown(externalId=f"Order-{number:03}") for number, has_arrived in enumerate(arrived) if has_arrived]
    letters = classify([(ANN,)] * len(events), events, server_events([contact(ANN, "A", *there)], []))
    assert letters == "".join("T" if has_arrived else "M" for has_arrived in arrived)


def test_many_events_of_one_contact_are_sorted_out_in_a_moment() -> None:
    """A thousand of our events that are missing, beside ten thousand that are there, all of the same type."""
    ours = [sent(date=AT + number * 61_000, externalId=f"N{number}") for number in range(1_000)]
    theirs = [shown(date=AT + number * 61_000 + 7_000, externalId=f"O{number}") for number in range(10_000)]
    found = server_events([contact(ANN, "A", *theirs)], [])
    began = time.process_time()
    assert classify([(ANN,)] * len(ours), ours, found) == "M" * len(ours)
    assert time.process_time() - began < 3


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
    """Some of the events arrived. The letters are right, except for which ones of several equal events arrived."""
    arrived = [shown(**event) | event for event, has_arrived in events if has_arrived]
    random.shuffle(arrived)
    found = server_events([contact(ANN, "A", *(one if knows_ids else bare(one, "externalId") for one in arrived))], [])
    letters = classify([(ANN,)] * len(events), [event for event, _ in events], found)
    for types in ({"CART"}, {"PURCHASE"}):
        results = [
            (has_arrived, letter)
            for (event, has_arrived), letter in zip(events, letters, strict=True)
            if event["contactExtEventType"] in types
        ]
        present = sum(has_arrived for has_arrived, _ in results)
        assert sum(letter == "T" for _, letter in results) <= present
        assert sum(letter == "M" for _, letter in results) <= len(results) - present
