"""What a call that was let in does, as a value: it can be kept, and done again."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from ..api import read_request, request_class, write_request
from ..errors import Invalid
from ._refusal import RefusedCall
from ._store import AccountStore
from .handlers import BATCH_HANDLERS, HANDLERS


@frozen
class RecordedCall:
    """A call to `path` at `moment`; `body` is without credentials.

    What it does to an account is decided by the account and these values alone: `seed` is where its chances come from,
    `job_seconds` how long the job takes that it starts, and `job_fails` whether that fails.
    """

    moment: float
    seed: int
    path: str
    body: Mapping[str, Any] = field(repr=False)
    job_seconds: float
    job_fails: bool = False

    @property
    def lasts(self) -> bool:
        """Whether it may have changed the account."""
        known = request_class(self.path)
        return known is None or not known.changes_nothing


def do(deed: RecordedCall, store: AccountStore) -> dict[str, Any]:
    """Do it, and return the fields of the answer; raise `RefusedCall` where it cannot be done."""
    with store.at(deed.moment, deed.seed):
        if deed.path in BATCH_HANDLERS:
            answer = BATCH_HANDLERS[deed.path](store, dict(deed.body))
        else:
            answer = HANDLERS[deed.path](store, _checked(deed.path, deed.body))
    if deed.job_fails:
        store.doom(answer["requestId"])
    return answer


def replay(deeds: Iterable[RecordedCall], store: AccountStore) -> None:
    """Do again, in order, what was done to an account, to an empty one. Raises `Invalid` where it is refused now."""
    job_seconds = store.job_seconds
    for number, deed in enumerate(deeds, 1):
        store.job_seconds = deed.job_seconds
        try:
            with store.at(deed.moment, deed.seed):
                store.catch_up()
            do(deed, store)
        except RefusedCall as refusal:
            raise Invalid(f"its call {number}, to {deed.path}, is refused now: {refusal}") from None
        except Exception as error:  # the file is damaged, and may hold anything
            raise Invalid(f"its call {number} cannot be made again: the file is damaged") from error
    store.job_seconds = job_seconds


def _checked(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body as the reference spells it: read, its limits checked, and written again."""
    try:
        return write_request(read_request(path, body))
    except Invalid as error:
        raise RefusedCall(str(error)) from None
