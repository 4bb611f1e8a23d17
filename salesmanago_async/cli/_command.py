"""An import as it was asked for, and as its journal keeps it: all but the secrets, which stay in the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from attrs import evolve, frozen

from ..errors import Invalid
from ._client import ClientOptions
from ._file_path import STDOUT

if TYPE_CHECKING:
    import cattrs

COMMAND = "salesmanago import"
"""By what the note of an import's journal is known."""


@frozen(kw_only=True)
class Import:
    """What is imported, how, and what is written down of it."""

    kind: Literal["contacts", "events"]
    form: Literal["fields", "leadoo"] = "fields"
    files: tuple[Path, ...]
    maps: tuple[str, ...] = ()
    extra_columns: Literal["properties", "ignore", "error"] = "error"
    encoding: str | None = None
    delimiter: str | None = None
    format: Literal["csv", "jsonl", "json", "parquet", "xlsx"] | None = None
    rejects: Path | None = None
    report_file: Path | None = None
    batch_size: int = 1000
    patience: float = 300.0
    no_wait: bool = False
    tags: tuple[str, ...] = ()
    double_opt_in: bool = False
    lang: str | None = None
    fire_events: bool | None = None
    client: ClientOptions


@frozen(kw_only=True)
class Attempt:
    """One go at an import: its journal, and what is not kept in there; `latency` (seconds) is for a dry run's estimate.

    `goes_on` are the words of the command that goes on with it, `resume` those of the one that does so by its journal.
    """

    journal: Path | None = None
    dry_run: bool = False
    latency: float = 0.2
    in_doubt: Literal["ask", "send", "drop"] = "ask"
    goes_on: tuple[str, ...] | None = None
    resume: tuple[str, ...] | None = None


def note_of(command: Import) -> dict[str, Any]:
    """Return an import as a journal keeps it, its paths absolute; raise `Invalid` for what is no text."""
    note = {"command": COMMAND, "arguments": _converter().unstructure(_absolute(command))}
    try:
        orjson.dumps(note)
    except TypeError:
        raise Invalid("a name or a text among the arguments is no UTF-8, and a journal keeps them") from None
    return note


def command_of(note: Any, journal: Path) -> Import:
    """Return the import that a journal keeps; raise `Invalid` where it keeps none, or another version's."""
    import cattrs

    if not isinstance(note, Mapping) or note.get("command") != COMMAND:
        raise Invalid("holds no 'salesmanago import'; the program that began it goes on with it", field=str(journal))
    try:
        arguments = note.get("arguments")
        return _converter().structure(arguments if isinstance(arguments, Mapping) else {}, Import)
    except cattrs.BaseValidationError as error:
        raise Invalid("holds an import of another version of this program", field=str(journal)) from error


def is_kept(command: Import, note: Any) -> bool:
    """Tell whether it is this import that the note of a journal is about."""
    return bool(note == note_of(command))


def _absolute(command: Import) -> Import:
    def absolute(path: Path | None) -> Path | None:
        return path.absolute() if path and path != STDOUT else path

    return evolve(
        command,
        files=tuple(path.absolute() for path in command.files),
        rejects=absolute(command.rejects),
        report_file=absolute(command.report_file),
        client=evolve(command.client, env_file=absolute(command.client.env_file)),
    )


def _converter() -> "cattrs.Converter":
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda text, _: Path(text))
    return converter
