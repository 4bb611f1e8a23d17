"""What can be asked, as values: one request class for each documented path, and what answers are read into.

`REQUESTS` is the table of contents. `read_request` and `write_request` convert between a request value and the JSON
body the API documents, without credentials.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Invalid
from . import (
    contact_changes,
    contact_exports,
    contact_lists,
    contacts,
    coupons,
    email_statistics,
    emails,
    events,
    funnels,
    jobs,
    loyalty,
    messages,
    notes,
    preference_center,
    recommendations,
    system,
    tags,
    tasks,
    users,
    vision,
    web_push,
    workflows,
)
from ._codec import read_strictly, write
from ._request import Answer, JobStarted, Part, Request
from .contact_changes import BatchDeleteContacts, DeleteContact, RestoreMonitoring, SetMainOwner, StopMonitoring
from .contact_exports import ExportContactsData
from .contact_lists import (
    ExportContactListPage,
    GetRecentActivity,
    ListBasicContacts,
    ListBasicContactsById,
    ListContactsById,
    ListContactsPage,
    ListCreatedContacts,
    ListModifiedContacts,
    ListModifiedContactsPage,
)
from .contacts import BatchUpsertContacts, HasContact, ListContacts, UpsertContact
from .coupons import AddContactCoupon, UseContactCoupon, VerifyCoupon
from .email_statistics import (
    GetConversationStatistics,
    GetGlobalConversationStatistics,
    GetMessageStatistics,
    ListMassConversations,
)
from .emails import SendConfirmation, SendEmail, SendEmailWithAttachment, UpsertEmail
from .events import AddContactExtEvent, BatchAddContactExtEvent, DeleteContactExtEvent, UpdateContactExtEvent
from .funnels import AddFunnel, AddFunnelContact, CountFunnel, DeleteFunnel
from .jobs import GetJobStatus
from .loyalty import AddLoyaltyContact, GetLoyaltyPoints, ModifyLoyaltyPoints, RemoveLoyaltyContact
from .messages import (
    ExportConversationData,
    GetConversationData,
    GetConversationStats,
    ListConversations,
    SendMessage,
    SendTransactionalMessage,
)
from .notes import AddNote
from .preference_center import GeneratePreferenceCenterEndpoint
from .recommendations import (
    LastViewedProducts,
    MostPurchasedProducts,
    ProductsPurchasedByContact,
    ProductsPurchasedTogether,
)
from .system import Authorise
from .tags import ListTags
from .tasks import UpdateTask
from .users import ListUsers
from .vision import FindSimilarProducts
from .web_push import (
    ExportConsentFormStats,
    ExportWebPushData,
    ExportWebPushStats,
    GetWebPushStats,
    ListConsentForms,
    ListWebPushConversations,
)
from .workflows import GetWorkflowStatistics, ListWorkflows

MODULES = (
    contacts,
    contact_lists,
    contact_changes,
    contact_exports,
    events,
    coupons,
    funnels,
    tags,
    emails,
    email_statistics,
    users,
    jobs,
    loyalty,
    system,
    workflows,
    recommendations,
    vision,
    preference_center,
    messages,
    notes,
    tasks,
    web_push,
)
"""The modules that hold request classes, in the order of the reference."""


def _requests() -> Iterator[type[Request[Any]]]:
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Request) and value.__module__ == module.__name__:
                yield value


REQUESTS: Mapping[str, type[Request[Any]]] = {known.path: known for known in _requests()}
"""Documented path, without /api/ → request class."""

ALIASES: Mapping[str, type[Request[Any]]] = {"v2/contact/addBatchContactExtEvent": events.BatchAddContactExtEvent}
"""Paths that the reference does not have and that do the same: this one is of the vendor's own SDK."""

CREDENTIAL_FIELDS = frozenset({"clientId", "apiKey", "requestTime", "sha"})
"""The fields of every body that the client writes itself, anew at each try."""


def request_class(path: str) -> type[Request[Any]] | None:
    """Return the request class of a path, or of one that does the same; None where there is none."""
    return REQUESTS.get(path) or ALIASES.get(path)


def read_request(path: str, body: Mapping[str, Any]) -> Request[Any]:
    """Return the request that `body` is at `path`; raise `Invalid` naming what does not fit the reference."""
    known = request_class(path)
    if known is None:
        raise Invalid(f"{path!r} is not a known path; see salesmanago_async.api.REQUESTS", field="path")
    fields = {name: value for name, value in body.items() if name not in CREDENTIAL_FIELDS}
    request: Request[Any] = read_strictly(known, fields)
    write(request)  # limits and alternatives are checked where values are written
    return request


def write_request(request: Request[Any]) -> dict[str, Any]:
    """Return the body of `request`, without credentials; raise `Invalid` naming the field that breaks its rule."""
    return write(request)


__all__ = [
    "ALIASES",
    "CREDENTIAL_FIELDS",
    "REQUESTS",
    "AddContactCoupon",
    "AddContactExtEvent",
    "AddFunnel",
    "AddFunnelContact",
    "AddLoyaltyContact",
    "AddNote",
    "Answer",
    "Authorise",
    "BatchAddContactExtEvent",
    "BatchDeleteContacts",
    "BatchUpsertContacts",
    "CountFunnel",
    "DeleteContact",
    "DeleteContactExtEvent",
    "DeleteFunnel",
    "ExportConsentFormStats",
    "ExportContactListPage",
    "ExportContactsData",
    "ExportConversationData",
    "ExportWebPushData",
    "ExportWebPushStats",
    "FindSimilarProducts",
    "GeneratePreferenceCenterEndpoint",
    "GetConversationData",
    "GetConversationStatistics",
    "GetConversationStats",
    "GetGlobalConversationStatistics",
    "GetJobStatus",
    "GetLoyaltyPoints",
    "GetMessageStatistics",
    "GetRecentActivity",
    "GetWebPushStats",
    "GetWorkflowStatistics",
    "HasContact",
    "JobStarted",
    "LastViewedProducts",
    "ListBasicContacts",
    "ListBasicContactsById",
    "ListConsentForms",
    "ListContacts",
    "ListContactsById",
    "ListContactsPage",
    "ListConversations",
    "ListCreatedContacts",
    "ListMassConversations",
    "ListModifiedContacts",
    "ListModifiedContactsPage",
    "ListTags",
    "ListUsers",
    "ListWebPushConversations",
    "ListWorkflows",
    "ModifyLoyaltyPoints",
    "MostPurchasedProducts",
    "Part",
    "ProductsPurchasedByContact",
    "ProductsPurchasedTogether",
    "RemoveLoyaltyContact",
    "Request",
    "RestoreMonitoring",
    "SendConfirmation",
    "SendEmail",
    "SendEmailWithAttachment",
    "SendMessage",
    "SendTransactionalMessage",
    "SetMainOwner",
    "StopMonitoring",
    "UpdateContactExtEvent",
    "UpdateTask",
    "UpsertContact",
    "UpsertEmail",
    "UseContactCoupon",
    "VerifyCoupon",
    "read_request",
    "request_class",
    "write_request",
]
