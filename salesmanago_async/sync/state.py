"""An open state: it finishes what an earlier sync left behind, and becomes the next state at the end of this one.

    customers.db              the state (see known.py)
    customers.db-run          the journal of the run under way; also the lock of the state
    customers.db-sent         the rows that this run sends (see sent.py); customers.db-sent-names

The last three are removed when a sync has ended. If they are there when one begins, an earlier sync was cut off: what
it sent, and what of that was accepted, becomes a part of the state first.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import anyio
import anyio.to_thread
from attrs import evolve, frozen

from ..atomic_file import target_of_link
from ..connection.identity import Difference, difference
from ..errors import Invalid
from ..stores.journal import Journal, open_journal, read_note
from ..stores.refusals import InUse, NotBegun, NotOurs, OtherRun
from ..stores.values import Entry
from .columns import KnownColumns
from .header import MARK, Header, StateOf
from .journal import SyncJournal, arrivals_in
from .keys import PRODUCT_ID
from .known import Known
from .merge import forget_contents_of_gone, write_next
from .order import Order
from .places import mark_sent
from .sent import SENT_FORMAT, SentRows

CATALOG = "catalog"
"""The catalogue that a state of products is of, among what the state belongs to."""
KIND = "kind"
"""What the journal is of, among what it belongs to: that of a run of its own has another kind, or none."""
_OWN_STATE = "give this sync a state of its own"


@frozen
class Comparison:
    """What rows are compared with. `resent` says why nothing is known of their contents, if that is so."""

    known: Known
    resent: str | None = None
    columns: KnownColumns = None
    """The columns of the last source."""


class OpenState:
    """A state that no other process can open; `journal` is the one of the run."""

    def __init__(self, path: Path, of: StateOf, comparison: Comparison, journal: Journal) -> None:
        self._path = path
        self._of = of
        self._store = journal
        self.columns: KnownColumns = None
        """The columns of the source, for the next state."""
        self.comparison = comparison
        self.sent = _sent_rows(path, of)
        self.order = Order(self.sent)
        self.journal = SyncJournal(journal, self.sent)

    @classmethod
    async def open(cls, path: Path, of: StateOf, note: Mapping[str, Any] | None) -> Self:
        """Open a state, or begin one; raise `Invalid` that names the file if it cannot be used."""
        Header(of=of, rows=0, checksum=0).line()  # raises if the state could not be written at the end
        journal, left = await _locked(path, of, note)
        try:
            if left:
                await anyio.to_thread.run_sync(left.finish, path)
                journal, left = await _replaced(journal, path, of, note), None
            comparison = await anyio.to_thread.run_sync(_comparison, path, of)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await (journal.aclose() if left else _remove_run(path, journal))
            raise
        state = cls(path, of, comparison, journal)
        try:
            state.sent.begin()
        except BaseException:
            await state.leave()
            raise
        return state

    async def forget_contents_of_gone(self) -> None:
        """Write the state at once, so that nothing is known of the contents of the rows that are gone.

        Call this before something is done to them: if the sync is cut off then, or no answer comes, a row that is in
        the source again is sent, and not taken for unchanged. The indices and marks of the known rows stay as they are.
        """
        known = self.comparison.known
        try:
            await anyio.to_thread.run_sync(forget_contents_of_gone, self._path, known)
        finally:
            known.close()
            self.comparison = evolve(self.comparison, known=Known.open(self._path, known.marks))

    async def finish(self, *, dropped: int | None, has_arrived: bool) -> None:
        """Write the next state, without the rows that have the mark `dropped`, and close it.

        `has_arrived` says whether any row may be in the account. If none is, a first state is not written, because the
        account or the owner may be a wrong one, and a state is bound to it.

        It is closed even if it cannot be written; then the next sync finishes it. Cancellation waits for the end.
        """
        with anyio.CancelScope(shield=True):
            try:
                self.sent.close()
                if has_arrived or self._path.exists():
                    await anyio.to_thread.run_sync(self._write_next, dropped)
                self.order.close()
                await _remove_run(self._path, self._store)
            except BaseException:
                await self.leave()
                raise

    async def leave(self) -> None:
        """Close everything as it is: the next sync finishes it."""
        self.comparison.known.close()
        self.order.close()
        with anyio.CancelScope(shield=True):
            with suppress(OSError):  # on a full disk; rows that could not be written were not sent
                self.sent.close()
            await self._store.aclose()

    def _write_next(self, dropped: int | None) -> None:
        rows = self.sent.last_of_each_key(self.journal.arrivals)
        write_next(self._path, self._of, self.comparison.known, rows, self.order, dropped=dropped, columns=self.columns)


@frozen
class LeftBehind:
    """What a sync that was cut off has left behind: what it was of, and what its journal says.

    `is_readable` says whether the sent rows have the form that this version writes.
    """

    of: StateOf
    sent: SentRows
    entries: Sequence[Entry]
    is_readable: bool

    def finish(self, path: Path, target: Path | None = None) -> None:
        """Make it a part of the state at `path`; the result is written to `target`, or replaces the state.

        If the sent rows are not there any more, any content may have changed: nothing is known of them. So it is when
        a sync was killed while it removed these files, which is the last that it does, or if it was a sync of another
        version.
        """
        known = _comparison(path, self.of).known
        arrivals = arrivals_in(self.entries)
        has_all = self.is_readable and self.sent.are_there(len(arrivals))
        if has_all:
            mark_sent(known, self.sent.keys())
        rows = self.sent.last_of_each_key(arrivals) if has_all else ()
        write_next(target or path, self.of, known, rows, dropped=None, keeps_contents=has_all)


async def look_at(path: Path, of: StateOf) -> Comparison:
    """Return what a sync would compare its rows with, for a dry run; the state is not changed."""
    left = None
    if _run_path(path).is_file():
        journal, left = await _locked(path, of, None)
        await journal.aclose()
    if left is None:
        return await anyio.to_thread.run_sync(_comparison, path, of)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        finished = Path(folder) / path.name
        await anyio.to_thread.run_sync(left.finish, path, finished)
        return await anyio.to_thread.run_sync(_comparison, finished, of)


def is_state(path: Path) -> bool:
    """Return whether this is the state of a sync, or will be: a first one may have been cut off."""
    if _run_path(path).is_file():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def note_left_behind(path: Path) -> Any:
    """Return the note of a sync that was cut off; raise `Invalid` if none was."""
    run = _note_of_run(path)
    if run is None:
        raise Invalid("is the state of a sync that has ended; start the next one with its own command", field=str(path))
    return run["note"]


async def _locked(path: Path, of: StateOf, note: Mapping[str, Any] | None) -> tuple[Journal, LeftBehind | None]:
    """Open the journal of the run, which locks the state; return what an earlier sync has left behind, too."""
    mine = {
        "key": of.key,
        "has_names": of.has_names,
        "has_parts": of.has_parts,
        "settings": of.settings,
        "sent_format": SENT_FORMAT,
        "note": note,
    }
    earlier = await anyio.to_thread.run_sync(_note_of_run, path)
    with _state_named(path):
        journal, entries = await open_journal(_run_path(path), {**of.account, KIND: "sync"}, mine)
    if not entries or not earlier:
        return journal, None
    earlier_of = StateOf(
        account=of.account,
        key=earlier["key"],
        has_names=earlier["has_names"],
        has_parts=earlier.get("has_parts", False),
        settings=earlier["settings"],
    )
    is_readable = earlier.get("sent_format") == SENT_FORMAT
    return journal, LeftBehind(earlier_of, _sent_rows(path, earlier_of), entries, is_readable)


async def _replaced(journal: Journal, path: Path, of: StateOf, note: Mapping[str, Any] | None) -> Journal:
    """Remove the journal of an earlier sync, which is finished, and begin a new one."""
    await _remove_run(path, journal)
    return (await _locked(path, of, note))[0]


async def _remove_run(path: Path, journal: Journal) -> None:
    """Remove the files of a run. The journal goes last, and while it is open, so that nobody else takes it up."""
    SentRows(_sent_path(path), has_names=True).remove()
    with suppress(PermissionError):  # some systems remove no file that is open
        _run_path(path).unlink()
    await journal.aclose()
    with suppress(PermissionError):
        _run_path(path).unlink(missing_ok=True)


def _note_of_run(path: Path) -> Any:
    """Return the note of the journal of a state's run, None if there is none."""
    run = _run_path(path)
    with suppress(NotBegun), _state_named(path):
        return read_note(run) if run.is_file() else None
    return None


