"""`salesmanago init`: it asks, tries the credentials, and writes a file that only its owner can read."""

import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.cli.init import quoted, write_private
from salesmanago_async.file_imports.account import ClientOptions

Command = Callable[..., subprocess.CompletedProcess[str]]

Start = Callable[..., subprocess.Popen[str]]

NAMES = ("CLIENT_ID", "API_KEY", "API_SECRET", "OWNER", "BASE_URL")
NOTHING_SET = {f"SALESMANAGO_{name}": "" for name in NAMES}


def answers(served: Mapping[str, str], **others: str) -> str:
    return "".join(f"{others.get(name, served[f'SALESMANAGO_{name}'])}\n" for name in NAMES)


@pytest.mark.ci
def test_a_file_is_written_that_other_commands_read(
    salesmanago: Command, start: Start, served: Mapping[str, str], tmp_path: Path
) -> None:
    made = salesmanago("init", stdin=answers(served), environ=NOTHING_SET)
    assert (made.returncode, made.stdout.splitlines()[:2]) == (0, ["host         ok", "credentials  ok"]), made.stderr
    path = tmp_path / "salesmanago.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert dotenv_values(path) == {f"SALESMANAGO_{name}": served[f"SALESMANAGO_{name}"] for name in NAMES}
    for way in ({"SALESMANAGO_ENV_FILE": "salesmanago.env"}, {}):
        options = () if way else ("--env-file", "salesmanago.env")
        process = start("check", *options, environ=way)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors


def test_what_is_set_already_need_not_be_typed(salesmanago: Command, served: Mapping[str, str], tmp_path: Path) -> None:
    made = salesmanago("init", "account.env", stdin="\n" * 5)
    assert made.returncode == 0, made.stderr
    assert served["SALESMANAGO_API_SECRET"] not in made.stdout + made.stderr
    assert "--env-file account.env" in made.stdout
    assert (tmp_path / "account.env").exists()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"API_SECRET": "wrong"}, "credentials: refused"),
        ({"OWNER": "nobody@vendor.pl"}, "set SALESMANAGO_OWNER to one of the account's users"),
        ({"BASE_URL": "http://example.com"}, "https"),
    ],
)
def test_nothing_is_written_if_a_setting_is_wrong(
    salesmanago: Command, served: Mapping[str, str], tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    ended = salesmanago("init", stdin=answers(served, **wrong), environ=NOTHING_SET)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_forced(salesmanago: Command, tmp_path: Path) -> None:
    path = tmp_path / "salesmanago.env"
    path.write_text("SALESMANAGO_OWNER=me@example.com\n")
    kept = salesmanago("init", "--no-check", stdin="\n" * 5)
    assert (kept.returncode, path.read_text()) == (2, "SALESMANAGO_OWNER=me@example.com\n")
    assert "--force" in kept.stderr
    assert salesmanago("init", "--no-check", "--force", stdin="\n" * 5).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "SALESMANAGO_API_SECRET" in path.read_text()


def test_the_secret_of_a_file_gives_way_to_the_sha_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.env"
    write_private(path, "SALESMANAGO_CLIENT_ID='file'\nSALESMANAGO_API_SECRET='file'\n")
    monkeypatch.delenv("SALESMANAGO_API_SECRET", raising=False)
    monkeypatch.setenv("SALESMANAGO_SHA", "5ha")
    found = ClientOptions(env_file=path).environ()
    assert (found["SALESMANAGO_CLIENT_ID"], found["SALESMANAGO_SHA"]) == ("file", "5ha")
    assert "SALESMANAGO_API_SECRET" not in found


@given(value=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])))
def test_a_value_is_read_as_it_was_written(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("env") / "a.env"
    write_private(path, f"SALESMANAGO_TRIED={quoted(value)}\n")
    assert ClientOptions(env_file=path).environ()["SALESMANAGO_TRIED"] == value
