"""`--report run.html`: written at the end however it comes, and read in a real browser, narrow, wide and printed."""

import base64
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

PEOPLE = "email,name\n" + "".join(f"p{n}@page.pl,Person {n}\n" for n in range(300)) + "nobody at page.pl,Nobody <i>\n"
OPTIONS = ("--poll-interval", "0.1", "--batch-size", "50")
LONG = "x" * 400


def test_the_page_has_the_counts_and_the_rows(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    done = salesmanago("import", "contacts", "people.csv", *OPTIONS, "--report", "run.html")
    page = (tmp_path / "run.html").read_text()
    assert done.returncode == 1
    assert "All was sent; 1 rejected." in page
    assert "people.csv:302" in page
    assert "Nobody &lt;i&gt;" in page
    assert page.count("<svg") == 2


def test_rows_can_be_left_out_and_a_journal_remembers_it(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    options = ("--journal", "run.db", "--report", "run.html", "--report-without-rows")
    salesmanago("import", "contacts", "people.csv", *OPTIONS, *options)
    first = (tmp_path / "run.html").read_text()
    (tmp_path / "run.html").unlink()
    salesmanago("resume", "run.db", *OPTIONS[:2])
    for page in (first, (tmp_path / "run.html").read_text()):
        assert "page.pl" not in page.replace("people.csv", "")
        assert "The rows themselves were left out" in page
        assert "email: is not an e-mail address" in page


def test_an_import_that_cannot_go_on_says_how_to(salesmanago: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    away = {"SALESMANAGO_BASE_URL": "http://127.0.0.1:9"}
    options = ("--journal", "run.db", "--report", "run.html", "--patience", "0.2")
    done = salesmanago("import", "contacts", "people.csv", *options, environ=away)
    page = (tmp_path / "run.html").read_text()
    assert done.returncode == 3
    assert "Stopped before the end" in page
    assert "<pre>salesmanago resume run.db</pre>" in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        pytest.skip("no chromedriver here; .ci/run installs one")
    options = selenium.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    with selenium.Chrome(options=options, service=service.Service(driver_path)) as chrome:
        yield chrome


PAGE_IS_TIDY = """
const width = document.documentElement.clientWidth;
const wide = [...document.querySelectorAll("main *")].filter(e => !e.closest("svg") &&
    (e.getBoundingClientRect().right > width + 1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0));
const small = [...document.querySelectorAll("main *")].filter(e => e.children.length == 0 && e.textContent.trim()
    && parseFloat(getComputedStyle(e).fontSize) < 12);
return [document.documentElement.scrollWidth, wide.map(e => e.outerHTML.slice(0, 80)), small.map(e => e.outerHTML)];
"""

CONTRASTS = """
function channels(c) { return c.match(/[0-9.]+/g).slice(0, 3).map(Number); }
function light(c) {
    const [r, g, b] = channels(c).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(e) {
    for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor;
        if (c != "rgba(0, 0, 0, 0)") return c;
    }
    return "rgb(255, 255, 255)";
}
return [...document.querySelectorAll("main *")].filter(e => e.children.length == 0 && e.textContent.trim()).map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.textContent];
});
"""


@pytest.mark.ci
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_screen_and_can_be_read(
    browser: Any, salesmanago: Command, tmp_path: Path, width: int, scheme: str
) -> None:
    (tmp_path / "people.csv").write_text(f"{PEOPLE}bob@page.pl,{LONG}\n")
    salesmanago("import", "contacts", "people.csv", *OPTIONS, "--report", "run.html")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get((tmp_path / "run.html").as_uri())
    scrolled, wide, small = browser.execute_script(PAGE_IS_TIDY)
    assert scrolled <= width
    assert (wide, small) == ([], [])
    faint = [(ratio, text) for ratio, text in browser.execute_script(CONTRASTS) if ratio < 4.5]
    assert faint == []
    assert browser.get_log("browser") == []


@pytest.mark.ci
def test_the_page_is_printed_on_white_also_from_a_dark_screen(
    browser: Any, salesmanago: Command, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    salesmanago("import", "contacts", "people.csv", *OPTIONS, "--report", "run.html")
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    browser.get((tmp_path / "run.html").as_uri())
    colour = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(colour) == "rgb(255, 255, 255)"
    assert [text for ratio, text in browser.execute_script(CONTRASTS) if ratio < 4.5] == []
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF")
    assert 1 <= printed.count(b"/Type /Page\n") <= 3
