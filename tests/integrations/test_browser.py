"""The sign-up page of the FastAPI example in a real browser: the monitoring code can read its cookie."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.integrations.apps import uvicorn_of
from tests.readme import docstring_example
from tests.serving import serving

QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")

driver_path = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(driver_path is None, reason="no chromedriver here; .ci/run installs one"),
]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    for argument in (*QUIET, *OFFLINE, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    with Chrome(options=options, service=Service(driver_path)) as chrome:
        yield chrome


def test_who_signs_up_is_known_to_the_monitoring_code(tmp_path: Path, browser: Chrome) -> None:
    (tmp_path / "shop.py").write_text(docstring_example("integrations/fastapi.py"))
    with serving() as environ, uvicorn_of("shop:app", tmp_path, environ) as shop:
        browser.get(shop.address)
        assert "smclient" not in browser.execute_script("return document.cookie")
        browser.find_element(By.NAME, "email").send_keys("ann@example.com")
        browser.find_element(By.NAME, "name").send_keys("Ann")
        browser.find_element(By.TAG_NAME, "button").click()
        cookie: Any = WebDriverWait(browser, 20).until(lambda shown: shown.get_cookie("smclient"))
        assert f"smclient={cookie['value']}" in browser.execute_script("return document.cookie")
        assert not cookie["httpOnly"]
        browser.find_element(By.NAME, "product").submit()
        kept: Any = browser.get_cookie("smclient")
        assert kept["value"] == cookie["value"]
