"""The garbage collector, for the length of a command.

A run makes millions of objects that are gone soon after, nearly all of them without the collector, and to go through
them again and again takes a tenth of its time. A command may have the collector come seldom; a library leaves its
host's alone. Not too seldom: each request leaves a cycle of the HTTP client's objects behind, and with it a body of
some 200 KB. At a threshold of 100,000 new objects a million rows took 250 MB; at 5,000 they take 77 MB, and the library
with Python's own 700 takes 70 MB.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (5_000, 10, 10)


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
