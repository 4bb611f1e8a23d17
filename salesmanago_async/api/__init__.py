"""Every request of the API as a value: one request class per documented path, with the class of its answer.

`REQUESTS` is the table of contents: documented path → request class, in the order of the reference. Every path is also
a method of a group of `SalesManago`, with the fields of its class in the signature: `HasContact`, at
`contact/hasContact`, is `sm.contacts.has(email)`. Three commands list them:

    salesmanago call --list            every path, with one sentence about it
    salesmanago call --table           every path, its method, and whether it is sent again in doubt
    salesmanago call PATH --fields     what a path is for, and its documented fields with their limits

`VENDOR_REQUESTS` has a few more calls, which the reference lacks and the vendor's own clients make.

`repeatable` of a class decides what happens if no answer comes. Repeatable calls (reads, upserts, deletes) are sent
again after any failure. The others ("once only" in the table: events, coupons, e-mails, messages, notes, …) are sent
again only if the server certainly did not process them.

`read_request` and `write_request` convert between a request value and the documented JSON body, without credentials.

The classes are imported, all of them, when one is first taken from here (see support/lazy_names.py). A client imports
those of a group from their own modules.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..support.lazy_names import lazy_names

if TYPE_CHECKING:
    from .catalogs import *
    from .contact_changes import *
    from .contact_exports import *
    from .contact_lists import *
    from .contacts import *
    from .coupons import *
    from .email_statistics import *
    from .emails import *
    from .events import *
    from .funnels import *
    from .integration import *
    from .jobs import *
    from .login import *
    from .loyalty import *
    from .messages import *
    from .notes import *
    from .preference_center import *
    from .product_collections import *
    from .product_keys import *
    from .products import *
    from .recommendations import *
    from .reference import *
    from .request import *
    from .system import *
    from .tags import *
    from .tasks import *
    from .users import *
    from .vision import *
    from .web_push import *
    from .workflows import *


def _modules_of_names() -> Mapping[str, str]:
    from .reference import MODULES_OF_NAMES

    return MODULES_OF_NAMES


if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _modules_of_names)


def __dir__() -> list[str]:
    return sorted(_modules_of_names())
