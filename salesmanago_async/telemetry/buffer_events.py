"""What happens to buffers and their records, as values: see events.py."""

from attrs import frozen

from .events import ERROR, INFO, WARNING, Event


@frozen(kw_only=True)
class LeftoversFound(Event):
    """A buffer found records that an earlier process has left, and sends them."""

    logger = "buffers"
    level = INFO
    template = "A buffer found %(sm_records)d records of an earlier process in %(sm_journal)s, and sends them"
    records: int
    journal: str


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
class BufferLeftRecords(Event):
    """A buffer was closed before all of its records were sent; without a `journal` they are lost."""

    logger = "buffers"
    records: int
    journal: str | None = None

    def words(self) -> str:
        """Return the words for a buffer with or without a journal."""
        if self.journal is None:
            return "A buffer without a journal was closed with %(sm_records)d records that are not sent"
        return "A buffer was closed with %(sm_records)d records to be sent; they lie in %(sm_journal)s"

    def severity(self) -> int:
        """Return ERROR if the records are lost."""
        return WARNING if self.journal else ERROR


@frozen(kw_only=True)
class BufferClosedBadly(Event):
    """A buffer could not be closed in order."""

    logger = "buffers"
    level = ERROR
    template = "A buffer could not be closed in order: %(sm_failure)s"
    failure: str
