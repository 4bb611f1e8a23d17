"""What happens to runs and their journals, as values: see events.py."""

from attrs import frozen

from .events import DEBUG, INFO, WARNING, Event


@frozen(kw_only=True)
class RunBegan(Event):
    """A run begins."""

    logger = "runs"
    level = INFO
    template = "A run of %(sm_kind)s begins"
    kind: str


COUNTED = ("read", "accepted", "submitted", "rejected", "in_doubt", "not_sent", "requests", "retries")
"""The numbers of a report that an event has."""


@frozen(kw_only=True)
class _Counts(Event):
    logger = "runs"
    counts: str
    read: int
    accepted: int
    submitted: int
    rejected: int
    in_doubt: int
    not_sent: int
    requests: int
    retries: int


@frozen(kw_only=True)
class RunEnded(_Counts):
    """A run has ended; `failure` says why if that was before its end, and `counts` are the counts in words."""

    template = "A run of %(sm_kind)s has ended: %(sm_counts)s"
    kind: str
    failure: str | None = None

    def words(self) -> str:
        """Return the words for a run that came to its end, or did not."""
        if self.failure is None:
            return self.template
        return "A run of %(sm_kind)s has stopped before the end, %(sm_failure)s: %(sm_counts)s"

    def severity(self) -> int:
        """Return WARNING if the run did not come to its end."""
        return INFO if self.failure is None else WARNING


@frozen(kw_only=True)
class RunCancelled(_Counts):
    """A run was cancelled, and has left records; with a `journal` it can be resumed.

    `given_as` is the name under which the caller gave the journal: "journal", or "state" of a sync.
    """

    kind: str
    journal: str | None = None
    given_as: str = "journal"

    def words(self) -> str:
        """Return the words that say how the run can go on."""
        onward = (
            "Repeat the call with %(sm_given_as)s='%(sm_journal)s' to continue it"
            if self.journal
            else "It has no journal, so another call starts from the beginning"
        )
        return f"A run was cancelled: %(sm_counts)s. {onward}"


@frozen(kw_only=True)
class RecordsSettled(Event):
    """What became of the records of a chunk."""

    logger = "runs"
    level = DEBUG
    template = "%(sm_records)d %(sm_kind)s are %(sm_state)s"
    kind: str
    state: str
    records: int


@frozen(kw_only=True)
class LaterRecordsWait(Event):
    """All that a run still has to send waits: an earlier request with the same contacts or products got no answer."""

    logger = "runs"
    template = (
        "The rest of the %(sm_kind)s waits for up to %(sm_wait_seconds).0f s: earlier records of the same contacts or "
        "products were in a request without an answer, and the server may still work at it"
    )
    kind: str
    wait_seconds: float


@frozen(kw_only=True)
class ColumnsDiffer(Event):
    """The source of a sync has other columns than that of the last one; its report names them."""

    logger = "runs"
    template = (
        "The columns differ from those of the last sync, so rows may count as changed that are not: "
        "%(sm_missing)d are missing and %(sm_added)d are new; the warnings of the report name them"
    )
    kind: str
    added: int
    missing: int


@frozen(kw_only=True)
class JournalBusy(Event):
    """A run waits for a journal; `failure` is the text of this library that names it, and says who has it."""

    logger = "runs"
    template = "Waiting for %(sm_seconds).0f seconds: %(sm_failure)s"
    seconds: float
    failure: str
