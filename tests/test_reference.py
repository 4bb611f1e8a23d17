"""The README's table of calls is what the code says."""

import re
from pathlib import Path

from attrs import frozen

from salesmanago_async import SalesManago
from salesmanago_async.api import REQUESTS
from salesmanago_async.cli.call import reference_table
from salesmanago_async.simulator import DEMO_CREDENTIALS

README = Path(__file__).parent.parent / "README.md"


@frozen
class Row:
    """One call of the table."""

    path: str
    method: str
    kind: str


def table() -> list[Row]:
    cells = [re.findall(r"[^|`]*[^|` ]", line) for line in reference_table().splitlines()[2:]]
    return [Row(path, method, kind) for path, method, kind in (map(str.strip, row) for row in cells)]


def test_the_readme_has_the_table_of_all_calls() -> None:
    found = re.search(r"<!-- calls -->\n(.*?)\n<!-- /calls -->", README.read_text(), re.DOTALL)
    assert found, "the README has no <!-- calls --> … <!-- /calls -->"
    assert found[1].strip() == reference_table()


def test_the_table_has_every_path_with_a_method_that_is_there() -> None:
    sm = SalesManago(DEMO_CREDENTIALS)
    assert [row.path for row in table()] == list(REQUESTS)
    for row in table():
        client, group, method = row.method.split(".")
        assert client == "sm"
        assert callable(getattr(getattr(sm, group), method)), row.method


def test_the_table_tells_what_is_sent_again() -> None:
    for row in table():
        assert row.kind == ("repeatable" if REQUESTS[row.path].repeatable else "once only")
    kinds = {row.path: row.kind for row in table()}
    assert (kinds["contact/upsert"], kinds["contact/addNote"]) == ("repeatable", "once only")


def test_the_methods_are_the_ones_a_reader_would_look_for() -> None:
    methods = {row.path: row.method for row in table()}
    assert methods["contact/hasContact"] == "sm.contacts.has"
    assert methods["contact/export/data"] == "sm.contacts.export"
    assert methods["contact/batchupsertv2"] == "sm.contacts.upsert_many"
    assert methods["recommendation/purchasedTogether"] == "sm.recommendations.purchased_together"
