"""The monitoring code: have a contact's browser known to it, know the visitor again, and check the pages it stands on.

- `MonitoringCookie(contact_id).header()`, `monitored_url(url, contact_id)` and `monitoring_script(contact_id)` are the
  three documented ways to begin with a contact; `set_monitoring_cookie(response, …)` is for Starlette and aiohttp
- `read_visitor(request.cookies)` tells whose request it is, and makes the calls for recommendations
- `check_page(html)` finds what is wrong with the code on a page
"""

from .cookies import TEN_YEARS, MonitoringCookie, set_monitoring_cookie
from .marks import monitored_url, monitoring_script
from .pages import Finding, check_page
from .visitors import Visitor, read_visitor

__all__ = [
    "TEN_YEARS",
    "Finding",
    "MonitoringCookie",
    "Visitor",
    "check_page",
    "monitored_url",
    "monitoring_script",
    "read_visitor",
    "set_monitoring_cookie",
]
