"""The command line, `salesmanago`. What a command needs is imported when it runs: `--help` costs no HTTP stack."""

import io
import sys
from typing import NoReturn

_STOPPED = 3
_MISSING = "salesmanago: the command line needs the extra 'cli': pip install 'salesmanago-async[cli]'"


def main() -> NoReturn:
    """Run the command line."""
    try:
        from ._commands import salesmanago
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich", "dotenv"}:
            raise
        raise SystemExit(_MISSING) from None
    except KeyboardInterrupt:  # this takes a moment, in which nobody else answers to Ctrl-C
        sys.stderr.write("salesmanago: stopped\n")
        raise SystemExit(_STOPPED) from None
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a name that is no UTF-8 is shown, not an error
    salesmanago()
    raise SystemExit(0)
