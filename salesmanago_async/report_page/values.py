"""What a page shows, as values that are ready to be shown."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import frozen

from .samples import Sample

Tone: TypeAlias = Literal["accepted", "submitted", "rejected", "in_doubt", "not_sent", "plain"]
"""The colour of a count: that of its state."""


@frozen(kw_only=True)
class Count:
    """A number with its name."""

    name: str
    value: int
    tone: Tone = "plain"


@frozen(kw_only=True)
class ExampleRow:
    """A row that was not accepted: its place ("people.csv:7"), its content by column, and what was said about it."""

    place: str
    reason: str
    content: Mapping[str, str]


@frozen(kw_only=True)
class ReasonGroup:
    """A reason, how many records were not accepted for it, and the first of them."""

    reason: str
    count: int
    tone: Tone
    rows: tuple[ExampleRow, ...] = ()


@frozen(kw_only=True)
class Step:
    """What may be done next, in words, and the command that does it, if there is one."""

    text: str
    command: str | None = None


@frozen(kw_only=True)
class Page:
    """A page. `verdict` says how the run ended, in a sentence; `tone` is its colour. `facts` are further numbers."""

    title: str
    subtitle: str
    verdict: str
    tone: Tone
    states: tuple[Count, ...]
    facts: tuple[tuple[str, str], ...]
    samples: tuple[Sample, ...] = ()
    reasons: tuple[ReasonGroup, ...] = ()
    warnings: tuple[str, ...] = ()
    in_doubt: str | None = None
    steps: tuple[Step, ...] = ()
    shows_rows: bool = True
