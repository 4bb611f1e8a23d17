"""A file that appears under its name only when it is complete.

Until then it has a hidden name, and is locked. What a killed process has left under such a name has no lock: whoever
writes a file of the same name an hour later, or more, removes it.
"""

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from .errors import Invalid

PRIVATE = 0o600

LEFT_OVER_AFTER = 3600.0
"""Seconds after its last change for which a hidden file is kept even if no lock is seen: not all file systems lock."""


class AtomicFile:
    """A new file under a hidden name beside its own, until `commit` renames it.

    Until then only its owner can read it. With `private` that stays so; otherwise the file ends with the permissions
    that new files have here. A symbolic link is followed. Raises `Invalid` if the file cannot be created.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        try:
            self._path = target_of_link(path)
            self._partial = self._path.with_name(f".{path.name[:40]}.{token_hex(4)}.part")
            _remove_left_over(self._partial)
            self._mode = PRIVATE if private else _mode_of_new_file(self._partial)
            descriptor = _open_privately(self._partial)
            self._lock = os.dup(descriptor) if _lock(descriptor) else None
            self.file: IO[bytes] = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error

    def commit(self) -> None:
        """Write everything to the disk, and then give the file its name, replacing a file of that name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.chmod(self._mode)
        self._partial.replace(self._path)
        self._unlock()
        _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove the hidden file; do nothing after `commit`."""
        with suppress(OSError):  # on a full disk, the last buffered bytes cannot be written here either
            self.file.close()
        self._partial.unlink(missing_ok=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def target_of_link(path: Path) -> Path:
    """Return the target of a symbolic link, which need not exist; raise `OSError` if links form a circle."""
    if not path.is_symlink():
        return path
    with suppress(FileNotFoundError):
        path.stat()  # for a circle, `resolve` does not raise an OSError, and from Python 3.13 on raises nothing at all
    return path.resolve()


def _open_privately(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)


def _lock(descriptor: int) -> bool:
    """Lock a file until its last descriptor is closed; return False if it is locked, or if there are no locks here."""
    try:
        import fcntl
    except ImportError:  # on Windows, which does not remove a file that another process has open
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_left_over(partial: Path) -> None:
    """Remove the hidden files for the same name that killed processes have left."""
    alike = re.compile(re.escape(partial.name[: -len("01234567.part")]) + r"[0-9a-f]{8}\.part")
    with suppress(OSError):  # a folder may be written to, and not listed
        for path in partial.parent.iterdir():
            if alike.fullmatch(path.name):
                _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):  # it is gone, or somebody else's
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            is_old = os.fstat(descriptor).st_mtime < time.time() - LEFT_OVER_AFTER
            if is_old and _lock(descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


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
