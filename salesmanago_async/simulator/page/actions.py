"""What the forms of the page do: they switch faults on and off, and wind the clock."""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlencode

from ...errors import Invalid
from .._faults import Fault
from ..app import Simulator

Form: TypeAlias = Mapping[str, str]


def add_fault(simulator: Simulator, form: Form) -> str:
    """Add a fault; one that cannot be read goes back to the page, which shows what is wrong."""
    text = form.get("fault", "").strip()
    try:
        fault = Fault.parse(text)
    except Invalid:
        return f"/?{urlencode({'fault': text})}#faults"
    if fault not in simulator.faults:
        simulator.faults = (*simulator.faults, fault)
    return "/#faults"


def remove_fault(simulator: Simulator, form: Form) -> str:
    """Remove a fault, or, without one, all."""
    text = form.get("fault")
    simulator.faults = [fault for fault in simulator.faults if text is not None and str(fault) != text]
    return "/#faults"


def wind_clock(simulator: Simulator, form: Form) -> str:
    """Wind the clock by `seconds`, or to the next thing that is due."""
    wait = simulator.seconds_to_next if form.get("to") == "next" else _seconds(form.get("seconds", ""))
    simulator.advance(wait or 0.0)
    return "/#clock"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid("must be a number of seconds", field="seconds") from None


ACTIONS: Mapping[str, Callable[[Simulator, Form], str]] = {
    "/-/faults/add": add_fault,
    "/-/faults/remove": remove_fault,
    "/-/clock": wind_clock,
}
"""Path of a form → what it does to the simulator; it returns the address of the page that is shown next."""
