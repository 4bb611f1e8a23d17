"""Prints the estimate of a dry run: what the import would send, and how long it would take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from attrs import evolve

from ..file_imports.account import ClientOptions
from ..support.wording import counted

if TYPE_CHECKING:
    from ..imports.estimate import Estimate
    from ..imports.report import Report

POLL_INTERVAL = 60.0
"""Seconds between two polls of a job unless an option says otherwise; a simulated client polls more often."""


_UNITS = ("KiB", "MiB", "GiB", "TiB")


def without_account(client: ClientOptions) -> ClientOptions:
    """Return the options of a client that needs no account, but whose estimate is that of the given options."""
    usual = None if client.simulate else POLL_INTERVAL
    return evolve(client, simulate=True, poll_interval=client.poll_interval or usual)


def print_estimate(report: "Report", latency: float, *, to_stderr: bool = False) -> None:
    """Print the estimate, if the report has one; `latency` is how many seconds a request takes."""
    for line in estimate_lines(report, latency):
        click.echo(line, err=to_stderr)


def estimate_lines(report: "Report", latency: float) -> Iterator[str]:
    """Yield the lines of the estimate; none if the run was not a dry run."""
    if report.estimate is None:
        return
    yield ""
    yield _line("to send", _sent(report, report.estimate))
    yield _line("duplicates", _duplicates(report, report.estimate))
    if report.estimate.most_confirmations:
        yield _line("e-mails", f"up to {confirmations(report.estimate)}")
    for label, (reason, count) in zip(_first_only("rejected"), report.reasons.items(), strict=False):
        yield _line(label, f"{count:,}: {' '.join(reason.split())}")
    yield _line(
        "time", f"about {_duration(report.estimate.seconds_at(latency=latency))} {_pace(report.estimate, latency)}"
    )


def _line(label: str, text: str) -> str:
    return f"{label:<10} {text}"


def _first_only(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def _sent(report: "Report", estimate: "Estimate") -> str:
    least = "at least " if estimate.polls else ""
    return f"{counted(estimate.chunks, 'chunk')}, {_size(report.bytes)}, {least}{counted(estimate.requests, 'request')}"


def _duplicates(report: "Report", estimate: "Estimate") -> str:
    """Return the number of duplicates and what they mean; only imports of contacts have jobs."""
    if not report.duplicates:
        return "0"
    waiting = "their contact has an earlier record, which must be settled first"
    same = "equal to an earlier event in every field"
    return f"{report.duplicates:,}: {waiting if estimate.jobs else same}"


def confirmations(estimate: "Estimate") -> str:
    """Return how many confirmation e-mails the server may send, and to whom."""
    parts = [
        f"{estimate.confirmations:,} to contacts that opt in (forceOptIn)" if estimate.confirmations else "",
        f"{estimate.confirmations_if_new:,} to contacts that may be new" if estimate.confirmations_if_new else "",
    ]
    return f"{counted(estimate.most_confirmations, 'confirmation e-mail')}: {', '.join(filter(None, parts))}"


def _pace(estimate: "Estimate", latency: float) -> str:
    rate = f", at most {estimate.rate:g} per second" if estimate.rate else ""
    polls = f", a poll every {estimate.poll_interval:g} s" if estimate.polls else ""
    return f"at {latency:g} s per request, {estimate.concurrency} in flight{rate}{polls}"


def _size(count: int) -> str:
    """Return a number of bytes with a fitting unit."""
    if count < 1024:
        return counted(count, "byte")
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def _duration(seconds: float) -> str:
    """Return a duration with a fitting unit."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
