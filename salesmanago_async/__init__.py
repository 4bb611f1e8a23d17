"""The bulk client for the SALESmanago API: every record sent is accounted for.

`SalesManago` is the way in. `salesmanago_async.api` has every request as a value, `salesmanago_async.simulator` a
server to try against.
"""

from ._version import __version__
from .api._fields import CLEAR
from .api.contact_exports import ContactExport, DateRange
from .api.contacts import ConsentDetail, Contact, DictionaryProperty, Relation
from .api.email_addressees import Personalized
from .api.emails import Attachment
from .api.events import EventContent, ExternalEvent
from .api.funnels import FunnelStage
from .api.messages import ChannelIntegration, MessageRecipient
from .api.selectors import ContactId, Email, Everyone, Funnel, InternalId, Selector, Stage, Tag
from .api.tasks import Task
from .client import SalesManago
from .errors import (
    Invalid,
    JobFailed,
    JournalFailed,
    LinkExpired,
    NoAnswer,
    NotAuthenticated,
    RateLimited,
    Refused,
    SalesManagoError,
    ServerFault,
    StillRunning,
    Unreadable,
)
from .imports.outcome import Outcome
from .imports.report import Report
from .imports.runs import Outcomes
from .jobs import Job, JobStatus
from .settings import Credentials, Login, Retries, Timeouts

__all__ = [
    "CLEAR",
    "Attachment",
    "ChannelIntegration",
    "ConsentDetail",
    "Contact",
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
    "Refused",
    "Relation",
    "Report",
    "Retries",
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
]
