"""The table of calls that `salesmanago call --table` prints is what the code says."""

import inspect
import re

from attrs import frozen
from click.testing import CliRunner

from salesmanago_async import SalesManago, api
from salesmanago_async.api import ALL_REQUESTS
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.simulator import DEMO_CREDENTIALS


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
