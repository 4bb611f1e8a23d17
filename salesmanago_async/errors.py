"""Every exception the library raises.

    SalesManagoError
    ├── Invalid             bad input: a value, a file, a setting (also a ValueError)
    ├── NoAnswer            the network failed: `sent` says whether the server can have received the request
    ├── Refused             the server understood the request and refused it: `messages`, `values`
    │   └── NotAuthenticated
    ├── RateLimited         429: `retry_after`
    ├── ServerFault         5xx: `status`, `retry_after`
    ├── Unreadable          the answer is not the documented JSON
    │   └── Redirected      the call was answered with a redirect, and was not processed
    ├── RunIncomplete       a run stopped early, or left records in doubt: `report` (see `raise_if_incomplete`)
    ├── JournalFailed       the journal of a run can no longer be read or written: the disk is full, for example
    ├── BufferFull          the buffer has no room for another record
    ├── BufferClosed        the buffer is not open: its block has not begun, or has ended
    ├── ClientClosed        the client is closed, or is used in another event loop: nothing was sent
    ├── JobFailed           a server job ended without success
    │   └── JobNotFound     the server does not know the job (any more): the state of its records is unknown
    ├── StillRunning        a deadline of this library passed; the server job goes on
    └── LinkExpired         a file link does not work, and a new link did not work either

Each error carries the request that failed, but never a secret: request values hide their credentials, and links are
shown as their host only. Each error can be copied and pickled with its message, its notes and all of its attributes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from .support.pickling import PicklableValue

ErrorT = TypeVar("ErrorT", bound="SalesManagoError")


class SalesManagoError(Exception):
    """The base class of every error that this library raises.

    `request` is the request value that failed, or None. `maybe_applied` is True if the server may have acted on the
    request in one of its tries, although no answer confirms that. `in_doubt` is True if, in addition, the request must
    not be sent twice.
    """

    maybe_applied: bool = False
    in_doubt: bool = False

    def __init__(self, message: str, *, request: object | None = None) -> None:
        super().__init__(message)
        self.request = request

    def __reduce__(self) -> tuple[Any, ...]:
        """Recreate the error without its constructor, because the constructor's arguments are no longer known."""
        return _recreate, (type(self), self.args, {**self.__dict__, "request": PicklableValue(self.request)})


class Invalid(SalesManagoError, ValueError):
    """The input cannot be used. `field` is the API's name of the wrong field or setting, `rule` the rule it breaks."""

    def __init__(self, rule: str, *, field: str | None = None, request: object | None = None) -> None:
        super().__init__(f"{field}: {rule}" if field else rule, request=request)
        self.field = field
        self.rule = rule


class NoAnswer(SalesManagoError):
    """The network failed. `sent` is False if the request was certainly not processed, None if that is not known.

    `timed_out` is True if one of this library's own time-outs ended the wait.
    """

    def __init__(
        self, message: str, *, sent: bool | None, timed_out: bool = False, request: object | None = None
    ) -> None:
        super().__init__(message, request=request)
        self.sent = sent
        self.timed_out = timed_out


class Refused(SalesManagoError):
    """The server answered `success: false`. `messages` are its texts, `values` its texts per field (usually empty).

    `problems` are what API v3 says of each wrong field (`api.product_problems.ProductProblem`); other calls have none.
    """

    def __init__(
        self,
        messages: Sequence[str],
        *,
        values: Mapping[str, Any] | None = None,
        problems: Sequence[Any] = (),
        status: int = 200,
        request: object | None = None,
    ) -> None:
        self.messages = tuple(messages)
        self.problems = tuple(problems)
        self.values = dict(values or {})
        self.status = status
        details = [*self.messages, *(f"{field}: {text}" for field, text in self.values.items())]
        super().__init__("; ".join(details) or "refused without a message", request=request)


class NotAuthenticated(Refused):
    """The credentials or the owner are wrong: check client_id, api_key, api_secret (or sha) and owner."""


class RateLimited(SalesManagoError):
    """The server answered 429. `retry_after` is the wait that the server asked for, in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, request: object | None = None) -> None:
        super().__init__(message, request=request)
        self.retry_after = retry_after


class ServerFault(SalesManagoError):
    """The server answered 5xx. `retry_after` is the wait that the server asked for, in seconds, or None."""

    def __init__(
        self, message: str, *, status: int, retry_after: float | None = None, request: object | None = None
    ) -> None:
        super().__init__(message, request=request)
        self.status = status
        self.retry_after = retry_after


class Unreadable(SalesManagoError):
    """An answer or a file is not as the reference describes it; the message quotes its beginning."""

    def __init__(self, message: str, *, status: int | None = None, request: object | None = None) -> None:
        super().__init__(message, request=request)
        self.status = status


class Redirected(Unreadable):
    """A call was answered with a redirect and not processed: redirects are never followed with credentials.

    The message names the target of the redirect. In most cases the base URL is wrong.
    """


class JournalFailed(SalesManagoError):
    """The journal of a run can no longer be read or written. Its content stays valid: fix it and resume the run."""


class RunIncomplete(SalesManagoError):
    """A run has not done everything: it stopped early, or the outcome of some records is unknown.

    `report` is the `Report` of the run.
    """

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report


class BufferFull(SalesManagoError):
    """The buffer has no room for another record, and the record was not taken. Answer 503, or try again in a moment."""


class BufferClosed(SalesManagoError):
    """The buffer is not open yet, or is closed already; the record was not taken."""


class ClientClosed(SalesManagoError):
    """The client is closed, or belongs to another event loop. The request was not sent, and is not tried again."""


class JobFailed(SalesManagoError):
    """The server ended job `request_id` without success; `messages` are its texts."""

    def __init__(self, request_id: int, messages: Sequence[str], *, request: object | None = None) -> None:
        self.request_id = request_id
        self.messages = tuple(messages)
        super().__init__(self._text(), request=request)

    def _text(self) -> str:
        return f"job {self.request_id} failed: {'; '.join(self.messages) or 'no reason given'}"


class JobNotFound(JobFailed):
    """The server does not know job `request_id`, or does not know its state: it expired, or was started elsewhere.

    This says nothing about the records of the job. Start an export again; contacts of an import may be sent again.
    """

    def _text(self) -> str:
        answer = "; ".join(self.messages) or "no reason given"
        return (
            f"the server does not know how job {self.request_id} stands ({answer}): it may have expired, or belong to "
            "another account or host. Check the number, the account and the base URL, or start the job again"
        )


class StillRunning(SalesManagoError):
    """A deadline passed while job `request_id` was still running: `sm.jobs.attach(request_id)` resumes waiting."""

    def __init__(self, request_id: int, *, waited: float, request: object | None = None) -> None:
        self.request_id = request_id
        super().__init__(
            f"job {request_id} still runs after {waited:.0f} s; "
            f"go on later with sm.jobs.attach(request_id={request_id})",
            request=request,
        )


class LinkExpired(SalesManagoError):
    """A file link answered 403, 404 or 410, and so did a new link from job/status."""


def _recreate(kind: type[ErrorT], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> ErrorT:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    error.request = attributes["request"].value
    if "__notes__" in error.__dict__:  # a copy has its own list: a note added to one error must not appear on another
        error.__dict__["__notes__"] = list(error.__dict__["__notes__"])
    return error


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error inside a group that holds exactly one, so that callers can catch it by its type."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@contextmanager
def raising_only_error() -> Iterator[None]:
    """Raise the error inside a group that holds exactly one, in place of the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = only_error(group)
        raise error from error.__cause__
