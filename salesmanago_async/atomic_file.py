"""A file that appears under its name only when it is complete."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from .errors import Invalid

PRIVATE = 0o600


class AtomicFile:
    """A new file under a hidden name beside its own, until `commit` renames it.

    Until then only its owner can read it. With `private` that stays so; otherwise the file ends with the permissions
    that new files have here. A symbolic link is followed. Raises `Invalid` if the file cannot be created.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        try:
            self._path = target_of_link(path)
            self._partial = self._path.with_name(f".{path.name[:40]}.{token_hex(4)}.part")
            self._mode = PRIVATE if private else _mode_of_new_file(self._partial)
            self.file: IO[bytes] = os.fdopen(_open_privately(self._partial), "wb")
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error

    def commit(self) -> None:
        """Write everything to the disk, and then give the file its name, replacing a file of that name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.chmod(self._mode)
        self._partial.replace(self._path)
        _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove the hidden file; do nothing after `commit`."""
        with suppress(OSError):  # on a full disk, the last buffered bytes cannot be written here either
            self.file.close()
        self._partial.unlink(missing_ok=True)


def target_of_link(path: Path) -> Path:
    """Return the target of a symbolic link, which need not exist; raise `OSError` if links form a circle."""
    if not path.is_symlink():
        return path
    with suppress(FileNotFoundError):
        path.stat()  # for a circle, `resolve` does not raise an OSError, and from Python 3.13 on raises nothing at all
    return path.resolve()


def _open_privately(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)


def _mode_of_new_file(path: Path) -> int:
    """Return the permissions that the umask leaves. An empty file shows them, because reading the umask changes it."""
    with path.open("xb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    path.unlink()
    return mode


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk too, on systems that can sync a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
