"""The module of sign-ups in the docstring of `blocking`, in workers of gunicorn (Django) and of Celery that are killed.

The server is away while people sign up, and all processes are killed. The next start sends everything by itself.
"""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from salesmanago_async import SalesManago
from tests.integrations.apps import free_port
from tests.readme import docstring_example
from tests.serving import serving

pytestmark = pytest.mark.ci

SHOP = """
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

import signups
from salesmanago_async import Contact

def sign_up(request):
    signups.contacts.add(Contact(email=request.POST["email"], tags=["SIGN_UP"]))
    return HttpResponse(os.getpid(), status=202)

urlpatterns = [path("sign-up", sign_up)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of a test")
django.setup()
app = get_wsgi_application()
"""

TASKS = """
import os

from celery import Celery

import signups
from salesmanago_async import Contact

app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
app.conf.worker_hijack_root_logger = False

@app.task
def sign_up(email):
    signups.contacts.add(Contact(email=email, tags=["SIGN_UP"]))
    return os.getpid()
"""

CELERY = ["-m", "celery", "-A", "tasks", "worker", "-P", "prefork", "-c", "2", "-l", "warning"]

Environ = Mapping[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "signups.py").write_text(docstring_example("blocking/__init__.py"))
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "tasks.py").write_text(TASKS)
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def server_port() -> int:
    return free_port()


@pytest.fixture
def environ(server_port: int) -> Environ:
    """The environment for a server that is away, at a port where the test may start it."""
    with serving(port=server_port) as environ:
        return {**environ, "SALESMANAGO_POLL_INTERVAL": "0.2"}


@contextmanager
def workers(arguments: Sequence[str], folder: Path, environ: Environ) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server with its workers, and kill all of them at the end of the block if they have not ended."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as server:
        try:
            yield server
        finally:
            kill_all(server)


def kill_all(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(30)


def end(server: subprocess.Popen[bytes]) -> str:
    """End a server as its supervisor does; return what it has printed."""
    server.terminate()
    shown, _ = server.communicate(timeout=60)
    return shown.decode()


def gunicorn(port: int) -> list[str]:
    return ["-m", "gunicorn", "-c", "python:signups", "-w", "2", "-b", f"127.0.0.1:{port}", "shop:app"]


def posted(port: int, email: str) -> int:
    """Sign up at a shop that may be starting; return the number of the process that has taken it."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/sign-up", data={"email": email}, timeout=30)
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            assert answer.status_code == 202
            return int(answer.text)


def delayed(emails: Sequence[str], folder: Path, environ: Environ) -> set[int]:
    """Have tasks sign people up; return the numbers of the processes that have done so."""
    call = f"from tasks import sign_up\nprint(*[one.get(timeout=60) for one in map(sign_up.delay, {emails!r})])"
    told = subprocess.run(
        [sys.executable, "-c", call],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return set(map(int, told.stdout.split()))


def in_files(folder: Path) -> int:
    """How many records are in the files of all workers."""
    count = 0
    for path in folder.glob("signups*.db"):
        with closing(sqlite3.connect(path)) as database:
            count += database.execute("SELECT count(*) FROM queue").fetchone()[0]
    return count


def wait_until_all_arrive(environ: Environ, emails: Sequence[str]) -> None:
    async def missing() -> set[str]:
        async with SalesManago.from_env(environ) as sm:
            return set(emails) - {contact.email for contact in await sm.contacts.get(emails)}

    deadline = time.monotonic() + 60
    while left := asyncio.run(missing()):
        assert time.monotonic() < deadline, f"{left} have not arrived"
        time.sleep(0.2)


def test_sign_ups_of_killed_gunicorn_workers_arrive_at_the_next_start(
    folder: Path, environ: Environ, server_port: int
) -> None:
    pytest.importorskip("gunicorn")
    pytest.importorskip("django")
    port = free_port()
    emails: list[str] = []
    with workers(gunicorn(port), folder, environ) as server:
        took: set[int] = set()
        while len(took) < 2 or len(emails) < 20:
            assert len(emails) < 500, "one worker takes everything"
            emails.append(f"ann{len(emails)}@example.com")
            took.add(posted(port, emails[-1]))
        kill_all(server)
    assert len(list(folder.glob("signups*.db"))) == 2
    assert in_files(folder) == len(emails)
    with (
        serving(port=server_port, job_seconds=0.1),
        workers(gunicorn(port), folder, environ) as server,
    ):
        wait_until_all_arrive(environ, emails)
        posted(port, "last@example.com")
        shown = end(server)  # within the second that records may wait for others
        assert server.returncode == 0, shown
        assert "unclosed" not in shown
        wait_until_all_arrive(environ, ["last@example.com"])
    assert in_files(folder) == 0


def test_sign_ups_of_killed_celery_workers_arrive_at_the_next_start(
    folder: Path, environ: Environ, server_port: int
) -> None:
    pytest.importorskip("celery")
    emails = [f"ann{number}@example.com" for number in range(6)]
    with workers(CELERY, folder, environ) as server:
        delayed(emails, folder, environ)
        kill_all(server)
    assert in_files(folder) == len(emails)
    with serving(port=server_port, job_seconds=0.1), workers(CELERY, folder, environ) as server:
        wait_until_all_arrive(environ, emails)
        delayed(["last@example.com"], folder, environ)
        shown = end(server)
        assert "unclosed" not in shown
        wait_until_all_arrive(environ, ["last@example.com"])
    assert in_files(folder) == 0
