"""What the simulator was asked: each request with its answer, for assertions, the page and the log."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast, overload

import orjson
from attrs import define, field

from ..api.request import without_secrets
from ._faults import Fault
from ._forms import read_form
from ._refusal import RefusedCall

KEPT_BYTES = 8 * 1024 * 1024


@define(eq=False)
class ReceivedRequest:
    """A request. `status` is None while it is answered, and if it was never answered: then `is_over` is True.

    `path` is without /api/, and "files" for the link to any file. `number` counts from 1, `moment` is the simulator's
    time in seconds since 1970, `seconds` is how long the answer took. `fault` is the fault that the request met,
    `undocumented` names its fields that the reference does not have, and `records` is the length of its list of
    contacts, events or products, if it has one.
    """

    number: int
    moment: float
    method: str
    path: str
    fault: Fault | None = None
    status: int | None = None
    seconds: float = 0.0
    is_over: bool = False
    undocumented: tuple[str, ...] = ()
    records: int | None = None
    size: int = 0
    content_type: str = field(default="", repr=False)
    content: bytes | None = field(default=b"", repr=False)
    answer_content: bytes | None = field(default=b"", repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """The posted JSON object, with "…" in place of secrets; of a form its JSON part, and empty for a GET.

        Raises `LookupError` if the body was no JSON object, or is not kept any more.
        """
        if self.content is None:
            raise LookupError(f"the body of request {self.number} is not kept any more")
        return _json_object(self._json_part(self.content), f"the body of request {self.number}")

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object of the answer, with "…" in place of secrets. Raises `LookupError` if there was none."""
        if self.answer_content is None:
            raise LookupError(f"the answer to request {self.number} is not kept any more")
        return _json_object(self.answer_content, f"the answer to request {self.number}")

    def _json_part(self, content: bytes) -> bytes:
        if not self.content_type.startswith("multipart/form-data"):
            return content or b"{}"
        try:
            parts = read_form(self.content_type, content)
        except RefusedCall:
            return b""
        return next((part for part in parts.values() if part.startswith(b"{")), b"")

    def forget_contents(self) -> int:
        """Drop the body and the answer; return how many bytes they had."""
        dropped = len(self.content or b"") + len(self.answer_content or b"")
        self.content = self.answer_content = None
        return dropped


def _json_object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict):
        return cast("dict[str, Any]", without_secrets(found))
    raise LookupError(f"{what} is no JSON object")


def records_in(body: Mapping[str, Any]) -> int | None:
    """Return how many contacts, events or products a body lists; None if it has no list of them."""
    lists = (body[name] for name in ("upsertDetails", "events", "products", "contacts") if name in body)
    return next((len(value) for value in lists if isinstance(value, list)), None)


class ReceivedRequests(Sequence[ReceivedRequest]):
    """The last requests, in the order of their arrival: at most `kept` of them (None: all).

    With a limit, the oldest ones lose their bodies and answers when all bodies have over 8 MiB. `total` counts all.
    """

    def __init__(self, kept: int | None) -> None:
        self.total = 0
        self._kept = kept
        self._requests: deque[ReceivedRequest] = deque()
        self._bytes = 0
        self._with_contents: deque[ReceivedRequest] = deque()

    def add(self, make: Callable[[int], ReceivedRequest]) -> ReceivedRequest:
        """Add the request that `make` returns for its number."""
        self.total += 1
        request = make(self.total)
        self._requests.append(request)
        self._with_contents.append(request)
        while self._kept is not None and len(self._requests) > self._kept:
            self._drop(self._requests.popleft())
        return request

    def _drop(self, request: ReceivedRequest) -> None:
        if self._with_contents and self._with_contents[0] is request:
            self._with_contents.popleft()
        self._bytes -= request.forget_contents()

    def keep(self, request: ReceivedRequest, *, content: bytes = b"", answer: bytes = b"") -> None:
        """Keep the body of a request, or the content of its answer."""
        if self._kept == 0:
            return
        request.content = content or request.content
        request.answer_content = answer or request.answer_content
        self._bytes += len(content) + len(answer)
        while self._kept is not None and self._bytes > KEPT_BYTES and self._with_contents:
            self._bytes -= self._with_contents.popleft().forget_contents()

    @overload
    def __getitem__(self, index: int) -> ReceivedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[ReceivedRequest]: ...
    def __getitem__(self, index: int | slice) -> ReceivedRequest | list[ReceivedRequest]:
        return list(self._requests)[index] if isinstance(index, slice) else self._requests[index]

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[ReceivedRequest]:
        return iter(tuple(self._requests))

    def __reversed__(self) -> Iterator[ReceivedRequest]:
        return reversed(tuple(self._requests))

    def __repr__(self) -> str:
        return repr(list(self._requests))
