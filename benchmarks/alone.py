"""A function in a process of its own, and the most memory that it took: `python -m benchmarks.alone MODULE:FUNCTION …`.

The process imports what the function's module imports, and nothing of the command that started it.
"""

import asyncio
import inspect
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

_STATUS = Path("/proc/self/status")


@frozen
class Alone:
    """What a function returned, how long it took, and the peak memory of its process."""

    value: Any
    seconds: float
    megabytes: float


def alone(act: Callable[..., Any], *arguments: Any, **named: Any) -> Alone:
    """Call a function of a module, async or not, with arguments that JSON can hold, and wait for it."""
    name = f"{act.__module__}:{act.__qualname__}"
    command = [sys.executable, "-m", "benchmarks.alone", name, orjson.dumps([arguments, named]).decode()]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Alone(*orjson.loads(shown.stdout))


def peak_megabytes() -> float:
    """Return the most memory that this process has had so far.

    Not by getrusage on Linux: that begins with what the process had that started this one.
    """
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main(name: str, given: str) -> None:
    """Do it, and tell."""
    module, _, function = name.partition(":")
    act = getattr(import_module(module), function)
    arguments, named = orjson.loads(given)
    started = time.perf_counter()
    value = act(*arguments, **named)
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    sys.stdout.buffer.write(orjson.dumps([value, time.perf_counter() - started, peak_megabytes()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
