"""funnel/*: sales funnels and the contacts in their stages (reference: "API - Funnels")."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from attrs import field, frozen

from ..errors import Invalid
from .fields import Count, Form, Text
from .request import Answer, Owner, Request
from .selectors import Selector

__all__ = ["AddFunnel", "AddFunnelContact", "CountFunnel", "DeleteFunnel"]

FunnelText = Annotated[str, Text(None, clearable=False)]
Amount = Annotated[float | Decimal, Form.NUMBER]


@frozen
class FunnelStage:
    """A stage of a new funnel: its `name` (3 to 255 characters), and its position, the `order`, from 1."""

    name: Annotated[str, Text(255, least=3, clearable=False)]
    order: int


@frozen
class AddFunnel(Request[Answer]):
    """Create a funnel (reference: "Adding funnel").

    The orders of the `stages` are 1, 2, 3 and so on, each once. `pot_value` is the default value of a contact in it,
    `group` the group of funnels that it belongs to.
    """

    path = "funnel/add"
    repeatable = False
    funnel: FunnelText
    stages: Annotated[Sequence[FunnelStage], Count(1, 10**6)] = field(kw_only=True)
    group: FunnelText | None = field(default=None, kw_only=True)
    pot_value: Amount | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)

    @staticmethod
    def check_body(body: dict[str, Any]) -> None:
        """Raise `Invalid` if the orders of the stages have gaps or repetitions."""
        orders = sorted(stage["order"] for stage in body["stages"])
        if orders != list(range(1, len(orders) + 1)):
            raise Invalid(f"the orders are {orders}; they must be 1, 2, 3, … without a gap", field="stages")


@frozen(kw_only=True)
class FunnelContactsAdded(Answer):
    """`added_contacts` maps the id of each contact to whether it was added to the funnel."""

    added_contacts: Mapping[str, bool] = field(factory=dict)


@frozen
class AddFunnelContact(Request[FunnelContactsAdded]):
    """Add contacts to a stage of a funnel (reference: "Adding contacts to the funnel").

    `contacts` are selectors (`Email`, `ContactId`, `Tag`, `Funnel`, `Stage`). `pot_value` is the value of each of them.
    `modify=True` also marks the contacts as modified; the server's default does not.
    """

    path = "funnel/addContact"
    contacts: Annotated[Sequence[Selector], Count(1, 10**6)]
    funnel: FunnelText = field(kw_only=True)
    stage: FunnelText = field(kw_only=True)
    pot_value: Amount | None = field(default=None, kw_only=True)
    modify: bool | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen
class DeleteFunnel(Request[Answer]):
    """Delete a funnel in a few seconds, or only one `stage` of it (reference: "Deleting funnel/stage")."""

    path = "funnel/delete"
    funnel: FunnelText
    stage: FunnelText | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)


@frozen(kw_only=True)
class FunnelCount(Answer):
    """`count` is the number of contacts."""

    count: int | None = None


@frozen
class CountFunnel(Request[FunnelCount]):
    """Count the contacts of a funnel (reference: "Getting the number of contacts in the funnel/stage").

    With `stage`, only the contacts at that stage are counted.
    """

    path = "funnel/count"
    changes_nothing = True
    funnel: FunnelText
    stage: FunnelText | None = field(default=None, kw_only=True)
    owner: Owner = field(default=None, kw_only=True)
