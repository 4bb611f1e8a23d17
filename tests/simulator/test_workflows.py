"""Workflows and preference centers of the simulated account."""

import pytest

from salesmanago_async import Contact, Refused, SalesManago

pytestmark = pytest.mark.anyio


async def test_every_listed_workflow_has_statistics_under_its_name(sm: SalesManago) -> None:
    listed = (await sm.workflows.list()).workflows
    assert len({workflow.id for workflow in listed}) == len(listed) >= 2
    for workflow in listed:
        assert workflow.id
        statistics = await sm.workflows.statistics(workflow.id, period="LAST_7_DAYS")
        assert statistics.name == workflow.name
        assert statistics.launches_number == 0
        assert statistics.email_stats
        assert (statistics.email_stats.sent_messages, statistics.email_stats.average_or) == (0, "-")


async def test_a_workflow_that_is_not_listed_is_refused(sm: SalesManago) -> None:
    with pytest.raises(Refused):
        await sm.workflows.statistics(1, period="LAST_7_DAYS")


async def test_a_preference_center_is_for_one_contact(sm: SalesManago) -> None:
    ids = [str((await sm.contacts.upsert(Contact(email=f"{name}@example.com"))).contact_id) for name in "ab"]
    made = [(await sm.preference_center.generate_endpoint("center", contact_id=id_)).endpoint for id_ in ids]
    for endpoint, contact_id in zip(made, ids, strict=True):
        assert f"/center/{contact_id}/?key=" in str(endpoint)
    assert made[0] != made[1]
    again = await sm.preference_center.generate_endpoint("center", contact_id=ids[0])
    assert again.endpoint == made[0]
    with pytest.raises(Refused):
        await sm.preference_center.generate_endpoint("center", contact_id="nobody")
