"""Checks the HTML of a page: whether the monitoring code is there, once, in the right place, with the right account.

The documents require the code right before </head> or </body>, once ("Monitoring code integration"), and Leadoo's
tracking script not more than once ("SALESmanago Monitoring Code and Leadoo tracking script"). How a code is recognised
is a [guess], from pages that have one: it sets `_smid` to the client id and loads …/static/sm.js. Leadoo's scripts come
from leadoo.com; those of single bots, of which a page may have several, have a `code=`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from attrs import define, frozen

from .tags import Piece, read_pieces

_LOADER = re.compile(r"/static\\?/sm\.js(?![\w.])")  # in JSON, a slash may follow a backslash
_CLIENT_ID = re.compile(r"""\b_smid\b['"]?\]?\s*=\s*(["'])(.*?)\1""")
_LEADOO = re.compile(r"\bleadoo\.com/[^\s\"'<>]*")
_TAG_MANAGER = re.compile(r"googletagmanager\.com/gtm\.js|\bgtm\.start\b")
_CONSENT_TYPE = "text/plain"  # consent tools give this type to scripts that wait for a consent
_SCRIPT_TYPES = frozenset(
    {"", "module", _CONSENT_TYPE}
    | {f"{kind}/{name}" for kind in ("text", "application") for name in ("javascript", "x-javascript", "ecmascript")}
)

_INVISIBLE = frozenset({"script", "noscript", "style", "link", "template"})
"""Elements that may be between the code and the end of its section."""
_HEAD_ONLY = _INVISIBLE | {"title", "meta", "base"}

Section: TypeAlias = Literal["head", "between", "body", "after"]
Kind: TypeAlias = Literal["missing", "doubled", "misplaced", "other-client", "leadoo-doubled"]


@frozen
class Finding:
    """An error on a page: its kind, its line (from 1), and its description."""

    kind: Kind
    line: int
    message: str


@define
class _PageScript:
    line: int
    section: Section
    source: str
    text: str = ""
    is_followed: bool = False

    @property
    def content(self) -> str:
        return f"{self.source}\n{self.text}"

    @property
    def loads(self) -> bool:
        """Whether the script loads the monitoring code."""
        return _LOADER.search(self.content) is not None

    @property
    def clients(self) -> list[str]:
        return [client for _, client in _CLIENT_ID.findall(self.text)]

    @property
    def tracks_for_leadoo(self) -> bool:
        return any("code=" not in url for url in _LEADOO.findall(self.content))


def check_page(html: str, *, client_id: str | None = None, leadoo_connected: bool = False) -> list[Finding]:
    """Return what is wrong with the monitoring code on a page; an empty list if nothing is.

    With a `client_id`, the code must belong to that account. `leadoo_connected` says that the account is connected with
    Leadoo's: then the monitoring code loads Leadoo's script, and a second one is an error. Code that a tag manager adds
    in the browser is not in the HTML, and is reported as missing.
    """
    page = _Page(html)
    findings = [
        *_missing(page),
        *_doubled(page.scripts),
        *_misplaced(page.scripts),
        *_of_other_client(page.scripts, client_id),
        *_leadoo_doubled(page.scripts, connected=leadoo_connected),
    ]
    return sorted(findings, key=lambda finding: finding.line)


def _missing(page: "_Page") -> Iterator[Finding]:
    if any(script.loads for script in page.scripts):
        return
    half = next((script for script in page.scripts if script.clients), None)
    if half:
        yield Finding("missing", half.line, "the monitoring code is incomplete: it does not load static/sm.js")
    elif page.idle_line:
        yield Finding("missing", page.idle_line, "the monitoring code is where no script runs, such as in a comment")
    elif any(_TAG_MANAGER.search(script.content) for script in page.scripts):
        yield Finding("missing", 1, "there is no monitoring code; a tag manager may add it, which HTML does not show")
    else:
        yield Finding("missing", 1, "there is no monitoring code")


def _doubled(scripts: Sequence[_PageScript]) -> Iterator[Finding]:
    loading = [script.line for script in scripts if script.loads]
    naming = [script.line for script in scripts for _ in script.clients]
    lines = loading if len(loading) > 1 else naming
    if loading and len(lines) > 1:
        others = ", ".join(map(str, lines[:-1]))
        yield Finding("doubled", lines[-1], f"the monitoring code is there {len(lines)} times, also in line {others}")


def _misplaced(scripts: Sequence[_PageScript]) -> Iterator[Finding]:
    for script in scripts:
        if script.loads and (script.is_followed or script.section in {"between", "after"}):
            where = {"between": "after </head>", "after": "after </body>"}.get(script.section, "before other content")
            message = f"the monitoring code is {where}; it belongs right before </head> or </body>"
            yield Finding("misplaced", script.line, message)


def _of_other_client(scripts: Sequence[_PageScript], client_id: str | None) -> Iterator[Finding]:
    for script in scripts:
        for found in script.clients:
            if client_id and found != client_id:
                message = f"the monitoring code has the client id {found!r}, not {client_id!r}"
                yield Finding("other-client", script.line, message)
    loading = next((script for script in scripts if script.loads), None)
    if loading and not any(script.clients for script in scripts):
        yield Finding("other-client", loading.line, "the monitoring code has no client id (_smid)")


def _leadoo_doubled(scripts: Sequence[_PageScript], *, connected: bool) -> Iterator[Finding]:
    lines = [script.line for script in scripts if script.tracks_for_leadoo]
    if len(lines) > 1:
        yield Finding("leadoo-doubled", lines[-1], f"Leadoo's script is there {len(lines)} times")
    elif lines and connected and any(script.loads for script in scripts):
        yield Finding("leadoo-doubled", lines[0], "Leadoo's script is there, but the monitoring code already loads it")


class _Page:
    """The scripts that run on a page, and their places."""

    def __init__(self, html: str) -> None:
        self.scripts: list[_PageScript] = []
        self.idle_line = 0
        self._section: Section = "head"  # the tags <head> and <body> may be missing
        self._open: defaultdict[Section, list[_PageScript]] = defaultdict(list)  # no content follows these yet
        self._templates = 0
        self._script: _PageScript | None = None
        for piece in read_pieces(html):
            if piece.name == "template" and piece.kind in {"start", "end"}:
                self._templates = max(0, self._templates + (1 if piece.kind == "start" else -1))
            elif self._templates or piece.kind == "comment":
                self._note_idle_code(piece)
            else:
                _HANDLERS[piece.kind](self, piece)

    def start(self, piece: Piece) -> None:
        """Process the start of an element."""
        if piece.name == "body":
            self._section = "body"
        elif piece.name not in {"html", "head"}:
            self._add_content(piece.name)
        self._script = None
        if piece.name == "script" and piece.attributes.get("type", "").strip().lower() in _SCRIPT_TYPES:
            self._script = _PageScript(piece.line, self._section, piece.attributes.get("src", ""))
            self.scripts.append(self._script)
            self._open[self._section].append(self._script)

    def end(self, piece: Piece) -> None:
        """Process the end of an element."""
        if piece.name == "head" and self._section == "head":
            self._section = "between"
        elif piece.name in {"body", "html"}:
            self._section = "after"

    def raw(self, piece: Piece) -> None:
        """Process the text of a script, or of an element in which no script runs."""
        if self._script:
            self._script.text = piece.text
        else:
            self._note_idle_code(piece)

    def text(self, piece: Piece) -> None:
        """Process text."""
        if piece.text.strip():
            self._add_content("text")

    def _add_content(self, name: str) -> None:
        """Mark the open scripts of the section as followed by content; begin the body if a head cannot hold it."""
        if self._section in {"head", "between"} and name not in _HEAD_ONLY:
            self._section = "body"
        if name not in _INVISIBLE:
            while self._open[self._section]:
                self._open[self._section].pop().is_followed = True

    def _note_idle_code(self, piece: Piece) -> None:
        if not self.idle_line and _LOADER.search(piece.text):
            self.idle_line = piece.line


_HANDLERS: Mapping[str, Callable[[_Page, Piece], None]] = {
    "start": _Page.start,
    "end": _Page.end,
    "raw": _Page.raw,
    "text": _Page.text,
}
