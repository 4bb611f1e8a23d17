"""The blocking client in processes of its own: a script and Ctrl-C, forks, Celery and Django."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.serving import serving

pytestmark = pytest.mark.ci


INTERRUPTED = """
import time
from salesmanago_async.blocking import RunInterrupted, SalesManago

def people():
    for number in range(1_000_000):
        if number == 50:
            print("reading", flush=True)
        time.sleep(0.005)
        yield {"email": f"ann{number}@example.com"}

with SalesManago.from_env(poll_interval=0.2) as sm:
    try:
        sm.contacts.upsert_many(people(), batch_size=10, journal="people.db")
    except KeyboardInterrupt as stop:
        assert isinstance(stop, RunInterrupted)
        report = stop.report
        assert report.read == report.accepted + report.submitted + report.not_sent > 40, report
        print(report)
        raise
"""


def run_script(text: str, folder: Path, environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    command = [sys.executable, *options, "script.py"]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_script_imports_and_exports(tmp_path: Path) -> None:
    script = """
from salesmanago_async import Tag
from salesmanago_async.blocking import SalesManago

with SalesManago.from_env(poll_interval=0.1) as sm:
    print(sm.contacts.upsert_many(({"email": f"ann{n}@example.com", "tags": "VIP"} for n in range(30))))
    with sm.contacts.export(to=[Tag("VIP")]).records() as records:
        print(len(list(records)))
"""
    with serving() as environ:
        done = run_script(script, tmp_path, environ, "-W", "error")
    assert (done.stdout, done.stderr, done.returncode) == ("30 read: 30 accepted\n30\n", "", 0)


def test_a_script_that_forgets_to_close_ends_and_warns(tmp_path: Path) -> None:
    script = """
from salesmanago_async.blocking import SalesManago
sm = SalesManago.from_env()
print(sm.tags.list().success)
buffer = sm.contacts.buffer(journal="people.db", wait=False).__enter__()
buffer.add({"email": "ann@example.com"})
"""
    with serving(job_seconds=0.0) as environ:
        done = run_script(script, tmp_path, environ, "-W", "default")
        assert (done.stdout, done.returncode) == ("True\n", 0)
        assert done.stderr.count("ResourceWarning: unclosed client") == 1
        look = "from salesmanago_async.blocking import SalesManago\n"
        look += "with SalesManago.from_env() as sm: print(sm.contacts.has('ann@example.com').contact_id is not None)"
        assert run_script(look, tmp_path, environ).stdout == "True\n"


def test_ctrl_c_stops_a_run_in_order_and_keeps_the_report(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(INTERRUPTED)
    with serving() as environ:
        script = subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert script.stdout
        assert script.stdout.readline() == "reading\n"
        time.sleep(0.3)
        script.send_signal(signal.SIGINT)
        shown, errors = script.communicate(timeout=60)
    assert "stopped before the end" in shown
    assert script.returncode == 1
    assert "RunInterrupted" in errors


def test_a_client_that_was_used_before_a_fork_says_so_in_the_child(tmp_path: Path) -> None:
    script = """
import os
from salesmanago_async import ClientClosed
from salesmanago_async.blocking import SalesManago

used, unused = SalesManago.from_env(), SalesManago.from_env()
used.tags.list()
child = os.fork()
if child == 0:
    try:
        used.tags.list()
    except ClientClosed as error:
        print(error, flush=True)
    used.close()
    with unused:
        print(unused.tags.list().success, flush=True)
    os._exit(0)
else:
    assert os.waitpid(child, 0)[1] == 0
    print(used.tags.list().success)
    used.close()
"""
    with serving() as environ:
        done = run_script(script, tmp_path, environ, "-W", "error")
    assert (done.stderr, done.returncode) == ("", 0)
    said, *others = done.stdout.splitlines()
    assert "used before this process was forked" in said
    assert "worker_process_init" in said
    assert others == ["True", "True"]


ENDING = """
import atexit
import sys
import threading
import time

atexit.register(lambda: request.join(20))  # before the library is imported: what is registered first comes last

from salesmanago_async.blocking import SalesManago

sm = SalesManago.from_env()
sm.tags.list()

def serve():
    while True:
        time.sleep(0.01)
        try:
            sm.tags.list()
        except Exception as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            return

request = threading.Thread(target=serve, daemon=True)
if "closed" in sys.argv:
    atexit.register(sm.close)
request.start()
sys.exit(3)
"""


@pytest.mark.parametrize("how", ["forgotten", "closed"])
def test_a_request_of_a_process_that_ends_is_told_so(tmp_path: Path, how: str) -> None:
    """As in the autoreload of Django: daemon threads answer requests while the main thread ends."""
    with serving() as environ:
        (tmp_path / "script.py").write_text(ENDING)
        done = subprocess.run(
            [sys.executable, "script.py", how],
            cwd=tmp_path,
            env=os.environ | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 3
    assert done.stdout.startswith("ClientClosed: this process is ending, so its client is closed"), done.stderr


CELERY = """
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from salesmanago_async.blocking import SalesManago

app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
app.conf.worker_hijack_root_logger = False

@worker_process_init.connect
def open_client(**_):
    global sm
    sm = SalesManago.from_env(poll_interval=0.1)

@worker_process_shutdown.connect
def close_client(**_):
    sm.close()

@app.task
def sign_up(email):
    return sm.contacts.upsert_many(iter([{"email": email}])).accepted
"""


def test_workers_of_celery_use_it(tmp_path: Path) -> None:
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(CELERY)
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    call = "from tasks import sign_up\n"
    call += "print(sum(sign_up.delay(f'ann{n}@example.com').get(timeout=40) for n in range(6)))"
    with serving() as environ:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "prefork", "-c", "2", "-l", "warning"],
            cwd=tmp_path,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            done = run_script(call, tmp_path, environ)
        finally:
            worker.terminate()
            shown, _ = worker.communicate(timeout=40)
    assert done.stdout == "6\n", (done.stderr, shown)
    assert "unclosed" not in shown


DJANGO = """
import django
from django.conf import settings
from django.db import connection, models
from salesmanago_async.blocking import SalesManago

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
django.setup()

class Customer(models.Model):
    email = models.CharField(max_length=254)
    seen = models.BooleanField(default=False)

    class Meta:
        app_label = "shop"

with connection.schema_editor() as editor:
    editor.create_model(Customer)
Customer.objects.bulk_create(Customer(email=f"ann{n}@example.com") for n in range(1200))
with SalesManago.from_env(poll_interval=0.1) as sm:
    print(sm.contacts.upsert_many(Customer.objects.values("email")))
    rows = ({"email": customer.email} for customer in Customer.objects.iterator())
    with sm.contacts.upserting(rows) as outcomes:
        for outcome in outcomes:
            Customer.objects.filter(email=outcome.record["email"]).update(seen=outcome.state == "accepted")
print(Customer.objects.filter(seen=True).count())
"""


def test_queries_of_django_are_sources(tmp_path: Path) -> None:
    pytest.importorskip("django")
    with serving() as environ:
        done = run_script(DJANGO, tmp_path, environ, "-W", "error::ResourceWarning")
    assert (done.stdout, done.stderr) == ("1,200 read: 1,200 accepted\n1200\n", "")
