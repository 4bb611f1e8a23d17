"""Checks of a page: the code is missing, doubled, misplaced, or of another account; Leadoo's script is doubled."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.integrations.monitoring import check_page

CODE = """<script type="text/javascript">
  var _smid = "shop-1";
  (function(w, r, a, sm, s) {
    w['SalesmanagoObject'] = r;
    w[r] = w[r] || function () {( w[r].q = w[r].q || [] ).push(arguments)};
    sm = document.createElement('script'); sm.async = true; sm.src = a;
    s = document.getElementsByTagName('script')[0]; s.parentNode.insertBefore(sm, s);
  })(window, 'sm',
     ('https:' == document.location.protocol ? 'https://' : 'http://') + 'app2.salesmanago.com/static/sm.js');
</script>"""
OTHER = "<script>track()</script>"
LEADOO = '<script async src="https://bot.leadoo.com/bot/dynamic.js?company=abc"></script>'
BOT = '<script src="https://bot.leadoo.com/bot/inpage.js?code=xyz"></script>'
GTM = "<script>(function(w){w.push({'gtm.start': 1});})(window)</script>"


def page(head: str = "", body: str = "", *, after_head: str = "", after_body: str = "") -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>The shop: var _smid = "no"</title>
<style>p {{ color: red }}</style>{head}</head>{after_head}<body class="x">
<h1>Welcome &amp; see</h1><p>Hello</p>{body}</body>{after_body}</html>
"""


def kinds(html: str, **options: Any) -> list[str]:
    findings = check_page(html, **options)
    assert all(finding.message and finding.line >= 1 for finding in findings)
    return [finding.kind for finding in findings]


SOUND = {
    "before </body>": page(body=CODE),
    "before </head>": page(head=CODE),
    "with other scripts after it": page(body=f"{CODE}{OTHER}<noscript><img src=x>text</noscript><!-- end -->\n"),
    "with other scripts after it, in head": page(
        head=f"{CODE}{OTHER}<link rel=stylesheet href=x><style>a {{}}</style>"
    ),
    "in a box that ends there": page(body=f"<footer><div>{CODE}</div></footer>"),
    "in two scripts": page(body="<script>var _smid='shop-1'</script><script src='//x.example/static/sm.js'></script>"),
    "a part of a page": f"<div>footer</div>{CODE}</body></html>",
    "nothing but the code": CODE,
    "without a head and a body": f"<!doctype html><title>x</title><p>text{CODE}",
    "without </head>": f"<html><head><title>x</title>{CODE}<body><p>text</body></html>",
    "in capitals": page(body=CODE).replace("script", "SCRIPT").replace("</body>", "</BODY>"),
    "by the window": page(body=CODE.replace("var _smid", "window['_smid']")),
    "one that waits for consent": page(body=CODE.replace("text/javascript", "text/plain")),
    "in JSON": page(body=CODE.replace("/static/sm.js", r"\/static\/sm.js")),
    "of an old type": page(body=CODE.replace("text/javascript", "application/x-javascript")),
    "with Leadoo's script": page(body=f"{CODE}{LEADOO}{BOT}{BOT}"),
    "beside one in a comment": page(head=f"<!-- {CODE} -->", body=CODE),
}


@pytest.mark.parametrize("html", SOUND.values(), ids=SOUND)
def test_a_correct_page_has_no_findings(html: str) -> None:
    assert check_page(html, client_id="shop-1") == []


MISSING = {
    "an empty page": "",
    "another page": page(),
    "in a comment": page(body=f"<!-- {CODE} -->"),
    "in noscript": page(body=f"<noscript>{CODE}</noscript>"),
    "in a template": page(body=f"<template><div>{CODE}</div></template>"),
    "in a text area": page(body=f"<textarea>{CODE}</textarea>"),
    "as data": page(body=CODE.replace("text/javascript", "application/json")),
    "as text": page(body=f"<pre>{CODE.replace('<', '&lt;')}</pre>"),
    "half of it": page(body="<script>var _smid = 'shop-1';</script>"),
    "another script": page(body="<script src='/static/sm.json'></script><script src='/static/sm.js.map'></script>"),
}


@pytest.mark.parametrize("html", MISSING.values(), ids=MISSING)
def test_the_code_is_missing(html: str) -> None:
    assert kinds(html) == ["missing"]


