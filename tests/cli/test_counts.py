"""The counts that an import prints at its end: those that mean something in this run."""

import re

import pytest

from salesmanago_async.cli._report import count_lines
from salesmanago_async.imports.report import Report
from salesmanago_async.report_page.samples import Sample


@pytest.mark.parametrize(
    ("requests", "concurrency", "is_shown"),
    [
        (0, 0, False),  # nothing was sent
        (4, 3, False),  # what a client begins with
        (400, 3, False),
        (7, 6, False),  # too few answers of this run
        (8, 6, True),
        (400, 24, True),
        (400, 1, True),  # the server takes no more
    ],
)
def test_requests_at_once_are_shown_if_the_run_found_out_how_many(
    requests: int, concurrency: int, *, is_shown: bool
) -> None:
    report = Report(read=10, accepted=10, requests=requests, concurrency=concurrency)
    lines = [line for line in count_lines(report) if line.startswith("requests at once")]
    assert lines == ([f"requests at once {concurrency:>6}"] if is_shown else [])


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ((3, 3, 3), "At most 3 requests were in flight at once."),
        (
            (3, 6, 24),
            "At most 3 requests were in flight at once; as the server answered, the limit was between 3 and 24.",
        ),
        (
            (24, 6, 12),
            "At most 3 requests were in flight at once; as the server answered, the limit was between 6 and 24.",
        ),
    ],
)
def test_the_page_speaks_of_a_limit_that_was_found(limits: tuple[int, ...], says: str) -> None:
    samples = tuple(
        Sample(seconds=float(number + 1), read=10 * number, settled=10 * number, in_flight=3, limit=limit)
        for number, limit in enumerate(limits)
    )
    page = Report(read=20, accepted=20, seconds=3.0, samples=samples, ended=True, read_all=True).html()
    assert says in re.sub(r"\s+", " ", page)
