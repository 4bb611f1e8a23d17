"""The whole document: sections, style and script. The style and the script are files beside this one."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from .._masking import Masking
from .._received import ReceivedRequest
from ..app import Simulator
from .account import Totals, contacts_section, events_section, jobs_section, products_section, totals_of
from .controls import clock_section, faults_section
from .html import Content, Html, element
from .parts import cell
from .requests import contents_of, facts_of, requests_section

REFRESH_MS = 2000
"""How often the page asks for its newest content."""
BUSY_SHARE = 0.05
"""The part of the simulator's time that one open page may take: a large account is shown less often."""

TITLE = "SALESmanago simulator"
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%230d7a6f'/%3E%3Cpath d='M8 20l5-8 5 6 6-9' fill='none' stroke='white' stroke-width='3' "
    "stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E"
)


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


SECURITY: Mapping[str, str] = {
    "content-security-policy": "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash_of(_file('style.css'))}",
            f"script-src {_hash_of(_file('script.js'))}",
            "connect-src 'self'",
            "img-src data:",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every page: nothing is loaded from elsewhere, no script but ours runs, and no other site shows it."""


def page(simulator: Simulator, host: str, query: Mapping[str, str]) -> bytes:
    """Return the page. `query` may have `q`, a text to find contacts by, and `fault`, one that could not be read."""
    started = perf_counter()
    store = simulator.store
    now, totals = store.catch_up(), totals_of(store)
    main = [
        _totals(simulator, totals),
        element(
            "div",
            requests_section(simulator.requests, simulator.masking, now, f"http://{host}"),
            element("div", faults_section(simulator, query.get("fault", "")), clock_section(simulator), class_="side"),
            class_="work",
        ),
        element(
            "div",
            contacts_section(store, totals, query.get("q", "")),
            events_section(store, totals),
            products_section(store, totals),
            jobs_section(store, totals),
            class_="account",
        ),
    ]
    wait = max(REFRESH_MS, round((perf_counter() - started) / BUSY_SHARE * 1000))
    return _document(TITLE, _header(host, simulator.owner), main, refresh_ms=wait)


def page_of_request(request: ReceivedRequest, masking: Masking) -> bytes:
    """Return the page of one request."""
    title = f"Request {request.number:,}"
    heading = element("h2", title, element("span", masking.text(f"{request.method} {request.path}"), class_="count"))
    back = element("p", element("a", "← All requests", href="/#requests"))
    shown = element("section", back, heading, facts_of(request, request.moment), contents_of(request, masking))
    return _document(f"{title} · {TITLE}", _header("", ""), [shown], refresh_ms=None)


def _header(host: str, owner: str) -> Html:
    name = element("a", element("h1", TITLE), href="/", class_="name")
    live = element("p", element("i"), element("span", "live"), id="live", role="status", hidden=True)
    return element("header", name, cell("address", host, f" · {owner}" if owner else ""), live)


def _totals(simulator: Simulator, totals: Totals) -> Html:
    numbers = {
        "requests": simulator.requests.total,
        "contacts": totals.contacts,
        "events": totals.events,
        "products": totals.products,
        "jobs": totals.jobs,
    }
    tiles = [element("a", element("b", f"{count:,}"), name, href=f"#{name}") for name, count in numbers.items()]
    undocumented = simulator.undocumented
    fields = [f"{path}: {name} × {count:,}" for (path, name), count in sorted(undocumented.items())]
    warning = (
        element("p", element("b", "Not documented, and passed over: "), "; ".join(fields[:5]), class_="warning")
        if fields
        else None
    )
    return element("div", element("nav", tiles, class_="totals"), warning, id="totals", data_live=True)


def _document(title: str, header: Html, main: Content, *, refresh_ms: int | None) -> bytes:
    reload = element("noscript", element("meta", http_equiv="refresh", content="5"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("link", rel="icon", href=_ICON),
        element("style", Html(_file("style.css"))),
        reload if refresh_ms else None,
    )
    script = element("script", Html(_file("script.js"))) if refresh_ms else None
    body = element("body", header, element("main", main), script)
    return f"<!doctype html>{element('html', head, body, lang='en', data_refresh=refresh_ms)}".encode()
