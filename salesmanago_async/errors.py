"""Every exception the library raises.

    SalesManagoError
    ├── Invalid             bad input: a value, a file, a setting (also a ValueError)
    ├── NoAnswer            the network: `sent` says whether the server can have seen the request
    ├── Refused             the server understood and said no: `messages`, `values`
    │   └── NotAuthenticated
    ├── RateLimited         429: `retry_after`
    ├── ServerFault         5xx: `status`, `retry_after`
    ├── Unreadable          an answer that is not the JSON we know
    │   └── Redirected      a call was sent elsewhere, and was not processed
    ├── RunIncomplete       a run that stopped early, or left records open: `report` (see `raise_if_incomplete`)
    ├── JournalFailed       the journal of a run can no longer be written: a full disk, say
    ├── BufferFull          a buffer has no room for another record
    ├── BufferClosed        a buffer takes nothing before its block, nor after it
    ├── ClientClosed        a client that is closed, or used in an event loop that is not its own: nothing was sent
    ├── JobFailed           a server job ended without success
    │   └── JobNotFound     the server does not know the job (any more): nothing is known of its records
    ├── StillRunning        a deadline of ours passed; the job goes on
    └── LinkExpired         a file link no longer works, nor did a fresh one

Each carries the request that met it, never a secret: values hide their credentials, links are named by host. Each can
be copied and pickled, as it was raised: what it says, what was noted on it, and all of its attributes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .support.pickling import Carried

ErrorT = TypeVar("ErrorT", bound="SalesManagoError")


class SalesManagoError(Exception):
    """Anything that went wrong between this program and SALESmanago.

    `request` is the request value concerned, or None. `maybe_applied` is True where at some try the server may have
    acted on the request although no answer says so; `in_doubt` where, besides, it is not one to send twice.
    """

    maybe_applied: bool = False
    in_doubt: bool = False

    def __init__(self, message: str, *, request: object | None = None) -> None:
        super().__init__(message)
        self.request = request

    def __reduce__(self) -> tuple[Any, ...]:
        """Have it made anew without its constructor, whose arguments are no longer known."""
        return _made_anew, (type(self), self.args, {**self.__dict__, "request": Carried(self.request)})


class Invalid(SalesManagoError, ValueError):
    """Input that cannot be used: `field` names the place (API's name), `rule` what it must keep to."""

    def __init__(self, rule: str, *, field: str | None = None, request: object | None = None) -> None:
        super().__init__(f"{field}: {rule}" if field else rule, request=request)
        self.field = field
        self.rule = rule


class NoAnswer(SalesManagoError):
    """The network failed. `sent`: False means surely not processed, None means nobody can know.

    `timed_out` is True where it was a time-out of ours that ended the wait.
    """

    def __init__(
        self, message: str, *, sent: bool | None, timed_out: bool = False, request: object | None = None
    ) -> None:
        super().__init__(message, request=request)
        self.sent = sent
        self.timed_out = timed_out


class Refused(SalesManagoError):
    """`success: false`. `messages` are the server's texts, `values` its texts per field (mostly empty)."""

    def __init__(
        self,
        messages: Sequence[str],
        *,
        values: Mapping[str, Any] | None = None,
        status: int = 200,
        request: object | None = None,
    ) -> None:
        self.messages = tuple(messages)
        self.values = dict(values or {})
        self.status = status
        details = [*self.messages, *(f"{field}: {text}" for field, text in self.values.items())]
        super().__init__("; ".join(details) or "refused without a message", request=request)


class NotAuthenticated(Refused):
    """The credentials or the owner are wrong: check client_id, api_key, api_secret (or sha) and owner."""


class RateLimited(SalesManagoError):
    """429. `retry_after` is the wait the server asked for, in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, request: object | None = None) -> None:
        super().__init__(message, request=request)
        self.retry_after = retry_after


class ServerFault(SalesManagoError):
    """5xx. `retry_after` is the wait the server asked for, in seconds, or None."""

    def __init__(
        self, message: str, *, status: int, retry_after: float | None = None, request: object | None = None
    ) -> None:
        super().__init__(message, request=request)
        self.status = status
        self.retry_after = retry_after


class Unreadable(SalesManagoError):
    """An answer or a file that is not what the reference describes; the message shows how it begins."""

    def __init__(self, message: str, *, status: int | None = None, request: object | None = None) -> None:
        super().__init__(message, request=request)
        self.status = status


class Redirected(Unreadable):
    """A call was answered with a redirect, which is never followed with credentials: it was not processed.

    The message names where it leads to. Mostly the base URL is not right.
    """


class JournalFailed(SalesManagoError):
    """The journal of a run can no longer be read or written. What is in it stays true: go on with it once it can."""


class RunIncomplete(SalesManagoError):
    """A run has not done all that it was asked for: it stopped early, or what became of some records is not known.

    `report` is the `Report` of the run.
    """

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report


class BufferFull(SalesManagoError):
    """A buffer has no room for another record; nothing was taken. Answer 503, or try again in a moment."""


class BufferClosed(SalesManagoError):
    """A buffer is not open yet, or no longer; nothing was taken."""


class ClientClosed(SalesManagoError):
    """A client that is closed, or that belongs to another event loop. This try was not sent, and none follows it."""


class JobFailed(SalesManagoError):
    """The server ended job `request_id` without success; `messages` are its texts."""

    def __init__(self, request_id: int, messages: Sequence[str], *, request: object | None = None) -> None:
        self.request_id = request_id
        self.messages = tuple(messages)
        super().__init__(self._text(), request=request)

    def _text(self) -> str:
        return f"job {self.request_id} failed: {'; '.join(self.messages) or 'no reason given'}"


class JobNotFound(JobFailed):
    """The server answers that it has no job `request_id`, or not how it stands: it expired, or was started elsewhere.

    This says nothing about the job's records. An export is started again; contacts of an import may be sent again.
    """

    def _text(self) -> str:
        answer = "; ".join(self.messages) or "no reason given"
        return (
            f"the server does not know how job {self.request_id} stands ({answer}): it may have expired, or belong to "
            "another account or host. Check the number, the account and the base URL, or start the job again"
        )


class StillRunning(SalesManagoError):
    """A deadline of ours passed while job `request_id` runs on: `sm.jobs.attach(request_id)` resumes."""

    def __init__(self, request_id: int, *, waited: float, request: object | None = None) -> None:
        self.request_id = request_id
        super().__init__(
            f"job {request_id} still runs after {waited:.0f} s; "
            f"go on later with sm.jobs.attach(request_id={request_id})",
            request=request,
        )


class LinkExpired(SalesManagoError):
    """A file link answered 403, 404 or 410, and a fresh one from job/status did too."""


def _made_anew(kind: type[ErrorT], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> ErrorT:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    error.request = attributes["request"].value
    if "__notes__" in error.__dict__:  # what is noted on a copy is not of the others
        error.__dict__["__notes__"] = list(error.__dict__["__notes__"])
    return error


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error of a task group that met one, so that callers can catch it by its type."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
