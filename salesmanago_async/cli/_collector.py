"""The garbage collector, for the length of a command.

A run makes millions of objects that are gone soon after, none of them in a cycle; to look through them again and again
takes a sixth of its time. A command may have the collector come seldom; a library leaves its host's alone.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (100_000, 50, 100)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Leave what is there out of the collector's sight, and have it come seldom; restore both afterwards."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
