"""The monitoring code: cookies, URLs and scripts that identify a contact, and visitors that are recognised."""

import json
import re
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from salesmanago_async import Contact, ExternalEvent, Invalid, SalesManago
from salesmanago_async.integrations.monitoring import (
    TEN_YEARS,
    MonitoringCookie,
    Visitor,
    monitored_url,
    monitoring_script,
    read_visitor,
    set_monitoring_cookie,
)

ANN = "4e77c1cc-6e1c-4f11-a4ff-4f8a3a1f5a1b"

TEXTS = st.text(min_size=1) | st.sampled_from(
    ["</script>", "<!--<script>", "\u2028\u2029", '";alert(1)//', "\\", "&quot;"]
)
"""Texts, including ones that end a script if they are not escaped."""


# The cookie


def test_the_documented_cookie() -> None:
    header = MonitoringCookie(ANN).header()
    assert header == f"smclient={ANN}; Max-Age=315360000; Path=/; SameSite=Lax"
    assert TEN_YEARS == 10 * 365 * 24 * 60 * 60
    assert "httponly" not in header.lower()


def test_a_cookie_can_be_kept_shorter_and_sent_over_https_only() -> None:
    cookie = MonitoringCookie(ANN, max_age=86_400, secure=True, domain="shop.example")
    assert cookie.header() == f"smclient={ANN}; Max-Age=86400; Path=/; SameSite=Lax; Domain=shop.example; Secure"
    assert "Max-Age=0;" in MonitoringCookie(ANN, max_age=0).header()


@pytest.mark.parametrize("bad", ["", " ", "a;b", "a b", "a\r\nSet-Cookie: x=y", 'a"', "a,b", "ż", "x" * 256])
def test_values_that_a_cookie_cannot_hold_are_refused(bad: str) -> None:
    with pytest.raises(Invalid, match="contact_id"):
        MonitoringCookie(bad)


@pytest.mark.parametrize("bad", [-1, 1.5, "60", "1; HttpOnly\r\nX: y", None])
def test_an_invalid_age_is_refused(bad: Any) -> None:
    with pytest.raises(Invalid, match="max_age"):
        MonitoringCookie(ANN, max_age=bad)


def test_an_answer_without_an_id_makes_no_cookie() -> None:
    nobody: Any = None
    with pytest.raises(Invalid, match="contact_id"):
        MonitoringCookie(nobody)


@pytest.mark.parametrize("bad", ["", "shop.example; HttpOnly", "a b", "a\nb", "x..y"])
def test_an_invalid_domain_is_refused(bad: str) -> None:
    with pytest.raises(Invalid, match="domain"):
        MonitoringCookie(ANN, domain=bad)


def test_the_types_of_both_frameworks_match() -> None:
    """Type checkers see these two calls as the author of an app writes them."""
    starlette, aiohttp = Response(), web.Response()
    set_monitoring_cookie(starlette, MonitoringCookie(ANN))
    set_monitoring_cookie(aiohttp, MonitoringCookie(ANN))
    assert headers_of(starlette)
    assert headers_of(aiohttp)


def headers_of(response: Any) -> list[str]:
    if isinstance(response, Response):
        return [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]
    return [morsel.OutputString() for morsel in response.cookies.values()]


@pytest.mark.parametrize("make_response", [Response, web.Response], ids=["Starlette", "aiohttp"])
@pytest.mark.parametrize(
    "cookie",
    [MonitoringCookie(ANN), MonitoringCookie(ANN, max_age=60, secure=True, domain="shop.example")],
    ids=["as documented", "other"],
)
def test_a_framework_sets_the_same_cookie(make_response: Any, cookie: MonitoringCookie) -> None:
    response = make_response()
    set_monitoring_cookie(response, cookie)
    (header,) = headers_of(response)
    assert attributes(header) == attributes(cookie.header())


def attributes(header: str) -> dict[str, Any]:
    (morsel,) = SimpleCookie(header).values()
    found = {name: value for name, value in morsel.items() if value not in {"", False}}
    return {**found, "samesite": morsel["samesite"].lower(), morsel.key: morsel.value}


# The URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", "https://shop.example?smclient=ID"),
        ("https://shop.example/thanks", "https://shop.example/thanks?smclient=ID"),
        ("/thanks?", "/thanks?smclient=ID"),
        ("/thanks?a=1&b=%20x&a=2", "/thanks?a=1&b=%20x&a=2&smclient=ID"),
        ("/thanks#top", "/thanks?smclient=ID#top"),
        ("/thanks?a=1#top?smclient=7#x", "/thanks?a=1&smclient=ID#top?smclient=7#x"),
        ("/thanks?smclient=other&a=1", "/thanks?a=1&smclient=ID"),
        ("/thanks?%73mclient=other", "/thanks?smclient=ID"),
        ("/thanks?smclient", "/thanks?smclient=ID"),
        ("/thanks?smclients=3", "/thanks?smclients=3&smclient=ID"),
        ("", "?smclient=ID"),
    ],
)
def test_a_url_gets_the_contact(url: str, expected: str) -> None:
    assert monitored_url(url, "ID") == expected


