"""The layers: imports point down only, few modules import httpx, `__all__` is correct, importing is cheap."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import salesmanago_async
import salesmanago_async.api.reference

PACKAGE = Path(salesmanago_async.__file__).parent

FLOORS = [
    ["_version", "support"],
    ["errors", "outcome"],
    ["settings", "api", "extras", "atomic_file", "poll_times", "report_page", "telemetry"],
    ["connection", "records"],
    ["exports", "polling", "stores", "planning"],
    ["jobs", "sources", "quotas"],
    [
        "imports.settings",
        "imports.targets",
        "imports.estimate",
        "imports.counts",
        "imports.report",
        "imports.page",
        "imports.confirmations",
    ],
    ["imports.engine"],
    ["imports.runs"],
    ["buffers", "sync"],
    ["groups"],
    ["client"],
    ["blocking", "file_imports"],
    ["integrations", "pytest_plugin"],
    ["cli"],
    ["__main__"],
]
"""From the lowest layer up. Packages of one layer do not import each other, except the public part of imports."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {"", "imports"}
"""Modules without code of their own, which belong to no layer."""
IMPORTS_SEEN_BY_CALLERS = {*FLOORS[6]}


def module_of(path: Path) -> str:
    """The name of a module below the package; "" is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").removesuffix(".")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """The package of a module; the public part of imports and its engine count as two packages."""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.split('.')[0]}" if first == "imports" and rest else first


ROOMS = {
    room: [module for module in MODULES.keys() - DOORS if room_of(module) == room]
    for room in sorted({room_of(module) for module in MODULES.keys() - DOORS})
}


@cache
def imports_of(module: str) -> list[tuple[str, str]]:
    """The modules of this package that a module imports anywhere, each with the imported name."""
    found = []
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = package.split(".") if package else []
            base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                found.append((inner if inner in MODULES else base, alias.name))
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room: str) -> None:
    ours = {room_of(name) for module in ROOMS[room] for name, _ in imports_of(module)} - {room, ""}
    if room == "simulator":
        assert ours <= {"errors", "settings", "api", "support"}
    elif room in {"cli", "pytest_plugin"}:
        assert ours <= (FLOOR_OF.keys() - {"cli", "__main__"}) | {"simulator"}
    else:
        assert {
            name for name in ours if FLOOR_OF[name] >= FLOOR_OF[room] and not {name, room} <= IMPORTS_SEEN_BY_CALLERS
        } == set()


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_private_stays_in_its_room(room: str) -> None:
    """Modules and names with a leading underscore are used in their own package only, except the version."""
    foreign = {
        (module, name, taken)
        for module in ROOMS[room]
        for name, taken in imports_of(module)
        if room_of(name) != room and name != "_version"
    }
    assert {way for way in foreign if any(part.startswith("_") for part in (*way[1].split("."), way[2]))} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    needs = {module: {name for name, _ in imports_of(module)} - {module, ""} for module in MODULES.keys() - DOORS}
    while free := {module for module, needed in needs.items() if not needed & needs.keys()}:
        needs = {module: needed for module, needed in needs.items() if module not in free}
    assert needs == {}


@pytest.mark.parametrize("room", sorted(ROOMS.keys() - {"api", "simulator", "cli"}))
def test_a_request_is_imported_from_its_own_module(room: str) -> None:
    """The package `api` imports every request class, which a client need not wait for."""
    assert [module for module in ROOMS[room] for name, _ in imports_of(module) if name == "api"] == []


def test_only_few_modules_import_httpx() -> None:
    knowing = {module for module, path in MODULES.items() if "httpx" in _imported_at_run_time(path)}
    # cli/_client and pytest_plugin/clients make the transport of a simulator, cli/_fetching looks at somebody's page:
    # no calls of the API
    assert knowing == {
        "connection.http",
        "connection.tls",
        "connection.transport",
        "connection.httpx_backend",
        "connection.channels",
        "connection.one_connection",
        "cli._client",
        "cli._fetching",
        "pytest_plugin.clients",
    }


def test_only_one_module_imports_opentelemetry() -> None:
    knowing = {
        module
        for module, path in MODULES.items()
        if re.search(r"^(from|import) opentelemetry", path.read_text(), re.MULTILINE)
    }
    assert knowing == {"telemetry.otel"}


def test_what_is_logged_is_an_event() -> None:
    """So that it has fields, and no text of a server. Apps, the simulator and the command line log by themselves."""
    others = {"simulator", "integrations", "cli", "telemetry", "connection"}  # connection hides links of httpx's lines
    logging = {
        module for module, path in MODULES.items() if "getLogger" in path.read_text() and room_of(module) not in others
    }
    assert logging == set()


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


def test_all_is_sorted_and_every_name_exists() -> None:
    names = [name for name in salesmanago_async.__all__ if name != "__version__"]
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(salesmanago_async, name) for name in salesmanago_async.__all__)


def test_lazy_imports_match_the_typed_imports() -> None:
    """Editors and type checkers read the imports; Python calls `__getattr__`."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    typed = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert vars(salesmanago_async)["_MODULE_OF"] == typed
    assert {*typed, "__version__"} == set(salesmanago_async.__all__)
    assert set(dir(salesmanago_async)) >= {*salesmanago_async.__all__, "api", "simulator"}
    with pytest.raises(AttributeError, match="no attribute 'Kontakt'"):
        _ = vars(salesmanago_async)["__getattr__"]("Kontakt")


