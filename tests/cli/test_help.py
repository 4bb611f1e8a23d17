"""The help of every command: whole short texts, and examples whose commands and options exist."""

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from salesmanago_async.cli._commands import salesmanago


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(salesmanago))


def help_of(*path: str) -> str:
    ended = CliRunner().invoke(salesmanago, [*path, "--help"])
    assert ended.exit_code == 0
    return ended.output


@pytest.mark.sampled
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_has_examples_that_can_be_typed(path: tuple[str, ...]) -> None:
    shown = help_of(*path).partition("Examples:")[2]
    assert shown
    for line in (line.strip() for line in shown.splitlines()):
        if line.startswith("salesmanago "):
            _check(shlex.split(line.partition(" < ")[0].partition(" > ")[0])[1:])


def _check(words: list[str]) -> None:
    command: click.Command = salesmanago
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(
    "group", [(), ("import",), ("export",), ("job",), ("catalog",)], ids=lambda path: " ".join(path) or "all"
)
def test_no_short_text_is_cut(group: tuple[str, ...]) -> None:
    listed = help_of(*group).partition("Commands:")[2].partition("Examples:")[0]
    assert listed
    assert "..." not in listed


def test_the_help_says_how_completion_is_switched_on() -> None:
    assert 'eval "$(_SALESMANAGO_COMPLETE=bash_source salesmanago)"' in help_of()
    completion = CliRunner().invoke(
        salesmanago, [], env={"_SALESMANAGO_COMPLETE": "zsh_source"}, prog_name="salesmanago"
    )
    assert "compdef" in completion.output


def test_resume_shows_no_default_that_is_not_what_happens() -> None:
    shown = " ".join(help_of("resume").split())
    for option, text in (
        ("--concurrency", "The most requests in flight. [default: as in the first call]"),
        ("--poll-interval", "the first one may come after 3. [default: as in the first call]"),
        ("--in-doubt", "[default: look for them once more]"),
    ):
        assert text in shown.partition(option)[2]
    assert "[default: 64]" in " ".join(help_of("import", "contacts").split())


def test_the_package_can_be_run() -> None:
    command = [sys.executable, "-m", "salesmanago_async", "--version"]
    assert "salesmanago" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
