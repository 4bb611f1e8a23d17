"""Samples of a run over time, in flat memory: when there are too many, the resolution is halved."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import evolve, frozen

MOST_SAMPLES = 240
"""The most samples that are kept; a multiple of 2."""
FIRST_SPACING = 0.1
"""Seconds between two samples at first."""


@frozen(kw_only=True)
class Sample:
    """How far a run was: the `seconds` since it began, and the records that were read, and sent and settled, by then.

    `in_flight` is the most requests that were in flight at once since the sample before, `limit` the most that were
    allowed then.
    """

    seconds: float
    read: int
    settled: int
    in_flight: int
    limit: int


class Samples:
    """At most `MOST_SAMPLES` samples and the latest one, evenly spread over the run."""

    def __init__(self) -> None:
        self._kept: list[Sample] = []
        self._spacing = FIRST_SPACING
        self._latest: Sample | None = None

    def add(self, sample: Sample) -> None:
        """Add a sample; it is kept if enough time has passed since the one before, or if it stays the latest."""
        before = self._latest
        if before is not None and before is not self._last_kept:
            sample = evolve(sample, in_flight=max(sample.in_flight, before.in_flight))
        self._latest = sample
        if self._kept and sample.seconds < self._kept[-1].seconds + self._spacing:
            return
        self._kept.append(sample)
        if len(self._kept) == MOST_SAMPLES:
            self._kept = [
                evolve(later, in_flight=max(sooner.in_flight, later.in_flight))
                for sooner, later in zip(self._kept[::2], self._kept[1::2], strict=True)
            ]
            self._latest = self._kept[-1]
            self._spacing *= 2

    def all(self) -> tuple[Sample, ...]:
        """Return the samples by their time."""
        if self._latest is None or self._latest is self._last_kept:
            return tuple(self._kept)
        return (*self._kept, self._latest)

    @property
    def _last_kept(self) -> Sample | None:
        return self._kept[-1] if self._kept else None


def rates(samples: Sequence[Sample], name: str, bins: int) -> list[float]:
    """Return the records a second in each of so many equal spans; `name` is "read" or "settled".

    The counts between two samples are spread evenly over the time between them.
    """
    if not samples or samples[-1].seconds <= 0:
        return []
    end = samples[-1].seconds
    marks = [count_at(samples, name, end * number / bins) for number in range(bins + 1)]
    return [(later - sooner) * bins / end for sooner, later in pairwise(marks)]


def count_at(samples: Sequence[Sample], name: str, seconds: float) -> float:
    """Return a count at a time, between the samples around it; at the beginning it is 0."""
    for (sooner, begun), (later, done) in pairwise(_points(samples, name)):
        if seconds <= later:
            part = (seconds - sooner) / (later - sooner) if later > sooner else 1.0
            return begun + (done - begun) * part
    return float(getattr(samples[-1], name))


def _points(samples: Sequence[Sample], name: str) -> Iterator[tuple[float, float]]:
    yield 0.0, 0.0
    for sample in samples:
        yield sample.seconds, getattr(sample, name)
