"""Funnel requests: what is checked before anything is sent."""

from typing import Any

import pytest

from salesmanago_async import Stage
from salesmanago_async.api import AddFunnel, AddFunnelContact, CountFunnel, DeleteFunnel, read_request, write_request
from salesmanago_async.api.codec import read_leniently
from salesmanago_async.api.funnels import FunnelContactsAdded, FunnelStage
from salesmanago_async.errors import Invalid


def stages(*orders: int) -> list[FunnelStage]:
    return [FunnelStage(f"stage {order}", order) for order in orders]


def test_stages_may_be_listed_in_any_order() -> None:
    body = write_request(AddFunnel("Leads", stages=stages(2, 1, 3)))
    assert [stage["order"] for stage in body["stages"]] == [2, 1, 3]


@pytest.mark.parametrize("orders", [[], [0, 1], [2], [1, 1], [1, 3], [1, 2, 2], [-1]])
def test_stage_orders_with_gaps_are_refused(orders: list[int]) -> None:
    with pytest.raises(Invalid) as caught:
        write_request(AddFunnel("Leads", stages=stages(*orders)))
    assert caught.value.field == "stages"


@pytest.mark.parametrize("name", ["ab", "n" * 256, ""])
def test_the_name_of_a_stage_has_3_to_255_characters(name: str) -> None:
    with pytest.raises(Invalid, match="stages: entry 1: name: is"):
        write_request(AddFunnel("Leads", stages=[FunnelStage(name, 1)]))


def test_contacts_are_chosen_by_any_selector() -> None:
    request = AddFunnelContact([Stage("Old", "won", "lost")], funnel="New", stage="start", pot_value=2.5, modify=True)
    body = {
        "contacts": [{"addresseeType": "STAGE", "value": "Old", "optValue": "won,lost"}],
        "funnel": "New",
        "stage": "start",
        "potValue": 2.5,
        "modify": True,
    }
    assert write_request(request) == body
    assert read_request("funnel/addContact", body) == request


def test_the_added_contacts_are_read(catalogue: dict[str, dict[str, Any]]) -> None:
    (sample,) = catalogue["funnel/addContact"]["responses"]
    answer = read_leniently(FunnelContactsAdded, sample)
    assert len(answer.added_contacts) == 5
    assert answer.added_contacts["07381ccd-8d0f-4458-89d9-58ed23634209"] is True


def test_only_creating_a_funnel_is_not_repeatable() -> None:
    kinds = (AddFunnel, AddFunnelContact, DeleteFunnel, CountFunnel)
    assert [kind.repeatable for kind in kinds] == [False, True, True, True]
