"""The options of a sync, checked."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, cast

from attrs import field, frozen

from ..errors import Invalid
from ..imports.runs import CommonRunOptions, ContactRunOptions, ProductRunOptions
from ..imports.settings import check_tag
from ..stores.addresses import file_place

KeyField: TypeAlias = Literal["email", "external_id", "contact_id"]
"""The field that a row is known by from one sync to the next."""

KEEP, STOP_MONITORING, DELETE, TAG = "keep", "stop_monitoring", "delete", "tag:"
DEACTIVATE = "deactivate"


class CommonSyncOptions(TypedDict, total=False):
    """The options of every sync.

    `full` sends all rows, also those that have not changed, and renews the state.

    `removed` says what happens to what was in the source of an earlier sync and is not in this one: "keep" (it is
    counted), or what the sync can do. For anything but "keep" the state holds what names it, not only digests. It
    happens only if the source was read to its end, everything else was accepted, and it is at most `max_removed` (0.1:
    one tenth) of what the state knows; `report.removal` says what was done, or why nothing was. `confirm_removal` is
    called with the number first; if it returns False, nothing is done.
    """

    full: bool
    removed: str
    max_removed: float
    confirm_removal: Callable[[int], bool]


class SyncOptions(ContactRunOptions, CommonSyncOptions, total=False):
    """The options of a sync of contacts: those of `ContactRunOptions`, except `wait` and those of journals.

    Its own are those of `CommonSyncOptions`, and `key`: the field that a row is known by, "email" (the default),
    "external_id" or "contact_id". A row without it is rejected.

    Besides "keep", `removed` is "tag:NAME" (contacts that are gone get the tag NAME), "stop_monitoring" or "delete".
    The state then holds the address or id of each contact.
    """

    key: KeyField


class ProductSyncOptions(ProductRunOptions, CommonSyncOptions, total=False):
    """The options of a sync of products: those of `ProductRunOptions`, except `journal` and `known_by`.

    Its own are those of `CommonSyncOptions`.

    Besides "keep", `removed` is "deactivate": products that are gone get `available` and `active` False. The state then
    holds the id, name, main category and price of each product, which such a request needs.
    """


def _check_key(_: object, attribute: Any, value: str) -> None:
    if value not in KeyField.__args__:  # type: ignore[attr-defined]
        raise Invalid(f"is {value!r}, not one of {', '.join(KeyField.__args__)}", field=attribute.name)  # type: ignore[attr-defined]


def check_removed_contacts(value: str) -> None:
    """Raise `Invalid` for what cannot be done to contacts."""
    if value.startswith(TAG):
        check_tag(value.removeprefix(TAG))
    elif value not in {KEEP, STOP_MONITORING, DELETE}:
        raise Invalid(f"is {value!r}, not one of keep, tag:NAME, stop_monitoring, delete", field="removed")


def check_removed_products(value: str) -> None:
    """Raise `Invalid` for what cannot be done to products."""
    if value not in {KEEP, DEACTIVATE}:
        raise Invalid(f"is {value!r}, not one of keep, deactivate", field="removed")


def _check_part(_: object, attribute: Any, value: float) -> None:
    if not 0 <= value <= 1:
        raise Invalid(f"is {value}; give a part from 0 to 1, such as 0.02 for 2 %", field=attribute.name)


def _state(given: str | PathLike[str]) -> Path:
    return file_place(given, field="state")


@frozen(kw_only=True)
class SyncSettings:
    """The settings of a sync: see `SyncOptions` and `ProductSyncOptions`."""

    state: Path = field(converter=_state)
    key: KeyField = field(default="email", validator=_check_key)
    full: bool = False
    removed: str = KEEP
    max_removed: float = field(default=0.1, validator=_check_part)
    confirm_removal: Callable[[int], bool] | None = None

    @property
    def has_names(self) -> bool:
        """Whether the state must hold addresses, because contacts that are gone may have to be named."""
        return self.removed != KEEP

    @classmethod
    def taken_from(
        cls, state: str | PathLike[str], options: Mapping[str, Any], known: type, of_run: type
    ) -> tuple["SyncSettings", CommonRunOptions]:
        """Return the settings of a sync, and the options that are left for its run.

        `known` and `of_run` are the types of the options of the sync and of its run.
        """
        own = known.__annotations__.keys() - of_run.__annotations__.keys()
        others = {name: value for name, value in options.items() if name not in own}
        if not others.pop("wait", True):
            raise Invalid("is False; a sync follows its jobs, to know which rows were accepted", field="wait")
        if Path(others.pop("journal", None) or state) != Path(state):
            raise Invalid("is another file; the state is the journal of a sync, so leave journal out", field="journal")
        if others.pop("known_by", "position") != "position":
            raise Invalid("is for a journal; a sync knows its rows by their keys, in any order", field="known_by")
        if others.pop("identity", None):
            raise Invalid("is for a journal; the state of a sync knows what it belongs to", field="identity")
        settings = cls(state=state, **{name: value for name, value in options.items() if name in own})
        return settings, cast("CommonRunOptions", others)
