"""Names of a package that are imported when they are first used, so that importing the package is cheap.

    if TYPE_CHECKING:
        from .contacts import Contact
    else:
        __getattr__ = lazy_names(__name__, lambda: {"Contact": "contacts"})

Editors and type checkers read the import: for a package with a `__getattr__`, they would take any name. Python calls
`__getattr__` for a name that the package does not have yet.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules_of_names: Callable[[], Mapping[str, str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package, which imports a name once, and keeps it.

    `modules_of_names` returns the module that defines each name. A module of the package is a name, too, whose module
    is "". `from package import *` imports all names, unless the package lists others in `__all__`.
    """

    def import_name(name: str) -> Any:
        if name == "__all__":
            return list(modules_of_names())
        module = None if name.startswith("__") else modules_of_names().get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f".{module}", package), name) if module else import_module(f".{name}", package)
        setattr(sys.modules[package], name, found)
        return found

    return import_name
