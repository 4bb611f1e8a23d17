"""`salesmanago …` without its half second of imports: a process forked from one that has made them already.

What is forked is a process of its own, as the one it stands for: with its arguments, folder, environment, signals,
standard streams and exit code. Only the start of the interpreter is not its own, so what tells Python how to start,
such as PYTHONIOENCODING, needs a process that starts for itself.

A command is asked for over a socket, with JSON and its three streams:

    arguments, folder, environment →
                                   ← the number of its process
                                   ← its exit code, negative where a signal ended it

"""

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from unittest import mock

import salesmanago_async

ROOT = Path(__file__).parents[2]
LONGEST = 60.0
"""Seconds after which a command is given up."""

_LIBRARIES = ("anyio._backends._asyncio", "dotenv", "httpx", "rich.console", "rich.progress", "sqlite3")
_STREAMS = 3
_READY = b"ready\n"


@contextmanager
def warmed(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Have a process that has imported the commands wait at a socket in a folder, whose path is given."""
    path = folder / "warm"
    command = [sys.executable, "-m", "tests.cli.warm", str(path)]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == _READY
        try:
            yield path
        finally:
            process.terminate()


def run_warm(
    path: Path, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: str
) -> subprocess.CompletedProcess[str]:
    """Run `salesmanago` with these arguments to its end, as `subprocess.run` does."""
    reading, writing = os.pipe()
    with TemporaryFile() as out, TemporaryFile() as err, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LONGEST)
        connection.connect(str(path))
        asked = json.dumps([list(arguments), str(folder), dict(environ)]).encode()
        socket.send_fds(connection, [len(asked).to_bytes(4, "big")], [reading, out.fileno(), err.fileno()])
        connection.sendall(asked)
        os.close(reading)
        feeding = Thread(target=_feed, args=(writing, stdin.encode(errors="surrogateescape")))
        feeding.start()
        with connection.makefile() as answer:
            number = int(answer.readline())
            try:
                code = int(answer.readline())
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                raise
        feeding.join()
        out.seek(0)
        err.seek(0)
        printed = [stream.read().decode(errors="surrogateescape") for stream in (out, err)]
    return subprocess.CompletedProcess(["salesmanago", *arguments], code, *printed)


def _feed(writing: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(writing, "wb") as stdin:
        stdin.write(content)


def _warm() -> None:
    """Import what commands import when they run; what serves apps and reads Parquet is for few of them."""
    for module in pkgutil.walk_packages(salesmanago_async.__path__, "salesmanago_async."):
        if "integrations" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LIBRARIES:
        import_module(name)
    gc.collect()
    gc.freeze()


def _wait(path: str) -> None:
    """Fork a process for each connection; return in a process that is to be a command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those ended that answer a connection
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(20)
        os.write(1, _READY)
        while True:
            connection, _ = listening.accept()
            if not os.fork():
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 4, _STREAMS)
    with connection.makefile("rb") as asking:
        arguments, folder, environ = json.loads(asking.read(int.from_bytes(length, "big")))
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        connection.sendall(b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    connection.close()
    _become(arguments, folder, environ, streams)


def _become(arguments: Sequence[str], folder: str, environ: Mapping[str, str], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
        for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    # to go through all that was imported takes the collector a fifth of a second, at the end of every process
    mock.patch.object(gc, "unfreeze", return_value=None).start()
    sys.argv = ["salesmanago", *arguments]


if __name__ == "__main__":
    _warm()
    _wait(sys.argv[1])
    runpy.run_module("salesmanago_async.cli", run_name="__main__", alter_sys=True)
