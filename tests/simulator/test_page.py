"""The page of the simulator: what it shows, what its forms do, and whose forms it takes. In process."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest

from salesmanago_async import Contact, Email, ExternalEvent, Login, SalesManago
from salesmanago_async.simulator import (
    DEMO_CREDENTIALS,
    DEMO_OWNER,
    DEMO_PASSWORD,
    DEMO_PRODUCTS_KEY,
    Fault,
    Simulator,
)
from salesmanago_async.simulator.page import with_page
from salesmanago_async.simulator.page.controls import USUAL
from salesmanago_async.simulator.page.guard import refusal_of

pytestmark = pytest.mark.anyio
HERE = "http://127.0.0.1:8787"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(job_seconds=60, strict=False)


@pytest.fixture
async def browser(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=with_page(simulator))
    async with httpx.AsyncClient(transport=transport, base_url=HERE, follow_redirects=True) as http:
        yield http


@pytest.fixture
def sm(simulator: Simulator) -> SalesManago:
    return SalesManago(
        DEMO_CREDENTIALS,
        owner=DEMO_OWNER,
        products_key=DEMO_PRODUCTS_KEY,
        transport=httpx.ASGITransport(app=with_page(simulator)),
    )


async def text_of(browser: httpx.AsyncClient, path: str = "/") -> str:
    """Return what a page says, without its tags, style and script."""
    answer = await browser.get(path)
    assert answer.status_code == 200
    without = re.sub(r"<(style|script)>.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", without).split())


class Balance(HTMLParser):
    """Notes the tags that are open, and fails for one that is closed out of turn."""

    VOID = frozenset({"input", "meta", "link", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [str(given[name]) for name in ("src", "href", "action") if name in given]
        self.ids += [str(given["id"])] if "id" in given else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# What it shows


async def test_an_empty_account_has_a_page(browser: httpx.AsyncClient) -> None:
    text = await text_of(browser)
    for said in (
        "No requests yet. Send some to http://127.0.0.1:8787 :",
        "No contacts yet.",
        "No jobs yet.",
        DEMO_OWNER,
    ):
        assert said in text


async def test_it_shows_the_account_and_the_requests(
    browser: httpx.AsyncClient, sm: SalesManago, simulator: Simulator
) -> None:
    await sm.contacts.upsert(Contact(email="ann@example.com", name="Ann", tags=["VIP"], properties={"size": "M"}))
    event = ExternalEvent(
        email="ann@example.com",
        date=1_700_000_000_000,
        contact_ext_event_type="PURCHASE",
        value=1189.9,
        external_id="O-1",
    )
    await sm.events.add(event)
    catalog = await sm.catalogs.upsert(name="Main", currency="EUR", location="shop_de")
    rows = [{"productId": "SKU-1", "name": "Hat", "mainCategory": "Clothes", "price": 9.5, "quantity": 0}]
    await sm.products.upsert_many(rows, catalog_id=str(catalog.catalog_id))
    await sm.call("contact/batchupsertv2", {"upsertDetails": [{"contact": {"email": "bob@example.com"}}]})
    await sm.call("contact/upsert", {"contact": {"email": "ann@example.com", "nmae": "Ann"}})
    simulator.fail("slow", seconds=0, path="contact/hasContact")
    await sm.contacts.has(email="ann@example.com")
    text = await text_of(browser)
    for said in (
        *(
            "Contacts 1",
            "ann@example.com Ann VIP 1 event",
            "properties.size M",
            "Events 1",
            "PURCHASE ann@example.com O-1",
        ),
        *("1,189.90", "Products 1", "Hat SKU-1", "not available", "Main", "9.50", "Jobs 1, 1 running"),
        *("running contact/batchupsertv2 job 1", "Requests 7", "200 contact/batchupsertv2 1 record"),
        *("not documented: contact.nmae", "fault slow,path=contact/hasContact,seconds=0"),
        *("Not documented, and passed over: contact/upsert: contact.nmae × 1", "Wind to what is due next, in 1 min"),
    ):
        assert said in text, said
    assert "/favicon.ico" not in [request.path for request in simulator.requests]


async def test_contacts_are_found_by_address_name_and_tag(browser: httpx.AsyncClient, sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email="ann@example.com", name="Zoë", tags=["VIP"]))
    await sm.contacts.upsert(Contact(email="bob@example.com"))
    for word in ("ANN@", "zoë", "vip"):
        text = await text_of(browser, f"/?q={word}")
        contacts = text.partition("Contacts")[2].partition("Events")[0]
        assert "1 of 2" in contacts
        assert "bob@" not in contacts
    assert "No contact has “kim” in its address" in await text_of(browser, "/?q=kim")


async def test_a_request_has_a_page_of_its_own(browser: httpx.AsyncClient, sm: SalesManago) -> None:
    await sm.contacts.upsert(Contact(email="ann@example.com"))
    text = await text_of(browser, "/-/requests/1")
    assert "POST contact/upsert" in text
    assert "&quot;email&quot;: &quot;ann@example.com&quot;" in text
    assert "&quot;contactId&quot;" in text
    assert (await browser.get("/-/requests/2")).status_code == 404


async def test_what_was_sent_is_text_and_no_markup(browser: httpx.AsyncClient, sm: SalesManago) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    await sm.contacts.upsert(Contact(email="ann@example.com", name=evil, tags=[evil], properties={evil: evil}))
    await sm.call("contact/upsert", {"contact": {"email": "ann@example.com", evil: evil}})
    for path in ("/", "/-/requests/1", "/?" + str(httpx.QueryParams({"q": evil, "fault": evil}))):
        page = (await browser.get(path)).text
        assert page.count("<script>") == (path != "/-/requests/1")
        assert "<img" not in page
        parsed = Balance()
        parsed.feed(page)
        assert parsed.open == []


async def test_it_loads_nothing_and_has_no_id_twice(browser: httpx.AsyncClient, sm: SalesManago) -> None:
    await sm.contacts.upsert_many([Contact(email=f"{number}@example.com") for number in range(50)], wait=False)
    answer = await browser.get("/")
    parsed = Balance()
    parsed.feed(answer.text)
    assert all(address.startswith(("/", "#", "data:")) for address in parsed.addresses)
    assert len(parsed.ids) == len(set(parsed.ids)) > 5
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert "url(" not in answer.text
    assert "@import" not in answer.text


async def test_neither_the_page_nor_the_log_shows_a_secret(
    browser: httpx.AsyncClient, sm: SalesManago, simulator: Simulator
) -> None:
    login = Login(user_name=DEMO_OWNER, password=DEMO_PASSWORD, api_key="another-key")
    async with SalesManago(login, owner=DEMO_OWNER, transport=httpx.ASGITransport(app=simulator)) as logged_in:
        await logged_in.contacts.upsert(Contact(email="ann@example.com"))
    key = await sm.keys.create(email=DEMO_OWNER, password=DEMO_PASSWORD, key_name="mine", expiry="NEVER")
    await sm.catalogs.list()
    await sm.contacts.has(email=f"{DEMO_CREDENTIALS.api_secret}@example.com")
    job = await sm.contacts.export(to=[Email("ann@example.com")], data=["CONTACT"])
    simulator.advance(60)
    link = await job.file_url()
    await browser.get(link)
    await browser.post(f"/api/{DEMO_CREDENTIALS.api_key}/nosuch", json={"sha": "my-real-sha", "apiKey": "my-real-key"})
    await browser.post("/api/contact/upsert", content=b"my-real-key in what is no JSON")
    mine = DEMO_CREDENTIALS
    secrets = [DEMO_PASSWORD, DEMO_PRODUCTS_KEY, key.api_key, mine.client_id, mine.api_key, mine.api_secret]
    secrets += [
        mine.signature(),
        "another-key",
        "my-real-sha",
        "my-real-key",
        link.rpartition("/")[2].removesuffix(".json"),
    ]
    shown = [(await browser.get("/")).text, *map(simulator.log_line, simulator.requests)]
    shown += [(await browser.get(f"/-/requests/{request.number}")).text for request in simulator.requests]
    assert len(shown) > 18
    for secret in secrets:
        assert secret
        assert not [text for text in shown if str(secret) in text], secret


# Its forms


async def test_faults_are_switched_on_and_off(browser: httpx.AsyncClient, simulator: Simulator) -> None:
    for text in ("503,path=contact/upsert,at=1-3", "reset-after,share=0.2"):
        answer = await browser.post("/-/faults/add", data={"fault": text})
        assert (answer.history[0].status_code, str(answer.url)) == (303, f"{HERE}/#faults")
    await browser.post("/-/faults/add", data={"fault": "reset-after,share=0.2"})
    assert [str(fault) for fault in simulator.faults] == ["503,path=contact/upsert,at=1-3", "reset-after,share=0.2"]
    assert 'aria-pressed="true">' in (await browser.get("/")).text
    await browser.post("/-/faults/remove", data={"fault": "503,path=contact/upsert,at=1-3"})
    assert [str(fault) for fault in simulator.faults] == ["reset-after,share=0.2"]
    await browser.post("/-/faults/remove")
    assert simulator.faults == ()


async def test_a_bad_fault_is_told_beside_its_field(browser: httpx.AsyncClient, simulator: Simulator) -> None:
    answer = await browser.post("/-/faults/add", data={"fault": "503,path=contact/upsrt"})
    assert simulator.faults == ()
    assert 'value="503,path=contact/upsrt"' in answer.text
    assert "did you mean &#x27;contact/upsert&#x27;?" in answer.text


async def test_the_usual_faults_are_switches(browser: httpx.AsyncClient, simulator: Simulator) -> None:
    for _, text in USUAL:
        await browser.post("/-/faults/add", data={"fault": text})
    assert simulator.faults == tuple(Fault.parse(text) for _, text in USUAL)
    assert (await browser.get("/")).text.count('aria-pressed="true">') == len(USUAL)


async def test_the_clock_is_wound(browser: httpx.AsyncClient, sm: SalesManago, simulator: Simulator) -> None:
    await sm.call("contact/batchupsertv2", {"upsertDetails": [{"contact": {"email": "bob@example.com"}}]})
    await browser.post("/-/clock", data={"to": "next"})
    assert [job.state for job in simulator.jobs] == ["done"]
    await browser.post("/-/clock", data={"seconds": "86400"})
    assert simulator.clock.wound >= 86400 + 59
    assert "1 d 1 min ahead" in await text_of(browser)
    for seconds in ("-1", "soon", "nan", ""):
        assert (await browser.post("/-/clock", data={"seconds": seconds})).status_code == 400
    assert simulator.clock.wound < 86400 + 61


# Whose forms


OWN = {"host": "127.0.0.1:8787"}


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {**OWN, "origin": HERE, "sec-fetch-site": "same-origin"},
        {"host": "localhost:8787", "origin": "http://localhost:8787"},
        {"host": "[::1]:8787", "origin": "http://[::1]:8787"},
        {"host": "192.168.7.7:8787", "origin": "http://192.168.7.7:8787"},
        {"host": "simulator.test:8787", "origin": "http://simulator.test:8787"},
    ],
)
def test_its_own_forms_are_taken(headers: dict[str, str]) -> None:
    assert refusal_of(headers, posts=True, listens_at="simulator.test") is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**OWN, "origin": "https://evil.example"},
        {**OWN, "origin": "http://127.0.0.1:9999"},
        {**OWN, "origin": "http://localhost:8787"},
        {**OWN, "origin": "null"},
        {**OWN, "origin": ""},
        {**OWN, "sec-fetch-site": "cross-site"},
        {**OWN, "sec-fetch-site": "same-site"},
        {"host": "evil.example:8787", "origin": "http://evil.example:8787"},
        {"host": "127.0.0.1.evil.example:8787"},
        {"host": "localhost.evil.example"},
        {"host": "[::1"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    headers: dict[str, str], simulator: Simulator, browser: httpx.AsyncClient
) -> None:
    assert refusal_of(headers, posts=True, listens_at="127.0.0.1")
    if "host" in headers:
        answer = await browser.post("/-/faults/add", data={"fault": "503"}, headers=headers)
        assert answer.status_code == 403
    assert simulator.faults == ()


async def test_a_site_that_leads_to_this_machine_cannot_read_it(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/-/requests/1"):
        assert (await browser.get(path, headers={"host": "evil.example"})).status_code == 403


async def test_calls_of_the_api_go_to_the_simulator(browser: httpx.AsyncClient, simulator: Simulator) -> None:
    refused = await browser.post("/api/contact/upsert", json={}, headers={"host": "simulator"})
    assert refused.json()["success"] is False
    assert [request.path for request in simulator.requests] == ["contact/upsert"]
    for method, path, status in (("PUT", "/", 405), ("GET", "/-/nosuch", 404), ("POST", "/-/nosuch", 404)):
        assert (await browser.request(method, path)).status_code == status
    assert (await browser.get("/favicon.ico")).status_code == 204
