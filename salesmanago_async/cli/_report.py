"""The counts of an import: printed, and written as JSON."""

import os
import sys
from pathlib import Path

import click
import orjson

from ..imports.report import Report
from ._bill import print_bill
from ._paths import naming


def print_counts(report: Report, *, latency: float) -> None:
    """Print the counts on stdout, a line each, and the bill of a dry run."""
    try:
        for name, value in report.as_dict().items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                click.echo(f"{name.replace('_', ' '):<10} {value:>12,}")
        print_bill(report, latency)
    except BrokenPipeError:  # whoever read stdout has gone; what was imported was imported
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_report(report: Report, path: Path | None, *, latency: float) -> None:
    """Write the counts as a JSON object, where a path is given."""
    if path:
        counts = report.as_dict(latency=latency)
        with naming(path):
            path.write_bytes(orjson.dumps(counts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
