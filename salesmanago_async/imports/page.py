"""The page of a report: what it says of a run, in which words. `report_page` draws it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from ..outcome import Outcome, State
from ..report_page.page import html
from ..report_page.plots import duration
from ..report_page.values import Count, ExampleRow, Page, ReasonGroup, Step, Tone
from ..support.wording import counted
from .counts import RunCounts

MOST_FIELDS = 12
"""The most fields of a row that are shown."""
LONGEST_TEXT = 80

_STATES: tuple[State, ...] = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")


def page_of(
    report: RunCounts,
    *,
    title: str,
    rows: bool,
    verdict: str,
    is_complete: bool,
    differences: Mapping[str, int],
    remedies: Sequence[str],
    subtitle: str = "",
) -> str:
    """Return the HTML page of a report.

    `rows=False` leaves out the rejected rows, and what was said about each. `verdict` says how the run ended, and
    `differences` how the source of a sync differs from what was known. `remedies` are lines that say how to go on,
    each command in a line that begins with two spaces.
    """
    return html(
        Page(
            title=title,
            subtitle=subtitle or f"{counted(report.read, 'record')} in {duration(report.seconds)}",
            verdict=verdict,
            tone=_tone(report, is_complete=is_complete),
            states=tuple(_states(report, differences)),
            facts=tuple(_facts(report)),
            samples=report.samples if report.goal != "not_sent" else (),
            reasons=tuple(sorted(_reasons(report), key=lambda group: group.tone == "submitted")),
            warnings=tuple(map(str, report.warnings)),
            in_doubt=_in_doubt(report),
            steps=tuple(_steps(remedies)),
            shows_rows=rows,
        )
    )


def _tone(report: RunCounts, *, is_complete: bool) -> Tone:
    if not is_complete:
        return "in_doubt"
    return "rejected" if report.rejected else "accepted"


def _states(report: RunCounts, differences: Mapping[str, int]) -> Iterator[Count]:
    yield Count(name=report.label_of_read, value=report.read)
    for name, value in differences.items():
        yield Count(name=name, value=value)
    for state in _STATES:
        name = "would be sent" if state == report.goal == "not_sent" else state.replace("_", " ")
        yield Count(name=name, value=getattr(report, state), tone=state)


def _facts(report: RunCounts) -> Iterator[tuple[str, str]]:
    yield "duration", duration(report.seconds)
    if report.seconds and report.goal != "not_sent":
        yield "records a second", f"{(report.read - report.not_sent) / report.seconds:,.0f}"
    yield "chunks", f"{report.chunks:,}"
    yield "bytes", f"{report.bytes:,}"
    yield "requests", f"{report.requests:,}"
    yield "retries", f"{report.retries:,}"
    yield "server jobs", f"{report.jobs:,}"
    if report.unfollowed:
        yield "jobs not followed", f"{report.unfollowed:,}"
    if report.earlier:
        yield "settled by an earlier run", f"{report.earlier:,}"
    if report.journal:
        yield report.journal_name, report.journal


def _reasons(report: RunCounts) -> Iterator[ReasonGroup]:
    """Yield the reasons of problems first, and then those of jobs that were not followed; the most frequent first."""
    for reason, count in report.reasons.items():
        examples = report.examples.get(reason, ())
        tone: Tone = examples[0].state if examples else "submitted"
        yield ReasonGroup(reason=reason, count=count, tone=tone, rows=tuple(map(_row, examples)))


def _row(outcome: Outcome) -> ExampleRow:
    place = (
        f"record {outcome.position:,}" if outcome.line is None else f"{Path(outcome.file or '').name}:{outcome.line}"
    )
    return ExampleRow(place=place, reason=outcome.reason or "", content=dict(_content(outcome.record)))


def _content(record: Any) -> Iterable[tuple[str, str]]:
    """Yield the first fields of a record that have a value."""
    if attrs.has(type(record)):
        record = attrs.asdict(record, recurse=False)
    if not isinstance(record, Mapping):
        yield "record", _short(repr(record))
        return
    present = [(str(name), value) for name, value in record.items() if value not in (None, "", (), [])]
    yield from ((name, _short(str(value))) for name, value in present[:MOST_FIELDS])
    if len(present) > MOST_FIELDS:
        yield "…", counted(len(present) - MOST_FIELDS, "more field")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _in_doubt(report: RunCounts) -> str | None:
    if not report.in_doubt:
        return None
    verb = (
        "was sent, and no answer says whether it"
        if report.in_doubt == 1
        else "were sent, and no answer says whether they"
    )
    return f"{counted(report.in_doubt, 'record')} {verb} arrived."


def _steps(lines: Iterable[str]) -> Iterator[Step]:
    """Yield a step for each text, with the command in the line after it."""
    text: str | None = None
    for line in lines:
        if line.startswith("  "):
            yield Step(text=_sentence(text or ""), command=line.strip())
            text = None
            continue
        if text is not None:
            yield Step(text=_sentence(text))
        text = line
    if text is not None:
        yield Step(text=_sentence(text))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
