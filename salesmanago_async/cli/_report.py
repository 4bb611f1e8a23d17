"""The counts of an import: printed, and written as JSON."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from ..imports.report import Report
from ._estimate import print_estimate
from ._file_path import STDOUT
from ._paths import naming


def print_counts(report: Report, *, latency: float, to_stderr: bool = False) -> None:
    """Print the counts, a line each, and the estimate of a dry run: on stdout, unless that is for the JSON."""
    try:
        for line in count_lines(report):
            click.echo(line, err=to_stderr)
        print_estimate(report, latency, to_stderr=to_stderr)
    except BrokenPipeError:  # whoever read stdout has gone; what was imported was imported
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def count_lines(report: Report) -> Iterator[str]:
    """Yield a line for each count that means something in this run."""
    names = {"not_sent": "would be sent"} if report.estimate else {}
    for name, value in report.as_dict().items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if name in _ONLY_WHERE_ANY and not value:
            continue
        if name == "duplicates":  # the estimate has them, with their meaning
            continue
        label = names.get(name) or _LABELS.get(name) or name.replace("_", " ")
        yield f"{label:<10} {value:>{max(0, 22 - max(len(label), 10))},}"


_LABELS = {"earlier": "settled earlier", "unfollowed": "jobs not followed"}
"""What the count of another name is called: what an earlier run of the journal had settled is not sent again."""
_ONLY_WHERE_ANY = frozenset(_LABELS)
SHOWN_JOBS = 20


def job_lines(report: Report) -> Iterator[str]:
    """Yield a line that names the server jobs which were not followed to their end, so that they can be asked about."""
    if report.request_ids:
        shown = ", ".join(map(str, report.request_ids[:SHOWN_JOBS]))
        more = report.unfollowed - len(report.request_ids[:SHOWN_JOBS])
        others = f" and {more:,} more (all are in --report)" if more > 0 else ""
        asking = f"salesmanago job status {report.request_ids[0]}"
        yield f"server jobs not followed: {shown}{others}; '{asking}' asks about one"


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
