"""The house: imports point down only, one room knows httpx, `__all__` is true, importing stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import salesmanago_async

PACKAGE = Path(salesmanago_async.__file__).parent

FLOORS = [
    ["_version", "_signal", "_identity", "_background", "_beside", "_one_connection", "_real_json", "_pickling"],
    ["errors", "_channels"],
    ["settings", "_unpacking", "_proxies", "_blocks", "_lifetime"],
    ["api", "_links"],
    ["_wire", "_transport"],
    ["_access", "_retry", "_pace", "_http"],
    ["_connection"],
    ["exports", "_watcher"],
    ["jobs"],
    ["imports"],
    ["buffers"],
    ["groups"],
    ["client"],
    ["integrations"],
    ["cli"],
]
"""From the ground up; rooms of one floor do not import each other."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside != Path("__init__.py"):
            yield path, inside.parts[0].removesuffix(".py")


def imported_by(path: Path) -> Iterator[str]:
    """The rooms of our own, and the packages of others, that a module imports wherever in its text."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (f".{name.split('.')[0]}" for name in names)


@pytest.mark.parametrize(("path", "room"), [pytest.param(*found, id=str(found[0].stem)) for found in modules()])
def test_imports_point_down(path: Path, room: str) -> None:
    ours = {name.removeprefix(".") for name in imported_by(path) if name.startswith(".")} - {room}
    if room == "simulator":
        assert ours <= {"errors", "settings", "api"}
    elif room == "cli":
        assert ours <= FLOOR_OF.keys() | {"simulator"}
    else:
        assert {name for name in ours if FLOOR_OF[name] >= FLOOR_OF[room]} == set()


def test_few_rooms_know_httpx() -> None:
    knowing = {path.relative_to(PACKAGE).as_posix() for path, _ in modules() if "httpx" in _imported_at_run_time(path)}
    # cli/_client makes the transport of --simulate, cli/_fetching looks at somebody's page: no calls of the API
    assert knowing == {
        "_http.py",
        "_transport.py",
        "_channels.py",
        "_one_connection.py",
        "cli/_client.py",
        "cli/_fetching.py",
    }


def _imported_at_run_time(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    hidden = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Import) and node not in hidden)
    return {alias.name for node in found for alias in node.names}


def test_all_is_sorted_and_there() -> None:
    names = [name for name in salesmanago_async.__all__ if name != "__version__"]
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(salesmanago_async, name) for name in salesmanago_async.__all__)


def test_the_front_door_gives_what_its_imports_say() -> None:
    """Editors and type checkers read the imports, Python asks `__getattr__`."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    told = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert vars(salesmanago_async)["_HOME_OF"] == told
    assert {*told, "__version__"} == set(salesmanago_async.__all__)
    assert set(dir(salesmanago_async)) >= {*salesmanago_async.__all__, "api", "simulator"}
    with pytest.raises(AttributeError, match="no attribute 'Kontakt'"):
        _ = vars(salesmanago_async)["__getattr__"]("Kontakt")


def test_rooms_are_there_without_being_imported() -> None:
    code = (
        "import salesmanago_async as s; print(len(s.api.REQUESTS), s.simulator.Simulator.__name__, s.Contact.__name__)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["68", "Simulator", "Contact"]


@pytest.mark.parametrize("module", ["salesmanago_async", "salesmanago_async.client", "salesmanago_async.simulator"])
def test_importing_brings_no_more_than_needed(module: str) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert module in loaded
    assert loaded & {"httpx", "click", "rich", "uvicorn", "pyarrow"} == set()
    assert not any(name.startswith("salesmanago_async.integrations") for name in loaded)


@pytest.mark.parametrize("module", ["leadoo", "livechat", "monitoring"])
def test_an_integration_brings_no_framework(module: str) -> None:
    code = f"import salesmanago_async.integrations.{module}, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(shown.stdout.split()) & {"httpx", "click", "rich", "uvicorn", "starlette", "aiohttp", "pyarrow"} == set()
