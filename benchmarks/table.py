"""Results as a table in Markdown, and as JSON. Pure: ratios, and how many cores they were measured on."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.row import FLOOR, OURS
from benchmarks.verdicts import Finding, Result

HEADER = ("what", "ours", "target", "", "beside it")


def table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns aligned."""
    rows = [header, *body]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    written = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in written]
    ruler = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], ruler, *lines[1:]])


def target_table(results: Iterable[Result]) -> str:
    """Return the table of targets: a line for each, the ways that no target names beside the first of their row."""
    return table(HEADER, [line for result in results for line in _lines(result)])


def _lines(result: Result) -> Iterable[Sequence[str]]:
    for number, finding in enumerate(result.findings):
        what, others = ("", "") if number else (result.row.what, _beside(result))
        yield what, _found(finding), _bound(finding), finding.verdict, others


def _found(finding: Finding) -> str:
    target = finding.target
    whose = "" if target.way == OURS or not target.against else f"{target.way}: "
    if finding.median is None:
        return whose + target.text
    if target.unit == "×":
        against = f"as fast as {target.against}" if target.is_least else target.against
        return f"{whose}{finding.median:.2f} × {against}"
    return f"{target.text} {finding.median:.3g} {target.unit}".strip()


def _bound(finding: Finding) -> str:
    sign = "≥" if finding.target.is_least else "≤"
    return f"{sign} {finding.target.bound:g} {finding.target.unit}".strip()


def _beside(result: Result) -> str:
    named = {OURS, base_of(result)}.union(*(target.ways for target in result.row.targets))
    unit = result.row.unit or f"× {base_of(result)}"
    shown = [f"{name} {value:.3g} {unit}" for name, value in relative(result).items() if name not in named]
    return ", ".join([*shown, *(f"{name}: not installed" for name in result.missing)])


def base_of(result: Result) -> str:
    """Return the way that the others of its row are told as multiples of."""
    against = (target.against for target in result.row.targets if target.against in result.rounds[0])
    return FLOOR if FLOOR in result.rounds[0] else next((name for name in against if name), OURS)


def relative(result: Result) -> dict[str, float]:
    """Return what each way took: as multiples of the base, or as it is where the row has a unit."""
    medians = result.medians()
    if result.row.unit or not medians:
        return medians
    base = medians[base_of(result)]
    return {name: value / base for name, value in medians.items()}


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return the results as JSON."""
    return [
        {
            "name": result.row.name,
            "what": result.row.what,
            "size": result.size,
            "rounds": len(result.rounds),
            "targets": [_finding_as_json(finding) for finding in result.findings],
            "ways": {"unit": result.row.unit or f"× {base_of(result)}", **rounded(relative(result))},
            "not installed": list(result.missing),
        }
        for result in results
    ]


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Return the values with as many places as mean something."""
    return {name: round(value, 3) for name, value in values.items()}


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    target = finding.target
    return {
        "figure": target.text,
        "unit": target.unit,
        "at least" if target.is_least else "at most": target.bound,
        "found": None if finding.median is None else round(finding.median, 3),
        "noise": round(finding.noise, 3),
        "verdict": finding.verdict,
    }
