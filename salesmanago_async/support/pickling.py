"""Pickling of values that callers gave us: such a value may not be picklable, but what holds it must be."""

import pickle
from copy import deepcopy
from typing import Any


class PicklableValue:
    """Wraps a caller's value so that the object that holds it can always be pickled.

    If the value cannot be pickled, a dict of its fields is pickled instead (for a database row), or None if it has no
    fields. A copy shares the value; a deep copy has a deep copy of the value if that is possible.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return PicklableValue, (_picklable(self.value),)

    def __deepcopy__(self, memo: dict[int, Any]) -> "PicklableValue":
        try:
            return PicklableValue(deepcopy(self.value, memo))
        except Exception:
            return self


def _picklable(value: Any) -> Any:
    for form in (lambda: value, lambda: {name: value[name] for name in value.keys()}):  # noqa: SIM118 - no mapping
        try:
            found = form()
            pickle.dumps(found)
        except Exception:  # noqa: S112 - the value may be of any class, and raise anything
            continue
        return found
    return None
