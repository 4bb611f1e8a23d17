"""What a program may show of its work: log records of all libraries, spans, tracebacks with their locals, files."""

import io
import logging
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.traceback import Traceback

LOGGERS = (
    "",
    *("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "httpcore.proxy", "hpack"),
    *("aiohttp", "aiohttp.client", "aiohttp.access", "asyncio", "anyio", "urllib3", "concurrent.futures"),
    *(f"salesmanago_async{name}" for name in ("", ".runs", ".connection", ".jobs", ".buffers")),
)


class Everything(logging.Handler):
    """Keeps each record of every logger: its text, its arguments, and the fields of `extra=`."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {self.format(record)} {vars(record)!r}")

    @property
    def text(self) -> str:
        """All that was logged."""
        return "\n".join(self.lines)

    def names(self) -> set[str]:
        """The loggers that have said something, by their first word."""
        return {line.split(maxsplit=1)[0].partition(".")[0] for line in self.lines}


@contextmanager
def logging_everything() -> Iterator[Everything]:
    """Set every logger to DEBUG for the block, and keep what they say."""
    handler, levels = Everything(), {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def of_the_library(name: str) -> bool:
    """Whether a frame's file is of this library, or of a library that it uses, and not of the program (the tests)."""
    return "/tests/" not in name


def locals_of(error: BaseException) -> str:
    """The local variables in the tracebacks of an error and its causes, as error reporters show them.

    Frames of the program itself are left out: their variables are its own.
    """
    shown: list[str] = []
    found: list[traceback.TracebackException] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    for one in found:
        shown += ["".join(one.format_exception_only())]
        for frame in one.stack:
            if of_the_library(frame.filename):
                shown += [
                    f"{frame.filename}:{frame.name} {name} = {value}" for name, value in (frame.locals or {}).items()
                ]
        found += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join(shown)


def rich_traceback(error: BaseException) -> str:
    """The traceback as rich shows it with `show_locals`, whose containers and objects are expanded."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(
        Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=10_000, suppress=["tests"]
        )
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def content_of(folder: Path, is_of_interest: Callable[[Path], bool] = lambda _: True) -> Iterator[tuple[Path, bytes]]:
    """Yield the files below a folder with their bytes, and for a database the texts of its rows as well."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_of_interest(path):
            yield path, path.read_bytes() + path.name.encode() + _rows_of(path)


def _rows_of(path: Path) -> bytes:
    if not path.read_bytes().startswith(b"SQLite format 3"):
        return b""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return repr([database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]).encode()


def leaks(text: str, secrets: Iterable[str]) -> set[str]:
    """Return the secrets that are in a text, in whatever case."""
    lowered = text.lower()
    return {secret for secret in secrets if secret.lower() in lowered}
