"""The README keeps its word: its example runs, its commands are those of .ci/run, its picture shows the house."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from salesmanago_async import api
from tests.readme import README, ROOT, readme_example
from tests.serving import serving


def test_the_example_runs_as_pasted(tmp_path: Path) -> None:
    example = readme_example("asyncio.run(main())")
    assert "poll_interval=60" in example
    (tmp_path / "example.py").write_text(example.replace("poll_interval=60", "poll_interval=0.1"))
    (tmp_path / "contacts.csv").write_text("email,name\nbob@example.com,Bob\nnobody,Nobody\n")
    with serving(job_seconds=0.1) as environment:
        shown = subprocess.run(
            [sys.executable, "example.py"],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("smclient cookie: ")
    assert lines[1] == "2 read: 1 accepted, 1 rejected"
    assert lines[2].startswith("3 rejected email: ")
    assert lines[3] == "0 accepted ORDER-1"
    assert sorted(lines[4:6]) == ["ann@example.com 1", "bob@example.com 0"]
    assert sorted(line.partition(" ")[0] for line in lines[6:]) == ["ann@example.com", "bob@example.com"]


def test_the_examples_are_typed_rightly(tmp_path: Path) -> None:
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", README, re.DOTALL)):
        (tmp_path / f"example{number}.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--config-file", os.devnull, "--check-untyped-defs", "."]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout


@pytest.mark.parametrize("marker", ["--simulate --batch-size", "-m pytest"])
def test_ci_runs_the_readmes_commands(marker: str) -> None:
    (command,) = [line for line in README.splitlines() if marker in line]
    assert command.startswith("python3 -m venv .venv && ")
    assert f"readme_command '{marker}'" in (ROOT / ".ci" / "run").read_text()


def test_the_picture_shows_every_room() -> None:
    package = ROOT / "salesmanago_async"
    rooms = {path.name + ("/" if path.is_dir() else "") for path in package.iterdir()}
    (picture,) = re.findall(r"```\nsalesmanago_async/\n(.*?)```", README, re.DOTALL)
    drawn = set(re.findall(r"^  (\S+)", picture, re.MULTILINE))
    assert drawn == rooms - {"__pycache__/", "py.typed", "_version.py"}


def test_the_readme_says_how_many_endpoints_there_are() -> None:
    assert f"for all {len(api.REQUESTS)} endpoints" in README
