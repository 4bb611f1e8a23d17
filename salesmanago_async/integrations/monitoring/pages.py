"""A check of a page's HTML: that the monitoring code is there, once, where it belongs, and of the right account.

The documents ask for the code right before </head> or </body>, once ("Monitoring code integration"), and for Leadoo's
tracking script not to be doubled ("SALESmanago Monitoring Code and Leadoo tracking script"). How a code is recognised
is [guess], from pages that have one: it sets `_smid` to the client id and loads …/static/sm.js; Leadoo's scripts come
from leadoo.com, and those of single bots, of which a page may have several, name a `code=`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from attrs import define, frozen

from .tags import Piece, read_pieces

_LOADER = re.compile(r"/static\\?/sm\.js(?![\w.])")  # in JSON a slash may have a backslash before it
_CLIENT_ID = re.compile(r"""\b_smid\b['"]?\]?\s*=\s*(["'])(.*?)\1""")
_LEADOO = re.compile(r"\bleadoo\.com/[^\s\"'<>]*")
_TAG_MANAGER = re.compile(r"googletagmanager\.com/gtm\.js|\bgtm\.start\b")
_CONSENT_TYPE = "text/plain"  # consent tools have scripts wait under this type
_SCRIPT_TYPES = frozenset(
    {"", "module", _CONSENT_TYPE}
    | {f"{kind}/{name}" for kind in ("text", "application") for name in ("javascript", "x-javascript", "ecmascript")}
)

_UNSEEN = frozenset({"script", "noscript", "style", "link", "template"})
"""Elements that may stand between the code and the end of its section."""
_HEAD_ONLY = _UNSEEN | {"title", "meta", "base"}

Section: TypeAlias = Literal["head", "between", "body", "after"]
Kind: TypeAlias = Literal["missing", "doubled", "misplaced", "other-client", "leadoo-doubled"]


@frozen
class Finding:
    """Something that is wrong with a page: what kind of thing, at which line (from 1), and in words."""

    kind: Kind
    line: int
    message: str


@define
class _Script:
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
        """Whether it loads the monitoring code."""
        return _LOADER.search(self.content) is not None

    @property
    def clients(self) -> list[str]:
        return [client for _, client in _CLIENT_ID.findall(self.text)]

    @property
    def tracks_for_leadoo(self) -> bool:
        return any("code=" not in url for url in _LEADOO.findall(self.content))


def check_page(html: str, *, client_id: str | None = None, leadoo_connected: bool = False) -> list[Finding]:
    """Return what is wrong with the monitoring code on a page; nothing where all is well.

    With a `client_id` the code has to be of that account. `leadoo_connected` says that the account is connected with
    Leadoo's: then the monitoring code brings Leadoo's script, and one more is one too many. What a tag manager adds
    in the browser is not in the HTML, and counts as missing.
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
        yield Finding("missing", half.line, "the monitoring code is not whole: it loads no static/sm.js")
    elif page.idle_line:
        yield Finding("missing", page.idle_line, "the monitoring code stands where no script runs, as in a comment")
    elif any(_TAG_MANAGER.search(script.content) for script in page.scripts):
        yield Finding("missing", 1, "there is no monitoring code; a tag manager may add it, which HTML cannot tell")
    else:
        yield Finding("missing", 1, "there is no monitoring code")


def _doubled(scripts: Sequence[_Script]) -> Iterator[Finding]:
    loading = [script.line for script in scripts if script.loads]
    naming = [script.line for script in scripts for _ in script.clients]
    lines = loading if len(loading) > 1 else naming
    if loading and len(lines) > 1:
        others = ", ".join(map(str, lines[:-1]))
        yield Finding("doubled", lines[-1], f"the monitoring code is there {len(lines)} times, first in line {others}")


def _misplaced(scripts: Sequence[_Script]) -> Iterator[Finding]:
    for script in scripts:
        if script.loads and (script.is_followed or script.section in {"between", "after"}):
            where = {"between": "after </head>", "after": "after </body>"}.get(script.section, "before other content")
            message = f"the monitoring code stands {where}; it belongs right before </head> or </body>"
            yield Finding("misplaced", script.line, message)


def _of_other_client(scripts: Sequence[_Script], client_id: str | None) -> Iterator[Finding]:
    for script in scripts:
        for found in script.clients:
            if client_id and found != client_id:
                message = f"the monitoring code is that of the client id {found!r}, not of {client_id!r}"
                yield Finding("other-client", script.line, message)
    loading = next((script for script in scripts if script.loads), None)
    if loading and not any(script.clients for script in scripts):
        yield Finding("other-client", loading.line, "the monitoring code names no client id (_smid)")


def _leadoo_doubled(scripts: Sequence[_Script], *, connected: bool) -> Iterator[Finding]:
    lines = [script.line for script in scripts if script.tracks_for_leadoo]
    if len(lines) > 1:
        yield Finding("leadoo-doubled", lines[-1], f"Leadoo's script is there {len(lines)} times")
    elif lines and connected and any(script.loads for script in scripts):
        yield Finding("leadoo-doubled", lines[0], "Leadoo's script is there, which the monitoring code brings already")


class _Page:
    """The scripts that run on a page, and where they stand."""

    def __init__(self, html: str) -> None:
        self.scripts: list[_Script] = []
        self.idle_line = 0
        self._section: Section = "head"  # as long as nothing says otherwise: its tags may be left out
        self._open: defaultdict[Section, list[_Script]] = defaultdict(list)  # nothing has followed these until now
        self._templates = 0
        self._script: _Script | None = None
        for piece in read_pieces(html):
            if piece.name == "template" and piece.kind in {"start", "end"}:
                self._templates = max(0, self._templates + (1 if piece.kind == "start" else -1))
            elif self._templates or piece.kind == "comment":
                self._see_idle(piece)
            else:
                _SEEN_BY[piece.kind](self, piece)

    def start(self, piece: Piece) -> None:
        """See the beginning of an element."""
        if piece.name == "body":
            self._section = "body"
        elif piece.name not in {"html", "head"}:
            self._see(piece.name)
        self._script = None
        if piece.name == "script" and piece.attributes.get("type", "").strip().lower() in _SCRIPT_TYPES:
            self._script = _Script(piece.line, self._section, piece.attributes.get("src", ""))
            self.scripts.append(self._script)
            self._open[self._section].append(self._script)

    def end(self, piece: Piece) -> None:
        """See the end of an element."""
        if piece.name == "head" and self._section == "head":
            self._section = "between"
        elif piece.name in {"body", "html"}:
            self._section = "after"

    def raw(self, piece: Piece) -> None:
        """See the text of a script, or of an element in which none runs."""
        if self._script:
            self._script.text = piece.text
        else:
            self._see_idle(piece)

    def text(self, piece: Piece) -> None:
        """See text."""
        if piece.text.strip():
            self._see("text")

    def _see(self, name: str) -> None:
        """Have content follow the scripts of its section; what no head can hold begins the body."""
        if self._section in {"head", "between"} and name not in _HEAD_ONLY:
            self._section = "body"
        if name not in _UNSEEN:
            while self._open[self._section]:
                self._open[self._section].pop().is_followed = True

    def _see_idle(self, piece: Piece) -> None:
        if not self.idle_line and _LOADER.search(piece.text):
            self.idle_line = piece.line


_SEEN_BY: Mapping[str, Callable[[_Page, Piece], None]] = {
    "start": _Page.start,
    "end": _Page.end,
    "raw": _Page.raw,
    "text": _Page.text,
}
