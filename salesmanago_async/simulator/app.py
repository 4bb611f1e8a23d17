"""`Simulator`, the ASGI app: it executes calls, applies faults, and sends the files behind links."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..api import CREDENTIAL_FIELDS
from ..settings import Credentials
from ._asgi import Message, Receive, Send
from ._caller import check_caller
from ._calls import RecordedCall, execute, replay
from ._fault_effects import apply
from ._fault_schedule import FaultSchedule
from ._faults import FILES, Fault
from ._file_fault_effects import reply_with
from ._refusal import RefusedCall
from ._reply import SimulatedReply, answered, refused, send_reply
from ._request import body_of, headers_of, is_file, path_of, read_content
from ._state import StateFile
from ._store import AccountStore
from .handlers.system import Tokens

DEMO_CREDENTIALS = Credentials(client_id="demo-client", api_key="demo-key", api_secret="demo-secret")  # noqa: S106
DEMO_OWNER = "admin@vendor.pl"
DEMO_PASSWORD = "demo-password"  # noqa: S105


class Simulator:
    """A simulated account, as an ASGI app. Each instance begins empty, except for the content of its `state` file.

    `owners` are its user accounts. `clock` returns seconds since 1970; a job takes `job_seconds` on that clock, and a
    file link works for `link_seconds`. Each owner gets a token for `password`, valid for `token_seconds` ([guess] the
    real validity is not documented). Requests are affected by the `faults`; for faults with a `share`, the choice
    depends only on `seed`.

    `state` is a SQLite file: the next simulator that opens it has everything that was answered with success, however
    this one ends, but not the tokens and links. Raises `Invalid` if the file is not usable. Owners in the file stay
    owners.
    """

    def __init__(
        self,
        credentials: Credentials = DEMO_CREDENTIALS,
        *,
        owners: Sequence[str] = (DEMO_OWNER,),
        clock: Callable[[], float] = time.time,
        job_seconds: float = 1.0,
        link_seconds: float = 300.0,
        password: str = DEMO_PASSWORD,
        token_seconds: float = 3600.0,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        state: str | Path | None = None,
    ) -> None:
        self._credentials = credentials
        self._store = AccountStore(clock=clock, owners=owners, job_seconds=job_seconds, link_seconds=link_seconds)
        tokens = self._store.section(Tokens)
        tokens.client_id = credentials.client_id
        tokens.password = password
        tokens.lifetime_seconds = token_seconds
        self._seed = seed
        self._schedule = FaultSchedule(faults, seed)
        self._state = StateFile(state) if state else None
        if self._state:
            self._restore(self._state)

    def _restore(self, state: StateFile) -> None:
        try:
            with state.reading():
                self._store.owners = state.owners(self._store.owners)
                replay(state.calls(), self._store)
        except BaseException:
            state.close()
            raise

    def close(self) -> None:
        """Close the state file, if there is one. The simulator cannot be used after that."""
        if self._state:
            self._state.close()

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults. They can be set at any time; requests are then counted from 1 again."""
        return self._schedule.faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._schedule = FaultSchedule(faults, self._seed)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `ConnectionResetError` if a fault leaves the answer out, or incomplete."""
        if scope["type"] != "http":
            return
        fault = self._schedule.next(FILES if is_file(scope) else path_of(scope))
        try:
            content = await read_content(receive)
        except RefusedCall as refusal:
            await send_reply(send, refused(refusal))
            return
        process = partial(self._answer, scope, content, fault)
        reply = await apply(fault, process, store=self._store, is_file=is_file(scope)) if fault else process()
        await send_reply(send, reply)

    def _answer(self, scope: Message, content: bytes, fault: Fault | None) -> SimulatedReply:
        if is_file(scope):
            return self._read_file(scope, fault)
        return self._process(scope, content, job_fails=fault is not None and fault.kind == "failed-job")

    def _process(self, scope: Message, content: bytes, *, job_fails: bool) -> SimulatedReply:
        moment = self._store.catch_up()
        try:
            body = body_of(scope, content)
            check_caller(path_of(scope), body, self._credentials, self._store)
            call = self._recorded(moment, path_of(scope), body, job_fails=job_fails)
            answer = execute(call, self._store)
        except RefusedCall as refusal:
            return refused(refusal)
        if self._state and call.may_change_account:
            self._state.keep(call)
        return answered(_completed(answer, scope))

    def _read_file(self, scope: Message, fault: Fault | None) -> SimulatedReply:
        self._store.catch_up()
        token = scope["path"].removeprefix("/files/").removesuffix(".json")
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                raise RefusedCall("files are read with GET", status=405)
            file = self._store.file(token)
        except RefusedCall as refusal:
            return refused(refusal)
        if fault and fault.kind == "expired":
            self._store.expire(token)
        return reply_with(file, headers_of(scope) if scope["method"] == "GET" else {}, fault)

    def _recorded(self, moment: float, path: str, body: Mapping[str, Any], *, job_fails: bool) -> RecordedCall:
        body_fields = {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS}
        return RecordedCall(moment, self._store.new_seed(), path, body_fields, self._store.job_seconds, job_fails)


def _completed(answer: dict[str, Any], scope: Message) -> dict[str, Any]:
    """Return the complete answer; a link gets the host of the request."""
    if "fileUrl" in answer:
        answer["fileUrl"] = f"{scope['scheme']}://{headers_of(scope).get('host', 'localhost')}{answer['fileUrl']}"
    texts: dict[str, Any] = {} if "messages" in answer else {"message": []}  # one documented answer has the other name
    return {"success": True, **texts, **answer}
