"""The report of a sync: the counts of its run, and how the source differs from what was known."""

from collections.abc import Mapping
from typing import Any, Self

from attrs import fields, frozen

from ..imports.report import Report


@frozen(kw_only=True)
class SyncReport(Report):
    """The report of a sync. The counts of `Report` are those of the rows that were sent, or rejected before that.

    `added` are rows with a key of which none was accepted before, `changed` rows with other content than the one that
    was accepted last (or of which that is not known), `unchanged` rows that were not sent. `prices_only` and
    `quantities_only` are the changed products of which nothing else was sent. `removed` are keys of the state that are
    not in the source; it is 0 if the source was not read to its end. `removal` says what was done about them, or why
    nothing was, and `removed_done` counts those it was done to.

    `resent` says why all rows were sent, if they were; None if only what changed was. `warnings` also name the columns
    that the last sync had and this one has not, or the other way round, if both sources are tables.
    """

    added: int = 0
    changed: int = 0
    prices_only: int = 0
    quantities_only: int = 0
    unchanged: int = 0
    removed: int = 0
    removed_done: int = 0
    removal: str | None = None
    resent: str | None = None

    @property
    def journal_name(self) -> str:
        """The option that `journal` was given as: the state of a sync is its journal."""
        return "state"

    @property
    def label_of_read(self) -> str:
        """What the rows are that `read` counts: the source may have had many more."""
        return "to be sent"

    @property
    def differences(self) -> Mapping[str, int]:
        """How the source differs from what was known."""
        return {
            "new": self.added,
            "changed": self.changed,
            **self._parts,
            "unchanged": self.unchanged,
            "removed": self.removed,
        }

    @property
    def _parts(self) -> Mapping[str, int]:
        """How many of the changed products are sent in part."""
        parts = {"prices only": self.prices_only, "quantities only": self.quantities_only}
        return {part: count for part, count in parts.items() if count}

    @classmethod
    def of(cls, report: Report, **counts: Any) -> Self:
        """Return the report of a run with the counts of its sync."""
        return cls(**{each.name: getattr(report, each.name) for each in fields(Report)}, **counts)

    @property
    def counts(self) -> str:
        """The counts in words: first how the source differs, then what became of the rows that were sent."""
        gone = f", {self.removed:,} removed ({self.removal})" if self.removed else ""
        parts = ", ".join(f"{count:,} {part}" for part, count in self._parts.items())
        changed = f"{self.changed:,} changed{f' ({parts})' if parts else ''}"
        differs = f"{self.added:,} new, {changed}, {self.unchanged:,} unchanged{gone}"
        return f"{differs}; {super().counts if self.read else 'nothing to send'}"
