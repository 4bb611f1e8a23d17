"""What a page says, and that it holds nothing from outside and nothing personal beside the rows of rejects."""

from html.parser import HTMLParser
from typing import Any

import pytest

from salesmanago_async import NoAnswer, Outcome, Report, SalesManago, SyncReport
from salesmanago_async.imports.page import page_of
from salesmanago_async.report_page.plots import duration, number
from salesmanago_async.report_page.samples import Sample

REASON = "email: is not an e-mail address"
EXAMPLE = Outcome({"email": "<b>bob</b>", "name": "Bob"}, 6, "rejected", REASON, line=8, file="/home/ann/people.csv")
SAMPLES = tuple(Sample(seconds=n / 10, read=n * 9, settled=n * 8, in_flight=n % 5, limit=8) for n in range(1, 90))


def report(**changes: Any) -> Report:
    given: dict[str, Any] = {
        "read": 1000,
        "read_all": True,
        "accepted": 998,
        "rejected": 2,
        "seconds": 8.9,
        "ended": True,
        "reasons": {REASON: 2},
        "examples": {REASON: (EXAMPLE,)},
        "samples": SAMPLES,
    }
    return Report(**{**given, **changes})


class _Checker(HTMLParser):
    """Collects the elements of a page, and checks that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "path"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.open.pop() == tag


def elements_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    return checker.elements


def test_it_is_one_document_without_outside_resources() -> None:
    page = report(warnings=("externalId has <numbers>",)).html()
    elements = elements_of(page)
    assert not {name for name, _ in elements} & {"script", "link", "img", "iframe", "a", "b-ob"}
    assert not any({"src", "href", "onclick"} & attributes.keys() for _, attributes in elements)
    assert "url(" not in page
    assert "http" not in page
    assert sum(name == "svg" for name, _ in elements) == 2
    assert "externalId has &lt;numbers&gt;" in page


def test_rows_of_rejects_are_shown_or_left_out() -> None:
    page = report().html()
    assert "&lt;b&gt;bob&lt;/b&gt;" in page
    assert "people.csv:8" in page
    assert "/home/ann" not in page
    without = report().html(rows=False)
    assert "bob" not in without.lower()
    assert "people.csv" not in without
    assert REASON in without


def test_the_verdict_says_how_the_run_ended() -> None:
    assert "All was sent; 2 rejected." in report().html()
    assert "All records were accepted." in report(accepted=1000, rejected=0).html()
    stopped = report(
        accepted=500, in_doubt=498, stopped=NoAnswer("no answer for 300 s", sent=None), journal="people.db"
    )
    page = stopped.html()
    assert "Stopped before the end: no answer for 300 s." in page
    assert "498 records were sent, and no answer says whether they arrived." in page
    assert "goes on with the run" in page
    assert "would be sent" in report(goal="not_sent", accepted=0, not_sent=998).html()


def test_commands_stand_alone() -> None:
    lines = ("to continue:", "  salesmanago resume 'a b.db'", "or begin anew")
    page = page_of(report(), title="", rows=True, verdict="", is_complete=False, differences={}, remedies=lines)
    assert "<p>To continue:</p><pre>salesmanago resume &#x27;a b.db&#x27;</pre><p>Or begin anew</p>" in page


def test_a_sync_says_how_the_source_differs() -> None:
    page = SyncReport.of(report(), added=7, changed=5, unchanged=4, removed=3).html()
    assert "<dt>unchanged</dt><dd>4</dd>" in page


@pytest.mark.parametrize("samples", [(), SAMPLES[:1]])
def test_a_run_without_samples_has_no_plots(samples: tuple[Sample, ...]) -> None:
    assert "<svg" not in report(samples=samples).html()


def test_numbers_and_durations_are_short() -> None:
    assert [number(value) for value in (0, 0.5, 8, 1500, 20_000, 3_000_000)] == ["0", "0.5", "8", "1.5k", "20k", "3M"]
    assert [duration(value) for value in (0, 1.23, 42.4, 185, 3760)] == ["0 s", "1.2 s", "42 s", "3:05", "1:02:40"]


@pytest.mark.anyio
async def test_a_run_has_samples_and_examples(sm: SalesManago) -> None:
    rows = [{"email": f"ann{n}@example.com" if n % 100 else "ann"} for n in range(1000)]
    done = await sm.contacts.upsert_many(rows, batch_size=100)
    assert (done.samples[-1].read, done.samples[-1].settled) == (1000, 1000)
    assert {len(examples) for examples in done.examples.values()} == {3}
    assert max(one.in_flight for one in done.samples) <= 8
