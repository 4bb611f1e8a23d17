"""The estimate of a dry run: what the import would send, and how long it would take, in words."""

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
"""Seconds between two polls at a job, where nothing else is said; a simulated client polls more often."""


_UNITS = ("KiB", "MiB", "GiB", "TiB")


def without_account(client: ClientOptions) -> ClientOptions:
    """Return the options of a client that needs no account, and is billed as the one that they are for."""
    usual = None if client.simulate else POLL_INTERVAL
    return evolve(client, simulate=True, poll_interval=client.poll_interval or usual)


def print_estimate(report: "Report", latency: float, *, to_stderr: bool = False) -> None:
    """Print the estimate, if there is one; `latency` is how many seconds a request takes."""
    for line in bill_lines(report, latency):
        click.echo(line, err=to_stderr)


def bill_lines(report: "Report", latency: float) -> Iterator[str]:
    """Yield the lines of the estimate; none where the run was no dry one."""
    if report.estimate is None:
        return
    yield ""
    yield _line("to send", _sent(report, report.estimate))
    yield _line("duplicates", _repeated(report, report.estimate))
    if report.estimate.most_confirmations:
        yield _line("e-mails", f"up to {confirmations(report.estimate)}")
    for label, (reason, count) in zip(_once("rejected"), report.reasons.items(), strict=False):
        yield _line(label, f"{count:,}: {' '.join(reason.split())}")
    yield _line(
        "time", f"about {_duration(report.estimate.seconds_at(latency=latency))} {_pace(report.estimate, latency)}"
    )


def _line(label: str, text: str) -> str:
    return f"{label:<10} {text}"


def _once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def _sent(report: "Report", estimate: "Estimate") -> str:
    least = "at least " if estimate.polls else ""
    return f"{counted(estimate.chunks, 'chunk')}, {_size(report.bytes)}, {least}{counted(estimate.requests, 'request')}"


def _repeated(report: "Report", estimate: "Estimate") -> str:
    """Tell the duplicates, and what they mean; only contacts become jobs."""
    if not report.duplicates:
        return "0"
    waiting = "their contact came before, so they wait for its earlier record"
    same = "the same in every field as an earlier event"
    return f"{report.duplicates:,}: {waiting if estimate.jobs else same}"


def confirmations(estimate: "Estimate") -> str:
    """Return how many confirmation e-mails the server may send, and to whom."""
    parts = [
        f"{estimate.confirmations:,} to contacts that are opted in (forceOptIn)" if estimate.confirmations else "",
        f"{estimate.confirmations_if_new:,} to contacts that may be new" if estimate.confirmations_if_new else "",
    ]
    return f"{counted(estimate.most_confirmations, 'confirmation e-mail')}: {', '.join(filter(None, parts))}"


def _pace(estimate: "Estimate", latency: float) -> str:
    rate = f", at most {estimate.rate:g} a second" if estimate.rate else ""
    polls = f", a poll every {estimate.poll_interval:g} s" if estimate.polls else ""
    return f"at {latency:g} s a request, {estimate.concurrency} in flight{rate}{polls}"


def _size(count: int) -> str:
    """Return a number of bytes in words."""
    if count < 1024:
        return counted(count, "byte")
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def _duration(seconds: float) -> str:
    """Return a span of time in words, in the unit that it is nearest to."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
