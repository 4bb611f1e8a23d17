"""How an import of files ended, as a value: the exit code, and what to say about it. Nothing here does I/O."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

from attrs import frozen

from ..errors import Invalid, JobFailed, JournalFailed, NoAnswer, NotAuthenticated, Refused, StillRunning
from ..imports.report import Report
from ..outcome import Outcome
from ..records.columns import NoContactColumn, UnknownColumns
from ..support.wording import counted
from ..sync.report import SyncReport
from .definition import Attempt, FileImport

SHOWN_PROBLEMS = 5
SHOWN_JOBS = 20


class ExitCode(IntEnum):
    """What the end of an import means: the exit code of the command line."""

    ACCEPTED = 0
    """All rows were accepted; submitted with `no_wait`; valid in a dry run."""
    SOME_REJECTED = 1
    """Everything was sent, but some rows were rejected or are in doubt."""
    UNUSABLE = 2
    """The input, the arguments or the credentials cannot be used, or a file could not be written."""
    STOPPED = 3
    """The import stopped before its end; with a journal it can be continued."""


@frozen(kw_only=True)
class FileImportResult:
    """How an import of files ended.

    `report` counts the rows, `exit_code` says what the end means, and `line` says why, unless the counts say it all.
    `rejects` and `in_doubt_file` are the files that were written; `in_doubt_file` holds `in_doubt_rows` rows.
    `warnings` and `remedies` are lines for whoever started the import: the first problems with the place of each row,
    and the commands that continue the import or settle rows in doubt.

    `error` is what ended the run after something had been sent, `unwritten` what failed in writing files. `was_stopped`
    is true if the caller stopped the import. `untouched_files` have the name of a file of rows in doubt, but not the
    content that this import wrote, so the import did not remove them. `first_outcomes` are those of a
    sync that the attempt was to show.
    """

    definition: FileImport
    attempt: Attempt
    report: Report
    error: Exception | None = None
    unwritten: tuple[Exception, ...] = ()
    was_stopped: bool = False
    rejects: Path | None = None
    in_doubt_file: Path | None = None
    in_doubt_rows: int = 0
    untouched_files: tuple[Path, ...] = ()
    first_outcomes: tuple[Outcome, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """What the end of the import means."""
        return self._ending[0]

    @property
    def line(self) -> str | None:
        """Why the import ended as it did, in one line; None if the report and the warnings say everything."""
        why = self._ending[1]
        return " ".join(why.split()) if why else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines about rows and files that need attention."""
        return (
            *_empty_input_lines(self),
            *_sync_lines(self),
            *(f"warning: {warning}" for warning in self.report.warnings),
            *_problem_lines(self),
            *_reason_lines(self.report),
            *_in_doubt_lines(self),
            *(
                f"{path} stays as it is: it is not the file that this import wrote; no row is in doubt now"
                for path in self.untouched_files
            ),
            *_job_lines(self.report),
        )

    @property
    def remedies(self) -> tuple[str, ...]:
        """Lines that say how to continue the import, or how to settle rows in doubt; each command has its own line."""
        return tuple(_remedy_lines(self))

    @property
    def _ending(self) -> tuple[ExitCode, str | None]:
        if self.error:
            return code_of(self.error), line_of(self.error)
        unfinished = _unfinished(self)
        unwritten = list(dict.fromkeys(map(line_of, self.unwritten)))
        if unfinished:
            return ExitCode.STOPPED, "; ".join([unfinished, *unwritten])
        if unwritten:
            return ExitCode.UNUSABLE, "; ".join(unwritten)
        has_left = self.report.rejected or self.report.in_doubt or _has_left_removed(self)
        return ExitCode.SOME_REJECTED if has_left else ExitCode.ACCEPTED, None


def code_of(error: Exception) -> ExitCode:
    """Return the exit code for an error that ended a command or an import."""
    if isinstance(error, StillRunning | JournalFailed):
        return ExitCode.STOPPED
    if isinstance(error, Refused) and any(problem.field == "catalogId" for problem in error.problems):
        return ExitCode.UNUSABLE  # it was an argument
    if isinstance(error, Refused | JobFailed) and not isinstance(error, NotAuthenticated):
        return ExitCode.SOME_REJECTED
    return ExitCode.UNUSABLE


