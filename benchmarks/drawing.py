"""Curves and bars as SVG, plain enough to be read in a light and in a dark page. Pure: values in, text out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from xml.sax.saxutils import escape

from attrs import frozen

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 74, 34, 70, 45
COLOURS = ("#666666", "#0b6bcb", "#d1690e", "#a8323e", "#5c8a2d")
INK, FAINT = "#222222", "#dddddd"

Points = Sequence[tuple[float, float]]


@frozen
class _Axis:
    """Where values stand, between two edges of the picture."""

    ticks: Sequence[float]
    begins: float
    ends: float
    is_logarithmic: bool

    def spec(self, value: float) -> float:
        """Return where a value stands."""
        scale = math.log if self.is_logarithmic else float
        first, last = scale(self.ticks[0]), scale(self.ticks[-1])
        return self.begins + (self.ends - self.begins) * (scale(value) - first) / (last - first)


def curves(title: str, lines: Mapping[str, Points], x_name: str, unit: str, *, log_y: bool = False) -> str:
    """Draw lines over a logarithmic axis from left to right; the one upwards begins at 0, or is logarithmic as well."""
    xs, ys = zip(*(point for line in lines.values() for point in line), strict=True)
    across = _Axis(_powers(min(xs), max(xs)), LEFT, WIDTH - RIGHT, is_logarithmic=True)
    up = _Axis(_powers(min(ys), max(ys)) if log_y else _even_ticks(max(ys)), HEIGHT - BOTTOM, TOP, log_y)
    drawn = [_grid_line(up.spec(tick), f"{_number(tick)} {unit}".strip()) for tick in up.ticks]
    drawn += [_text(across.spec(tick), HEIGHT - BOTTOM + 18, _number(tick), "middle") for tick in across.ticks]
    drawn.append(_text(WIDTH - RIGHT, HEIGHT - 8, x_name, "end"))
    for spec, ((name, line), colour) in enumerate(zip(lines.items(), cycle(COLOURS))):
        drawn.append(_line([(across.spec(x), up.spec(y)) for x, y in line], colour))
        drawn.append(_legend(spec, name, colour))
    return _picture(title, drawn)


def bars(title: str, values: Mapping[str, float]) -> str:
    """Draw a bar for each value, from left to right, with the value at its end."""
    beginning, distance = 200, (HEIGHT - TOP + 20) / len(values)
    scale = (WIDTH - RIGHT - beginning - 30) / max(values.values())
    drawn: list[str] = []
    for spec, (name, value) in enumerate(values.items()):
        top = TOP - 20 + spec * distance
        colour = COLOURS[1] if name.startswith("salesmanago-async") else COLOURS[0]
        drawn.append(_rectangle(beginning, top, value * scale, distance * 0.6, colour))
        drawn.append(_text(beginning - 8, top + distance * 0.3 + 4, name, "end"))
        drawn.append(_text(beginning + value * scale + 6, top + distance * 0.3 + 4, f"{value:g}", "start"))
    return _picture(title, drawn)


def _powers(least: float, most: float) -> list[float]:
    """Return two or more powers of ten, from below the least to above the most."""
    first = math.floor(math.log10(least))
    return [10.0**power for power in range(first, max(first + 1, math.ceil(math.log10(most))) + 1)]


def _even_ticks(most: float) -> list[float]:
    """Return 0 and a few even steps, the last of them above the most."""
    step = 10 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if most / (step * part) <= 5)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} million"
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _line(points: Iterable[tuple[float, float]], colour: str) -> str:
    field_specs = list(points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in field_specs)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in field_specs)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'


def _legend(spec: int, name: str, colour: str) -> str:
    x, y = LEFT + 290 * (spec % 2), 38 + 18 * (spec // 2)
    return _rectangle(x, y - 7, 14, 5, colour) + _text(x + 20, y, name, "start")


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _grid_line(y: float, label: str) -> str:
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>'
    return line + _text(LEFT - 6, y + 4, label, "end")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _picture(title: str, drawn: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}" role="img">'
    )
    ground = _rectangle(0, 0, WIDTH, HEIGHT, "#ffffff")
    name = f'<title>{escape(title)}</title><text x="16" y="18" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, ground, name, *drawn, "</svg>", ""])
