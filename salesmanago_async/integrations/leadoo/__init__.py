"""Leadoo: leads become contacts, a product feed becomes the CSV files that Leadoo takes.

    contact = contact_of(lead)                                      # one lead, as its API or an export tells of it
    report = await sm.contacts.upsert_many(lead_file("leads.csv"))  # a file of them
    feed = write_feed("products.xml", "for-leadoo")                 # for-leadoo/products-0001.csv, …

`SOURCES` and `COLUMNS` say what becomes of which field.
"""

from .feeds import Feed, write_feed
from .files import LeadShape, lead_file
from .leads import SOURCES, contact_of, with_own
from .product_xml import PRODUCT_ELEMENTS
from .products import COLUMNS, with_sources

__all__ = [
    "COLUMNS",
    "PRODUCT_ELEMENTS",
    "SOURCES",
    "Feed",
    "LeadShape",
    "contact_of",
    "lead_file",
    "with_own",
    "with_sources",
    "write_feed",
]
