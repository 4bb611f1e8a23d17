"""The numbers of a run, of which its report and the page of the report are made."""

from collections.abc import Mapping

from attrs import field, frozen

from ..connection.knee import FEWEST_ANSWERS, FIRST_WINDOW
from ..errors import SalesManagoError
from ..outcome import Outcome, State
from ..report_page.samples import Sample
from ..sources.warnings import ReadWarning
from .estimate import Estimate


@frozen(kw_only=True)
class RunCounts:
    """What is known of a run; `Report` says what each value means."""

    read: int = 0
    read_all: bool = False
    accepted: int = 0
    submitted: int = 0
    rejected: int = 0
    in_doubt: int = 0
    not_sent: int = 0
    chunks: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    concurrency: int = 0
    jobs: int = 0
    unfollowed: int = 0
    earlier: int = 0
    seconds: float = 0.0
    journal: str | None = None
    ended: bool = False
    halted: bool = False
    goal: State = "accepted"
    stopped: SalesManagoError | None = None
    problems: tuple[Outcome, ...] = ()
    examples: Mapping[str, tuple[Outcome, ...]] = field(factory=dict)
    samples: tuple[Sample, ...] = ()
    reasons: Mapping[str, int] = field(factory=dict)
    first_reasons: Mapping[State, str] = field(factory=dict)
    request_ids: tuple[int, ...] = ()
    duplicates: int | None = None
    estimate: Estimate | None = None
    warnings: tuple[ReadWarning, ...] = ()

    @property
    def has_found_concurrency(self) -> bool:
        """Whether the run was long enough to find out how many requests in flight the server takes."""
        return self.requests >= FEWEST_ANSWERS and self.concurrency not in {0, FIRST_WINDOW}

    @property
    def journal_name(self) -> str:
        """The option that `journal` was given as."""
        return "journal"

    @property
    def label_of_read(self) -> str:
        """What the records are that `read` counts, in words: a sync counts only those that it has to send."""
        return "read"
