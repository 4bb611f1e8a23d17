"""The table of calls that `salesmanago call --table` prints is what the code says."""

import ast
import inspect
import re
from importlib import import_module

from attrs import frozen
from click.testing import CliRunner

import salesmanago_async
from salesmanago_async import SalesManago, api
from salesmanago_async.api import ALL_REQUESTS
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.simulator import DEMO_CREDENTIALS
from tests.readme import PACKAGE


@frozen
class Row:
    """One call of the table."""

    path: str
    method: str
    kind: str


def table() -> list[Row]:
    told = CliRunner().invoke(salesmanago, ["call", "--table"])
    assert told.exit_code == 0, told.output
    header, ruler, *lines = told.stdout.splitlines()
    assert (header, ruler) == ("| Path | Method | Sent again in doubt |", "| --- | --- | --- |")
    cells = [re.findall(r"[^|`]*[^|` ]", line) for line in lines]
    return [Row(path, method, kind) for path, method, kind in (map(str.strip, row) for row in cells)]


def test_the_docstring_of_the_api_tells_where_the_table_is() -> None:
    told = inspect.getdoc(api) or ""
    for command in ("call --list", "call --table", "call PATH --fields"):
        assert f"    salesmanago {command} " in told


def test_the_table_has_every_path_with_a_method_that_is_there() -> None:
    sm = SalesManago(DEMO_CREDENTIALS)
    assert [row.path for row in table()] == list(ALL_REQUESTS)
    for row in table():
        client, group, method = row.method.split(".")
        assert client == "sm"
        assert callable(getattr(getattr(sm, group), method)), row.method


def test_the_table_tells_what_is_sent_again() -> None:
    for row in table():
        assert row.kind == ("repeatable" if ALL_REQUESTS[row.path].repeatable else "once only")
    kinds = {row.path: row.kind for row in table()}
    assert (kinds["contact/upsert"], kinds["contact/addNote"]) == ("repeatable", "once only")


def test_the_methods_are_the_ones_a_reader_would_look_for() -> None:
    methods = {row.path: row.method for row in table()}
    assert methods["contact/hasContact"] == "sm.contacts.has"
    assert methods["contact/export/data"] == "sm.contacts.export"
    assert methods["contact/batchupsertv2"] == "sm.contacts.upsert_many"
    assert methods["integration/upsert"] == "sm.contacts.upsert_with_event"
    assert methods["authorization/token"] == "sm.system.login_token"
    assert methods["recommendation/purchasedTogether"] == "sm.recommendations.purchased_together"


def test_each_class_of_options_that_a_docstring_names_can_be_imported_from_where_it_says() -> None:
    """Bare names are those of the package's top, or of the module that has the docstring."""
    named = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        here = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for module, name in re.findall(r"`(?:([\w.]+)\.)?(\w+Options)`", ast.get_docstring(node) or ""):
                named += 1
                if module:
                    assert hasattr(import_module(module), name), f"{path}: {module}.{name}"
                else:
                    assert name in here or name in salesmanago_async.__all__, f"{path}: say where {name} is"
    assert named > 20
