"""What happens between the client and the server, as values: see events.py."""

from attrs import frozen

from .events import DEBUG, ERROR, Event


@frozen(kw_only=True)
class Retry(Event):
    """A request is sent again after a wait: up to `most_attempts`, or in a run while there are `seconds_left`.

    The run of a buffer has neither, because the next run goes on.
    """

    logger = "connection"
    path: str
    failure: str
    attempt: int
    wait_seconds: float
    most_attempts: int | None = None
    seconds_left: float | None = None

    def words(self) -> str:
        """Return the words for a single call, a run, or the run of a buffer."""
        most = "" if self.most_attempts is None else " of %(sm_most_attempts)d"
        left = "" if self.seconds_left is None else ", giving up in %(sm_seconds_left).0f s if no answer comes"
        return f"%(sm_path)s: %(sm_failure)s; try %(sm_attempt)d{most} in %(sm_wait_seconds).1f s{left}"


@frozen(kw_only=True)
class NotRetried(Event):
    """A request is not sent again, because it must not be applied twice."""

    logger = "connection"
    template = "%(sm_path)s: %(sm_failure)s; not tried again, as it may have been applied"
    path: str
    failure: str


@frozen(kw_only=True)
class LimitLowered(Event):
    """Fewer requests may be in flight: the server is overloaded."""

    logger = "connection"
    template = (
        "%(sm_path)s: %(sm_failure)s; at most %(sm_limit)d requests in flight from now on, not %(sm_limit_before)d"
    )
    path: str
    failure: str
    limit: int
    limit_before: int


@frozen(kw_only=True)
class RateLowered(Event):
    """Requests start more slowly: the server refuses those that come faster. `rate` is in requests per second."""

    logger = "connection"
    template = "%(sm_path)s: %(sm_failure)s; at most %(sm_rate).1f requests a second from now on"
    path: str
    failure: str
    rate: float


@frozen(kw_only=True)
class Pause(Event):
    """No request starts for some seconds: the server has asked for it."""

    logger = "connection"
    template = "%(sm_path)s: %(sm_failure)s; no request starts for %(sm_wait_seconds).1f s"
    path: str
    failure: str
    wait_seconds: float


@frozen(kw_only=True)
class Outage(Event):
    """A chunk got no answer: the next one waits, and goes alone."""

    logger = "connection"
    template = "no answer to a chunk; the next one is sent in %(sm_wait_seconds).1f s, the others when it is answered"
    wait_seconds: float


@frozen(kw_only=True)
class SurplusAnswer(Event):
    """A connection has more bytes than belong to an answer."""

    logger = "connection"
    template = "a server or a proxy sent more than one answer to a request; its connection is closed"


@frozen(kw_only=True)
class QuotaLost(Event):
    """The database of a quota cannot be reached."""

    logger = "connection"
    template = "the quota %(sm_quota)s cannot be reached, so no request starts: %(sm_failure)s"
    quota: str
    failure: str


@frozen(kw_only=True)
class QuotaNotReturned(Event):
    """A quota was lost before its slots were given back; they are free after a while."""

    logger = "connection"
    level = DEBUG
    template = "the quota %(sm_quota)s was lost before it was given back: %(sm_failure)s"
    quota: str
    failure: str


@frozen(kw_only=True)
class QuotaFailed(Event):
    """A quota is kept no longer, by a mistake of this library; `place` is its traceback without its text."""

    logger = "connection"
    level = ERROR
    template = "the quota %(sm_quota)s is kept no longer: %(sm_failure)s\n%(sm_place)s"
    quota: str
    failure: str
    place: str
