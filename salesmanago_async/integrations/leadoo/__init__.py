"""Leadoo: converts leads to contacts, and product feeds to the CSV files that Leadoo accepts.

    contact = contact_of(lead)                                      # one lead, from Leadoo's API or an export
    report = await sm.contacts.upsert_many(lead_file("leads.csv"))  # a file of them
    feed = write_feed("products.xml", "for-leadoo")                 # for-leadoo/products-0001.csv, …

`SOURCES` and `COLUMNS` are the tables that map fields.
"""

from ...sources.product_xml import PRODUCT_ELEMENTS
from .feeds import Feed, write_feed
from .files import LeadShape, lead_file
from .leads import SOURCES, contact_of, with_own
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