def line_of(error: Exception) -> str:
    """Return what an error means to whoever started a command or an import, and what to do about it."""
    if isinstance(error, NotAuthenticated) and error.problems:
        return f"the server says: {error}; check SALESMANAGO_PRODUCTS_KEY"
    if isinstance(error, NotAuthenticated):
        return f"the server says: {error}; check client id, api key, secret (or sha) and owner with 'salesmanago check'"
    if isinstance(error, UnknownColumns):
        return f"{_place(error.file)}{_unknown_columns(error.mapping)}"
    if isinstance(error, NoContactColumn):
        column = error.suggestion or "COLUMN"
        remedy = f"map the one that is: --map {shlex.quote(f'{column}=email')}"
        others = f"; {_unknown_columns(error.mapping)}" if error.mapping else ""
        return f"{_place(error.file)}no column is the contacts' email or contactId; {remedy}{others}"
    if isinstance(error, NoAnswer):
        return f"{error}; check the network and the base URL"
    if isinstance(error, Refused):
        of_catalog = any(problem.is_about_catalog for problem in error.problems)
        remedy = "; 'salesmanago catalog list' prints the catalogues" if of_catalog else ""
        return f"the server refused the request: {error}{remedy}"
    if isinstance(error, OSError) and not isinstance(error, Invalid):
        return f"{error.filename or 'input or output'}: {error.strerror or error}"
    return str(error)


def _place(file: str | None) -> str:
    return f"{file}: " if file else ""


def _unknown_columns(mapping: Mapping[str, str]) -> str:
    """Return what to do about columns that are not fields, as options to paste."""
    maps = " ".join(f"--map {shlex.quote(f'{column}={field}')}" for column, field in mapping.items())
    names = ", ".join(map(repr, mapping))
    what = "is not a field" if len(mapping) == 1 else "are not fields"
    return f"{names} {what}; map columns to fields: {maps}; or leave them out: --extra-columns ignore"


def _unfinished(result: FileImportResult) -> str | None:
    """Return what the import has left to do, and why; None if nothing is left."""
    report = result.report
    why = f": {line_of(report.stopped)}" if report.stopped else ""
    if report.not_sent and report.goal != "not_sent":
        return f"stopped before the end{why}; {report.not_sent:,} of the rows read were not sent"
    if not report.read_all:
        return f"stopped before the end of the input{why}"
    if report.submitted and report.goal == "accepted":
        first = report.first_reasons.get("submitted")
        why = why or (f": {first}" if first else "")
        return f"stopped before the end{why}; the server jobs of {counted(report.submitted, 'row')} were not followed"
    if report.in_doubt and (result.was_stopped or report.stopped):
        return f"stopped before the end{why}; {counted(report.in_doubt, 'row')} may or may not have arrived"
    return f"stopped before the end{why}" if report.stopped else None


def _empty_input_lines(result: FileImportResult) -> Iterator[str]:
    """Yield a line if the input has no rows: the export that made the file may have failed."""
    report = result.report
    is_empty = not report.read and not (isinstance(report, SyncReport) and report.unchanged)
    if report.read_all and is_empty:
        yield f"no rows in {', '.join(map(str, result.definition.files))}"


def _problem_lines(result: FileImportResult) -> Iterator[str]:
    """Yield a line for each of the first rows that are rejected or in doubt, and how many more there are."""
    report = result.report
    shown = report.problems[:SHOWN_PROBLEMS]
    for outcome in shown:
        yield f"{outcome.file}:{outcome.line}: {outcome.state.replace('_', ' ')}: {outcome.reason}"
    states = Counter(outcome.state for outcome in shown)
    more = {"rejected": report.rejected - states["rejected"], "in doubt": report.in_doubt - states["in_doubt"]}
    if more["rejected"] and not shown:
        yield f"rows rejected: {report.rejected:,}{_place_of_rejects(result)}"
    elif shown and any(more.values()):
        counts = ", ".join(f"{count:,} more {state}" for state, count in more.items() if count)
        yield f"… and {counts}{_place_of_rejects(result) if more['rejected'] else ''}"