@given(contact_id=TEXTS, parameters=st.lists(st.tuples(TEXTS, TEXTS)), fragment=st.text())
def test_the_rest_of_a_url_is_unchanged(contact_id: str, parameters: list[tuple[str, str]], fragment: str) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)
    url = monitored_url(f"https://shop.example/a?{query}#{quote(fragment)}", contact_id)
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("shop.example", "/a", quote(fragment))
    kept = [pair for pair in parameters if pair[0] != "smclient"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [*kept, ("smclient", contact_id)]


@pytest.mark.parametrize("url", ["/a\r\nSet-Cookie: x=y", "/a\x00", "\t/a"])
def test_a_url_with_control_characters_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="url"):
        monitored_url(url, ANN)


# The script


class Scripts(HTMLParser):
    """The result of an HTML parser: the tags, the attributes of the first, and the text inside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes = self.attributes or dict(attrs)
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_documented_script() -> None:
    assert monitoring_script(ANN) == f'<script>var _smclientid = "{ANN}";</script>'


@given(TEXTS)
def test_nothing_escapes_from_the_script(contact_id: str) -> None:
    found = Scripts(f"<body>{monitoring_script(contact_id)}<i>")
    assert found.tags == ["body", "script", "/script", "i"]
    literal = re.fullmatch(r"var _smclientid = (.*);", found.text)
    assert literal
    assert json.loads(literal[1]) == contact_id
    assert literal[1].isascii()
    assert not set("<>&") & set(literal[1])


@given(TEXTS)
def test_nothing_escapes_from_the_nonce(nonce: str) -> None:
    found = Scripts(monitoring_script(ANN, nonce=nonce))
    assert found.tags == ["script", "/script"]
    assert found.attributes.keys() == {"nonce"}


@pytest.mark.parametrize("make", [monitoring_script, lambda contact_id: monitored_url("/", contact_id)])
@pytest.mark.parametrize("bad", ["", "\ud800"])
def test_an_invalid_contact_id_is_refused(make: Any, bad: str) -> None:
    with pytest.raises(Invalid, match="contact_id"):
        make(bad)


# Visitors


@pytest.mark.parametrize(
    "cookies",
    [
        {"smclient": ANN, "smuuid": "u-1", "smids": "s-1", "other": "x"},
        f"other=x; smclient={ANN}; smuuid=u-1;smids=s-1",
        f'a={{"x":1}}; b=[é; smclient="{ANN}"; smuuid=u-1; smids=s-1; ;='.encode("latin-1"),
        f"smclient={ANN}; smclient=second; smuuid=u-1; smids=s-1",
    ],
    ids=["mapping", "header", "odd neighbours", "twice"],
)
def test_the_three_cookies_are_read(cookies: Any) -> None:
    assert read_visitor(cookies) == Visitor(contact_id=ANN, anonymous_id="u-1", smids="s-1")


@pytest.mark.parametrize(
    "cookies", [{}, "", b"", ";;=;", "smclient=", "smclient", {"smclient": "<script>"}, "xsmclient=1"]
)
def test_other_cookies_identify_nobody(cookies: Any) -> None:
    visitor = read_visitor(cookies)
    assert visitor == Visitor()
    assert visitor.last_viewed("shop") is None
    assert visitor.purchased("shop") is None


@given(st.text() | st.binary())
def test_any_header_is_read(header: str | bytes) -> None:
    read_visitor(header)


@pytest.mark.anyio
async def test_a_visitor_gets_recommendations(sm: SalesManago) -> None:
    answer = await sm.contacts.upsert(Contact(email="ann@example.com"))
    purchase = ExternalEvent(
        email="ann@example.com",
        date=1_700_000_000_000,
        contact_ext_event_type="PURCHASE",
        products=["p1", "p2"],
        location="shop",
    )
    await sm.events.add(purchase)
    visitor = read_visitor({"smclient": answer.contact_id or "", "smuuid": "u-1"})
    purchased, viewed = visitor.purchased("shop"), visitor.last_viewed("shop")
    assert purchased
    assert viewed
    assert set((await sm.send(purchased)).product_ids) == {"p1", "p2"}
    assert (viewed.contact_id, viewed.contact_anonymous_id) == (answer.contact_id, "u-1")
    await sm.send(viewed)
    anonymous = read_visitor({"smuuid": "u-1"})
    assert anonymous.purchased("shop") is None
    only = anonymous.last_viewed("shop")
    assert only
    assert (only.contact_id, only.contact_anonymous_id) == (None, "u-1")
