"""What callers gave us, on its way to another process: it may be anything, and must not keep what carries it here."""

import pickle
from copy import deepcopy
from typing import Any


class Carried:
    """A value of a caller's, to be pickled with what carries it.

    Where it cannot be pickled, its fields go in its place (a row of a database), or None where it has none. A copy
    has the value itself; a deep copy has its copy, where there can be one.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Carried, (_picklable(self.value),)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Carried":
        try:
            return Carried(deepcopy(self.value, memo))
        except Exception:
            return self


def _picklable(value: Any) -> Any:
    for form in (lambda: value, lambda: {name: value[name] for name in value.keys()}):  # noqa: SIM118 - no mapping
        try:
            found = form()
            pickle.dumps(found)
        except Exception:  # noqa: S112 - it may be anything
            continue
        return found
    return None
