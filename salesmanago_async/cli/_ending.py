"""How an import has ended: its exit code, and what is said of it. Pure: the report goes in, lines come out."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from ..imports.report import Report
from ._command import Attempt, Import
from ._run import SOME_REJECTED, STOPPED, UNUSABLE, code_of, line_of
from ._words import several

SHOWN_PROBLEMS = 5


@frozen(kw_only=True)
class Circumstances:
    """What happened beside the report: `error` ended the run, `unwritten` are files that could not be written."""

    error: Exception | None = None
    unwritten: Sequence[Exception] = ()
    was_signalled: bool = False


@frozen
class Ending:
    """The exit code, and the line that says why it is not 0, where there is anything to say."""

    code: int
    why: str | None = None


def ending_of(report: Report, circumstances: Circumstances, *, expected: str) -> Ending:
    """Return how a run has ended; `expected` is the state that the rows were to reach."""
    if circumstances.error:
        return Ending(code_of(circumstances.error), line_of(circumstances.error))
    unfinished = _unfinished(report, circumstances, expected)
    unwritten = list(dict.fromkeys(map(line_of, circumstances.unwritten)))
    if unfinished:
        return Ending(STOPPED, "; ".join([unfinished, *unwritten]))
    if unwritten:
        return Ending(UNUSABLE, "; ".join(unwritten))
    return Ending(SOME_REJECTED if report.rejected or report.in_doubt else 0)


def _unfinished(report: Report, circumstances: Circumstances, expected: str) -> str | None:
    """Say what a run has left to do, and why."""
    why = f": {line_of(report.stopped)}" if report.stopped else ""
    if report.not_sent and expected != "not_sent":
        return f"stopped before the end{why}; {report.not_sent:,} of the rows read were not sent"
    if not report.read_all:
        return f"stopped before the end of the input{why}"
    if report.submitted and expected == "accepted":
        first = report.first_reasons.get("submitted")
        why = why or (f": {first}" if first else "")
        return f"stopped before the end{why}; the server jobs of {several(report.submitted, 'row')} were not followed"
    if report.in_doubt and (circumstances.was_signalled or report.stopped):
        return f"stopped before the end{why}; of {report.in_doubt:,} rows nobody knows yet whether they arrived"
    return f"stopped before the end{why}" if report.stopped else None


def problem_lines(report: Report, rejects: Path | None, *, is_kept: bool = True) -> Iterator[str]:
    """Yield a line for each of the first rows that are rejected or in doubt, and how many more there are.

    `is_kept` unless the file of rejects could not be written.
    """
    shown = report.problems[:SHOWN_PROBLEMS]
    for outcome in shown:
        yield f"{outcome.file}:{outcome.line}: {outcome.state.replace('_', ' ')}: {outcome.reason}"
    states = Counter(outcome.state for outcome in shown)
    more = {"rejected": report.rejected - states["rejected"], "in doubt": report.in_doubt - states["in_doubt"]}
    where = f"; the rejected rows are in {rejects}" if rejects else "; --rejects FILE writes down the rejected rows"
    where = "" if rejects and not is_kept else where
    if more["rejected"] and not shown:
        yield f"rows rejected: {report.rejected:,}{where}"
    elif shown and any(more.values()):
        counts = ", ".join(f"{count:,} more {state}" for state, count in more.items() if count)
        yield f"… and {counts}{where if more['rejected'] else ''}"


def doubt_lines(report: Report, noted: int, doubts: Path | None) -> Iterator[str]:
    """Yield what there is to say of rows in doubt, of which so many were noted in the file `doubts`."""
    if report.in_doubt:
        which = "they" if noted == report.in_doubt else f"{noted:,} of them"
        where = f"; {which} are in {doubts}" if doubts else ""
        yield f"rows in doubt: {report.in_doubt:,}, which were sent, and no answer tells whether they arrived{where}"


def remedy_lines(ending: Ending, report: Report, command: Import, attempt: Attempt) -> Iterator[str]:
    """Yield the commands that go on, or that settle what is in doubt, each in a line of its own."""
    if ending.code == STOPPED or (ending.why and attempt.goes_on):
        yield from _going_on(attempt)
    elif report.in_doubt:
        yield from (_settling_contacts if command.kind == "contacts" else _settling_events)(attempt)


def _going_on(attempt: Attempt) -> Iterator[str]:
    if attempt.goes_on:
        yield from ("to go on:", _command(attempt.goes_on))
    elif not attempt.dry_run:
        yield "it cannot be resumed, only begun anew; with --journal FILE it could be"


def _settling_contacts(attempt: Attempt) -> Iterator[str]:
    if attempt.resume:
        yield from ("to send them again, which does no harm:", _command(attempt.resume))
    else:
        yield "contacts can be sent again: that does no harm"


def _settling_events(attempt: Attempt) -> Iterator[str]:
    if attempt.resume:
        yield from ("to have them looked for once more:", _command(attempt.resume))
        send, drop = (_command((*attempt.resume, "--in-doubt", choice)) for choice in ("send", "drop"))
        yield from ("to send them, though some may then be there twice:", send)
        yield from ("to give them up, though some may then be missing:", drop)
    else:
        yield "look for them in the account before you send them again; with --journal FILE, 'resume' would do that"


def _command(words: Sequence[str]) -> str:
    return f"  {shlex.join(words)}"
