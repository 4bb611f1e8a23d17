"""`salesmanago check-page`: findings on stdout, exit codes, and pages from the web."""

import gzip
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.serving import serving_app

Command = Callable[..., subprocess.CompletedProcess[str]]

CODE = "<script>var _smid = 'shop-1'; load('https://app2.salesmanago.com/static/sm.js');</script>"
SOUND = f"<html><head><title>x</title></head><body><p>text</p>{CODE}</body></html>"
NOBODY = {"SALESMANAGO_CLIENT_ID": ""}


@pytest.fixture
def check(salesmanago: Command) -> Command:
    """Check a page in an environment that names no account."""

    def check(*arguments: object) -> subprocess.CompletedProcess[str]:
        return salesmanago("check-page", *arguments, environ=NOBODY)

    return check


def test_a_sound_page(check: Command, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(SOUND)
    shown = check("page.html")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "page.html: the monitoring code is on the page, once, and in the right place\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1250"])
def test_the_encoding_does_not_matter(check: Command, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "page.html").write_bytes(SOUND.replace("text", "zażółć").encode(encoding))
    assert check("page.html").returncode == 0


def test_findings_are_printed_with_their_lines(check: Command, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<body>\n{CODE}\n<p>text</p>\n{CODE}\n</body>")
    shown = check("page.html", "--client-id", "shop-2")
    assert shown.returncode == 1
    lines = [line.split(": ")[:2] for line in shown.stdout.splitlines()]
    assert lines == [
        ["page.html:2", "misplaced"],
        ["page.html:2", "other-client"],
        ["page.html:4", "doubled"],
        ["page.html:4", "other-client"],
    ]


def test_the_account_is_that_of_the_environment(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(SOUND)
    for client, code in (("shop-1", 0), ("shop-2", 1)):
        assert salesmanago("check-page", "page.html", environ={"SALESMANAGO_CLIENT_ID": client}).returncode == code


def test_leadoos_script_may_be_one_too_many(check: Command, tmp_path: Path) -> None:
    leadoo = '<script src="https://bot.leadoo.com/bot/dynamic.js?company=abc"></script>'
    (tmp_path / "page.html").write_text(f"<body>{leadoo}{CODE}</body>")
    assert check("page.html").returncode == 0
    shown = check("page.html", "--leadoo-connected")
    assert (shown.returncode, "leadoo-doubled" in shown.stdout) == (1, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("no.html", "no.html: No such file"),
        (".", "Is a directory"),
        ("ftp://shop.example/", "neither a file nor an https address"),
        ("http://shop.example/", "is not https"),
        ("http://user:secret@shop.example/", "http://shop.example/: is not https"),
        ("https://", "is not https"),
        ("http://127.0.0.1:1/", "cannot be fetched"),
    ],
)
def test_without_a_page_there_is_nothing_to_check(check: Command, given: str, said: str) -> None:
    shown = check(given)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert "secret" not in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_file_has_a_limit(check: Command, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(SOUND + " " * (5_000_000 - len(SOUND)))
    assert check("page.html").returncode == 0
    with (tmp_path / "page.html").open("a") as file:
        file.write(" ")
    shown = check("page.html")
    assert (shown.returncode, "longer than 5,000,000 bytes" in shown.stderr) == (2, True)


@cache
def blanks_in_gzip(megabytes: int, times: int = 1) -> bytes:
    """So many megabytes of blanks, packed: made once, and only for the test that asks for them."""
    packed = b" " * (megabytes * 1_000_000)
    for _ in range(times):
        packed = gzip.compress(packed, 1)
    return packed


async def site(scope: Any, receive: Any, send: Any) -> None:
    """A site with a page, and with pages that are none."""
    html = (b"content-type", b"text/html; charset=utf-8")
    path = scope["path"]
    answers: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes | Callable[[], bytes]]] = {
        "/": (200, [html], SOUND.encode()),
        "/old": (301, [(b"location", b"/older")], b""),
        "/older": (302, [(b"location", b"/")], b""),
        "/circle": (302, [(b"location", b"/circle")], b""),
        "/away": (302, [(b"location", b"http://shop.example/")], b""),
        "/file": (302, [(b"location", b"file:///etc/hostname")], b""),
        "/gone": (404, [html], SOUND.encode()),
        "/picture": (200, [(b"content-type", b"image/png")], b""),
        "/zipped": (200, [html, (b"content-encoding", b"gzip")], gzip.compress(SOUND.encode())),
        "/bomb": (200, [html, (b"content-encoding", b"gzip")], lambda: blanks_in_gzip(50)),
        "/bomb-in-bomb": (200, [html, (b"content-encoding", b"gzip, gzip")], lambda: blanks_in_gzip(400, times=2)),
        "/nowhere": (302, [(b"location", b"http://[bad/")], b""),
        "/no-port": (302, [(b"location", b"http://127.0.0.1:99999/")], b""),
        "/damaged": (200, [html, (b"content-encoding", b"gzip")], b"no gzip"),
    }
    status, headers, body = answers[path]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body() if callable(body) else body})


def test_a_page_is_fetched(check: Command) -> None:
    with serving_app(site) as address:
        assert check(f"{address}/").returncode == 0
        assert check(f"{address}/zipped").returncode == 0
        secret = check(address.replace("//", "//user:secret@"))
        moved = check(f"{address}/old")
    assert secret.stdout == f"{address}: the monitoring code is on the page, once, and in the right place\n"
    assert moved.returncode == 0
    assert moved.stderr.splitlines() == [f"301 redirects to {address}/older", f"302 redirects to {address}/"]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/circle", "more than 5 redirects"),
        ("/away", "http://shop.example/: is not https"),
        ("/file", "is not https"),
        ("/gone", "answers 404 Not Found"),
        ("/picture", "is image/png, not HTML"),
        ("/bomb", "longer than 5,000,000 bytes"),
        ("/bomb-in-bomb", "compressed as gzip, gzip"),
        ("/nowhere", "not valid"),
        ("/no-port", "not valid"),
        ("/damaged", "cannot be fetched"),
    ],
)
def test_what_is_no_page_is_refused(check: Command, path: str, said: str) -> None:
    with serving_app(site) as address:
        shown = check(address + path)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr
