"""A file of NAME=VALUE lines, as for a shell: the settings of an account. Other forms are refused, and none is shown.

Lines of other programs are passed over, also those that cannot be read.
"""

import re
from io import StringIO
from pathlib import Path

from ..errors import Invalid

_OUR_NAME = re.compile(r"salesmanago\w*", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*")


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file; raise `Invalid` that names the file, and the line of ours that is none."""
    if not path.exists():
        raise Invalid("there is no such file", field=str(path))
    from dotenv.parser import parse_stream

    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("is not a text file of NAME=VALUE lines", field=str(path)) from None
    found: dict[str, str] = {}
    for line in parse_stream(StringIO(text)):
        name, value = line.key, line.value
        if name is not None and value is not None and _NAME.fullmatch(name):
            found[name] = value
        elif name is None and not line.error:  # a comment
            continue
        elif (ours := _OUR_NAME.search(line.original.string)) and name not in found:
            raise Invalid(_rule(line.original.string, line.original.line, ours[0]), field=str(path))
    return found


def _rule(text: str, line: int, name: str) -> str:
    """Return what to write in place of a text, which may begin with blank lines; its value may be a secret."""
    number = line + text[: len(text) - len(text.lstrip())].count("\n")
    written = name.upper() if "_" in name else "SALESMANAGO_CLIENT_ID"
    return f"line {number} cannot be read; each line is NAME='VALUE', such as {written}='…'"
