"""A received request as one line: for `salesmanago simulator --log`, and for reports of failed tests. Pure."""

from datetime import UTC, datetime
from typing import Any

from ._received import ReceivedRequest

_WHY_LONGEST = 160


def log_line(request: ReceivedRequest) -> str:
    """Return a request as one line: its time in UTC, status, path, records, size, duration, and what was unusual.

    It shows no body, but texts of refusals may quote what was sent.
    """
    moment = datetime.fromtimestamp(request.moment, UTC)
    parts = [f"{moment:%H:%M:%S}", str(request.status or "---"), f"{request.path:<36}", _amount(request)]
    return "  ".join([*parts, f"{request.seconds * 1000:7,.1f} ms", *_notes(request)]).rstrip()


def _amount(request: ReceivedRequest) -> str:
    if request.records is None:
        return f"{request.size:>8,} bytes  "
    return f"{request.records:>8,} record" + ("s" if request.records != 1 else " ")


def _notes(request: ReceivedRequest) -> list[str]:
    notes = [f"fault {request.fault}"] if request.fault else []
    if request.status is None:
        notes.append("no answer" if request.is_over else "in flight")
    answer = _answer_of(request)
    if why := _why(request, answer):
        notes.append(why)
    if (job := answer.get("requestId")) and isinstance(job, int):
        notes.append(f"job {job}")
    if request.undocumented:
        notes.append(f"not documented: {', '.join(request.undocumented)}")
    return notes


def why_refused(request: ReceivedRequest) -> str:
    """Return the messages of a refusal, shortened; empty for a request that was not refused."""
    return _why(request, _answer_of(request))


def _why(request: ReceivedRequest, answer: dict[str, Any]) -> str:
    if request.status == 200 and answer.get("success") is not False:
        return ""
    messages: Any = answer.get("message") or answer.get("messages") or answer.get("problems") or ()
    texts = [str(one.get("message")) if isinstance(one, dict) else str(one) for one in messages]
    text = " ".join("; ".join(texts).split())
    return text if len(text) <= _WHY_LONGEST else f"{text[: _WHY_LONGEST - 1]}…"


def _answer_of(request: ReceivedRequest) -> dict[str, Any]:
    try:
        return request.answer
    except LookupError:
        return {}
