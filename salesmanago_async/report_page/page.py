"""The page as HTML. Every text that comes from a caller or a server is escaped."""

from collections.abc import Iterator
from html import escape

from ..support.wording import counted
from .plots import Curve, held, number, plot, steps_of
from .samples import Sample, rates
from .style import STYLE
from .values import Count, ExampleRow, Page, ReasonGroup, Step

SPANS = 60
"""The most spans that the rates are shown for."""


def html(page: Page) -> str:
    """Return the page: one document without any script, link or outside resource."""
    body = "\n".join(part for part in _parts(page) if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f"<title>{escape(page.title)}</title>\n<style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _parts(page: Page) -> Iterator[str]:
    yield f"<header><h1>{escape(page.title)}</h1><p>{escape(page.subtitle)}</p></header>"
    yield f'<p class="verdict {page.tone}">{escape(page.verdict)}</p>'
    yield _states(page.states)
    yield _steps(page)
    yield _plots(page.samples)
    yield _reasons(page)
    yield _warnings(page.warnings)
    yield _facts(page.facts)


def _states(states: tuple[Count, ...]) -> str:
    cards = "".join(
        f'<div class="card {count.tone}{"" if count.value else " none"}"><dt>{escape(count.name)}</dt>'
        f"<dd>{count.value:,}</dd></div>"
        for count in states
    )
    parts = [count for count in states if count.tone != "plain" and count.value]
    total = sum(count.value for count in parts)
    bar = "".join(
        f'<i class="{count.tone}" style="flex:{max(count.value / total, 0.004):.4f}" title="{escape(count.name)}"></i>'
        for count in parts
    )
    return f'<section><div class="bar">{bar}</div><dl class="cards">{cards}</dl></section>'


def _steps(page: Page) -> str:
    if not page.steps and not page.in_doubt:
        return ""
    doubt = f'<p class="doubt">{escape(page.in_doubt)}</p>' if page.in_doubt else ""
    steps = "".join(map(_step, page.steps))
    return f'<section class="next"><h2>What to do next</h2>{doubt}{steps}</section>'


def _step(step: Step) -> str:
    text = f"<p>{escape(step.text)}</p>" if step.text else ""
    return text + (f"<pre>{escape(step.command)}</pre>" if step.command else "")


def _plots(samples: tuple[Sample, ...]) -> str:
    if len(samples) < 2 or samples[-1].seconds <= 0:
        return ""
    return f"<section><h2>Over time</h2>{_throughput(samples)}{_in_flight(samples)}</section>"


def _throughput(samples: tuple[Sample, ...]) -> str:
    seconds = samples[-1].seconds
    spans = min(SPANS, len(samples))
    settled, read = (rates(samples, name, spans) for name in ("settled", "read"))
    curves = [
        Curve(name="settled", points=steps_of(settled, seconds), style="area", colour="submitted"),
        Curve(name="read", points=steps_of(read, seconds), style="line", colour="ink"),
    ]
    mean = samples[-1].settled / seconds
    summary = f"{number(mean)} records a second were settled on average, and {number(max(settled))} at most."
    return plot("Records a second", curves, seconds=seconds, summary=summary)


def _in_flight(samples: tuple[Sample, ...]) -> str:
    seconds = samples[-1].seconds
    curves = [
        Curve(
            name="in flight",
            points=held([(sample.seconds, sample.in_flight) for sample in samples]),
            style="area",
            colour="accepted",
        ),
        Curve(
            name="limit",
            points=held([(sample.seconds, sample.limit) for sample in samples]),
            style="dashed",
            colour="ink",
        ),
    ]
    lowest = min(sample.limit for sample in samples)
    highest = max(sample.limit for sample in samples)
    limit = f"; as the server answered, the limit was between {lowest} and {highest}" if lowest < highest else ""
    most = max(sample.in_flight for sample in samples)
    summary = f"At most {counted(most, 'request')} {'was' if most == 1 else 'were'} in flight at once{limit}."
    return plot("Requests in flight", curves, seconds=seconds, summary=summary)


def _reasons(page: Page) -> str:
    if not page.reasons:
        return ""
    groups = "".join(_reason(group, shows_rows=page.shows_rows) for group in page.reasons)
    note = "" if page.shows_rows else '<p class="note">The rows themselves were left out of this report.</p>'
    return f"<section><h2>Not accepted, and why</h2>{note}{groups}</section>"


def _reason(group: ReasonGroup, *, shows_rows: bool) -> str:
    rows = group.rows if shows_rows else ()
    head = f'<h3><span class="badge {group.tone}">{group.count:,}</span> {escape(group.reason)}</h3>'
    return f'<article class="{group.tone}">{head}{"".join(_row(row, group.reason) for row in rows)}</article>'


def _row(row: ExampleRow, reason: str) -> str:
    """Return a row as a list of its fields: a table of any width would have to be scrolled on a phone."""
    said = "" if row.reason == reason else f" {escape(row.reason)}"
    content = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in row.content.items()
    )
    return f'<div class="row"><p><b>{escape(row.place)}</b>{said}</p><dl>{content}</dl></div>'


def _warnings(warnings: tuple[str, ...]) -> str:
    if not warnings:
        return ""
    lines = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<section><h2>Warnings</h2><ul class="warnings">{lines}</ul></section>'


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
    return f'<section><h2>Figures</h2><dl class="facts">{rows}</dl></section>'
