"""Turns failures of the network into `NoAnswer`, without addresses: a link to a file is signed, and so secret."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager

from ..errors import NoAnswer
from .backend import Failure
from .problems import problem_of


@contextmanager
def network_to(host: str, failure_of: Callable[[Exception], Failure | None]) -> Generator[None]:
    """Turn network errors of the block into `NoAnswer`, with the original error as cause if that shows no address.

    The cause has no traceback: the local variables of an HTTP library hold whole requests, with their credentials.
    """
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        is_shown = not _names_an_address(error)
        _drop_tracebacks(error)
        try:
            raise _no_answer(host, failure) from (error if is_shown else None)
        except NoAnswer as ours:
            if not is_shown:
                ours.__context__ = None  # error reporters follow `__context__`, although a traceback hides it
            raise


def _drop_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of an error and of everything that has led to it."""
    found: list[BaseException] = [error]
    for one in found:
        one.__traceback__ = None
        found += [other for other in (one.__cause__, one.__context__) if other is not None and other not in found]


def _no_answer(host: str, failure: Failure) -> NoAnswer:
    if failure.is_our_fault:
        return NoAnswer(f"the request to {host} cannot be sent: {_shown(str(failure.error))}", sent=False)
    found, detail = problem_of(failure.error, not_sent=failure.not_sent, timed_out=failure.timed_out)
    problem, detail = (failure.problem, failure.detail) if failure.problem else (found, failure.detail or detail)
    what, sent = ("cannot be reached", False) if failure.not_sent else ("did not answer", None)
    message = f"{host} {what}: {problem}{f' ({_shown(detail)})' if detail else ''}"
    return NoAnswer(message, sent=sent, timed_out=failure.timed_out)


def _shown(text: str) -> str:
    """Return a text of a library without addresses."""
    return _ADDRESS.sub("…", text)


_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|bytearray\(|['\"]).*", re.IGNORECASE | re.DOTALL)
"""How an address may begin in an error text of a backend: with its scheme, or with the quotes around bytes of a
server, which may repeat the request. Everything after it is cut off: a link is signed, and may contain anything,
even blanks."""


def _names_an_address(error: BaseException | None) -> bool:
    """Return whether the text of an error, or of one of its causes, has an address: a traceback prints them all."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if any(_ADDRESS.search(str(part)) for part in (error, *error.args)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False