def _reason_lines(report: Report) -> Iterator[str]:
    """Yield how many rows are rejected or in doubt for which reason, if that is not clear from the rows shown."""
    if report.rejected + report.in_doubt <= SHOWN_PROBLEMS or report.estimate or not report.reasons:
        return
    yield "reasons:"
    for reason, count in report.reasons.items():
        yield f"  {count:>10,}  {' '.join(reason.split())}"


def _place_of_rejects(result: FileImportResult) -> str:
    if result.rejects:
        return f"; the rejected rows are in {result.rejects}"
    could_not_be_written = result.definition.rejects is not None
    return "" if could_not_be_written else "; --rejects FILE writes the rejected rows to a file"


def _sync_lines(result: FileImportResult) -> Iterator[str]:
    """Yield lines about what is gone, and about rows that were sent although they have not changed."""
    report = result.report
    if not isinstance(report, SyncReport):
        return
    if report.resent:
        yield f"all rows are sent, not only what changed: {report.resent}"
    if report.removed:
        yield f"{result.definition.kind} that are no longer in the input: {report.removed:,}; {report.removal}"


def _has_left_removed(result: FileImportResult) -> bool:
    """Return whether something was to be done to contacts that are gone, and was not done to all of them."""
    report, sync = result.report, result.definition.sync
    if sync is None or not isinstance(report, SyncReport) or result.attempt.dry_run:
        return False
    return sync.removed != "keep" and report.removed_done < report.removed


def _in_doubt_lines(result: FileImportResult) -> Iterator[str]:
    """Yield a line about rows in doubt; a run that was cut off does not report which rows those are."""
    in_doubt = result.report.in_doubt
    if in_doubt:
        which = "they" if result.in_doubt_rows == in_doubt else f"{result.in_doubt_rows:,} of them"
        where = f"; {which} are in {result.in_doubt_file}" if result.in_doubt_file else ""
        yield f"rows in doubt: {in_doubt:,}; they were sent, and no answer says whether they arrived{where}"


def _job_lines(report: Report) -> Iterator[str]:
    """Yield a line with the ids of the server jobs that were not followed to their end."""
    if report.request_ids:
        shown = ", ".join(map(str, report.request_ids[:SHOWN_JOBS]))
        more = report.unfollowed - len(report.request_ids[:SHOWN_JOBS])
        others = f" and {more:,} more (all are in --report)" if more > 0 else ""
        status = f"salesmanago job status {report.request_ids[0]}"
        yield f"server jobs not followed: {shown}{others}; '{status}' shows the status of one"


def _remedy_lines(result: FileImportResult) -> Iterator[str]:
    attempt = result.attempt
    if result.exit_code == ExitCode.STOPPED or (result.line and attempt.continue_command):
        yield from _continuing(attempt)
    elif result.report.in_doubt:
        if result.definition.kind == "events":
            yield from _settling_events(attempt)
        else:
            yield from _sending_again(attempt, result.definition.kind)


def _continuing(attempt: Attempt) -> Iterator[str]:
    if attempt.continue_command:
        yield from ("to continue:", _command(attempt.continue_command))
    elif attempt.dry_run:
        return
    elif attempt.journal:
        yield "to continue, make the same import with the same journal again"
    else:
        yield "this import cannot be continued, only started again; --journal FILE makes an import that can be"


def _sending_again(attempt: Attempt, kind: str) -> Iterator[str]:
    if attempt.resume_command:
        yield from (f"to send the {kind} again, which does no harm:", _command(attempt.resume_command))
    else:
        yield f"{kind} can be sent again without harm"


def _settling_events(attempt: Attempt) -> Iterator[str]:
    if attempt.resume_command:
        yield from ("to look for the events in the account once more:", _command(attempt.resume_command))
        send, drop = (_command((*attempt.resume_command, "--in-doubt", choice)) for choice in ("send", "drop"))
        yield from ("to send them, which may create duplicates:", send)
        yield from ("to drop them, which may lose some:", drop)
    else:
        yield "look for the events in the account before you send them again; with --journal FILE, 'resume' does that"


def _command(words: Sequence[str]) -> str:
    return f"  {shlex.join(words)}"
