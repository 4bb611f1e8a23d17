"""Files that get their name when they are complete: a file that has its name is a whole one."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from ..errors import Invalid

PRIVATE = 0o600


class PlacedFile:
    """A new file, under a hidden name beside its own until `place` is called, and its owner's alone until then.

    `private` keeps it so for ever; else it ends with the permissions that a new file has here. A symbolic link is
    followed. Raises `Invalid` where it cannot be made.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        try:
            self._path = target_of_link(path)
            self._partial = self._path.with_name(f".{path.name[:40]}.{token_hex(4)}.part")
            self._mode = PRIVATE if private else _mode_of_new_file(self._partial)
            self.file: IO[bytes] = os.fdopen(_open_privately(self._partial), "wb")
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error

    def place(self) -> None:
        """Have everything on the disk, and then under its name, in place of what had it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.chmod(self._mode)
        self._partial.replace(self._path)
        _settle_folder(self._path.parent)

    def discard(self) -> None:
        """Leave nothing behind; after `place`, do nothing."""
        with suppress(OSError):  # what a full disk did not take before, it does not take now
            self.file.close()
        self._partial.unlink(missing_ok=True)


def target_of_link(path: Path) -> Path:
    """Return the path that a symbolic link leads to, which need not exist; raise `OSError` for a circle of links."""
    if not path.is_symlink():
        return path
    with suppress(FileNotFoundError):
        path.stat()  # `resolve` of a circle does not raise an OSError, and from Python 3.13 on nothing at all
    return path.resolve()


def _open_privately(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)


def _mode_of_new_file(path: Path) -> int:
    """Return the permissions that the umask gives; an empty file tells, as asking the umask would change it."""
    with path.open("xb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    path.unlink()
    return mode


def _settle_folder(folder: Path) -> None:
    """Have the new name on the disk too, where folders can be opened for that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
