"""A client imports a group when it is first used; its type is written down beside it, for editors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from salesmanago_async import SalesManago, client
from salesmanago_async.groups._contact_exports import ContactExports
from salesmanago_async.groups.group import Group
from salesmanago_async.groups.lazy_group import LazyGroup, groups_of
from salesmanago_async.settings import Credentials

CREDENTIALS = Credentials(client_id="c", api_key="k", sha="s")
MAKE_A_CLIENT = """
import sys
from salesmanago_async import Credentials, SalesManago

sm = SalesManago(Credentials(client_id="c", api_key="k", sha="s"))
"""


def loaded_after(code: str) -> set[str]:
    """The modules of this package that a process has imported."""
    code = f"{MAKE_A_CLIENT}\n{code}\nprint(*(name for name in sys.modules if name.startswith('salesmanago_async.')))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.removeprefix("salesmanago_async.") for name in shown.stdout.split()}


def test_every_module_of_a_group_is_a_group_of_the_client() -> None:
    folder = Path(client.__file__).parent / "groups"
    nodes = [node for path in folder.glob("[!_]*.py") for node in ast.parse(path.read_text()).body]
    kinds = {node.name for node in nodes if isinstance(node, ast.ClassDef) and is_group(node)}
    groups = groups_of(SalesManago(CREDENTIALS))
    assert {type(group).__name__ for group in groups.values()} == kinds
    assert list(groups)[:2] == ["contacts", "events"]


def is_group(node: ast.ClassDef) -> bool:
    return [ast.unparse(base) for base in node.bases] in (["Group"], [ContactExports.__name__])


def test_the_type_of_a_group_is_the_class_that_is_made() -> None:
    tree = ast.parse(Path(client.__file__).read_text())
    imported = {
        alias.name: f"{node.module}:{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("groups.")
        for alias in node.names
    }
    declared = {name: found for name, found in vars(SalesManago).items() if isinstance(found, LazyGroup)}
    types = {name: SalesManago.__annotations__[name].removeprefix("LazyGroup[").removesuffix("]") for name in declared}
    assert {imported[types[name]] for name in declared} == {f"groups.{found.where}" for found in declared.values()}
    assert {type(group).__name__: name for name, group in groups_of(SalesManago(CREDENTIALS)).items()} == {
        kind: name for name, kind in types.items()
    }


@pytest.mark.ci
def test_a_client_imports_the_groups_that_are_used() -> None:
    loaded = loaded_after("")
    assert "groups.lazy_group" in loaded
    assert {
        name for name in loaded if name.partition(".")[0] in {"imports", "records", "sources", "exports", "jobs"}
    } == set()
    assert loaded & {"api.reference", "api.contacts", "groups.contacts", "groups.tags"} == set()
    loaded = loaded_after("sm.tags")
    assert loaded >= {"groups.tags", "api.tags"}
    assert loaded & {"api.reference", "groups.contacts", "api.events"} == set()


def test_a_group_is_made_once() -> None:
    sm = SalesManago(CREDENTIALS)
    made = sm.tags
    assert sm.tags is made
    assert SalesManago(CREDENTIALS).tags is not made


class Shop(SalesManago):
    """A client with a method more."""


def test_a_subclass_has_the_groups() -> None:
    groups = groups_of(Shop(CREDENTIALS))
    assert len(groups) == 22
    assert all(isinstance(group, Group) for group in groups.values())


def test_an_unknown_group_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="'SalesManago' object has no attribute 'kontakty'"):
        _ = getattr(SalesManago(CREDENTIALS), "kontakty")  # noqa: B009 - a type checker knows, too
