"""A file of rejected rows, imported as it is: the same rows are rejected again."""

from pathlib import Path
from shutil import copyfile

import pytest

from salesmanago_async import SalesManago
from salesmanago_async.file_imports.definition import FileImport
from salesmanago_async.file_imports.making import import_files
from tests.conftest import DATA

FILES = [
    *sorted((DATA / "found").glob("a*.csv")),
    *(DATA / "nasty" / name for name in ("bad-fields.csv", "widths.csv", "unclosed-quote.csv", "broken.jsonl")),
]


async def rejected(sm: SalesManago, path: Path, rejects: Path) -> tuple[int, int]:
    """Import a file; return how many rows are accepted, and rejected. The rejected ones are in `rejects` then."""
    events = path.name.startswith("a3")
    columns: tuple[str, ...] = ("First Name=name", "Last Name=name") if "a19" in path.name else ()
    definition = FileImport(
        kind="events" if events else "contacts",
        files=(path,),
        rejects=rejects,
        maps=columns,
        extra_columns="error" if events else "ignore",
    )
    result = await import_files(sm, definition)
    return result.report.accepted, result.report.rejected


@pytest.mark.sampled
@pytest.mark.anyio
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_rejected_rows_are_rejected_again(path: Path, sm: SalesManago, tmp_path: Path) -> None:
    given = tmp_path / path.name
    copyfile(path, given)
    first, second = tmp_path / f"first{path.suffix}", tmp_path / f"a3-second{path.suffix}"
    _, count = await rejected(sm, given, first)
    again = tmp_path / f"{'a3' if path.name.startswith('a3') else ''}{path.name[:3]}-again{path.suffix}"
    first.rename(again)
    assert await rejected(sm, again, second) == (0, count)
