"""A shop that keeps its customers in SALESmanago."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime

from salesmanago_async import Contact, ExternalEvent, SalesManago, SalesManagoError


async def sign_up(sm: SalesManago, email: str, name: str = "") -> str:
    """Add a customer, and return the id for the customer's cookie; empty if SALESmanago cannot be reached."""
    try:
        contact = Contact(email=email, name=name or None, tags=["Customer"], force_opt_in=True)
        answer = await sm.contacts.upsert(contact)
    except SalesManagoError:
        return ""  # nobody is kept from the shop by its marketing
    return answer.contact_id


async def buy(sm: SalesManago, email: str, skus: Sequence[str], value: float, order: str, on: datetime) -> None:
    """Tell SALESmanago of a purchase."""
    event = ExternalEvent(
        email=email, date=on, contact_ext_event_type="PURCHASE", products=skus, value=value, external_id=order
    )
    await sm.events.add(event)


async def import_customers(path: str) -> int:
    """Import a CSV file of customers, and return how many were not accepted."""
    async with SalesManago.from_env() as sm:
        report = await sm.contacts.upsert_many(path, tags=["Imported"])
    print(report)
    return report.read - report.accepted


if __name__ == "__main__":
    sys.exit(asyncio.run(import_customers(sys.argv[1])))
