"""A quantity over time, as inline SVG that fits any width: shapes stretch; texts are HTML and keep their size."""

import math
from collections.abc import Sequence
from datetime import timedelta
from html import escape

from attrs import frozen

WIDTH, HEIGHT = 1000, 200

Points = Sequence[tuple[float, float]]


@frozen(kw_only=True)
class Curve:
    """A line over time: points of seconds and values.

    `style` is "area", "line" or "dashed", and `colour` the name of a CSS variable.
    """

    name: str
    points: Points
    style: str
    colour: str


def plot(title: str, curves: Sequence[Curve], *, seconds: float, summary: str) -> str:
    """Return a figure with the curves over `seconds`; `summary` says in words what is to be seen."""
    top = _round_up(max((value for curve in curves for _, value in curve.points), default=0))
    shapes = "".join(_shape(curve, seconds, top) for curve in curves)
    grid = "".join(f'<path class="grid" d="M0 {y}H{WIDTH}"/>' for y in (0, HEIGHT / 2, HEIGHT))
    legend = "".join(
        f'<span class="key"><i class="{curve.style}" style="--c:var(--{curve.colour})"></i>{escape(curve.name)}</span>'
        for curve in curves
    )
    ticks = "".join(f"<span>{number(value)}</span>" for value in (top, top / 2, 0))
    times = "".join(f"<span>{duration(seconds * part)}</span>" for part in (0, 0.5, 1))
    return (
        f'<figure><figcaption><b>{escape(title)}</b><span class="keys">{legend}</span></figcaption>'
        f'<div class="plot"><div class="ticks">{ticks}</div>'
        f'<svg viewBox="0 -2 {WIDTH} {HEIGHT + 4}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(summary)}">{grid}{shapes}</svg><div class="times">{times}</div></div>'
        f"<p class=summary>{escape(summary)}</p></figure>"
    )


def steps_of(values: Sequence[float], seconds: float) -> Points:
    """Return the points of a line with one level for each of equal spans."""
    width = seconds / len(values) if values else 0.0
    return [
        point for index, value in enumerate(values) for point in ((index * width, value), ((index + 1) * width, value))
    ]


def held(points: Points) -> Points:
    """Return the points of a line on which each value holds since the time of the one before."""
    kept: list[tuple[float, float]] = []
    since = 0.0
    for moment, value in points:
        kept += [(since, value), (moment, value)]
        since = moment
    return kept


def number(value: float) -> str:
    """Return a number as an axis shows it: 950, 1.5k, 20k, 1M."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration: 0 s, 1.2 s, 42 s, 3:05, 1:02:40."""
    if seconds < 60:
        return f"{seconds:.2g} s" if 0 < seconds < 10 else f"{seconds:.0f} s"
    return str(timedelta(seconds=round(seconds))).removeprefix("0:").removeprefix("0")


def _shape(curve: Curve, seconds: float, top: float) -> str:
    if not curve.points or not seconds:
        return ""
    places = [
        (round(moment / seconds * WIDTH, 1), round(HEIGHT - value / top * HEIGHT, 1)) for moment, value in curve.points
    ]
    line = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
    stroke = f'<path class="{curve.style}" style="--c:var(--{curve.colour})" d="{line}"/>'
    if curve.style != "area":
        return stroke
    closed = f"{line}L{places[-1][0]:g} {HEIGHT}L{places[0][0]:g} {HEIGHT}Z"
    return f'<path class="fill" style="--c:var(--{curve.colour})" d="{closed}"/>{stroke}'


def _round_up(value: float) -> float:
    """Return the next number of the form 1, 2, 4, 5 or 10 times a power of ten; at least 1."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 5, 6, 8, 10) if factor * power >= value)
