"""The examples at the end of each command's help."""


def examples(*lines: str, then: str = "") -> str:
    """Return an epilog of a command: one example on each line, as it is, and then another text."""
    return "\n".join(["Examples:", "", "\b", *(f"  {line}" for line in lines), "", then])
