"""Executes requests: calls of the API, calls of API v3, and downloads of files, each with its refusals."""

from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field

from ..api import request_class, without_credentials
from ..api.tolerance import tolerated
from ..settings import Credentials
from ._asgi import Message
from ._caller import check_caller
from ._calls import RecordedCall, execute
from ._faults import Fault
from ._file_fault_effects import reply_with
from ._received import ReceivedRequest, records_in
from ._refusal import RefusedCall
from ._reply import SimulatedReply, answered, panel_page, refused
from ._request import body_of, headers_of, is_file, path_of, whole_path_of
from ._spellings import oddly_spelled
from ._state import StateFile
from ._store import AccountStore
from ._undocumented import UndocumentedFields
from .handlers.panel import AUTHORIZE, TOKEN_ONLY, open_panel
from .products.account import ProductAccount
from .products.answers import (
    UNREADABLE,
    check_key,
    class_of,
    is_product_call,
    key_of,
    product_body_of,
    refused_products,
)
from .products.checks import FieldProblem
from .products.handlers import RefusedProducts
from .products.sorting import sort_products
from .products.webhook import Webhooks


@define(eq=False)
class Answering:
    """The account that answers, and how: see `Simulator`. Calls that change it are kept in the `state` file."""

    credentials: Credentials
    store: AccountStore
    strict: bool
    odd_spellings: bool
    state: StateFile | None = None
    undocumented: UndocumentedFields = field(factory=UndocumentedFields)
    webhooks: Webhooks = field(factory=Webhooks)

    def answer(self, scope: Message, content: bytes, received: ReceivedRequest) -> SimulatedReply:
        """Execute a request, and return its reply; note in `received` what it sent."""
        if is_file(scope):
            return self._read_file(scope, received.fault)
        if is_product_call(scope):
            return self._process_products(scope, content, received)
        if path_of(scope) == AUTHORIZE and scope["method"] == "GET" and not self.strict:
            return self._open_panel(scope)
        return self._process(scope, content, received)

    def _process(self, scope: Message, content: bytes, received: ReceivedRequest) -> SimulatedReply:
        moment = self.store.catch_up()
        try:
            body = body_of(scope, content, strict=self.strict)
            received.records = records_in(body)
            check_caller(path_of(scope), body, self.credentials, self.store)
            if not self.strict:
                body, received.undocumented = self._documented(path_of(scope), body)
            job_fails = received.fault is not None and received.fault.kind == "failed-job"
            answer = self._execute(self._recorded(moment, path_of(scope), body, job_fails=job_fails))
        except RefusedCall as refusal:
            return refused(refusal)
        complete = _completed(answer, scope)
        return answered(oddly_spelled(complete) if self.odd_spellings else complete)

    def _open_panel(self, scope: Message) -> SimulatedReply:
        """Answer the address that opens the panel with a token."""
        self.store.catch_up()
        try:
            open_panel(self.store, scope.get("query_string", b"").decode("latin-1"))
        except RefusedCall as refusal:
            return refused(refusal)
        return panel_page()

    def _process_products(self, scope: Message, content: bytes, received: ReceivedRequest) -> SimulatedReply:
        """Answer a call of API v3."""
        moment, path = self.store.catch_up(), path_of(scope)
        try:
            body = product_body_of(scope, content)
            received.records = records_in(body)
            check_key(scope, body, self.store)
            documented, others = tolerated(class_of(path), body)
            if self.strict and others:
                raise RefusedProducts(*(FieldProblem(UNREADABLE, f"{name}|Not documented") for name in others))
            received.undocumented = self.undocumented.report(path, others)
            found = sort_products(path, documented, self.store)
            kept = {name: value for name, value in found.stored.items() if name != "password"}
            answer = self._execute(RecordedCall(moment, self.store.new_seed(), path, kept, self.store.job_seconds))
        except RefusedProducts as refusal:
            return refused_products(refusal, self.store.section(ProductAccount).settings)
        except RefusedCall as refusal:
            return refused(refusal)
        key = key_of(scope, self.store)
        self.webhooks.add(key.webhook_url if key else None, found.later)
        return evolve(answered(found.answer(answer)), status=found.status)

    def _execute(self, call: RecordedCall) -> dict[str, Any]:
        """Execute a call, and keep it if it may have changed the account."""
        answer = execute(call, self.store)
        if self.state and call.may_change_account:
            self.state.keep(call)
        return answer

    def _documented(self, path: str, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Return the documented part of a body and the names of the rest; a legacy call looks at its body itself."""
        known = request_class(path)
        if known is None:
            return body, ()
        documented, others = tolerated(known, without_credentials(path, body))
        return documented, self.undocumented.report(path, others)

    def _read_file(self, scope: Message, fault: Fault | None) -> SimulatedReply:
        self.store.catch_up()
        token = whole_path_of(scope).removeprefix("/files/").removesuffix(".json")
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                raise RefusedCall("files are read with GET", status=405)
            file = self.store.file(token)
        except RefusedCall as refusal:
            return refused(refusal)
        if fault and fault.kind == "expired":
            self.store.expire(token)
        return reply_with(file, headers_of(scope) if scope["method"] == "GET" else {}, fault)

    def _recorded(self, moment: float, path: str, body: Mapping[str, Any], *, job_fails: bool) -> RecordedCall:
        fields = {name: value for name, value in without_credentials(path, body).items() if name not in _secrets(path)}
        return RecordedCall(moment, self.store.new_seed(), path, fields, self.store.job_seconds, job_fails)


def _secrets(path: str) -> frozenset[str]:
    """Return the fields that are left out of the state file."""
    return frozenset({"token"}) if path in TOKEN_ONLY else frozenset()


def _completed(answer: dict[str, Any], scope: Message) -> dict[str, Any]:
    """Return the complete answer; the link of a file and the host of an account get the host of the request."""
    for name in answer.keys() & {"fileUrl", "endpoint"}:
        answer[name] = f"{scope['scheme']}://{headers_of(scope).get('host', 'localhost')}{answer[name]}"
    texts: dict[str, Any] = {} if "messages" in answer else {"message": []}  # one documented answer has the other name
    return {"success": True, **texts, **answer}
