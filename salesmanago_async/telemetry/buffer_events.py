"""What happens to buffers and their records, as values: see events.py."""

from attrs import frozen

from .events import ERROR, INFO, WARNING, Event


@frozen(kw_only=True)
class _Left(Event):
    """What is left in a buffer: `records` that are to be sent, and others that are sent and `unconfirmed`."""

    logger = "buffers"
    records: int
    unconfirmed: int = 0

    def what(self, *, to_be_sent: str = "to be sent") -> str:
        """Return the words for both counts; for one of them if the other is 0."""
        parts = []
        if self.records or not self.unconfirmed:
            parts.append(f"%(sm_records)d {_records(self.records)} {to_be_sent}")
        if self.unconfirmed:
            noun = "" if parts else f"{_records(self.unconfirmed)} "
            parts.append(f"%(sm_unconfirmed)d {noun}sent and not yet confirmed")
        return " and ".join(parts)


def _records(count: int) -> str:
    return "record" if count == 1 else "records"


@frozen(kw_only=True)
class LeftoversFound(_Left):
    """A buffer found records that an earlier process has left: it sends them, or polls their jobs."""

    level = INFO
    journal: str

    def words(self) -> str:
        """Return the words for what was found."""
        return f"A buffer found {self.what()}, left by an earlier process in %(sm_journal)s, and goes on"


@frozen(kw_only=True)
class LeftoversUnusable(Event):
    """A buffer found a journal of an earlier process that it cannot use."""

    logger = "buffers"
    level = ERROR
    template = "What a worker has left cannot be sent: %(sm_failure)s"
    failure: str


@frozen(kw_only=True)
class BufferRecordFailed(Event):
    """A record of a buffer was rejected, or is in doubt."""

    logger = "buffers"
    template = "Record %(sm_position)d of a buffer is %(sm_state)s; its receipt has the reason"
    position: int
    state: str


@frozen(kw_only=True)
class BufferRetries(Event):
    """The records of a buffer cannot be sent now."""

    logger = "buffers"
    template = "A buffer's records cannot be sent now, it goes on trying: %(sm_failure)s"
    failure: str


@frozen(kw_only=True)
class BufferUnanswered(Event):
    """The records of a buffer got no answer."""

    logger = "buffers"
    template = "Records of a buffer got no answer, they are sent again"


@frozen(kw_only=True)
class BufferFailed(Event):
    """A run of a buffer has failed, by a mistake of this library; `place` is its traceback without its text."""

    logger = "buffers"
    level = ERROR
    template = "A run of a buffer has failed, it goes on trying: %(sm_failure)s\n%(sm_place)s"
    failure: str
    place: str


@frozen(kw_only=True)
class CallbackFailed(Event):
    """The program's `on_outcome` has raised."""

    logger = "buffers"
    level = ERROR
    template = "on_outcome has raised %(sm_failure)s"
    failure: str


@frozen(kw_only=True)
class BufferLeftRecords(_Left):
    """A buffer was closed before all outcomes were known; without a `journal`, what was not sent is lost."""

    journal: str | None = None

    def words(self) -> str:
        """Return the words for a buffer with or without a journal."""
        if self.journal is None:
            return f"A buffer without a journal was closed with {self.what(to_be_sent='not sent')}"
        lies = "it lies" if self.records + self.unconfirmed == 1 else "they lie"
        polls = ", and the next start polls the jobs of what is sent" if self.unconfirmed else ""
        return f"A buffer was closed with {self.what()}; {lies} in %(sm_journal)s{polls}"

    def severity(self) -> int:
        """Return ERROR if records are lost, INFO if all are sent and the next start confirms them."""
        if self.journal:
            return WARNING if self.records else INFO
        return ERROR if self.records else WARNING


@frozen(kw_only=True)
class BufferClosedBadly(Event):
    """A buffer could not be closed in order."""

    logger = "buffers"
    level = ERROR
    template = "A buffer could not be closed in order: %(sm_failure)s"
    failure: str
