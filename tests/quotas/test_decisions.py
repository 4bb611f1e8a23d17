"""What a process does about its slots at one tick, as tables."""

from itertools import count
from random import Random

import pytest

from salesmanago_async.quotas._decisions import Held, Mine, Move, Others, decide, slots_to_give, starts_to_reserve


@pytest.mark.parametrize(
    ("slots", "others", "held", "wanted", "target", "flags"),
    [
        # alone
        (6, Others(), 0, 0, 0, ""),
        (6, Others(), 3, 0, 0, ""),
        (6, Others(), 0, 4, 4, "part starving"),
        (6, Others(), 0, 8, 6, "part starving eager"),
        (6, Others(), 6, 8, 6, "part eager"),
        (6, Others(), 6, 2, 2, "part"),
        # one other, which wants little: what is free is taken
        (6, Others(participants=1), 3, 8, 6, "part eager"),
        # one other, which wants as much
        (6, Others(participants=1, eager=1), 0, 8, 3, "part starving eager"),
        (6, Others(participants=1, eager=1), 5, 8, 3, "part eager"),
        (6, Others(participants=1, eager=1), 3, 8, 3, "part eager"),
        # one other, which wants little and has nothing: one slot is given in each tick, down to the share
        (6, Others(participants=1, starving=1), 6, 8, 5, "part eager"),
        (6, Others(participants=1, starving=1), 3, 8, 3, "part eager"),
        (6, Others(participants=1, starving=1), 2, 8, 3, "part starving eager"),
        # three others, all eager: 2, 2, 1 and 1
        (6, Others(participants=3, eager=3), 1, 8, 2, "part eager"),
        (6, Others(participants=3, eager=3), 3, 8, 2, "part eager"),
        (6, Others(participants=3, eager=3, starving=1), 2, 8, 1, "part eager"),
        (6, Others(participants=3, eager=3, starving=1), 1, 8, 1, "part eager"),
        # what nobody else wants is kept by nobody who does not want it
        (6, Others(participants=3), 4, 1, 1, "part"),
    ],
)
def test_what_a_process_has_after_a_tick(
    slots: int, others: Others, held: int, wanted: int, target: int, flags: str
) -> None:
    move = decide(slots, others, Mine(held=held, wanted=wanted), chance=0.5)
    assert (move.target, told(move)) == (target, flags)


def told(move: Move) -> str:
    flags = {"part": move.takes_part, "starving": move.is_starving, "eager": move.is_eager}
    return " ".join(name for name, is_told in flags.items() if is_told)


@pytest.mark.parametrize(
    ("held", "used", "rests", "starving", "chance", "target", "gave"),
    [
        (1, True, False, 2, 0.5, 0, True),  # two of three give their slot, in the average
        (1, True, False, 2, 0.7, 1, False),
        (1, False, False, 2, 0.0, 1, False),  # no request has started yet
        (1, True, False, 0, 0.0, 1, False),
        (0, True, False, 2, 0.0, 1, False),  # it starves itself
        (0, True, True, 2, 0.0, 0, False),  # it has just given its slot
    ],
)
def test_more_processes_than_slots_take_turns(
    held: int, used: bool, rests: bool, starving: int, chance: float, target: int, gave: bool
) -> None:
    others = Others(participants=4, starving=starving, eager=4)
    move = decide(3, others, Mine(held=held, wanted=4, used=used, rests=rests), chance)
    assert (move.target, move.gave_its_turn) == (target, gave)


@pytest.mark.parametrize("slots", [1, 2, 3, 6, 16, 17])
@pytest.mark.parametrize("wants", [[8, 8, 8, 8], [1, 16, 3], [20, 20], [2, 2, 30], [5], [4, 4, 4, 4, 4]])
def test_ticks_lead_to_fair_shares_from_any_beginning(slots: int, wants: list[int]) -> None:
    """Each process has its share or what it wants, nothing that is wanted stays free, and it stays so."""
    random = Random(5)
    n = len(wants)
    held = [0] * n
    held[0] = min(slots, 99)
    moves = [Move(target=0) for _ in wants]
    for tick in count():
        who = random.randrange(n)
        others = [move for number, move in enumerate(moves) if number != who]
        seen = Others(
            participants=sum(move.takes_part for move in others),
            starving=sum(move.is_starving for move in others),
            eager=sum(move.is_eager for move in others),
        )
        moves[who] = decide(slots, seen, Mine(held=held[who], wanted=wants[who]), random.random())
        held[who] = min(moves[who].target, held[who] + slots - sum(held))
        assert sum(held) <= slots
        if tick > 200 and n <= slots:
            assert all(has >= min(want, slots // n) for has, want in zip(held, wants, strict=True))
            assert sum(held) == min(slots, sum(wants))
        if tick > 300:
            return


def slot(number: int, usable_from: float = 0.0) -> Held:
    return Held(number=number, usable_from=usable_from)


@pytest.mark.parametrize(
    ("held", "target", "in_flight", "given"),
    [
        ([slot(1), slot(2), slot(3)], 2, 0, [1]),
        ([slot(1), slot(2), slot(3)], 2, 2, [1]),
        ([slot(1), slot(2), slot(3)], 2, 3, []),  # a request may be using it
        ([slot(1), slot(2), slot(3)], 0, 1, [1, 2]),
        ([slot(1), slot(2, usable_from=11.0)], 1, 1, [2]),  # none can be using that one
        ([slot(1), slot(9), slot(2)], 2, 0, [9]),  # the quota has only eight
        ([slot(1)], 4, 0, []),
        ([], 0, 0, []),
    ],
)
def test_a_slot_is_given_when_no_request_can_be_using_it(
    held: list[Held], target: int, in_flight: int, given: list[int]
) -> None:
    found = slots_to_give(held, target=target, slots=8, in_flight=in_flight, now=10.0)
    assert [one.number for one in found] == given


@pytest.mark.parametrize(
    ("rate", "participants", "waiting", "reserved", "free", "started", "count"),
    [
        (20, 1, 9, 0, 9, 0, 5),  # a quarter of a second's
        (20, 1, 9, 3, 9, 0, 2),
        (20, 1, 2, 0, 9, 0, 2),  # no more than wait
        (20, 1, 9, 0, 1, 0, 1),  # no more than may start
        (20, 1, 9, 0, 0, 3, 3),  # or than have started in the last tick
        (20, 1, 9, 0, 0, 0, 0),
        (20, 4, 9, 0, 9, 0, 1),
        (0.1, 4, 9, 0, 9, 0, 1),
        (0.1, 4, 9, 1, 9, 0, 0),
    ],
)
def test_start_times_are_reserved_for_what_can_start_soon(
    rate: float, participants: int, waiting: int, reserved: int, free: int, started: int, count: int
) -> None:
    assert count == starts_to_reserve(
        rate, participants=participants, waiting=waiting, reserved=reserved, free=free, started=started
    )
