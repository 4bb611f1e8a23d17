"""Translates what messages of the library say about options: null="NULL" becomes --null NULL.

The library names its parameters, and the command line its options. So every message of the library passes through
here before it is printed. In a table of reasons, … stands for a particular value.
"""

import re
import shlex
from ast import literal_eval

_OPTION = re.compile(
    r"\b(?P<name>encoding|delimiter|format|decimal|time_zone|date_format|null|extra_columns)="
    r"""(?P<value>"[^"]*"|'[^']*'|\.\.\.|…)"""
)
_MAPPED = re.compile(r"\bcolumns=(?P<columns>\{[^{}]*\}|\.\.\.)")

_VARIABLE = re.compile(r"\b(products_(?:key|url))\b")

_SWITCH = re.compile(r"\b(accept_consents|keep_spaces|strict)=True\b")


def with_option_names(message: str) -> str:
    """Return a message in which parameters of the library have the names of the command line's options."""
    named = _SWITCH.sub(_switch, _MAPPED.sub(_map_option, _OPTION.sub(_option, message)))
    return _VARIABLE.sub(lambda found: f"SALESMANAGO_{found[1].upper()}", named)


def _option(found: re.Match[str]) -> str:
    value = found["value"]
    return f"--{found['name'].replace('_', '-')} {value if value in {'...', '…'} else shlex.quote(value[1:-1])}"


def _switch(found: re.Match[str]) -> str:
    return f"--{found[1].replace('_', '-')}"


def _map_option(found: re.Match[str]) -> str:
    try:
        maps = ["..."] if found["columns"] == "..." else list(map("=".join, literal_eval(found["columns"]).items()))
    except (ValueError, SyntaxError, AttributeError, TypeError):  # this is no dict of names
        return found[0]
    return " ".join(f"--map {name if name == '...' else shlex.quote(name)}" for name in maps)