@contextmanager
def _state_named(path: Path) -> Iterator[None]:
    """Raise the errors of the run's journal as errors of the state, which is the file that the caller has given."""
    run = _run_path(path)
    try:
        yield
    except NotBegun:
        raise
    except InUse as error:
        raise InUse("is in use by another sync; wait for its end", field=str(path)) from error
    except OtherRun as error:
        if error.difference.name == KIND:
            raise Invalid(f"needs the name {run}, which another journal has; {_OWN_STATE}", field=str(path)) from error
        raise Invalid(_other(error.difference), field=str(path)) from error
    except NotOurs as error:
        raise Invalid(f"has {run} beside it, which {error.advising(_OWN_STATE)}", field=str(path)) from error
    except Invalid as error:
        said = f"has {run} beside it, which {error.rule}; or {_OWN_STATE}, or remove both files to send all rows again"
        raise Invalid(said, field=str(path)) from error


def _other(found: Difference) -> str:
    """Return the rule that a sync breaks whose state is of another server, catalogue, account or owner."""
    what = "catalogue" if found.name == CATALOG else "account or owner"
    return found.servers or f"is the state of another {what}; {_OWN_STATE}"


def _comparison(path: Path, of: StateOf) -> Comparison:
    """Open a state, and find out what it can be used for; raise `Invalid` if it is of another account or damaged."""
    if not path.exists():
        return Comparison(Known.nothing())
    known = Known.open(path)
    before = known.of or of
    if other := difference(before.account, of.account):
        known.close()
        raise Invalid(_other(other), field=str(path))
    if before.key != of.key:
        return Comparison(Known.nothing(), f"the last sync knew its rows by {before.key}", known.columns)
    if of.has_names and not before.has_names:
        missing = "names of products" if of.key == PRODUCT_ID else "addresses of contacts"
        return Comparison(known, f"the state has no {missing} that are removed", known.columns)
    changed = difference(before.settings, of.settings)
    why = f"the last sync had another value of {changed.name}" if changed else None
    return Comparison(known, why, known.columns)


def _run_path(path: Path) -> Path:
    return _beside(path, "-run")


def _sent_path(path: Path) -> Path:
    return _beside(path, "-sent")


def _sent_rows(path: Path, of: StateOf) -> SentRows:
    return SentRows(_sent_path(path), has_names=of.has_names, has_parts=of.has_parts)


def _beside(path: Path, ending: str) -> Path:
    """Return a path beside the state itself, also if `path` is a link: the files of a run are those of one state."""
    return Path(f"{target_of_link(path)}{ending}")
