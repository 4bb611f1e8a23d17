"""The README keeps its word: its examples and commands run, its terminal is a real one, its tests exist."""

import ast
import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import SalesManago, api
from salesmanago_async.outcome import Outcome
from salesmanago_async.simulator import Fault, Simulator
from tests.readme import README, ROOT, docstring_examples, examples_in, readme_example
from tests.serving import serving
from tests.test_layering import MODULES, imports_of

BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text()
LONGEST_SENTENCE = 2 * 120
NOT_IN_DEV = ("airflow", "dlt", "pyspark")
"""Packages that examples of docstrings use, and that only .ci/past_one_machine installs."""

UNTYPED = ("celery",)
"""Packages in dev that have no types."""


def run_command(line: str, folder: Path, environ: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the README that begins with `salesmanago`; all that it prints is in `stdout`."""
    _, *arguments = shlex.split(line)
    return subprocess.run(
        [sys.executable, "-m", "salesmanago_async.cli", *arguments, *options],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def section(title: str) -> str:
    """A section of the README, without its title."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


# The terminal at the top


def write_purchases(path: Path) -> None:
    """Write 3,000 purchases of two contacts, of which number 1,500 has a value that is no number."""
    values = ["n/a" if number == 1500 else str(number) for number in range(1, 3001)]
    rows = [
        f"{'ann' if number % 2 else 'bob'}@example.com,2026-01-{number % 28 + 1:02},PURCHASE,{value},ORDER-{number}\n"
        for number, value in enumerate(values, 1)
    ]
    path.write_text("".join(["email,date,contactExtEventType,value,externalId\n", *rows]))


def without_chance(text: str, address: str = "127.0.0.1:8787") -> list[str]:
    """The lines of a terminal, without what differs from run to run: the server's port, and how long things take."""
    return re.sub(r" *\d+\.\d+( s|$)", r" some\1", text.replace(address, "the server"), flags=re.MULTILINE).splitlines()


@pytest.mark.ci
def test_the_terminal_shows_what_the_command_prints(tmp_path: Path) -> None:
    shown, _ = re.findall(r"```console\n\$ (.*?)```", README, re.DOTALL)
    command, _, printed = shown.partition("\n")
    (fault,) = re.findall(r"`salesmanago simulator --fault (\S+)`", README)
    (tmp_path / "people.csv").write_text("email\nann@example.com\nbob@example.com\n")
    write_purchases(tmp_path / "purchases.csv")
    with serving(job_seconds=0.1, faults=[Fault.parse(fault)]) as environ:
        prepared = run_command("salesmanago import contacts people.csv --poll-interval 0.2", tmp_path, environ)
        ended = run_command(command, tmp_path, environ)
    assert prepared.returncode == 0, prepared.stdout
    address = environ["SALESMANAGO_BASE_URL"].removeprefix("http://")
    assert without_chance(ended.stdout, address) == without_chance(printed)
    assert ended.returncode == 1


def test_the_plan_is_what_the_command_prints(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```console\n\$ (.*?)```", section("Speed"), re.DOTALL)
    command, _, printed = shown.partition("\n")
    assert run_command(command, tmp_path, {}).stdout == printed


# The five steps, and other commands


@pytest.mark.ci
def test_the_five_steps_lead_from_credentials_to_corrected_rejects(tmp_path: Path) -> None:
    steps = re.findall(r"^salesmanago .*", section("Five steps to the first import"), re.MULTILINE)
    assert len(steps) == 5
    people, corrected = tmp_path / "people.csv", tmp_path / "people-corrected.csv"
    people.write_text("email,name\nann@example.com,Ann\nbob@example,Bob\n")
    codes: list[int] = []
    with serving(job_seconds=0.1) as environ:
        for step in steps:
            codes.append(run_command(step, tmp_path, environ, "--poll-interval", "0.2").returncode)
            if (rejects := tmp_path / "people-rejects.csv").exists():
                corrected.write_text(rejects.read_text().replace("bob@example,", "bob@example.com,"))
    assert codes == [0, 1, 1, 1, 0]
    assert corrected.read_text().startswith("email,name,_line,_reason\nbob@example.com,Bob,3,")


@pytest.mark.ci
def test_the_other_commands_are_commands(tmp_path: Path) -> None:
    lines = re.findall(r"^salesmanago .*?(?=  +#| # |$)", section("Other commands"), re.MULTILINE)
    assert len(lines) > 4
    assert {line: run_command(f"{line} --help", tmp_path, {}).returncode for line in lines} == dict.fromkeys(lines, 0)


@pytest.mark.ci
def test_both_directions_of_a_night_run_and_no_night_replaces_the_changes_of_another(tmp_path: Path) -> None:
    commands = [line for line in section("Only what changed").splitlines() if line.startswith("salesmanago ")]
    assert len(commands) == 2
    people, tomorrow = tmp_path / "people.csv", "2999-01-02"
    with serving(job_seconds=0.1) as environ:
        for day in ("2999-01-01", tomorrow):
            people.write_text(f"email,name\nann@example.com,{day}\n")
            for line in commands:
                ended = run_command(f"{line.replace('$(date +%F)', day)} --poll-interval 0.2", tmp_path, environ)
                assert ended.returncode == 0, ended.stdout
    files = sorted(tmp_path.glob("changes-*.jsonl"))
    assert [file.name for file in files] == ["changes-2999-01-01.jsonl", f"changes-{tomorrow}.jsonl"]
    assert [f'"{day}"' in file.read_text() for file, day in zip(files, ("2999-01-01", tomorrow), strict=True)] == [
        True,
        True,
    ]


# Examples


@pytest.mark.ci
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


@pytest.mark.parametrize(("line", "shown"), [(3, "3"), (None, "position 0")])
def test_the_example_names_the_place_of_a_problem_in_a_file_and_of_one_without(line: int | None, shown: str) -> None:
    (place,) = re.findall(r"^ +place = (.*?)  #", readme_example("asyncio.run(main())"), re.MULTILINE)
    assert str(eval(place, {"problem": Outcome({}, 0, "rejected", line=line)})) == shown


@pytest.mark.ci
def test_the_examples_are_typed_rightly(tmp_path: Path) -> None:
    for number, code in enumerate([*examples_in(README), *docstring_examples().values()]):
        (tmp_path / f"example{number}.py").write_text(code)
    missing = "".join(f"[mypy-{name}.*]\nignore_missing_imports = true\n" for name in (*NOT_IN_DEV, *UNTYPED))
    (tmp_path / "mypy.ini").write_text(f"[mypy]\ncheck_untyped_defs = true\n{missing}")
    command = [sys.executable, "-m", "mypy", "."]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout


@pytest.mark.ci
def test_the_examples_of_docstrings_are_those_that_tests_run() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert set(docstring_examples()) == set(re.findall(r'docstring_example\("(.*?)"\)', tests))


def test_the_example_of_a_test_passes(salesmanago_client: SalesManago, salesmanago_simulator: Simulator) -> None:
    names: dict[str, Any] = {}
    exec(readme_example("async def test_"), names)
    (example,) = [value for name, value in names.items() if name.startswith("test_")]
    assert asyncio.run(example(salesmanago_client, salesmanago_simulator)) is None


# What it says


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_promise_has_tests_that_exist() -> None:
    promises = re.findall(r"^\| (\*\*.*?) \| (.*) \|$", section("Promises"), re.MULTILINE)
    assert len(promises) > 15
    for promise, cell in promises:
        named = re.findall(r"`(tests/[^`:]+\.py)::(test_\w+)`", cell)
        assert len(named) == cell.count("`") / 2 > 0, promise
        missing = [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)]
        assert missing == [], promise


def sentences(text: str) -> Iterator[str]:
    prose = re.sub(r"^```.*?^```$|^[\[|#!<][^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for paragraph in re.split(r"\n\n|\n(?=- |\d\. )", prose):
        yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`*])", " ".join(paragraph.split()))


@pytest.mark.parametrize("text", [README, BENCHMARKS], ids=["README.md", "benchmarks/README.md"])
def test_no_sentence_is_longer_than_two_lines(text: str) -> None:
    found = list(sentences(text))
    assert len(found) > 30
    assert [sentence for sentence in found if len(sentence) > LONGEST_SENTENCE] == []


def test_the_contents_name_each_section() -> None:
    titles = [title for title in re.findall(r"^## (.*)$", README, re.MULTILINE) if title != "Contents"]
    linked = re.findall(r"\[(.*?)\]\(#(.*?)\)", section("Contents"))
    assert linked == [(title, title.lower().replace(" ", "-")) for title in titles]


@pytest.mark.parametrize("path", ["README.md", "benchmarks/README.md"])
def test_links_lead_to_files_and_sections_that_exist(path: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)(.*?)\)", (ROOT / path).read_text())
    assert links
    for link in links:
        target, _, anchor = link.partition("#")
        file = (ROOT / path).parent / target
        assert file.is_file(), link
        assert not anchor or f"\n## {anchor.capitalize()}\n" in file.read_text(), link


@pytest.mark.parametrize("marker", ["--simulate --batch-size", "-m pytest"])
def test_ci_runs_the_readmes_commands(marker: str) -> None:
    (command,) = [line for line in README.splitlines() if marker in line]
    assert command.startswith("python3 -m venv .venv && ")
    assert f"readme_command '{marker}'" in (ROOT / ".ci" / "run").read_text()


def rooms_in_the_picture() -> list[str]:
    (picture,) = re.findall(r"```\nsalesmanago_async/\n(.*?)```", README, re.DOTALL)
    return re.findall(r"^  (\S+)", picture, re.MULTILINE)


def test_the_picture_shows_every_room() -> None:
    package = ROOT / "salesmanago_async"
    rooms = {path.name + ("/" if path.is_dir() else "") for path in package.iterdir()}
    assert set(rooms_in_the_picture()) == rooms - {"__pycache__/", "py.typed", "_version.py"}


def test_imports_point_down_the_picture() -> None:
    rooms = [room.removesuffix("/").removesuffix(".py") for room in rooms_in_the_picture()]
    upward = {
        (module, name)
        for module in MODULES
        for name, _ in imports_of(module)
        if not {"", "_version"} & {module, name}
        if rooms.index(name.partition(".")[0]) > rooms.index(module.partition(".")[0])
    }
    assert upward == set()


def test_the_readme_says_how_many_endpoints_there_are() -> None:
    assert f"for all {len(api.REQUESTS)} endpoints" in README
