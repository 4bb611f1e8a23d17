"""A function in a process of its own, and the most memory that it took: `python -m benchmarks.alone MODULE:FUNCTION …`.

The process imports what the function's module imports, and nothing of the command that started it.
"""

import asyncio
import inspect
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from benchmarks.records import THOUSAND

_STATUS = Path("/proc/self/status")


@frozen
class Alone:
    """What a function returned, how long it took, also of the processor, and the peak memory of its process."""

    value: Any
    seconds: float
    processor: float
    megabytes: float


def alone(act: Callable[..., Any], *arguments: Any, warm_up: Sequence[Any] | None = None, **named: Any) -> Alone:
    """Call a function of a module, async or not, with arguments that JSON can hold, and wait for it.

    With `warm_up` it is called with these arguments first, and only the second call is measured.
    """
    name = f"{act.__module__}:{act.__qualname__}"
    command = [sys.executable, "-m", "benchmarks.alone", name, orjson.dumps([arguments, named, warm_up]).decode()]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Alone(*orjson.loads(shown.stdout))


def cpu_alone(
    act: Callable[..., Any], address: str, count: int, *, few: int = THOUSAND, **named: Any
) -> Callable[[], float]:
    """Return the way that sends so many records in a process of its own, in seconds of the processor, with all threads.

    `act` returns how many arrived. It sends a few before: what has to be imported is told by another row.
    """

    def way() -> float:
        found = alone(act, address, count, warm_up=(address, few), **named)
        if found.value != count:
            raise RuntimeError(f"{found.value} of {count} records arrived")
        return found.processor

    return way


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
    arguments, named, warm_up = orjson.loads(given)
    if warm_up is not None:
        _call(act, warm_up, named)
    started, worked = time.perf_counter(), time.process_time()
    value = _call(act, arguments, named)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    sys.stdout.buffer.write(orjson.dumps([value, seconds, processor, peak_megabytes()]))
    sys.stdout.flush()
    os._exit(0)  # a peer may abort while the interpreter ends: what was measured is told


def _call(act: Callable[..., Any], arguments: Sequence[Any], named: dict[str, Any]) -> Any:
    value = act(*arguments, **named)
    return asyncio.run(value) if inspect.iscoroutine(value) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
