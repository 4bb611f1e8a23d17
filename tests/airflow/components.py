"""A whole Airflow for a test: its API server, scheduler, DAG processor and triggerer, as processes over SQLite."""

import json
import os
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil  # type: ignore[import-untyped]
from attrs import define, field

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
FoundT = TypeVar("FoundT")


@define
class Airflow:
    """An Airflow in a folder, whose API is at `port` of this machine."""

    folder: Path
    environ: Mapping[str, str]
    port: int
    processes: dict[str, "subprocess.Popen[bytes]"] = field(factory=dict)

    def run(self, *arguments: str) -> None:
        """Run a command of Airflow to its end."""
        done = subprocess.run([*COMMAND, *arguments], env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, component: str) -> None:
        """Start a component; its output goes to a file."""
        with (self.folder / f"{component}.log").open("ab") as log:
            self.processes[component] = subprocess.Popen(
                [*COMMAND, component], env=self.environ, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self, component: str) -> None:
        """Kill a component and all of its children, without a word."""
        process = self.processes.pop(component)
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        for one in family:
            one.kill()
        process.wait()

    def call(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the REST API, as the administrator; return the answer."""
        token = self._ask("/auth/token", None, {})["access_token"]
        return self._ask(f"/api/v2/{path}", body, {"Authorization": f"Bearer {token}"})

    def _ask(self, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = Request(
            f"http://127.0.0.1:{self.port}{path}", content, {**headers, "Content-Type": "application/json"}
        )
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def wait_until(self, ask: Callable[[], FoundT | None], what: str, seconds: float = 180.0) -> FoundT:
        """Wait until a question has an answer; if there is none in time, show what the components have printed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if (found := ask()) is not None:
                    return found
            except (URLError, ConnectionError, KeyError):
                pass
            time.sleep(0.5)
        logs = "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
        raise AssertionError(f"not so within {seconds:.0f} s: {what}\n{logs}")

    def is_healthy(self) -> bool | None:
        """Return True if each component has lately said that it lives, otherwise None."""
        health = self._ask("/api/v2/monitor/health", None, {})
        return all(part["status"] == "healthy" for part in health.values()) or None

    def state_of(self, dag: str, run: str, task: str) -> str | None:
        """Return the state of a task."""
        state: str | None = self.call(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}")["state"]
        return state


COMMAND = (sys.executable, "-m", "airflow")


@contextmanager
def running_airflow(folder: Path, dag: str, connections: Mapping[str, Any]) -> Iterator[Airflow]:
    """Run an Airflow with one DAG and some connections; in the end nothing of it is left running."""
    folder.mkdir()
    (folder / "dags").mkdir()
    (folder / "dags" / "dag.py").write_text(dag)
    (folder / "connections.json").write_text(json.dumps(connections))
    port, *log_ports = free_ports(3)
    airflow = Airflow(folder, environment(folder, port, log_ports), port)
    airflow.run("db", "migrate")
    airflow.run("connections", "import", str(folder / "connections.json"))
    try:
        for component in COMPONENTS:
            airflow.start(component)
        airflow.wait_until(airflow.is_healthy, "all components are healthy")
        yield airflow
    finally:
        for component in tuple(airflow.processes):
            airflow.kill(component)


def environment(folder: Path, port: int, log_ports: list[int]) -> dict[str, str]:
    """The settings of an Airflow that needs nothing but its folder and these ports of this machine."""
    settings = {
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API_AUTH__JWT_SECRET": "a secret of this test alone, " * 3,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__DAGS_FOLDER": str(folder / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__FERNET_KEY": urlsafe_b64encode(b"7" * 32).decode(),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[0]),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[1]),
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # a busy machine may need long for a first request
        "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "AIRFLOW_HOME": str(folder),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
