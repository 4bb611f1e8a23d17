"""The page of a served simulator, at its address: what the account holds, what it was asked, its faults and its clock.

    app.py        routes: the page, its forms, and everything else to the simulator
    guard.py      which requests may see and change it: none of another site
    actions.py    a posted form → a change of the faults or the clock
    html.py       elements as values, with everything escaped
    parts.py      the small parts of all sections: rows, pills, times
    account.py    the sections of contacts, events, products and jobs
    requests.py   the section of requests, and one request on a page of its own
    controls.py   the sections of faults and of the clock
    document.py   the whole document, with its style and script

It is rendered by the server, needs no outside resource, and works without JavaScript: it is then loaded anew every five
seconds. With JavaScript, a section is replaced when it has changed.
"""

from .app import with_page

__all__ = ["with_page"]
