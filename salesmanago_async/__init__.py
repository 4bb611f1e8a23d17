"""The bulk client for the SALESmanago API: every record sent is accounted for.

`SalesManago` is the client. `salesmanago_async.api` has a class for every request, `salesmanago_async.simulator` a
server to test against.

The names below are imported on first access, so importing the package is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api.contact_exports import ContactEvent, ContactExport, DateRange
    from .api.contacts import ConsentDetail, Contact, DictionaryProperty, Relation
    from .api.email_addressees import Personalized
    from .api.emails import Attachment
    from .api.events import EventContent, ExternalEvent
    from .api.fields import CLEAR
    from .api.funnels import FunnelStage
    from .api.messages import ChannelIntegration, MessageRecipient
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
    from .imports.runs import Outcomes
    from .jobs import Job, JobStatus
    from .outcome import Outcome
    from .settings import Credentials, Login, Retries, Timeouts

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
    "Credentials",
    "DateRange",
    "DictionaryProperty",
    "Email",
    "EventContent",
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
    "Tag",
    "Task",
    "Timeouts",
    "Unreadable",
    "__version__",
    "contact_events",
    "flat_row",
]

_SUBPACKAGES = ("api", "errors", "settings", "simulator")
_NAMES_OF_MODULE = {
    "api.fields": ("CLEAR",),
    "api.contact_exports": ("ContactEvent", "ContactExport", "DateRange"),
    "api.contacts": ("ConsentDetail", "Contact", "DictionaryProperty", "Relation"),
    "api.email_addressees": ("Personalized",),
    "api.emails": ("Attachment",),
    "api.events": ("EventContent", "ExternalEvent"),
    "api.funnels": ("FunnelStage",),
    "api.messages": ("ChannelIntegration", "MessageRecipient"),
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
    "imports.runs": ("Outcomes",),
    "jobs": ("Job", "JobStatus"),
    "settings": ("Credentials", "Login", "Retries", "Timeouts"),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take every unknown name for Any

    def __getattr__(name: str) -> Any:
        """Import the module of a name on first access, and keep the result."""
        if name in _SUBPACKAGES:
            return import_module(f".{name}", __name__)
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted((*__all__, *_SUBPACKAGES))
