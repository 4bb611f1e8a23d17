"""The names of files on a command line: what can be none is refused before anything is done."""

from pathlib import Path
from typing import Any

import click

from ..file_imports.definition import STDOUT


class FilePath(click.Path):
    """The path of a file that is read, or `written`, or of a `folder`.

    What is written has a name of its own: "-" is refused, unless it may be `standard` output.
    """

    def __init__(self, *, written: bool = False, folder: bool = False, standard: bool = False, **others: Any) -> None:
        super().__init__(path_type=Path, **others)
        self._is_file = written
        self._takes_dash = standard or not (written or folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail for a name that no file has."""
        text = str(value)
        if not text:
            self.fail("it is empty: give the name of a file", param, ctx)
        if "\0" in text:
            self.fail("it holds a NUL character, which no name does", param, ctx)
        if self._is_file and not Path(text).name:
            self.fail(f"{text!r} is a folder: give the name of a file", param, ctx)
        if Path(text) == STDOUT and not self._takes_dash:
            self.fail("this cannot be standard output: give the name of a file", param, ctx)
        return super().convert(value, param, ctx)
