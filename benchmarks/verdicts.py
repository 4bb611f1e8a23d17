"""What the rounds say of a target. Pure.

A figure is taken of every round, and their median is held to the bound. The noise is half the distance between the
quartiles of the rounds, as a part of the median: at least 12 %, by which the same code differs from itself on a machine
that others use, at most 25 %, or else a wild run would excuse everything. What misses its bound by less than the noise
is *at the edge*; only what misses it by more *falls short*.
"""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Literal, TypeAlias

from attrs import frozen

from benchmarks.row import Round, Row, Target

LEAST_NOISE, MOST_NOISE = 0.12, 0.25

Verdict: TypeAlias = Literal["pass", "at the edge", "FALLS SHORT", "not installed"]


@frozen
class Finding:
    """What came out for a target: the median of its figures and their noise, None where a way was not there."""

    target: Target
    median: float | None
    noise: float
    verdict: Verdict


@frozen
class Result:
    """What came out for a row; `missing` are the ways that need a package which is not installed."""

    row: Row
    size: int
    rounds: Sequence[Round]
    findings: tuple[Finding, ...]
    missing: tuple[str, ...] = ()

    @property
    def falls_short(self) -> bool:
        """Whether a target is missed by more than the noise."""
        return any(finding.verdict == "FALLS SHORT" for finding in self.findings)

    def medians(self) -> dict[str, float]:
        """Return what each way took."""
        return {name: median(taken[name] for taken in self.rounds) for name in self.rounds[0]}


def judge(row: Row, size: int, rounds: Sequence[Round], missing: tuple[str, ...] = ()) -> Result:
    """Hold the rounds of a row to its targets."""
    return Result(row, size, rounds, tuple(find(target, rounds) for target in row.targets), missing)


def find(target: Target, rounds: Sequence[Round]) -> Finding:
    """Hold the rounds to one target."""
    if not all(target.ways <= taken.keys() for taken in rounds):
        return Finding(target, None, LEAST_NOISE, "not installed")
    figures = [target.figure(taken) for taken in rounds]
    scatter = noise(figures)
    return Finding(target, median(figures), scatter, verdict(target, median(figures), scatter))


def verdict(target: Target, found: float, scatter: float) -> Verdict:
    """Tell whether a figure meets its target, and if not, whether the noise may be to blame."""
    bound = target.bound
    if found >= bound if target.is_least else found <= bound:
        return "pass"
    is_close = found * (1 + scatter) >= bound if target.is_least else found <= bound * (1 + scatter)
    return "at the edge" if is_close else "FALLS SHORT"


def noise(figures: Sequence[float]) -> float:
    """Return how far the figures scatter, as a part of their median, within its limits."""
    if len(figures) < 2 or not median(figures):
        return LEAST_NOISE
    lower, _, upper = quantiles(figures, n=4, method="inclusive")
    return min(max((upper - lower) / 2 / abs(median(figures)), LEAST_NOISE), MOST_NOISE)
