"""A mistake in the environment is one line that names the variable, and exit code 2, from every command."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from salesmanago_async.cli._commands import salesmanago

ACCOUNT = {
    "SALESMANAGO_CLIENT_ID": "c",
    "SALESMANAGO_API_KEY": "k",
    "SALESMANAGO_API_SECRET": "s",
    "SALESMANAGO_OWNER": "o@example.com",
    "SALESMANAGO_BASE_URL": "http://127.0.0.1:9",
}
"""Nothing listens there."""

COMMANDS: dict[str, list[str]] = {
    "check": ["check"],
    "call": ["call", "contact/hasContact", '{"email": "a@example.com"}'],
    "import": ["import", "contacts", "rows.csv"],
    "import events": ["import", "events", "events.csv"],
    "export": ["export", "contacts", "--tag", "VIP", "--out", "out.csv"],
    "job status": ["job", "status", "1"],
    "job save": ["job", "save", "1", "--out", "out.csv"],
}

WRONG = [
    ("SALESMANAGO_BASE_URL", "https://host:notaport", "base_url"),
    ("SALESMANAGO_BASE_URL", "https://[::1]:70000", "base_url"),
    ("SALESMANAGO_BASE_URL", "https://☃.example", "base_url"),
    ("SALESMANAGO_BASE_URL", "http://0.0.0.0:18790", "base_url"),
    ("SALESMANAGO_BASE_URL", "https://exa mple.com", "base_url"),
    ("SALESMANAGO_API_SECRET", "a\nb", "SALESMANAGO_API_SECRET"),
    ("SALESMANAGO_API_KEY", "a\nb", "SALESMANAGO_API_KEY"),
    ("SALESMANAGO_CLIENT_ID", "a\nb", "SALESMANAGO_CLIENT_ID"),
    ("SALESMANAGO_OWNER", "a\nb", "SALESMANAGO_OWNER"),
    ("HTTPS_PROXY", "http://proxy:port", "HTTPS_PROXY"),
    ("HTTP_PROXY", "gopher://proxy", "HTTP_PROXY"),
    ("ALL_PROXY", "socks5://127.0.0.1:1", "ALL_PROXY"),
    ("SSL_CERT_FILE", "missing.pem", "SSL_CERT_FILE"),
    ("SSL_CERT_FILE", "rows.csv", "SSL_CERT_FILE"),
    ("SSL_CERT_DIR", "missing", "SSL_CERT_DIR"),
]
HARMLESS = [
    ("NO_PROXY", "localhost,127.0.0.1,[::1]"),
    ("NO_PROXY", "localhost,127.0.0.1,fd07:b51a:cc66:f0::/64"),
    ("NO_PROXY", "[::1]:80, 10.0.0.0/8,.example.com,,127.0.0.1 , http://,a b"),
    ("SALESMANAGO_API_SECRET", "s\n"),
    ("SALESMANAGO_BASE_URL", " http://127.0.0.1:9/api/\n"),
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("salesmanago_async.connection.proxies.find_spec", lambda _: None)  # no package for SOCKS
    Path("rows.csv").write_text("email\na@example.com\n")
    Path("events.csv").write_text("email,contactExtEventType,date\na@example.com,VISIT,1700000000000\n")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def run(arguments: list[str], environ: dict[str, str]) -> Result:
    return CliRunner().invoke(salesmanago, arguments, env={**ACCOUNT, **environ})


def was_told(result: Result, named: str) -> bool:
    """Tell whether a command ended as it must: with exit code 2, and a line of ours that has the name."""
    return (
        isinstance(result.exception, SystemExit)
        and result.exit_code == 2
        and result.stderr.count("salesmanago: ") == 1
        and named in result.stderr
        and "Traceback" not in result.output
    )


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "value", "named"), WRONG)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_variable_is_named(command: str, name: str, value: str, named: str) -> None:
    result = run(COMMANDS[command], {name: value})
    assert was_told(result, named), result.output


@pytest.mark.parametrize(("name", "value", "named"), [wrong for wrong in WRONG if not wrong[0].startswith("SALES")])
def test_a_wrong_variable_is_named_by_what_needs_no_account(name: str, value: str, named: str) -> None:
    result = run(["check-page", "https://127.0.0.1:9/"], {name: value})
    assert was_told(result, named), result.output


@pytest.mark.parametrize("name", ["SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER"])
def test_the_simulator_names_a_wrong_variable(name: str) -> None:
    assert was_told(run(["simulator", "--port", "0"], {name: "a\nb"}), name)


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_what_can_be_understood_is_no_mistake(name: str, value: str) -> None:
    """The command gets as far as the port that nothing listens at."""
    result = run(["check"], {"HTTPS_PROXY": "http://127.0.0.1:9", name: value})
    assert was_told(result, "127.0.0.1:9"), result.output
    assert "no connection could be made" in result.stderr


@pytest.mark.parametrize("base_url", ["https://host:notaport", "https://[::1]:70000", "https://☃.example", ""])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_is_checked_like_its_variable(command: str, base_url: str) -> None:
    result = run([*COMMANDS[command], "--base-url", base_url], {})
    assert was_told(result, "base_url"), result.output


@pytest.mark.parametrize("concurrency", ["0", "1001", "99999999999999", "x"])
def test_a_concurrency_beyond_reason_is_refused(concurrency: str) -> None:
    result: Any = run(["import", "contacts", "rows.csv", "--simulate", "--concurrency", concurrency], {})
    assert result.exit_code == 2
    assert "--concurrency" in result.stderr
