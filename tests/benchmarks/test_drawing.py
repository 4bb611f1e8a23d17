"""Pictures are well-formed SVG, and show each value where it belongs."""

from xml.etree import ElementTree

import pytest

from benchmarks.drawing import bars, curves

SVG = "{http://www.w3.org/2000/svg}"
LINES = {"floor & more": [(1_000, 1.0), (10_000, 0.5), (100_000, 1.0)], "ours": [(1_000, 0.25), (100_000, 0.25)]}


def points_of(picture: str, number: int) -> list[tuple[float, float]]:
    line = ElementTree.fromstring(picture).findall(f"{SVG}polyline")[number]
    places = (place.split(",") for place in line.attrib["points"].split())
    return [(float(x), float(y)) for x, y in places]


def texts_of(picture: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_a_decade_is_as_wide_as_the_next() -> None:
    (a, _), (b, _), (c, _) = points_of(curves("A title", LINES, "contacts", ""), 0)
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_upwards_begins_at_zero() -> None:
    picture = curves("A title", LINES, "contacts", "")
    (_, one), (_, half), _ = points_of(picture, 0)
    (_, quarter), _ = points_of(picture, 1)
    assert half - one == pytest.approx(2 * (quarter - half), abs=0.2)
    assert {"0", "1", "contacts"} <= set(texts_of(picture))


def test_upwards_may_be_logarithmic() -> None:
    lines = {"ours": [(1_000, 10.0), (10_000, 100.0), (1_000_000, 1_000.0)]}
    picture = curves("A title", lines, "contacts", "MB", log_y=True)
    (_, a), (_, b), (_, c) = points_of(picture, 0)
    assert a - b == pytest.approx(b - c, abs=0.2)
    assert {"10 MB", "1,000 MB", "1 million"} <= set(texts_of(picture))


def test_one_point_is_drawn_too() -> None:
    assert len(points_of(curves("A title", {"ours": [(1_000, 10.0)]}, "contacts", "MB", log_y=True), 0)) == 1


def test_names_are_escaped_and_there_is_a_ground_to_read_on() -> None:
    picture = curves("Less < more", LINES, "contacts", "")
    assert {"Less < more", "floor & more", "ours"} <= set(texts_of(picture))
    ground = ElementTree.fromstring(picture).find(f"{SVG}rect")
    assert ground is not None
    assert ground.attrib["fill"] == "#ffffff"


def test_a_bar_is_as_long_as_its_value() -> None:
    picture = bars("A title", {"json.load": 0.8, "salesmanago-async, raw": 3.2})
    _, short, long = ElementTree.fromstring(picture).findall(f"{SVG}rect")
    assert float(long.attrib["width"]) == pytest.approx(4 * float(short.attrib["width"]), abs=0.5)
    assert long.attrib["fill"] != short.attrib["fill"]
    assert {"json.load", "0.8", "3.2"} <= set(texts_of(picture))
