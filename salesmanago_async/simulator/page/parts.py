"""The small parts of which the sections of the page are made. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from .html import Content, Html, element


def section(id_: str, title: str, *contents: Content, count: str = "", live: bool = True) -> Html:
    """Return a section; a live one is replaced while the page is open."""
    heading = element("h2", title, element("span", count, class_="count") if count else None)
    return element("section", heading, *contents, id=id_, data_live=live)


def row(id_: str, summary: Sequence[Content], detail: Content, kind: str) -> Html:
    """Return a row that opens."""
    return element(
        "details", element("summary", *summary), element("div", detail, class_="detail"), id=id_, class_=kind
    )


def cell(kind: str, *contents: Content, title: str | None = None) -> Html:
    """Return a cell of a row."""
    return element("span", *contents, class_=kind, title=title)


def pill(text: str, kind: str) -> Html:
    """Return a short word in a colour: good, wary, bad or plain."""
    return element("span", text, class_=f"pill {kind}")


def chips(texts: Iterable[str], most: int = 4) -> Html:
    """Return words such as tags; those beyond `most` are counted."""
    given = list(texts)
    shown: list[Content] = [element("span", text, class_="chip") for text in given[:most]]
    if len(given) > most:
        shown.append(element("span", f"+{len(given) - most}", class_="chip more", title=", ".join(given[most:])))
    return element("span", shown, class_="chips")


def facts(pairs: Iterable[tuple[str, Content]]) -> Html:
    """Return names with their values; those without a value are left out."""
    shown = [(element("dt", name), element("dd", value)) for name, value in pairs if value not in (None, "")]
    return element("dl", shown)


def code(text: str) -> Html:
    """Return a text in the form of code."""
    return element("pre", text, tabindex=0)


def empty(*contents: Content) -> Html:
    """Return what a section says when it has nothing to show."""
    return element("p", *contents, class_="empty")


def button(
    label: Content, action: str, *, title: str | None = None, pressed: bool | None = None, **fields: str
) -> Html:
    """Return a form that is one button."""
    hidden = [element("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    state = None if pressed is None else str(pressed).lower()
    return element(
        "form",
        hidden,
        element("button", label, type="submit", title=title, aria_pressed=state),
        method="post",
        action=action,
    )


def moment(seconds: float, now: float) -> Html:
    """Return a time, in seconds since 1970: its time of day, if it is of today, and else its date, too."""
    then, today = datetime.fromtimestamp(seconds, UTC), datetime.fromtimestamp(now, UTC)
    shown = f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"
    return element("time", shown, datetime=then.isoformat(), title=f"{then:%Y-%m-%d %H:%M:%S} UTC")


def span(seconds: float) -> str:
    """Return a length of time in its two largest units: 1 d 2 h."""
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    left, parts = round(seconds), list[str]()
    for unit, length in units:
        amount, left = divmod(left, length)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"
