"""What a process does about its slots at one tick. Pure: what is seen goes in, a move comes out.

    n processes want something     share = slots // n      each is entitled to its share, and to one slot at least
    starving      has fewer slots than it is entitled to and wants
    eager         wants more than its share

- Nobody is eager for more than there is: everybody takes what it wants from what is free.
- Everybody is eager: nobody has more than slots / n, rounded up.
- Somebody starves: who has more than the share gives one slot in each tick, and only starving processes take slots,
  up to the share.
- There are more processes than slots: they take turns. Who has a slot and has used it gives it by chance, as many in
  the average as there are processes that starve, and then lets the others go first for a moment.
"""

from attrs import frozen


@frozen(kw_only=True)
class Others:
    """How many other processes want something, how many of them starve, and how many are eager."""

    participants: int = 0
    starving: int = 0
    eager: int = 0


@frozen(kw_only=True)
class Mine:
    """What this process has and wants. `used`: a request has started since it last got a slot."""

    held: int
    wanted: int
    used: bool = True
    rests: bool = False
    """Whether it has just given its only slot, so that others go first."""


@frozen(kw_only=True)
class Move:
    """How many slots to have after this tick, and what to tell the others."""

    target: int
    takes_part: bool = False
    is_starving: bool = False
    is_eager: bool = False
    gave_its_turn: bool = False


def decide(slots: int, others: Others, mine: Mine, chance: float) -> Move:
    """Return the move of this process; `chance` is a random number from 0 to 1."""
    if not mine.wanted:
        return Move(target=0)
    n = others.participants + 1
    share = slots // n
    is_eager = mine.wanted > share
    is_starving = mine.held < min(mine.wanted, max(1, share))
    gives_turn = share == 0 < mine.held and mine.used and chance * slots < others.starving
    most = slots
    if is_eager and others.eager >= others.participants:
        most = -(-slots // n)
    if gives_turn or (others.starving and mine.held > share > 0):
        most = min(most, mine.held - 1)
    elif mine.rests:
        most = min(most, mine.held)
    elif others.starving:
        most = min(most, max(1, share) if is_starving else mine.held)
    return Move(
        target=min(mine.wanted, most),
        takes_part=True,
        is_starving=is_starving,
        is_eager=is_eager,
        gave_its_turn=gives_turn,
    )


@frozen(kw_only=True)
class Held:
    """A slot of this process: its number, and since when it may be used, by the keeper's clock."""

    number: int
    usable_from: float


def slots_to_give(held: list[Held], *, target: int, slots: int, in_flight: int, now: float) -> list[Held]:
    """Return the slots that can be given now: as many as are too many, unless a request may be using them.

    Those that the quota no longer has go first, then those that may not be used yet.
    """
    settled = sum(slot.usable_from <= now for slot in held)
    too_many = len(held) - target
    given: list[Held] = []
    for slot in sorted(held, key=lambda slot: (slot.number <= slots, slot.usable_from <= now)):
        if len(given) >= too_many:
            break
        if slot.usable_from <= now:
            if settled <= in_flight:
                continue
            settled -= 1
        given.append(slot)
    return given


AHEAD = 0.25
"""Seconds of a process's part of the rate that it may reserve in advance."""


def starts_to_reserve(rate: float, *, participants: int, waiting: int, reserved: int, free: int, started: int) -> int:
    """Return how many start times to reserve: as many as can be used soon, but no more than a part of a second's.

    `free` is how many requests may start now, `started` how many have since the last tick.
    """
    most = max(1, int(rate * AHEAD / max(1, participants)))
    return max(0, min(waiting, most, max(free, started)) - reserved)
