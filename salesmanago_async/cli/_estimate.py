"""Prints the estimate of a dry run: what the import would send, and how long it would take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from attrs import evolve

from ..file_imports.account import ClientOptions
from ..file_imports.definition import Attempt
from ..support.wording import counted
from ._limits import duration, limit_text
from ._option_names import with_option_names

if TYPE_CHECKING:
    from ..imports.estimate import Estimate
    from ..imports.report import Report
    from ..planning import Plan

POLL_INTERVAL = 60.0
"""Seconds between two polls of a job unless an option says otherwise; a simulated client polls more often."""


_UNITS = ("KiB", "MiB", "GiB", "TiB")


def without_account(client: ClientOptions) -> ClientOptions:
    """Return the options of a client that needs no account, but whose estimate is that of the given options."""
    usual = None if client.simulate else POLL_INTERVAL
    return evolve(client, simulate=True, poll_interval=client.poll_interval or usual, quota=None)


def print_estimate(report: "Report", attempt: Attempt, *, kind: str, to_stderr: bool = False) -> None:
    """Print the estimate, if the report has one; the attempt says how long a request and a server job take."""
    for line in estimate_lines(report, attempt, kind=kind):
        click.echo(line, err=to_stderr)


def estimate_lines(report: "Report", attempt: Attempt, *, kind: str) -> Iterator[str]:
    """Yield the lines of the estimate; none if the run was not a dry run."""
    if report.estimate is None:
        return
    yield ""
    yield _line("to send", _sent(report, report.estimate))
    yield _line("duplicates", _duplicates(report, kind))
    if report.estimate.most_confirmations:
        yield _line("e-mails", f"up to {confirmations(report.estimate)}")
    for label, (reason, count) in zip(_first_only("rejected"), report.reasons.items(), strict=False):
        yield _line(label, f"{count:,}: {' '.join(with_option_names(reason).split())}")
    plan = report.estimate.plan(latency=attempt.latency, job_seconds=attempt.job_seconds)
    yield _line("time", f"about {duration(plan.seconds)} {_pace(plan)}")
    if report.estimate.chunks:
        yield _line("limit", limit_text(plan))


def _line(label: str, text: str) -> str:
    return f"{label:<10} {text}"


def _first_only(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def _sent(report: "Report", estimate: "Estimate") -> str:
    least = "at least " if estimate.polls else ""
    return f"{counted(estimate.chunks, 'chunk')}, {_size(report.bytes)}, {least}{counted(estimate.requests, 'request')}"


def _duplicates(report: "Report", kind: str) -> str:
    """Return the number of duplicates and what they mean."""
    if not report.duplicates:
        return "0"
    return f"{report.duplicates:,}: {_DUPLICATES[kind]}"


_DUPLICATES = {
    "contacts": "their contact has an earlier record, which must be settled first",
    "events": "equal to an earlier event in every field",
    "products": "their product has an earlier row, which must be settled first",
}


def confirmations(estimate: "Estimate") -> str:
    """Return how many confirmation e-mails the server may send, and to whom."""
    parts = [
        f"{estimate.confirmations:,} to contacts that opt in (forceOptIn)" if estimate.confirmations else "",
        f"{estimate.confirmations_if_new:,} to contacts that may be new" if estimate.confirmations_if_new else "",
    ]
    return f"{counted(estimate.most_confirmations, 'confirmation e-mail')}: {', '.join(filter(None, parts))}"


def _pace(plan: "Plan") -> str:
    pacing = plan.pacing
    rate = f", at most {pacing.rate:g} per second" if pacing.rate else ""
    polls = f", a poll every {pacing.poll_interval:g} s, jobs of {pacing.job_seconds:g} s" if plan.jobs else ""
    return f"at {pacing.latency:g} s per request, up to {pacing.concurrency} in flight{rate}{polls}"


def _size(count: int) -> str:
    """Return a number of bytes with a fitting unit."""
    if count < 1024:
        return counted(count, "byte")
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"
