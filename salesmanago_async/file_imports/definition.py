"""What an import of files does, as a value, and as its journal keeps it: everything except the secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from attrs import evolve, field, frozen

from ..errors import Invalid
from ..planning import JOB_SECONDS, LATENCY
from ..stores.addresses import JournalPlace, hide_passwords
from .account import ClientOptions

if TYPE_CHECKING:
    import cattrs

COMMAND = "salesmanago import"
"""Marks the note of a journal that belongs to an import of files."""

STDOUT = Path("-")
"""The name of standard output on a command line."""


@frozen(kw_only=True)
class FileSync:
    """What makes an import of contacts or products a sync, which sends only what changed.

    See `salesmanago_async.sync.settings.SyncOptions`. `key` is for contacts; products are known by their ids.
    """

    state: Path
    key: Literal["email", "external_id", "contact_id"] = "email"
    full: bool = False
    removed: str = "keep"
    max_removed: float = 0.1


@frozen(kw_only=True)
class FileImport:
    """Which files are imported, how, and which files are written.

    `maps` are COLUMN=FIELD pairs. `form` is "leadoo" for files of Leadoo leads. Products need the `catalog` that they
    go into; `only` changes nothing but their quantities or prices. `rejects` is the file for rejected rows and
    `report_file` the one for the counts; the command line takes "-" for its standard output. A report whose name ends
    in .html is a page, with the first rejected rows of each reason, unless `report_rows` is False. `sync` makes it a
    sync, whose state is its journal. `client` is for the command line and its `resume`: an import that is given an open
    client does not use it.
    """

    kind: Literal["contacts", "events", "products"]
    form: Literal["fields", "leadoo"] = "fields"
    files: tuple[Path, ...]
    maps: tuple[str, ...] = ()
    extra_columns: Literal["properties", "ignore", "error"] = "error"
    encoding: str | None = None
    delimiter: str | None = None
    format: Literal["csv", "jsonl", "json", "parquet", "xlsx", "xml"] | None = None
    null: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    time_zone: str = "UTC"
    date_formats: tuple[str, ...] = ()
    keep_spaces: bool = False
    strict: bool = False
    rejects: Path | None = None
    report_file: Path | None = None
    report_rows: bool = True
    batch_size: int = 1000
    outstanding: int = 1000
    patience: float = 300.0
    no_wait: bool = False
    known_by: Literal["position", "content"] = "position"
    tags: tuple[str, ...] = ()
    double_opt_in: bool = False
    lang: str | None = None
    fire_events: bool | None = None
    accept_consents: bool = False
    any_location: bool = False
    catalog: str | None = None
    only: Literal["quantities", "prices"] | None = None
    sync: FileSync | None = None
    client: ClientOptions = field(factory=ClientOptions)


@frozen(kw_only=True)
class Attempt:
    """One attempt at an import: its journal, and the settings that the journal does not keep.

    `latency` and `job_seconds` (the seconds of a request and of a server job) are for the estimate of a dry run, which
    shows the first `show` rows as they would be sent. `most_removed` is how many contacts or products a sync may
    remove, if somebody was asked about that. `continue_command` is the command that continues this attempt,
    `resume_command` the one that continues the import by its journal alone.
    """

    journal: JournalPlace | None = None
    dry_run: bool = False
    latency: float = LATENCY
    job_seconds: float = JOB_SECONDS
    show: int = 0
    most_removed: int | None = None
    in_doubt: Literal["ask", "send", "drop"] = "ask"
    continue_command: tuple[str, ...] | None = None
    resume_command: tuple[str, ...] | None = None


def note_of(definition: FileImport) -> dict[str, Any]:
    """Return an import as a journal keeps it, with absolute paths; raise `Invalid` for text that is not UTF-8."""
    note = {"command": COMMAND, "arguments": _converter().unstructure(_absolute(definition))}
    try:
        orjson.dumps(note)
    except TypeError:
        keeper, others = ("state", "") if definition.sync else ("journal", ", or import without a journal")
        rule = f"a file name or another argument is not valid UTF-8, so the {keeper} cannot keep it"
        raise Invalid(f"{rule}; rename the file{others}") from None
    return note


def definition_of(note: Any, journal: JournalPlace) -> FileImport:
    """Return the import that a journal keeps; raise `Invalid` if it keeps none, or one of another version."""
    import cattrs

    if not isinstance(note, Mapping) or note.get("command") != COMMAND:
        raise Invalid(
            "was not begun by 'salesmanago import' or 'salesmanago sync'; continue it with the program that began it",
            field=str(journal),
        )
    try:
        arguments = note.get("arguments")
        return _converter().structure(arguments if isinstance(arguments, Mapping) else {}, FileImport)
    except cattrs.BaseValidationError as error:
        raise Invalid(
            "holds an import of another version of this program; resume it with that version", field=str(journal)
        ) from error


def is_noted(definition: FileImport, note: Any) -> bool:
    """Return whether the note of a journal describes this import."""
    return bool(note == note_of(definition))


def _absolute(definition: FileImport) -> FileImport:
    def absolute(path: Path | None) -> Path | None:
        return path.absolute() if path and path != STDOUT else path

    quota = definition.client.quota and hide_passwords(definition.client.quota)
    return evolve(
        definition,
        files=tuple(path.absolute() for path in definition.files),
        rejects=absolute(definition.rejects),
        report_file=absolute(definition.report_file),
        sync=definition.sync and evolve(definition.sync, state=definition.sync.state.absolute()),
        client=evolve(definition.client, env_file=absolute(definition.client.env_file), quota=quota),
    )


def _converter() -> "cattrs.Converter":
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda text, _: Path(text))
    return converter
