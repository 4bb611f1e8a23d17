"""`RecordedCall`: an accepted call as a value, which can be stored and executed again."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from attrs import field, frozen

from ..api import PRODUCT_REQUESTS, request_class
from ..errors import Invalid
from ._checked import checked
from ._refusal import RefusedCall
from ._store import AccountStore
from .handlers import BATCH_HANDLERS, HANDLERS, LEGACY_HANDLERS, legacy, panel
from .products.handlers import HANDLERS as PRODUCT_HANDLERS

CHANGING_NOTHING = legacy.CHANGING_NOTHING | panel.CHANGING_NOTHING
_HANDLERS_OF_RAW_BODIES = {**BATCH_HANDLERS, **LEGACY_HANDLERS, **PRODUCT_HANDLERS}


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
        known = request_class(self.path) or PRODUCT_REQUESTS.get(self.path)
        return not known.changes_nothing if known else self.path not in CHANGING_NOTHING


def execute(call: RecordedCall, store: AccountStore) -> dict[str, Any]:
    """Execute a call, and return the fields of the answer; raise `RefusedCall` if the call is refused."""
    with store.at(call.moment, call.seed):
        by_itself = _HANDLERS_OF_RAW_BODIES.get(call.path)
        if by_itself:
            answer = by_itself(store, dict(call.body))
        else:
            answer = HANDLERS[call.path](store, checked(cast("type", request_class(call.path)), call.body))
    number = answer.get("requestId")
    if isinstance(number, int):  # API v3 answers with a text, which is no job
        store.describe_job(number, path=call.path, will_fail=call.job_fails)
    return answer


def replay(calls: Iterable[RecordedCall], store: AccountStore) -> float:
    """Execute recorded calls in order on an empty account; return the time of the last one, or 0.

    Raises `Invalid` if one of them is refused now.
    """
    job_seconds = store.job_seconds
    last = 0.0
    for number, call in enumerate(calls, 1):
        store.job_seconds = call.job_seconds
        last = call.moment
        try:
            with store.at(call.moment, call.seed):
                store.catch_up()
            execute(call, store)
        except RefusedCall as refusal:
            raise Invalid(f"its call {number}, to {call.path}, is refused now: {refusal}") from None
        except Exception as error:  # the file is damaged, and may hold anything
            raise Invalid(f"its call {number} cannot be made again: the file is damaged") from error
    store.job_seconds = job_seconds
    return last
