"""What a fault makes of a request."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import anyio
from attrs import evolve

from ._faults import Fault
from ._refusal import Refusal
from ._reply import Reply, refused
from ._store import Store

_INVERTED = bytes(byte ^ 0xFF for byte in range(256))
_PAGE = b"<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"
_RESET = "the simulator resets the connection, as was asked for"


async def suffer(fault: Fault, process: Callable[[], Reply], *, store: Store, is_file: bool) -> Reply:
    """Have a request meet a fault. Return the reply; raise `ConnectionResetError` where there is none."""
    match fault.kind:
        case "status":
            return _status(fault, store)
        case "expired":
            return refused(Refusal("the link has expired", status=403))
        case "reset-before":
            raise ConnectionResetError(_RESET)
        case "slow":
            return await _processed_later(fault.seconds or 0, process, store)
        case _:
            return await _spoiled(fault, process(), store=store, is_file=is_file)


async def _processed_later(seconds: float, process: Callable[[], Reply], store: Store) -> Reply:
    """Process after some time. It is on the account's agenda, so that it is done even if this task is cancelled."""
    replies: list[Reply] = []

    def act() -> None:
        replies.append(process())

    store.plan(store.clock() + seconds, act)
    await anyio.sleep(seconds)
    store.catch_up()
    if not replies:  # the account's clock is behind that of the event loop
        store.drop(act)
        act()
    return replies[0]


async def _spoiled(fault: Fault, reply: Reply, *, store: Store, is_file: bool) -> Reply:
    """Return what becomes of the reply to a request that was processed."""
    match fault.kind:
        case "late":
            await anyio.sleep(fault.seconds or 0)
        case "status-after":
            return _status(fault, store)
        case "reset-after":
            raise ConnectionResetError(_RESET)
        case "garbled" if is_file:
            return evolve(reply, content=reply.content.translate(_INVERTED))
        case "garbled":
            return Reply(200, _PAGE, media_type="text/html;charset=UTF-8")
        case "truncated":
            return evolve(reply, is_cut=True)
        case _:  # failed-job: it is seen when the job is over
            pass
    return reply


def _status(fault: Fault, store: Store) -> Reply:
    """Return the reply of a gateway."""
    status = fault.status or 500
    try:
        said = HTTPStatus(status).phrase
    except ValueError:
        said = "Unknown status"
    reply = refused(Refusal(f"{said} (a fault that was asked for)", status=status))
    return evolve(reply, retry_after=_retry_after(fault, store.clock()))


def _retry_after(fault: Fault, now: float) -> str | None:
    if not isinstance(fault.retry_after, timedelta):
        return None if fault.retry_after is None else str(fault.retry_after)
    due = datetime.fromtimestamp(math.ceil(now + fault.retry_after.total_seconds()), UTC)
    return format_datetime(due, usegmt=True)
