"""File names on the command line; a name that no file can have is refused before the command starts."""

from pathlib import Path
from typing import Any

import click

from ..file_imports.definition import STDOUT
from ..stores.addresses import NO_FILE, looks_like_address


class FilePath(click.Path):
    """The path of a file to read, of a file to write (`written`), or of a `folder`.

    For files to write, "-" is refused unless the command can write to `standard` output.
    """

    def __init__(self, *, written: bool = False, folder: bool = False, standard: bool = False, **others: Any) -> None:
        super().__init__(path_type=Path, **others)
        self._is_file = written
        self._takes_dash = standard or not (written or folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail for a name that no file can have."""
        text = str(value)
        if not text:
            self.fail("the name is empty; give the name of a file", param, ctx)
        if "\0" in text:
            self.fail("the name has a NUL character, which no file name can have", param, ctx)
        if looks_like_address(text):
            self.fail(NO_FILE, param, ctx)
        if self._is_file and not Path(text).name:
            self.fail(f"{text!r} is a folder; give the name of a file", param, ctx)
        if Path(text) == STDOUT and not self._takes_dash:
            self.fail("standard output is not possible here; give the name of a file", param, ctx)
        return super().convert(value, param, ctx)
