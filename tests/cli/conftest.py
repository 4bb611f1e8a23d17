"""A served simulator, and the command line as its users have it: a process with an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli import accounts
from tests.cli.warm import run_warm, warmed

COMMAND = (sys.executable, "-m", "salesmanago_async.cli")
TOLD_TO_PYTHON = ("PYTHON", "LANG", "LC_", "TZ")
NOT_OURS = ("SALESMANAGO_", "FORCE_COLOR", "TTY_", "COLUMNS", "PYTHONIOENCODING")


@pytest.fixture(scope="session")
def bare() -> dict[str, str]:
    """An environment that knows nothing of SALESmanago."""
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}


@pytest.fixture(scope="session")
def served(bare: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables that `salesmanago simulator` prints, while it serves."""
    command = [*COMMAND, "simulator", "--port", "0", "--job-seconds", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare) as process:
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(7)]
        try:
            yield dict(line.split("=", 1) for line in lines)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def warm(bare: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a process waits that commands are forked from."""
    with warmed(tmp_path_factory.mktemp("warm"), bare) as path:
        yield path


@pytest.fixture(scope="session")
def run(
    bare: Mapping[str, str], served: Mapping[str, str], warm: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `salesmanago …` in a folder, by default with the served account's credentials."""

    def run(
        *arguments: object, folder: Path, stdin: str = "", environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        words, variables = [str(argument) for argument in arguments], {**bare, **served, **(environ or {})}
        if not any(name.startswith(TOLD_TO_PYTHON) for name in environ or {}):
            return run_warm(warm, words, folder, variables, stdin)
        return subprocess.run(
            [*COMMAND, *words],
            cwd=folder,
            env=variables,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def salesmanago(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `salesmanago …` in the test's own folder."""

    def salesmanago(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return run(*arguments, folder=tmp_path, **options)

    return salesmanago


@pytest.fixture
def start(
    bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts `salesmanago …` and does not wait for its end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env={**bare, **(served if environ is None else environ)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def ask(served: Mapping[str, str]) -> Callable[..., dict[str, Any]]:
    """Return a function that calls the served account with nothing of ours: to see what really arrived."""

    return partial(accounts.ask, served)
