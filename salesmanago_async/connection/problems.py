"""Says why a request got no answer, in the same words whatever library carried it. Pure.

The errors of libraries differ in their names and texts, and one library's are not the same on both event loops. What
lies at their bottom is the same everywhere: an error of the operating system, of TLS, or of the name service.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator

from .backend import EARLY_ANSWER, TWO_ANSWERS

NO_CONNECTION = "no connection could be made"
NO_CONNECTION_IN_TIME = "no connection could be made in time"
NO_NAME = "its name cannot be resolved"
NO_CERTIFICATE = "its certificate is not valid"
NO_TLS = "no TLS connection could be made"
LOST = "the connection was lost"
NO_ANSWER_IN_TIME = "no answer came in time"
NOT_SENT_IN_TIME = "the request could not be sent in time"
NO_HTTP = "the answer is incomplete, or not HTTP"

PROBLEMS = frozenset(
    {
        NO_CONNECTION,
        NO_CONNECTION_IN_TIME,
        NO_NAME,
        NO_CERTIFICATE,
        NO_TLS,
        LOST,
        NO_ANSWER_IN_TIME,
        NOT_SENT_IN_TIME,
        NO_HTTP,
        EARLY_ANSWER,
        TWO_ANSWERS,
    }
)
"""All of them: they contain nothing of a request, so they may be logged."""


def problem_of(error: BaseException, *, not_sent: bool, timed_out: bool) -> tuple[str, str]:
    """Return what went wrong, one of `PROBLEMS`, and a detail, which may be empty."""
    if timed_out:
        return (NO_CONNECTION_IN_TIME if not_sent else NO_ANSWER_IN_TIME), ""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return NO_CERTIFICATE, _first(causes, "verify_message")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return (NO_TLS if not_sent else LOST), _first(causes, "reason").lower().replace("_", " ")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NO_NAME, ""
    return (NO_CONNECTION if not_sent else LOST), ""


def problem_of_answer(text: str) -> tuple[str, str]:
    """Return what is wrong with an answer, and a detail; `text` is of a library, or one of `PROBLEMS`."""
    return (text, "") if text in PROBLEMS else (NO_HTTP, text)


def _first(causes: Iterable[BaseException], name: str) -> str:
    """Return the first text that an error of TLS has; errors that aiohttp derives from these have none."""
    texts = (getattr(cause, name, None) for cause in causes if isinstance(cause, ssl.SSLError))
    return next(filter(None, texts), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it, also those in groups.

    Nothing has led to an error of the operating system: its context is what the caller was handling before.
    """
    waiting, seen = [error], set[int]()
    for one in waiting:
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, None if isinstance(one, OSError) else one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
