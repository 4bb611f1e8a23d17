"""The client without `await`, and the classes of what its calls give."""

import inspect
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ..buffers.buffer import Buffer as AsyncBuffer
from ..buffers.receipts import Receipt as AsyncReceipt
from ..client import SalesManago as AsyncSalesManago
from ..exports.contents import Records as AsyncRecords
from ..groups.changed_contacts import ModifiedExport as AsyncModifiedExport
from ..imports.runs import Outcomes as AsyncOutcomes
from ..jobs import Job as AsyncJob
from ..sync.syncs import SyncOutcomes as AsyncSyncOutcomes
from ._classes import ClosesCallbacks, Each, Wrapped, blocking_class, documented_as
from ._thread import ClientThread


class Client(Wrapped):
    """The client of the library, and the thread in which it lives from the first call on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._use(AsyncSalesManago(*args, **options))

    @classmethod
    @documented_as(AsyncSalesManago.from_env)
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Any) -> Self:
        client = cls.__new__(cls)
        client._use(AsyncSalesManago.from_env(environ, **options))
        return client

    @documented_as(AsyncSalesManago.aclose)
    def close(self) -> None:
        self._thread.close()

    def __enter__(self) -> Self:
        self._run(self.inner.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _use(self, inner: AsyncSalesManago) -> None:
        super().__init__(inner, ClientThread(inner))


SalesManago = blocking_class(AsyncSalesManago, base=Client)
SalesManago.__signature__ = inspect.signature(AsyncSalesManago)  # type: ignore[attr-defined]
Job = blocking_class(AsyncJob)
Records = blocking_class(AsyncRecords, base=Each)
ModifiedExport = blocking_class(AsyncModifiedExport, base=Each)
Outcomes = blocking_class(AsyncOutcomes, base=Each)
SyncOutcomes = blocking_class(AsyncSyncOutcomes, base=Each)
Buffer = blocking_class(AsyncBuffer, base=ClosesCallbacks)
Receipt = blocking_class(AsyncReceipt)
