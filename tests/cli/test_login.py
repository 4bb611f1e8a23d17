"""`salesmanago login`: settings for a password, in a file that only its owner can read."""

import os
import pty
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from salesmanago_async.cli._commands import salesmanago as commands
from salesmanago_async.cli.login import account_url
from salesmanago_async.errors import Invalid
from salesmanago_async.simulator import DEMO_OWNER, DEMO_PASSWORD, Simulator
from tests.cli.conftest import COMMAND
from tests.serving import serving_app

NAMES = [f"SALESMANAGO_{name}" for name in ("CLIENT_ID", "API_KEY", "API_SECRET", "SHA", "OWNER", "BASE_URL")]


@pytest.fixture
def address() -> Iterator[str]:
    with serving_app(Simulator()) as address:
        yield address


def login(*arguments: str, stdin: str = f"{DEMO_PASSWORD}\n", user: str = DEMO_OWNER) -> Result:
    given = ("login", "--user", user, "--password-stdin", *arguments)
    return CliRunner().invoke(commands, given, input=stdin, env=dict.fromkeys(NAMES))


def test_the_settings_are_written_for_their_owner_alone_and_work(address: str, tmp_path: Path) -> None:
    file = tmp_path / "account.env"
    made = login("--base-url", address, "--out", str(file))
    assert made.exit_code == 0, made.stderr
    assert (made.stdout, stat.S_IMODE(file.stat().st_mode)) == ("", 0o600)
    names = [line.removeprefix("export SALESMANAGO_").partition("=")[0] for line in file.read_text().splitlines()]
    assert names == ["CLIENT_ID", "API_KEY", "SHA", "OWNER", "BASE_URL"]
    checked = CliRunner().invoke(commands, ["check", "--env-file", str(file)], env=dict.fromkeys(NAMES))
    assert checked.exit_code == 0, checked.output
    assert f"owner        ok, {DEMO_OWNER}" in checked.stdout


def test_without_a_file_the_settings_are_printed_and_the_password_is_nowhere(address: str) -> None:
    made = login("--base-url", address)
    assert made.exit_code == 0, made.stderr
    assert re.fullmatch(r"(export SALESMANAGO_[A-Z_]+=\S+\n){5}", made.stdout)
    assert DEMO_PASSWORD not in made.output
    keys = [re.findall("API_KEY=(.*)", login("--base-url", address).stdout) for _ in range(2)]
    assert keys[0] != keys[1], "each login makes a key of its own"


@pytest.mark.parametrize(("stdin", "user"), [("wrong\n", DEMO_OWNER), (f"{DEMO_PASSWORD}\n", "nobody@vendor.pl")])
def test_a_refused_login_says_so_and_leaves_no_file(stdin: str, user: str, address: str, tmp_path: Path) -> None:
    file = tmp_path / "account.env"
    made = login("--base-url", address, "--out", str(file), stdin=stdin, user=user)
    assert made.exit_code == 2
    assert "refuses this user with this password" in made.stderr
    assert stdin.strip() not in made.output
    assert not file.exists()


def test_a_file_that_exists_is_kept_and_nothing_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "account.env"
    file.write_text("mine")
    made = login("--base-url", "http://127.0.0.1:1", "--out", str(file))
    assert (made.exit_code, file.read_text()) == (2, "mine")
    assert "exists already; nothing was sent" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["login"], "--password-stdin"),
        (["login", "--password-stdin"], "--user"),
        (["login", "--user", DEMO_OWNER, "--password-stdin"], "password"),
        (["login", "--user", DEMO_OWNER, "--password-stdin", "--base-url", "http://app2.salesmanago.com"], "https"),
    ],
)
def test_what_is_missing_is_named(arguments: list[str], told: str) -> None:
    made = CliRunner().invoke(commands, arguments, input="", env=dict.fromkeys(NAMES))
    assert made.exit_code == 2
    assert told in made.stderr


@pytest.mark.ci
def test_on_a_terminal_the_password_is_asked_for_and_not_shown(address: str, bare: dict[str, str]) -> None:
    terminal, side = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "login", "--base-url", address], stdin=side, stdout=subprocess.PIPE, stderr=side, env=bare, text=True
    ) as process:
        os.close(side)
        shown = _until(terminal, b"User (e-mail address): ")
        os.write(terminal, f"{DEMO_OWNER}\n".encode())
        shown += _until(terminal, b"Password: ")
        os.write(terminal, f"{DEMO_PASSWORD}\n".encode())
        printed, _ = process.communicate(timeout=60)
    shown += _rest(terminal)
    os.close(terminal)
    assert process.returncode == 0
    assert f"SALESMANAGO_OWNER={DEMO_OWNER}" in printed
    assert DEMO_PASSWORD.encode() not in shown


def _until(terminal: int, end: bytes) -> bytes:
    shown = b""
    while end not in shown:
        shown += os.read(terminal, 1000)
    return shown


def _rest(terminal: int) -> bytes:
    shown = b""
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # the other side is closed
        pass
    return shown


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("app3.salesmanago.com", "https://app3.salesmanago.com"),
        ("https://app3.salesmanago.com/", "https://app3.salesmanago.com"),
        ("app3.salesmanago.com/api", "https://app3.salesmanago.com"),
        (None, "https://app2.salesmanago.com"),
        ("", "https://app2.salesmanago.com"),
    ],
)
def test_the_server_names_the_account_s_host_with_or_without_a_scheme(endpoint: Any, expected: str) -> None:
    assert account_url(endpoint, "https://app2.salesmanago.com") == expected


@pytest.mark.parametrize("endpoint", ["http://app3.salesmanago.com", "ftp://x.pl", "a b"])
def test_the_token_goes_to_no_unsafe_host(endpoint: str) -> None:
    with pytest.raises(Invalid):
        account_url(endpoint, "https://app2.salesmanago.com")
