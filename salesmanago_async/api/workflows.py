"""workflow/*: the automations of the account (reference: "API - Workflow")."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from attrs import field, frozen

from .fields import Form, JsonPath, Text
from .request import Answer, Part, Request

__all__ = ["GetWorkflowStatistics", "ListWorkflows"]

WorkflowPeriod: TypeAlias = Literal["PREVIOUS_YEAR", "LAST_7_DAYS", "LAST_30_DAYS", "CURRENT_MONTH"] | str
"""A standard time period: an open set, because the reference's own list is missing."""


@frozen(kw_only=True)
class Workflow(Part):
    """A workflow that was not deleted."""

    id: int | None = None
    name: str | None = None


@frozen(kw_only=True)
class Workflows(Answer):
    """The workflows of the account."""

    workflows: tuple[Workflow, ...] = ()


@frozen
class ListWorkflows(Request[Workflows]):
    """List the workflows of the account, deleted ones left out (reference: "Downloading the list of Workflow 2.0")."""

    path = "workflow/list"
    changes_nothing = True
    needs_owner = False


@frozen(kw_only=True)
class WorkflowRevenue(Part):
    """Sales and transactions that resulted from a workflow, in total and by channel."""

    total_sales: float | None = None
    total_last_click_sales: float | None = None
    total_transaction_number: int | None = None
    total_last_click_transaction_number: int | None = None
    email_sales: float | None = None
    email_last_click_sales: float | None = None
    email_transaction_number: int | None = None
    email_last_click_transaction_number: int | None = None
    web_push_sales: float | None = None
    web_push_click_sales: float | None = None
    web_push_transaction_number: int | None = None
    web_push_last_click_transaction_number: int | None = None
    sms_sales: float | None = None
    sms_click_sales: float | None = None
    sms_transaction_number: int | None = None
    sms_last_click_transaction_number: int | None = None


@frozen(kw_only=True)
class WorkflowEmails(Part):
    """The statistics of a workflow's e-mails; the averages (or, ctr, ctor) and opt_out are text, "-" for none."""

    average_or: str | None = None
    unique_opens: int | None = None
    all_opens: int | None = None
    average_ctr: str | None = None
    unique_clicks: int | None = None
    all_clicks: Annotated[int | None, JsonPath("allCliks", also="allClicks")] = None  # the sample has "allCliks"
    average_ctor: str | None = None
    opt_out: str | None = None
    contacts_opt_out: int | None = None
    sent_messages: int | None = None
    message_to_send: int | None = None
    failed_messages: int | None = None
    spam: int | None = None
    soft_bounces: int | None = None
    hard_bounces: int | None = None


@frozen(kw_only=True)
class WorkflowStatistics(Answer):
    """The statistics of a workflow in a period."""

    name: str | None = None
    creation_date: Annotated[datetime | None, Form.SECONDS] = None
    launches_number: int | None = None
    revenue_stats: WorkflowRevenue | None = None
    email_stats: WorkflowEmails | None = None


@frozen
class GetWorkflowStatistics(Request[WorkflowStatistics]):
    """Read the statistics of a workflow in a standard time period (reference: "Workflow Statisctics").

    `workflow_id` is an id of `ListWorkflows`. [guess] both arguments are required: the text says that there are none,
    the sample has both.
    """

    path = "workflow/statistics"
    changes_nothing = True
    needs_owner = False
    workflow_id: int
    period: Annotated[WorkflowPeriod, Text(255, clearable=False)] = field(kw_only=True)
