"""Prints the counts of an import."""

import os
import sys
from collections.abc import Iterator

import click

from ..file_imports.definition import Attempt
from ..imports.report import Report
from ._estimate import print_estimate

_LABELS = {
    "earlier": "settled earlier",
    "concurrency": "requests at once",
    "unfollowed": "jobs not followed",
    "removed_done": "acted upon",
    "prices_only": "prices only",
    "quantities_only": "quantities only",
}
"""Counts with a label of their own; they are shown only if they are not 0."""


def print_counts(report: Report, attempt: Attempt, *, kind: str, to_stderr: bool = False) -> None:
    """Print the counts, one on each line, and the estimate of a dry run."""
    try:
        for line in count_lines(report):
            click.echo(line, err=to_stderr)
        print_estimate(report, attempt, kind=kind, to_stderr=to_stderr)
    except BrokenPipeError:  # the reader of stdout has gone, which changes nothing about the import
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def count_lines(report: Report) -> Iterator[str]:
    """Yield a line for each count that means something in this run."""
    labels = {**_LABELS, "read": report.label_of_read}
    if report.estimate:
        labels["not_sent"] = "would be sent"
    for name, value in report.as_dict().items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if name in _LABELS and not value:
            continue
        if name == "duplicates":  # the estimate shows them, with their meaning
            continue
        if name == "concurrency" and not report.has_found_concurrency:
            continue
        label = labels.get(name) or name.replace("_", " ")
        yield f"{label:<10} {value:>{max(0, 22 - max(len(label), 10))},}"
