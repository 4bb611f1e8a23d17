"""Applies a fault to a request."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import anyio
from attrs import evolve

from ._faults import Fault
from ._refusal import RefusedCall
from ._reply import RESET, SimulatedReply, maintenance_page, refused
from ._store import AccountStore

_INVERTED = bytes(byte ^ 0xFF for byte in range(256))


async def apply(
    fault: Fault, process: Callable[[], SimulatedReply], *, store: AccountStore, is_file: bool
) -> SimulatedReply:
    """Process a request with a fault. Return the reply; raise `ConnectionResetError` if there is none."""
    match fault.kind:
        case "status":
            return _status(fault, store)
        case "expired" if fault.after is None:
            return refused(RefusedCall("the link has expired", status=403))
        case "reset-before":
            raise ConnectionResetError(RESET)
        case "slow":
            return await _processed_later(fault.seconds or 0, process, store)
        case _:
            return await _after_processing(fault, process(), store=store, is_file=is_file)


async def _processed_later(
    seconds: float, process: Callable[[], SimulatedReply], store: AccountStore
) -> SimulatedReply:
    """Process a request after some time. The account schedules it, so it happens even if this task is cancelled."""
    replies: list[SimulatedReply] = []

    def act() -> None:
        replies.append(process())

    store.schedule(store.clock() + seconds, act)
    await anyio.sleep(seconds)
    store.catch_up()
    if not replies:  # the account's clock is behind the clock of the event loop
        store.unschedule(act)
        act()
    return replies[0]


async def _after_processing(
    fault: Fault, reply: SimulatedReply, *, store: AccountStore, is_file: bool
) -> SimulatedReply:
    """Apply a fault to the reply of a request that was processed."""
    match fault.kind:
        case "late":
            await anyio.sleep(fault.seconds or 0)
        case "status-after":
            return _status(fault, store)
        case "reset-after" if fault.after is None:
            raise ConnectionResetError(RESET)
        case "reset-after":
            return evolve(reply, sent=fault.after, is_reset=True)
        case "garbled" if is_file or fault.after is not None:
            return evolve(reply, content=_garbled(reply.content, fault.after or 0))
        case "garbled":
            return maintenance_page()
        case "truncated":
            return evolve(reply, sent=len(reply.content) // 2 if fault.after is None else fault.after)
        case "trickle":
            return evolve(reply, seconds=fault.seconds or 0)
        case "wrong-length":
            return evolve(reply, promised=max(0, len(reply.content) + (fault.by or 0)))
        case _:  # failed-job takes effect when the job ends; the other kinds concern files, and were applied before
            pass
    return reply


def _garbled(content: bytes, after: int) -> bytes:
    return content[:after] + content[after:].translate(_INVERTED)


def _status(fault: Fault, store: AccountStore) -> SimulatedReply:
    """Return the reply that a gateway would send."""
    status = fault.status or 500
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown status"
    reply = refused(RefusedCall(f"{phrase} (a requested fault)", status=status))
    if fault.retry_after is None:
        return reply
    return evolve(reply, headers={"retry-after": _wait(fault.retry_after, store.clock())})


def _wait(wait: int | timedelta, now: float) -> str:
    """Return a wait as text: in seconds, or as the date of its end."""
    if not isinstance(wait, timedelta):
        return str(wait)
    due = datetime.fromtimestamp(math.ceil(now + wait.total_seconds()), UTC)
    return format_datetime(due, usegmt=True)
