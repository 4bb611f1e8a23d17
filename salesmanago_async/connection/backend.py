"""The seam between `Http` and the library that carries its bytes.

    Http        links, redirects, unpacking, limits, errors without addresses: the same for all
    Backend     sends one request of ready bytes, and returns its answer as it arrives
      httpx     on both event loops, and every transport of a caller; also through proxies
      aiohttp   on asyncio

A backend raises the errors of its library. `failure_of` says what such an error means for the request, and that is all
that `Http` knows of them.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from attrs import define, field, frozen

CheckAddress = Callable[[str], None]
"""Gets the IP address of a server before anything is sent to it, and raises to refuse it."""

Headers = tuple[tuple[str, str], ...]
"""The headers of a request. They are hashable, so that a backend makes a head once for all requests to a path."""

LONGEST_REST = 5.0
"""Seconds after which an idle connection is closed: the default of httpx."""

EARLY_ANSWER = "an answer came before the request was sent"
TWO_ANSWERS = "more than one answer came; which of them belongs to the request is unknown"


@define
class Call:
    """A request that is ready to be written.

    `is_fresh` demands a connection that was never used before. `is_link` is True for the link to a file: its address is
    secret, and used once. `written` is called when the first bytes of the request are about to be written.
    """

    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    is_fresh: bool = False
    is_link: bool = False
    check_address: CheckAddress | None = None
    written: Callable[[], None] | None = None


class Answer(Protocol):
    """An answer whose body arrives while it is iterated; it is closed by `aclose`, read to its end or not."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are lower-case, or of any case."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it came over the network, packed as the headers say."""
        ...

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        ...


@frozen
class Failure:
    """Why a request got no answer: `error`, and in plain words `problem`, if the library knows more than its causes.

    `detail` is the library's text where it says more than the problem.

    `not_sent` is True if the server surely did not get the request; otherwise that is unknown. `is_our_fault` is True
    if the request cannot be sent to any server.
    """

    error: Exception
    not_sent: bool = False
    timed_out: bool = False
    is_our_fault: bool = False
    problem: str | None = None
    detail: str = ""


class Backend(Protocol):
    """Sends requests; it decides nothing but which connection they use."""

    async def send(self, call: Call) -> Answer:
        """Send a request and return its answer, whatever its status; redirects are not followed.

        Raises `ValueError` if the address is not valid, the error of `check_address`, or an error of the library.
        """
        ...

    def failure_of(self, error: Exception) -> Failure | None:
        """Return what an error of `send`, or of reading an answer, means; None if it is no failure of the network."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def system_failure(error: Exception) -> Failure | None:
    """Return what an error of the operating system means; None if it is about a file, or no such error.

    An `OSError` that names a file is an error elsewhere in the program.
    """
    if not isinstance(error, OSError) or error.filename is not None:
        return None
    return Failure(error, not_sent=isinstance(error, ConnectionRefusedError), timed_out=isinstance(error, TimeoutError))
