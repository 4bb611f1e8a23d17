"""`RecordedCall`: an accepted call as a value, which can be stored and executed again."""

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

    Its effect on an account depends only on the account and these values: `seed` is the seed of all random choices,
    `job_seconds` is how long the job that it starts takes, and `job_fails` is whether that job fails.
    """

    moment: float
    seed: int
    path: str
    body: Mapping[str, Any] = field(repr=False)
    job_seconds: float
    job_fails: bool = False

    @property
    def may_change_account(self) -> bool:
        """Whether the call may have changed the account."""
        known = request_class(self.path)
        return known is None or not known.changes_nothing


def execute(call: RecordedCall, store: AccountStore) -> dict[str, Any]:
    """Execute a call, and return the fields of the answer; raise `RefusedCall` if the call is refused."""
    with store.at(call.moment, call.seed):
        if call.path in BATCH_HANDLERS:
            answer = BATCH_HANDLERS[call.path](store, dict(call.body))
        else:
            answer = HANDLERS[call.path](store, _checked(call.path, call.body))
    if call.job_fails:
        store.mark_failing(answer["requestId"])
    return answer


def replay(calls: Iterable[RecordedCall], store: AccountStore) -> None:
    """Execute recorded calls in order on an empty account. Raises `Invalid` if one of them is refused now."""
    job_seconds = store.job_seconds
    for number, call in enumerate(calls, 1):
        store.job_seconds = call.job_seconds
        try:
            with store.at(call.moment, call.seed):
                store.catch_up()
            execute(call, store)
        except RefusedCall as refusal:
            raise Invalid(f"its call {number}, to {call.path}, is refused now: {refusal}") from None
        except Exception as error:  # the file is damaged, and may hold anything
            raise Invalid(f"its call {number} cannot be made again: the file is damaged") from error
    store.job_seconds = job_seconds


def _checked(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body in the form of the reference: read, checked against its limits, and written again."""
    try:
        return write_request(read_request(path, body))
    except Invalid as error:
        raise RefusedCall(str(error)) from None
