"""`sm.workflows`: the automations of the account."""

from ..api.workflows import GetWorkflowStatistics, ListWorkflows
from .group import Group, call


class Workflows(Group):
    """Calls about workflows (reference: "API - Workflow")."""

    list = call(ListWorkflows)
    statistics = call(GetWorkflowStatistics)
