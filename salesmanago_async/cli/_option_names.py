"""Translates the remedies in messages of the library: encoding="cp1250" becomes --encoding cp1250."""

import re
import shlex

_OPTION = re.compile(r'\b(encoding|delimiter|format|decimal|time_zone|date_format|null)="([^"]*)"')


def with_option_names(message: str) -> str:
    """Return a message in which parameters of the library have the names of the command line's options."""
    return _OPTION.sub(lambda found: f"--{found[1].replace('_', '-')} {shlex.quote(found[2])}", message)