def test_the_finding_says_the_likely_reason() -> None:
    def message(html: str) -> str:
        (finding,) = check_page(html)
        return finding.message

    assert "tag manager" in message(page(head=GTM))
    assert "tag manager" not in message(page())
    assert "no script runs" in message(page(body=f"<!-- {CODE} -->"))
    assert "incomplete" in message(page(body="<script>var _smid = 'shop-1';</script>"))


DOUBLED = {
    "in head and body": page(head=CODE, body=CODE),
    "twice in body": page(body=CODE + CODE),
    "twice in one script": page(
        body=CODE.replace("</script>", "") + CODE.replace('<script type="text/javascript">', "")
    ),
    "in two ways": page(body=CODE + "<script src='https://app2.salesmanago.com/static/sm.js'></script>"),
}


@pytest.mark.parametrize("html", DOUBLED.values(), ids=DOUBLED)
def test_the_code_is_doubled(html: str) -> None:
    assert kinds(html) == ["doubled"]


MISPLACED = {
    "first in head": page().replace("<head>", f"<head>{CODE}"),
    "before head": page().replace("<head>", f"{CODE}<head>"),
    "between head and body": page(after_head=CODE),
    "first in body": page().replace('<body class="x">', f"<body>{CODE}"),
    "before text": page(body=f"{CODE} more text"),
    "before an image": page(body=f"{CODE}<img src=x>"),
    "after body": page(after_body=CODE),
    "after html": page() + CODE,
}


@pytest.mark.parametrize("html", MISPLACED.values(), ids=MISPLACED)
def test_the_code_is_misplaced(html: str) -> None:
    assert kinds(html) == ["misplaced"]


def test_the_code_belongs_to_another_account() -> None:
    assert kinds(page(body=CODE), client_id="shop-2") == ["other-client"]
    assert kinds(page(body="<script src='https://app2.salesmanago.com/static/sm.js'></script>")) == ["other-client"]
    (finding,) = check_page(page(body=CODE), client_id="shop-2")
    assert "'shop-1'" in finding.message
    assert "'shop-2'" in finding.message


def test_leadoos_script_is_doubled() -> None:
    assert kinds(page(body=LEADOO + CODE + LEADOO)) == ["leadoo-doubled"]
    assert kinds(page(body=LEADOO + CODE), leadoo_connected=True) == ["leadoo-doubled"]
    assert kinds(page(body=CODE + BOT + BOT), leadoo_connected=True) == []


def test_every_finding_has_its_line() -> None:
    html = page(head=f"\n\n{CODE}\n", body=f"\n{CODE}<p>more</p>\n{LEADOO}\n{LEADOO}\n")
    found = [(finding.kind, finding.line) for finding in check_page(html, client_id="shop-2")]
    lines = html.splitlines()
    first, second = (number for number, line in enumerate(lines, 1) if "<script type" in line)
    last = max(number for number, line in enumerate(lines, 1) if "leadoo" in line)
    assert sorted(found) == sorted(
        [
            ("doubled", second),
            ("misplaced", second),
            ("other-client", first),
            ("other-client", second),
            ("leadoo-doubled", last),
        ]
    )
    assert [line for _, line in found] == sorted(line for _, line in found)


PIECES = st.sampled_from(
    ["<html>", "<head>", "</head>", "<body>", "</body>", "</html>", CODE, OTHER, "<p>", "text", "<!--", "-->", "<![",
     "<?", "&#", "<p class='", "<p class=",
     "<script", "<style>", "<title>", "</title>", "<noscript>", "</noscript>", "</", "<", '"', "\0"]
)  # fmt: skip


@given(st.lists(PIECES).map("".join))
def test_any_page_can_be_checked(html: str) -> None:
    for finding in check_page(html):
        assert 1 <= finding.line <= html.count("\n") + 1


@pytest.mark.sampled
@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", "<![", "</", "<?", '<a b="', "<a b='", "<script>", "<", "<!a", "</a ", "<a b=c", "<p>",
     "<script></script>",
     "<template>", "</script", "<script src=/static/sm.js></script>", "var _smid ", "_smid='", "leadoo.com/"],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "<script>"])
def test_a_hostile_page_takes_no_longer_than_others(piece: str, before: str) -> None:
    started = time.process_time()
    check_page(before + piece * (400_000 // len(piece)))
    assert time.process_time() - started < 5
