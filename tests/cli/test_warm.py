"""A command in a process that was forked says and does what it does in one that starts for itself."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND

pytestmark = pytest.mark.ci

Command = Callable[..., subprocess.CompletedProcess[str]]

FILES = {
    "people.csv": "email,name\na@warm.pl,Ann\nnobody,Bob\n",
    "leads.csv": "First name,Email,Score\nAnn,a@warm.pl,42\n",
    "feed.csv": "id,title,link,image_link,price\n1,Shoe,https://s.example/1,https://s.example/1.jpg,10.00 PLN\n",
    "page.html": "<html><head><title>x</title></head><body></body></html>",
}


@pytest.fixture
def cold(bare: Mapping[str, str], served: Mapping[str, str], tmp_path: Path) -> Command:
    """Return a function that runs `salesmanago …` in a process that starts for itself."""

    def cold(*arguments: str) -> subprocess.CompletedProcess[str]:
        command, env = [*COMMAND, *arguments], {**bare, **served}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    return cold


def without_numbers(text: str) -> str:
    """Leave out the seconds of a run, and the numbers of jobs."""
    return re.sub(r" *\d[\d.]*", " #", text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "contakts"),
        ("import", "contacts", "people.csv", "--dry-run"),
        ("export", "contacts", "--email", "nobody@warm.pl", "--out", "-", "--poll-interval", "0.05"),
        ("--help",),
        ("check",),
        ("call", "user/listByClient"),
        ("job", "status", "99999999"),
        ("import", "leadoo", "leads.csv", "--dry-run"),
        ("leadoo-feed", "feed.csv", "out"),
        ("check-page", "page.html"),
        ("rejected", "people.csv"),
        ("resume", "people.csv"),
    ],
    ids=" ".join,
)
def test_it_is_the_same(arguments: tuple[str, ...], cold: Command, salesmanago: Command, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    own, forked = cold(*arguments), salesmanago(*arguments)
    assert own.stdout or own.stderr
    assert "Traceback" not in own.stderr
    assert forked.returncode == own.returncode
    assert without_numbers(forked.stdout) == without_numbers(own.stdout)
    assert without_numbers(forked.stderr) == without_numbers(own.stderr)
