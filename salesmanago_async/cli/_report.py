"""The counts of an import: printed, and written as JSON."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from ..imports.report import Report
from ._bill import print_bill
from ._file_path import STDOUT
from ._paths import naming


def print_counts(report: Report, *, latency: float, to_stderr: bool = False) -> None:
    """Print the counts, a line each, and the bill of a dry run: on stdout, unless that is for the JSON."""
    try:
        for line in count_lines(report):
            click.echo(line, err=to_stderr)
        print_bill(report, latency, to_stderr=to_stderr)
    except BrokenPipeError:  # whoever read stdout has gone; what was imported was imported
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def count_lines(report: Report) -> Iterator[str]:
    """Yield a line for each count that means something in this run."""
    names = {"not_sent": "would be sent"} if report.bill else {}
    for name, value in report.as_dict().items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if (name == "earlier" and not value) or name == "duplicates":  # the bill has the duplicates, with their meaning
            continue
        label = names.get(name) or _LABELS.get(name) or name.replace("_", " ")
        yield f"{label:<10} {value:>12,}"


_LABELS = {"earlier": "settled earlier"}
"""What the count of another name is called: what an earlier run of the journal had settled is not sent again."""


def write_report(report: Report, path: Path | None, *, latency: float) -> None:
    """Write the counts as a JSON object, where a path is given; "-" is standard output."""
    if path is None:
        return
    content = orjson.dumps(report.as_dict(latency=latency), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if path == STDOUT:
        click.echo(content, nl=False)
        return
    with naming(path):
        path.write_bytes(content)
