"""A file with the settings of an account: what is read from it, and what is said of a line that cannot be read."""

import logging
from pathlib import Path

import pytest

from salesmanago_async import Invalid
from salesmanago_async.file_imports.env_file import read_env_file


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "account.env"
    path.write_text(text, encoding)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "SALESMANAGO_API_KEY=k1",
        "export SALESMANAGO_API_KEY=k1",
        "  export   SALESMANAGO_API_KEY='k1'  # the key",
        'SALESMANAGO_API_KEY = "k1"',
        "SALESMANAGO_API_KEY=k1\nexport SALESMANAGO_API_KEY",
    ],
)
def test_lines_as_for_a_shell_are_read(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"# settings\n\n{line}\nSALESMANAGO_OWNER=a$b@example.com\n", "utf-8-sig")
    assert read_env_file(path) == {"SALESMANAGO_API_KEY": "k1", "SALESMANAGO_OWNER": "a$b@example.com"}


@pytest.mark.parametrize(
    "line",
    [
        "SALESMANAGO_API_KEY: s3cret",
        "  salesmanago_api_key: s3cret",
        "set SALESMANAGO_API_KEY=s3cret",
        "setx SALESMANAGO_API_KEY s3cret",
        "set -x SALESMANAGO_API_KEY s3cret",
        "$env:SALESMANAGO_API_KEY = 's3cret'",
        "- SALESMANAGO_API_KEY=s3cret",
        "Export SALESMANAGO_API_KEY=s3cret",
        "SALESMANAGO_API_KEY='s3cret",
        "SALESMANAGO_API_KEY='s3'cret",
        "SALESMANAGO_API_KEY",
        '"SALESMANAGO_API_KEY": "s3cret",',
    ],
)
@pytest.mark.parametrize("before", ["", "# settings\n\n\n", "SALESMANAGO_OWNER=a@example.com\n  \n"])
def test_another_line_of_ours_is_named_without_its_value(
    tmp_path: Path, line: str, before: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, f"{before}{line}\nSALESMANAGO_CLIENT_ID=c1\n")
    with caplog.at_level(logging.DEBUG), pytest.raises(Invalid) as caught:
        read_env_file(path)
    number = before.count("\n") + 1
    assert str(caught.value) == (
        f"{path}: line {number} cannot be read; each line is NAME='VALUE', such as SALESMANAGO_API_KEY='…'"
    )
    assert caplog.records == []


def test_a_block_of_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"line 1 cannot be read; each line is NAME='VALUE', such as SALESMANAGO_CLIENT"):
        read_env_file(written(tmp_path, "salesmanago:\n  client_id: c1\n"))


@pytest.mark.parametrize("line", ["DEBUG: true", "set PATH=/bin", "OTHER", "[section]", "X='open"])
def test_lines_of_other_programs_are_passed_over(tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture) -> None:
    found = read_env_file(written(tmp_path, f"{line}\nSALESMANAGO_CLIENT_ID=c1\n"))
    assert found == {"SALESMANAGO_CLIENT_ID": "c1"}
    assert caplog.records == []