def test_the_names_of_the_api_match_the_typed_imports() -> None:
    tree = ast.parse((PACKAGE / "api" / "__init__.py").read_text())
    typed = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] == ["*"]
    }
    names = salesmanago_async.api.reference.MODULES_OF_NAMES
    assert set(names.values()) == typed
    assert all(getattr(salesmanago_async.api, name) is not None for name in names)
    with pytest.raises(AttributeError, match="no attribute 'ListKontakty'"):
        _ = vars(salesmanago_async.api)["__getattr__"]("ListKontakty")


def test_all_names_of_the_api_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from salesmanago_async.api import *", names)
    assert names.keys() - {"__builtins__"} == set(dir(salesmanago_async.api))


def test_subpackages_are_available_without_an_import() -> None:
    code = (
        "import salesmanago_async as s; print(len(s.api.REQUESTS), s.simulator.Simulator.__name__, s.Contact.__name__)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["68", "Simulator", "Contact"]


@pytest.mark.parametrize("module", ["salesmanago_async", "salesmanago_async.client", "salesmanago_async.simulator"])
def test_importing_loads_only_what_is_needed(module: str) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert module in loaded
    assert loaded & {"httpx", "click", "rich", "uvicorn", "pyarrow", "opentelemetry"} == set()
    assert not any(name.startswith("salesmanago_async.integrations") for name in loaded)


def test_the_help_of_the_command_loads_neither_records_nor_the_api() -> None:
    code = "import salesmanago_async.cli._commands, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"cattrs", "salesmanago_async.api", "salesmanago_async.client", "salesmanago_async.records.shapes"}
    assert set(shown.stdout.split()) & slow == set()


@pytest.mark.parametrize("module", ["leadoo", "livechat", "monitoring"])
def test_an_integration_imports_no_framework(module: str) -> None:
    code = f"import salesmanago_async.integrations.{module}, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(shown.stdout.split()) & {"httpx", "click", "rich", "uvicorn", "starlette", "aiohttp", "pyarrow"} == set()


@pytest.mark.parametrize("room", ["imports.engine", "buffers", "stores", "quotas", "simulator.page"])
def test_the_header_of_a_room_lists_its_modules(room: str) -> None:
    header = ast.get_docstring(ast.parse(MODULES[room].read_text())) or ""
    listed = re.findall(r"^    (\w+?)(?:\.py)? {2,}\S", header, re.MULTILINE)
    assert sorted(listed) == sorted(name.rpartition(".")[2] for name in MODULES if name.startswith(f"{room}."))
