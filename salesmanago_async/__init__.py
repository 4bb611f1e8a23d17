"""The bulk client for the SALESmanago API: every record sent is accounted for.

`SalesManago` is the client. `salesmanago_async.api` has a class for every request, `salesmanago_async.simulator` a
server to test against.

The names below are imported when they are first used (see support/lazy_names.py).
"""

from typing import TYPE_CHECKING

from ._version import __version__
from .support.lazy_names import lazy_names

if TYPE_CHECKING:
    from .api.contact_exports import ContactEvent, ContactExport, DateRange
    from .api.contacts import ConsentDetail, Contact, DictionaryProperty, Relation
    from .api.email_addressees import Personalized
    from .api.emails import Attachment
    from .api.events import EventContent, ExternalEvent
    from .api.fields import CLEAR
    from .api.funnels import FunnelStage
    from .api.messages import ChannelIntegration, MessageRecipient
    from .api.product_collections import ContactProducts
    from .api.product_problems import ProductProblem
    from .api.products import CustomDetails, Product, ProductPrice, ProductQuantity, SystemDetails
    from .api.selectors import ContactId, Email, Everyone, Funnel, InternalId, Selector, Stage, Tag
    from .api.tasks import Task
    from .buffers.buffer import Buffer
    from .buffers.receipts import Receipt
    from .client import SalesManago
    from .errors import (
        BufferClosed,
        BufferFull,
        ClientClosed,
        Invalid,
        JobFailed,
        JobNotFound,
        JournalFailed,
        LinkExpired,
        NoAnswer,
        NotAuthenticated,
        RateLimited,
        Redirected,
        Refused,
        RunIncomplete,
        SalesManagoError,
        ServerFault,
        StillRunning,
        Unreadable,
    )
    from .exports.events import contact_events
    from .exports.flat import flat_row
    from .imports.report import Report
    from .imports.runs import ContactRunOptions, EventRunOptions, Outcomes, ProductRunOptions
    from .jobs import Job, JobStatus
    from .outcome import Outcome
    from .settings import Credentials, Login, Retries, Timeouts
    from .sync.report import SyncReport

__all__ = [
    "CLEAR",
    "Attachment",
    "Buffer",
    "BufferClosed",
    "BufferFull",
    "ChannelIntegration",
    "ClientClosed",
    "ConsentDetail",
    "Contact",
    "ContactEvent",
    "ContactExport",
    "ContactId",
    "ContactProducts",
    "ContactRunOptions",
    "Credentials",
    "CustomDetails",
    "DateRange",
    "DictionaryProperty",
    "Email",
    "EventContent",
    "EventRunOptions",
    "Everyone",
    "ExternalEvent",
    "Funnel",
    "FunnelStage",
    "InternalId",
    "Invalid",
    "Job",
    "JobFailed",
    "JobNotFound",
    "JobStatus",
    "JournalFailed",
    "LinkExpired",
    "Login",
    "MessageRecipient",
    "NoAnswer",
    "NotAuthenticated",
    "Outcome",
    "Outcomes",
    "Personalized",
    "Product",
    "ProductPrice",
    "ProductProblem",
    "ProductQuantity",
    "ProductRunOptions",
    "RateLimited",
    "Receipt",
    "Redirected",
    "Refused",
    "Relation",
    "Report",
    "Retries",
    "RunIncomplete",
    "SalesManago",
    "SalesManagoError",
    "Selector",
    "ServerFault",
    "Stage",
    "StillRunning",
    "SyncReport",
    "SystemDetails",
    "Tag",
    "Task",
    "Timeouts",
    "Unreadable",
    "__version__",
    "contact_events",
    "flat_row",
]

_SUBPACKAGES = ("api", "blocking", "errors", "settings", "simulator")
_NAMES_OF_MODULE = {
    "api.fields": ("CLEAR",),
    "api.contact_exports": ("ContactEvent", "ContactExport", "DateRange"),
    "api.contacts": ("ConsentDetail", "Contact", "DictionaryProperty", "Relation"),
    "api.email_addressees": ("Personalized",),
    "api.emails": ("Attachment",),
    "api.events": ("EventContent", "ExternalEvent"),
    "api.funnels": ("FunnelStage",),
    "api.messages": ("ChannelIntegration", "MessageRecipient"),
    "api.product_collections": ("ContactProducts",),
    "api.product_problems": ("ProductProblem",),
    "api.products": (
        "CustomDetails",
        "Product",
        "ProductPrice",
        "ProductQuantity",
        "SystemDetails",
    ),
    "api.selectors": ("ContactId", "Email", "Everyone", "Funnel", "InternalId", "Selector", "Stage", "Tag"),
    "api.tasks": ("Task",),
    "buffers.buffer": ("Buffer",),
    "buffers.receipts": ("Receipt",),
    "client": ("SalesManago",),
    "errors": (
        "BufferClosed",
        "BufferFull",
        "ClientClosed",
        "Invalid",
        "JobFailed",
        "JobNotFound",
        "JournalFailed",
        "LinkExpired",
        "NoAnswer",
        "NotAuthenticated",
        "RateLimited",
        "Redirected",
        "Refused",
        "RunIncomplete",
        "SalesManagoError",
        "ServerFault",
        "StillRunning",
        "Unreadable",
    ),
    "exports.events": ("contact_events",),
    "exports.flat": ("flat_row",),
    "outcome": ("Outcome",),
    "imports.report": ("Report",),
    "imports.runs": ("ContactRunOptions", "EventRunOptions", "Outcomes", "ProductRunOptions"),
    "jobs": ("Job", "JobStatus"),
    "settings": ("Credentials", "Login", "Retries", "Timeouts"),
    "sync.report": ("SyncReport",),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF_MODULE.items() for name in names}

if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, lambda: _MODULE_OF | dict.fromkeys(_SUBPACKAGES, ""))


def __dir__() -> list[str]:
    return sorted((*__all__, *_SUBPACKAGES))
