"""Order per contact: no record overtakes another, none is lost, and none waits without a reason."""

from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from salesmanago_async.imports.engine import order as _order
from salesmanago_async.imports.engine.chunks import Record
from salesmanago_async.imports.engine.order import ActiveNames, Order

NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True).map(tuple)


def record(position: int, *names: str, item: bytes = b"{}") -> Record:
    return Record(None, position, None, names, item)


class Readers(RuleBasedStateMachine):
    """A reader that asks `Order` about each record, and a list of the records under way, with which it must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Order()
        self.read: list[Record] = []
        self.gone: list[Record] = []
        self.under_way: list[Record] = []
        self.blocked: set[str] = set()
        self.never: list[Record] = []

    @rule(names=NAMES)
    def read_one(self, names: tuple[str, ...]) -> None:
        """A record goes, unless one of its names is under way, blocked, or held back before it."""
        one = record(len(self.read), *names)
        self.read.append(one)
        must_wait = self.order.must_wait(names)
        waits_for = {name for other in self.under_way + self.held() for name in other.names if other is not one}
        assert must_wait is not waits_for.isdisjoint(names)
        if not must_wait:
            self.let_go(one)
        elif self.order.is_blocked(names):
            self.never.append(one)
        else:
            self.order.hold(one)

    @precondition(lambda self: self.under_way)
    @rule(choose=st.randoms(use_true_random=False))
    def settle_one(self, choose: Random) -> None:
        one = choose.choice(self.under_way)
        if self.blocked.isdisjoint(one.names):
            self.under_way.remove(one)
            self.order.end(one.names)

    @precondition(lambda self: self.under_way)
    @rule(choose=st.randoms(use_true_random=False))
    def block_one(self, choose: Random) -> None:
        """A blocked record stays under way."""
        one = choose.choice(self.under_way)
        self.blocked.update(one.names)
        self.order.block(one.names)

    @rule()
    def release(self) -> None:
        for one in self.order.ready():
            if self.order.is_blocked(one.names):
                self.never.append(one)
            else:
                self.let_go(one)
        assert not self.order.may_release
        held = self.held()
        for place, one in enumerate(held):  # every record that still waits has a reason
            assert any(not set(one.names).isdisjoint(other.names) for other in self.under_way + held[:place])

    def let_go(self, one: Record) -> None:
        before = [other for other in self.read[: one.position] if not set(other.names).isdisjoint(one.names)]
        assert not [other for other in before if other in self.held()], "it overtakes one of its contact"
        assert not [other for other in before if other in self.under_way], "one of its contact is under way"
        self.gone.append(one)
        self.under_way.append(one)
        self.order.begin(one.names)

    def held(self) -> list[Record]:
        known = {id(one) for one in self.gone + self.never}
        return [one for one in self.read if id(one) not in known]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.order.held == len(self.read) - len(self.gone) - len(self.never)

    def teardown(self) -> None:
        assert sorted(self.order.give_up()) == sorted(self.held())
        assert self.order.held == 0


TestReaders = Readers.TestCase


STEPS = st.lists(st.tuples(st.booleans(), st.lists(st.text("abc", max_size=3), max_size=4)), max_size=50)


@given(steps=STEPS, exact=st.sampled_from([0, 5, 1000]))
def test_names_are_there_as_often_as_they_were_added(steps: list[tuple[bool, list[str]]], exact: int) -> None:
    """Whether they are kept exactly, as hashes, or in both ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_order, "MAX_EXACT", exact)
        check_names(steps)


def check_names(steps: list[tuple[bool, list[str]]]) -> None:
    names = ActiveNames()
    model: list[str] = []
    for adds, some in steps:
        if adds:
            names.add(some)
            model += some
        else:
            some = [name for name in dict.fromkeys(some) if name in model]
            names.remove(some)
            for name in some:
                model.remove(name)
    assert all(names.has_any([name]) for name in model)
    names.remove(model)
    assert not names.has_any(model)


def test_a_begin_during_a_release_counts_immediately() -> None:
    order = Order()
    order.begin(["a"])
    order.hold(record(0, "a"))
    order.hold(record(1, "a"))
    order.end(["a"])
    let_go: list[int] = []
    for one in order.ready():
        order.begin(one.names)
        let_go.append(one.position)
    assert (let_go, order.held) == ([0], 1)


def test_a_record_waits_for_each_of_its_names() -> None:
    order = Order()
    order.begin(["a"])
    order.begin(["b"])
    order.hold(record(0, "a", "b"))
    order.end(["a"])
    assert list(order.ready()) == []
    order.end(["b"])
    assert [one.position for one in order.ready()] == [0]


def test_held_records_may_be_released_only_after_something_is_settled() -> None:
    order = Order()
    order.begin(["a", "b"])
    states = [order.may_release]
    for act in (
        lambda: order.hold(record(0, "a")),
        lambda: order.end(["b"]),
        lambda: list(order.ready()),
        lambda: order.end(["a"]),
        lambda: list(order.ready()),
    ):
        act()
        states.append(order.may_release)
    assert states == [False, False, True, False, True, False]


def test_what_is_held_back_is_bounded_by_number_and_by_bytes() -> None:
    def fill(count: int, item: bytes) -> Order:
        order = Order()
        order.begin(["a"])
        for position in range(count):
            order.hold(record(position, "a", item=item))
        return order

    assert not fill(_order.MAX_HELD - 1, b"").is_full
    assert fill(_order.MAX_HELD, b"").is_full
    a_sixteenth = bytes(_order.MAX_HELD_BYTES // 16)
    assert not fill(15, a_sixteenth).is_full
    full = fill(16, a_sixteenth)
    assert full.is_full
    full.end(["a"])
    assert len(list(full.ready())) == 16
    assert not full.is_full


def test_a_contact_that_shares_a_hash_with_a_blocked_one_is_not_held_for_ever() -> None:
    blocked, other = _of_one_hash()
    order = Order()
    order.begin([blocked])
    order.block([blocked])
    order.end([])
    assert order.must_wait((blocked,))
    assert not order.must_wait((other,))


def _of_one_hash() -> tuple[str, str]:
    """Return two names with the same 32 bits; among some 100,000 names there usually are some."""
    seen: dict[int, str] = {}
    for number in count():
        name = f"u{number}@x.pl"
        if (known := seen.setdefault(hash(name) & 0xFFFFFFFF, name)) != name:
            return known, name
    raise AssertionError("unreachable: there are only so many hashes")
