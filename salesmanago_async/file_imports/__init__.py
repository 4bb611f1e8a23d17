"""An import of files, without a terminal: the command line prints its result, a scheduler returns it.

    definition = FileImport(kind="contacts", files=(Path("people.csv"),), rejects=Path("rejected.csv"))
    async with SalesManago.from_env() as sm:
        result = await import_files(sm, definition, journal=Path("nightly.db"))
    result.exit_code, result.line, result.report    # how the import ended

`import_files` makes an import, or continues the one in its journal. `resume_import` continues an import by its journal
alone. `importing` makes an import that can be stopped. Nothing in this package prints, asks, handles signals or imports
click or rich. Messages name parameters as the command line does: `--rejects` is the field `rejects`.

Names are imported when they are first used, so that `salesmanago --help` stays fast (see support/lazy_names.py).
"""

from typing import TYPE_CHECKING

from ..support.lazy_names import lazy_names

if TYPE_CHECKING:
    from .account import ClientOptions
    from .definition import FileImport
    from .ending import ExitCode, FileImportResult
    from .making import RunningImport, import_files, importing, resume_import

__all__ = [
    "ClientOptions",
    "ExitCode",
    "FileImport",
    "FileImportResult",
    "RunningImport",
    "import_files",
    "importing",
    "resume_import",
]

_MODULES = {
    "ClientOptions": "account",
    "ExitCode": "ending",
    "FileImport": "definition",
    "FileImportResult": "ending",
    "RunningImport": "making",
    "import_files": "making",
    "importing": "making",
    "resume_import": "making",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, lambda: _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
