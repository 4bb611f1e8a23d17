"""The page of the simulator in a real browser, narrow and wide: it fits, follows what happens, and its buttons work."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from salesmanago_async.simulator.page import with_page
from tests.integrations.test_browser import OFFLINE, QUIET
from tests.serving import serving_app

driver_path = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(driver_path is None, reason="no chromedriver here; .ci/run installs one"),
]
BEYOND = """
return [...document.querySelectorAll("main *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth).map(one => one.outerHTML)
"""
"""Elements that go beyond the right edge, whether or not one can scroll there."""
HIDDEN_WIDTH = "const {scrollWidth, clientWidth} = document.documentElement; return scrollWidth - clientWidth"
LONG = f"{'long' * 15}@{'sub.' * 20}example.com"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    for argument in (*QUIET, *OFFLINE, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options=options, service=Service(driver_path)) as chrome:
        yield chrome


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(job_seconds=600, strict=False)


@pytest.fixture
def address(simulator: Simulator) -> Iterator[str]:
    with serving_app(with_page(simulator)) as address:
        yield address


@pytest.fixture
def post(address: str) -> Callable[..., Any]:
    def post(path: str, **fields: Any) -> Any:
        mine = DEMO_CREDENTIALS
        head = {"clientId": mine.client_id, "apiKey": mine.api_key, "sha": mine.signature(), "requestTime": 1}
        body = json.dumps({"owner": DEMO_OWNER, **head, **fields}).encode()
        request = Request(f"{address}/api/{path}", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=20) as answer:
            return json.load(answer)

    return post


def show(browser: Chrome, width: int, scheme: str = "light") -> None:
    """Have the window this wide, in whole pixels, as on a phone if it is narrow."""
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    given = [{"name": name, "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": given})


def text_of(browser: Chrome, section: str) -> str:
    return str(browser.find_element(By.ID, section).text)


def wait_for(browser: Chrome, section: str, said: str) -> None:
    WebDriverWait(browser, 20, ignored_exceptions=[Exception]).until(lambda _: said in text_of(browser, section))


def fill(post: Callable[..., Any]) -> None:
    """Give the account what is hard to show: long words everywhere."""
    tags = [f"TAG_{'long' * 10}_{number}" for number in range(12)]
    contact = {"email": LONG, "name": "Name" * 30}
    post("contact/upsert", contact=contact, tags=tags, properties={"p" * 60: "v" * 200}, **{"nmae" * 20: 1})
    event = {
        "date": 1_700_000_000_000,
        "contactExtEventType": "T" * 40,
        "externalId": "X" * 90,
        "description": "d" * 900,
    }
    post("v2/contact/addContactExtEvent", email=LONG, contactEvent=event)
    post("contact/batchupsertv2", upsertDetails=[{"contact": {"email": f"{n}@example.com"}} for n in range(40)])
    post("contact/upsert", contact={"email": "nobody" * 20})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits(
    browser: Chrome, address: str, post: Callable[..., Any], simulator: Simulator, width: int, scheme: str
) -> None:
    fill(post)
    simulator.fail("503", path="contact/*", at=[1, 3, 5, 7, 9, 11, 13, 15])
    show(browser, width, scheme)
    for path in ("/", "/-/requests/1", "/?fault=503,path=" + "nosuch" * 40):
        browser.get(address + path)
        browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        assert browser.execute_script(HIDDEN_WIDTH) == 0, path
        assert browser.execute_script(BEYOND) == [], path
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == (scheme == "dark")
    log: Any = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in log if entry["level"] == "SEVERE"] == []


def test_it_follows_what_happens_and_keeps_what_is_open(
    browser: Chrome, address: str, post: Callable[..., Any]
) -> None:
    show(browser, 1280)
    browser.get(address)
    assert "No requests yet" in text_of(browser, "requests")
    post("contact/upsert", contact={"email": "ann@example.com"}, tags=["VIP"])
    wait_for(browser, "contacts", "ann@example.com")
    browser.find_element(By.CSS_SELECTOR, "#contacts summary").click()
    browser.find_element(By.CSS_SELECTOR, ".add input").send_keys("503,pa")
    post("contact/upsert", contact={"email": "bob@example.com"})
    wait_for(browser, "contacts", "bob@example.com")
    opened = browser.find_elements(By.CSS_SELECTOR, "#contacts details[open] summary")
    assert ["ann@example.com" in one.text for one in opened] == [True]
    assert browser.find_element(By.CSS_SELECTOR, ".add input").get_attribute("value") == "503,pa"
    assert text_of(browser, "live") == "live"


def test_its_buttons_switch_faults_and_wind_the_clock(
    browser: Chrome, address: str, post: Callable[..., Any], simulator: Simulator
) -> None:
    show(browser, 390)
    post("contact/batchupsertv2", upsertDetails=[{"contact": {"email": "ann@example.com"}}])
    browser.get(address)
    browser.find_element(By.XPATH, "//section[@id='faults']//button[b='Busy']").click()
    wait_for(browser, "faults", "1 on")
    assert [str(fault) for fault in simulator.faults] == ["503,retry-after=2"]
    browser.find_element(By.CSS_SELECTOR, ".add input").send_keys("failed-job,at=2\n")
    wait_for(browser, "faults", "2 on")
    browser.find_element(By.CSS_SELECTOR, ".add input").send_keys("nosuch\n")
    wait_for(browser, "faults", "is neither a status")
    browser.find_element(By.XPATH, "//section[@id='faults']//button[.='Switch all off']").click()
    wait_for(browser, "faults", "none")
    assert simulator.faults == ()
    assert not simulator.has_contact("ann@example.com")
    browser.find_element(By.XPATH, "//section[@id='clock']//button[starts-with(., 'Wind to')]").click()
    wait_for(browser, "clock", "ahead")
    assert simulator.has_contact("ann@example.com")


def test_it_works_without_javascript(browser: Chrome, address: str, simulator: Simulator) -> None:
    show(browser, 390)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(address)
        browser.find_element(By.XPATH, "//section[@id='faults']//button[b='Slow']").click()
        wait_for(browser, "faults", "1 on")
        browser.find_element(By.XPATH, "//section[@id='clock']//button[.='+ 1 h']").click()
        wait_for(browser, "clock", "1 h ahead")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert simulator.clock.wound == 3600


def test_a_form_of_another_site_does_nothing(
    browser: Chrome, address: str, simulator: Simulator, tmp_path: Path
) -> None:
    async def other_site(scope: Any, receive: Any, send: Any) -> None:
        form = (
            f"<form method=post action={address}/-/faults/add><input name=fault value=503><button>Win</button></form>"
        )
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": form.encode()})

    with serving_app(other_site) as elsewhere:
        browser.get(elsewhere)
        browser.find_element(By.TAG_NAME, "button").click()
        WebDriverWait(browser, 20).until(lambda shown: "form of another site" in shown.page_source)
    assert simulator.faults == ()


def test_it_says_when_the_simulator_has_ended(browser: Chrome, simulator: Simulator) -> None:
    with serving_app(with_page(simulator)) as address:
        browser.get(address)
        wait_for(browser, "live", "live")
    wait_for(browser, "live", "does not answer")
