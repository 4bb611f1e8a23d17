"""The most memory that a process of a test took."""

import subprocess
import sys

_TELL = """

with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""


def run_and_measure(code: str, *arguments: object) -> tuple[str, float]:
    """Run code in a process of its own; return what it printed, and its peak memory in megabytes.

    The peak is not ru_maxrss, which a process inherits: then that of the tests themselves would be measured.
    """
    command = [sys.executable, "-c", code + _TELL, *map(str, arguments)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    *printed, kilobytes = shown.stdout.splitlines()
    return "\n".join(printed), int(kilobytes) / 1024
