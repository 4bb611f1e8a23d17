"""The sections that change something: faults to switch on and off, and the clock to wind."""

from datetime import UTC, datetime

from ...errors import Invalid
from .._faults import KINDS, Fault
from ..app import Simulator
from .html import Content, Html, element
from .parts import button, cell, empty, section, span

USUAL = (
    ("Busy", "503,retry-after=2"),
    ("Too many requests", "429,retry-after=2"),
    ("Answers get lost", "reset-after,share=0.2"),
    ("Connections break", "reset-before,share=0.2"),
    ("Slow", "slow,seconds=2"),
    ("Half answers", "truncated,share=0.2"),
    ("Jobs fail", "failed-job"),
    ("Links expire", "expired"),
)
"""Faults that are switched on and off by one click: label and text."""

STEPS = (("1 min", 60), ("5 min", 300), ("1 h", 3600), ("1 day", 86400))


def faults_section(simulator: Simulator, tried: str) -> Html:
    """Return the faults; `tried` is the text of one that could not be read."""
    given = [str(fault) for fault in simulator.faults]
    switches = [_switch(label, text, is_on=str(Fault.parse(text)) in given) for label, text in USUAL]
    others = [text for text in given if text not in {str(Fault.parse(usual)) for _, usual in USUAL}]
    listed = [
        element("li", element("code", text), button("Remove", "/-/faults/remove", fault=text, title=f"Remove {text}"))
        for text in others
    ]
    shown: list[Content] = [
        element("div", switches, class_="switches"),
        element("ul", listed, class_="given") if listed else None,
        button("Switch all off", "/-/faults/remove") if given else None,
        _form(tried),
    ]
    return section("faults", "Faults", shown, count=f"{len(given)} on" if given else "none")


def _switch(label: str, text: str, *, is_on: bool) -> Html:
    action = "/-/faults/remove" if is_on else "/-/faults/add"
    parts = [(element("span", part), element("wbr")) for part in text.replace(",", ",\n").splitlines()]
    return button([element("b", label), element("code", parts)], action, pressed=is_on, fault=str(Fault.parse(text)))


def _form(tried: str) -> Html:
    problem = _problem_with(tried)
    entry = element(
        "input",
        name="fault",
        value=tried,
        placeholder="503,path=contact/upsert,at=1-3",
        aria_label="A fault",
        aria_invalid="true" if problem else None,
        autocapitalize="off",
        autocomplete="off",
        spellcheck="false",
        required=True,
    )
    return element(
        "form",
        element("div", entry, element("button", "Add", type="submit"), class_="line"),
        element("p", problem, class_="problem", role="alert") if problem else None,
        element("p", f"KIND[,NAME=VALUE]…, where KIND is 503, 429, … or {', '.join(KINDS[1:])}.", class_="hint"),
        class_="add",
        method="post",
        action="/-/faults/add",
    )


def _problem_with(text: str) -> str:
    if not text:
        return ""
    try:
        Fault.parse(text)
    except Invalid as error:
        return str(error)
    return ""


def clock_section(simulator: Simulator) -> Html:
    """Return the clock, and buttons that wind it forward."""
    now = datetime.fromtimestamp(simulator.clock(), UTC)
    wait = simulator.seconds_to_next
    wound = f"{span(simulator.clock.wound)} ahead" if simulator.clock.wound else "real time"
    face = element("p", cell("date", f"{now:%Y-%m-%d}"), cell("time", f"{now:%H:%M:%S}"), " UTC", class_="clock")
    steps = [button(f"+ {label}", "/-/clock", seconds=str(seconds)) for label, seconds in STEPS]
    due = (
        empty("Nothing is due by itself.")
        if wait is None
        else button(f"Wind to what is due next, in {span(wait)}", "/-/clock", to="next")
    )
    return section("clock", "Clock", face, element("div", steps, class_="steps"), due, count=wound)
