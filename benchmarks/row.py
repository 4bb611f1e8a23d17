"""What a row of the table is: some ways of doing one piece of work, and how ours has to compare with the others.

A *row* has a name, ways, targets, and a size that it is measured at. A *way* does the work once and returns what it
took: seconds, megabytes, a share. A *target* takes a figure of each round (our seconds / the floor's) and bounds it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Self, TypeAlias

from attrs import evolve, frozen

OURS, FLOOR = "ours", "floor"

Way: TypeAlias = Callable[[], float] | None
"""Does the work once and returns what it took; None is a way that needs a package which is not installed."""
Ways: TypeAlias = Mapping[str, Way]
Round: TypeAlias = Mapping[str, float]
"""What each way took in one round."""


@frozen
class Target:
    """`figure` is at most `bound`, or at least where it `is_least`; `text` says what it is, `unit` in what.

    `way` is the way that is held to it, and `against` the one that it is compared with, if it is; `also` is a third one
    that the figure takes. `quick_bound` is another bound for the quick variant, where the figure depends on the size,
    or is known to fall short: what is guarded there is that it gets no worse.
    """

    text: str
    figure: Callable[[Round], float]
    bound: float
    unit: str = "×"
    is_least: bool = False
    way: str = OURS
    against: str | None = None
    also: str | None = None
    quick_bound: float | None = None

    def quick(self) -> Self:
        """Return the target that the quick variant has."""
        return self if self.quick_bound is None else evolve(self, bound=self.quick_bound)

    @property
    def ways(self) -> set[str]:
        """The ways that the figure takes."""
        return {name for name in (self.way, self.against, self.also) if name}


@frozen(kw_only=True)
class Row:
    """One row. `ways` prepares them for a size, and cleans up after them.

    `quick_size` is the size of the quick variant, None where that leaves the row out, as others show the same; `rounds`
    is the most that are worth making, as where the figure hardly changes from one to the next. `unit` is None where the
    ways take seconds, which are only told as ratios.
    """

    name: str
    what: str
    ways: Callable[[int], AbstractContextManager[Ways]]
    targets: tuple[Target, ...]
    size: int
    quick_size: int | None
    rounds: int = 100
    unit: str | None = None

    def quick(self) -> Self:
        """Return the row as the quick variant has it."""
        return evolve(self, targets=tuple(target.quick() for target in self.targets))


def times(bound: float, of: str = FLOOR, *, way: str = OURS, quick: float | None = None) -> Target:
    """Hold a way to at most so many times what another way takes."""
    return Target(f"time / {of}", lambda taken: taken[way] / taken[of], bound, way=way, against=of, quick_bound=quick)


def faster(bound: float, than: str, *, way: str = OURS, quick: float | None = None) -> Target:
    """Hold a way to be at least so many times as fast as another way."""
    return Target(
        f"times as fast as {than}",
        lambda taken: taken[than] / taken[way],
        bound,
        is_least=True,
        way=way,
        against=than,
        quick_bound=quick,
    )


def price(bound: float, without: str, *, quick: float | None = None) -> Target:
    """Hold what ours takes more than another way to at most so many times the floor."""
    return Target(
        f"(time - {without}) / {FLOOR}",
        lambda taken: (taken[OURS] - taken[without]) / taken[FLOOR],
        bound,
        against=FLOOR,
        also=without,
        quick_bound=quick,
    )


def at_most(bound: float, text: str, unit: str, *, way: str = OURS, quick: float | None = None) -> Target:
    """Hold what a way takes to a bound of its own."""
    return Target(text, lambda taken: taken[way], bound, unit, way=way, quick_bound=quick)


def grows(bound: float, text: str, unit: str, *, since: str) -> Target:
    """Hold ours to at most so much more than what another way takes."""
    return Target(text, lambda taken: taken[OURS] - taken[since], bound, unit, against=since)
