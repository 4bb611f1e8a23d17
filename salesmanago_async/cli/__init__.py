"""The command line, `salesmanago`. A command imports what it needs when it runs, so `--help` loads no HTTP stack."""

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
    except KeyboardInterrupt:  # the imports take a moment, and no command handles Ctrl-C yet
        sys.stderr.write("salesmanago: stopped\n")
        raise SystemExit(_STOPPED) from None
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: print a name that is not UTF-8, do not fail
    salesmanago()
    raise SystemExit(0)
