"""Samples of a run take flat memory, and keep what matters: counts, peaks, the end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.report_page.samples import MOST_SAMPLES, Sample, Samples, count_at, rates


def sample(seconds: float, read: int = 0, settled: int = 0, in_flight: int = 0) -> Sample:
    return Sample(seconds=seconds, read=read, settled=settled, in_flight=in_flight, limit=8)


def test_a_million_samples_are_few_and_evenly_spread() -> None:
    samples = Samples()
    for number in range(20_000):
        samples.add(sample(number * 0.37, number, in_flight=7 if number == 10_000 else 3))
    kept = samples.all()
    assert MOST_SAMPLES / 2 <= len(kept) <= MOST_SAMPLES + 1
    assert kept[-1].read == 19_999
    assert max(one.in_flight for one in kept) == 7
    gaps = [later.seconds - sooner.seconds for sooner, later in pairwise(kept[:-1])]
    assert max(gaps) < 2.2 * min(gaps[1:])


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 900), st.integers(0, 9)), min_size=1, max_size=600))
def test_the_end_and_the_peak_are_always_kept(steps: list[tuple[float, int, int]]) -> None:
    samples, seconds, read = Samples(), 0.0, 0
    for wait, rows, in_flight in steps:
        seconds, read = seconds + wait, read + rows
        samples.add(sample(seconds, read, in_flight=in_flight))
    kept = samples.all()
    assert (kept[-1].seconds, kept[-1].read) == (seconds, read)
    assert max(one.in_flight for one in kept) == max(in_flight for *_, in_flight in steps)
    assert sorted(kept, key=lambda one: one.seconds) == list(kept)
    assert len(kept) <= MOST_SAMPLES + 1


def test_rates_add_up_to_the_counts() -> None:
    kept = (sample(1.0, 100), sample(2.0, 100), sample(4.0, 1000))
    assert rates(kept, "read", 4) == [100.0, 0.0, 450.0, 450.0]
    assert count_at(kept, "read", 3.0) == 550
    assert rates((), "read", 4) == []
    assert sum(rates(kept, "read", 7)) * 4 / 7 == pytest.approx(1000)
