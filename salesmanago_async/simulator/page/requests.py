"""The section of requests, and one request on a page of its own."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from ...support.wording import counted
from .._faults import FILES
from .._log_line import why_refused
from .._masking import Masking
from .._received import ReceivedRequest, ReceivedRequests
from .html import Content, Html, element
from .parts import cell, code, empty, facts, moment, pill, row, section

SHOWN = 50
INLINE_BYTES = 8 * 1024
"""A larger body, or answer, is shown on the page of its request only."""
LONGEST = 200_000
"""How many characters of a body are shown there."""


def requests_section(requests: ReceivedRequests, masking: Masking, now: float, address: str) -> Html:
    """Return the last requests, the newest first."""
    rows = [_request_row(request, masking, now) for request in islice(reversed(requests), SHOWN)]
    nothing = empty(
        "No requests yet. Send some to ",
        element("code", address),
        ": the terminal of the simulator shows the variables.",
    )
    shown = element("div", rows or nothing, class_="rows")
    return section("requests", "Requests", shown, count=f"{requests.total:,}")


def _request_row(request: ReceivedRequest, masking: Masking, now: float) -> Html:
    why = why_refused(request)
    sizes = [counted(request.records, "record")] if request.records is not None else []
    sizes += [f"{request.seconds * 1000:,.0f} ms"] if request.is_over else []
    summary = [
        cell("kind", _status_pill(request, why)),
        cell("main", element("b", masking.text(request.path)), _notes(request, masking.text(why))),
        cell("side", " · ".join(sizes)),
        cell("when", moment(request.moment, now)),
    ]
    is_small = request.size <= INLINE_BYTES and len(request.answer_content or b"") <= INLINE_BYTES
    detail: Content = contents_of(request, masking) if is_small else None
    return row(f"r-{request.number}", summary, [detail, _link(request)], "request")


def _status_pill(request: ReceivedRequest, why: str) -> Html:
    """Return the status in a colour; a refusal with status 200, which says `why`, has one of its own."""
    if request.status is None:
        return pill("no answer", "bad") if request.is_over else pill("…", "plain")
    if request.status >= 500:
        return pill(str(request.status), "bad")
    return pill(str(request.status), "wary" if request.status >= 400 or why else "good")


def _notes(request: ReceivedRequest, why: str) -> list[Content]:
    notes: list[Content] = []
    if request.fault:
        notes.append(element("span", f"fault {request.fault}", class_="note bad"))
    if why:
        notes.append(element("span", why, class_="note wary"))
    if request.undocumented:
        notes.append(element("span", f"not documented: {', '.join(request.undocumented)}", class_="note wary"))
    return notes


def _link(request: ReceivedRequest) -> Html:
    return element("p", element("a", "Show it on a page of its own", href=f"/-/requests/{request.number}"))


def contents_of(request: ReceivedRequest, masking: Masking) -> list[Content]:
    """Return the body and the answer of a request, without secrets."""
    if request.path == FILES:
        return [empty("A file, or a part of one: its content is not shown here.")]
    return [
        element("h3", "Request"),
        _json(lambda: request.body, masking),
        element("h3", "Answer"),
        _json(lambda: request.answer, masking),
    ]


def _json(read: Callable[[], dict[str, Any]], masking: Masking) -> Html:
    try:
        text = masking.json(read())
    except LookupError as error:
        return empty(str(error))
    return code(text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… and {len(text) - LONGEST:,} characters more")


def facts_of(request: ReceivedRequest, now: float) -> Html:
    """Return what is known of a request besides its body."""
    return facts(
        [
            ("status", _status_pill(request, why_refused(request))),
            ("time", moment(request.moment, now)),
            ("took", f"{request.seconds * 1000:,.1f} ms" if request.is_over else None),
            ("size", f"{request.size:,} bytes"),
            ("records", f"{request.records:,}" if request.records is not None else None),
            ("fault", str(request.fault) if request.fault else None),
            ("not documented", ", ".join(request.undocumented)),
        ]
    )
