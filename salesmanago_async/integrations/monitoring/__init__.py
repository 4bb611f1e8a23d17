"""The monitoring code: identify a contact's browser to it, read whose request it is, and check the code on a page.

- `MonitoringCookie(contact_id).header()`, `monitored_url(url, contact_id)` and `monitoring_script(contact_id)` are the
  three documented ways to identify a contact; `set_monitoring_cookie(response, …)` is for Starlette and aiohttp
- `read_visitor(request.cookies)` returns the visitor of a request, and creates calls for recommendations
- `check_page(html)` finds errors of the code on a page
"""

from .cookies import TEN_YEARS, MonitoringCookie, set_monitoring_cookie
from .pages import Finding, check_page
from .snippets import monitored_url, monitoring_script
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
