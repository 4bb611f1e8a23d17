"""funnel/*: adds, deletes and counts funnels, and moves contacts in them.

A contact is at one stage of a funnel at a time. Its value there (potValue) appears in no answer, so it is not stored.
[guess] The texts of refusals: the reference has none.
"""

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore, StoredContact


@define
class StoredFunnel:
    """A funnel; `stages` maps the name of each stage to its id, in order."""

    id: str
    stages: dict[str, str]


@define
class FunnelSection:
    """The funnels of the account, by name."""

    by_name: dict[str, StoredFunnel] = field(factory=dict)


def add(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """funnel/add."""
    funnels, name = store.section(FunnelSection).by_name, body["funnel"]
    if name in funnels:
        raise RefusedCall(f"Funnel {name} already exists")
    stages = [stage["name"] for stage in sorted(body["stages"], key=lambda stage: int(stage["order"]))]
    if len(set(stages)) < len(stages):
        raise RefusedCall("Stages of a funnel must have different names")
    funnels[name] = StoredFunnel(store.new_id(), {stage: store.new_id() for stage in stages})
    return {"message": [f"Funnel {name} was added."]}


def add_contact(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """funnel/addContact: a contact that is already in the funnel moves to the stage."""
    funnel = _funnel(store, body)
    place = {
        "salesFunnel": body["funnel"],
        "salesFunnelId": funnel.id,
        "salesStage": body["stage"],
        "salesStageId": funnel.stages[body["stage"]],
    }
    chosen = store.select(body["contacts"])
    for contact in chosen:
        contact.funnels = [*(other for other in contact.funnels if other["salesFunnelId"] != funnel.id), dict(place)]
        if body.get("modify"):
            contact.modified_on = store.now_ms()
    return {"addedContacts": {contact.id: True for contact in chosen}}


def delete(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """funnel/delete: takes effect a little later; the contacts of the funnel leave it."""
    funnel = _funnel(store, body)
    stage = body.get("stage")
    store.after_job_time(lambda: _delete(store, funnel, stage))
    return {"message": [f"Specified funnel {'stage ' if stage else ''}will be deleted in a few seconds"]}


def _delete(store: AccountStore, funnel: StoredFunnel, stage: str | None) -> None:
    for contact in store.contacts.values():
        contact.funnels = [place for place in contact.funnels if not _is_at(place, funnel, stage)]
    if stage:
        funnel.stages.pop(stage, None)
        return
    section = store.section(FunnelSection)
    section.by_name = {name: other for name, other in section.by_name.items() if other is not funnel}


def count(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """funnel/count."""
    funnel = _funnel(store, body)
    return {"count": sum(_is_in(contact, funnel, body.get("stage")) for contact in store.contacts.values())}


def _funnel(store: AccountStore, body: Mapping[str, Any]) -> StoredFunnel:
    """Return the funnel that a body names; refuse a funnel or a stage that does not exist."""
    funnel = store.section(FunnelSection).by_name.get(body["funnel"])
    if funnel is None:
        raise RefusedCall(f"Funnel {body['funnel']} does not exist")
    if "stage" in body and body["stage"] not in funnel.stages:
        raise RefusedCall(f"Stage {body['stage']} does not exist in funnel {body['funnel']}")
    return funnel


def _is_in(contact: StoredContact, funnel: StoredFunnel, stage: str | None) -> bool:
    return any(_is_at(place, funnel, stage) for place in contact.funnels)


def _is_at(place: Mapping[str, Any], funnel: StoredFunnel, stage: str | None) -> bool:
    return place["salesFunnelId"] == funnel.id and stage in (None, place["salesStage"])


HANDLERS: dict[str, Handler] = {
    "funnel/add": add,
    "funnel/addContact": add_contact,
    "funnel/delete": delete,
    "funnel/count": count,
}
