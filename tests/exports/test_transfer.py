"""A broken transfer is resumed: the result is one whole file, or an error after a part of it."""

import json
from random import Random
from typing import Any

import httpx
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import (
    Credentials,
    Invalid,
    LinkExpired,
    NoAnswer,
    Retries,
    SalesManago,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async.exports._transfer import MOST_FAULTS
from tests.conftest import BACKENDS, examples, in_ci, run_virtually
from tests.exports.hosts import Body, Connect, Fetched, Host, Hosts, Step, fetch, read, response, small_blocks

pytestmark = pytest.mark.anyio

RECORDS = [{"n": n, "text": "},{" * n} for n in range(3)]
CONTENT = json.dumps(RECORDS).encode()
OTHER = CONTENT.replace(b"1", b"7")
COMMON = CONTENT.index(b"1")
"""The number of equal bytes at their beginning."""
LENGTH = len(CONTENT)

FAULTS: dict[str, Exception] = {
    "reset": httpx.ReadError("reset"),
    "slow": httpx.ReadTimeout("slow"),
    "cut": httpx.RemoteProtocolError("peer closed connection"),
}


def same(*seen: Fetched) -> bool:
    return all((fetched.content, fetched.error) == (CONTENT, None) for fetched in seen)


def is_part(fetched: Fetched, kind: type[Exception]) -> bool:
    """Return whether a reader got the beginning of the file, and then an error of that kind."""
    return CONTENT.startswith(fetched.content) and fetched.content != CONTENT and isinstance(fetched.error, kind)


@pytest.fixture(params=[25, 1 << 20], ids=["on disk", "in memory"])
def spool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the spool on the disk from its first bytes, or all of it in memory."""
    small_blocks(monkeypatch, request.param)


# Breaks


@pytest.mark.sampled
@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("promises", [True, False], ids=["a length", "no length"])
async def test_a_file_cut_at_any_byte_is_resumed_there(connect: Connect, promises: bool) -> None:
    for at in range(LENGTH):
        hosts = Hosts([Host(content=CONTENT, promises=promises, breaks=at), Host(content=CONTENT, promises=promises)])
        async with connect(hosts) as sm:
            assert same(await fetch(sm))
        assert hosts.ranges == [None, f"bytes={at}-" if at else None]
        assert all(body.pieces == [] and body.closed for body in hosts.bodies)
        assert hosts.paths == ["/1", "/1"], "a link is used again while it lives"


HOSTS_WITHOUT_PARTS: dict[str, dict[str, Any]] = {
    "no validator": {"etag": None},
    "a weak validator": {"etag": 'W/"one"'},
    "a host that ignores ranges": {"has_parts": False},
}


@pytest.mark.sampled
@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("promises", [True, False], ids=["a length", "no length"])
@pytest.mark.parametrize("kind", HOSTS_WITHOUT_PARTS)
async def test_a_file_cut_at_any_byte_restarts_if_it_cannot_be_resumed(
    connect: Connect, kind: str, promises: bool
) -> None:
    host: dict[str, Any] = {"content": CONTENT, "promises": promises, **HOSTS_WITHOUT_PARTS[kind]}
    for at in range(LENGTH):
        hosts = Hosts([Host(**host, breaks=at), Host(**host)])
        async with connect(hosts) as sm:
            assert same(await fetch(sm))
        assert len(hosts.fetched) == 2
        if kind != "a host that ignores ranges":
            assert hosts.ranges == [None, None]


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_record_comes_once_after_any_break(connect: Connect, fault: str) -> None:
    body = Body([CONTENT[:50]], error=FAULTS[fault])
    hosts = Hosts([lambda _: httpx.Response(200, stream=body), Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS
    assert body.closed


async def test_requests_for_the_rest_are_conditional(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=20), Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    first, second = hosts.fetched
    assert "if-range" not in first.headers
    assert second.headers["if-range"] == '"one"'
    assert second.headers["accept-encoding"] == "identity"


async def test_a_break_after_the_last_byte_is_harmless(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=LENGTH), response(500)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert len(hosts.fetched) == 1


@pytest.mark.parametrize("etag", ['"one"', None])
async def test_without_a_length_the_last_byte_is_not_known(connect: Connect, etag: str | None) -> None:
    host = Host(content=CONTENT, promises=False, etag=etag)
    hosts = Hosts([evolve(host, breaks=LENGTH), host])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert len(hosts.fetched) == 3 if etag else 2  # 416, and then the whole file


async def test_a_host_may_send_less_than_requested(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=20), Host(content=CONTENT, longest=9)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.ranges == [None, *(f"bytes={at}-" for at in range(20, LENGTH, 9))]
    assert max(hosts.at) <= 0.5, "this is not a fault, so there is no wait"


@pytest.mark.parametrize("length", [LENGTH + 1, LENGTH - 1, 40, 0])
async def test_a_host_that_never_sends_what_it_promises_is_unreadable(connect: Connect, length: int) -> None:
    def lie(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": str(length)}, stream=Body([CONTENT[:40], CONTENT[40:]]))

    hosts = Hosts([lie])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert isinstance(fetched.error, Unreadable)
    assert CONTENT.startswith(fetched.content)


async def test_a_part_longer_than_its_header_is_rejected(connect: Connect) -> None:
    def lie(_: httpx.Request) -> httpx.Response:
        headers = {"ETag": '"one"', "Content-Range": f"bytes 20-29/{LENGTH}"}
        return httpx.Response(206, headers=headers, stream=Body([b"x" * 11]))

    hosts = Hosts([Host(content=CONTENT, breaks=20), lie, Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))


# Wrong parts


def part(content_range: str | None, content: bytes = b"x" * LENGTH, *, status: int = 206, etag: str = '"one"') -> Step:
    headers = {"ETag": etag, "Content-Range": content_range} if content_range else {"ETag": etag}
    return lambda _: httpx.Response(status, headers=headers, stream=Body([content]))


WRONG_PARTS = {
    "another start": part(f"bytes 19-{LENGTH - 1}/{LENGTH}"),
    "another total": part(f"bytes 20-{LENGTH}/{LENGTH + 1}"),
    "an unknown total": part(f"bytes 20-{LENGTH - 1}/*"),
    "no range": part(None),
    "another version": part(f"bytes 20-{LENGTH - 1}/{LENGTH}", etag='"two"'),
    "a weak version": part(f"bytes 20-{LENGTH - 1}/{LENGTH}", etag='W/"one"'),
    "not satisfiable": part(f"bytes */{LENGTH}", status=416),
    "not satisfiable, of another length": part("bytes */7", status=416),
}


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("wrong", WRONG_PARTS)
async def test_a_wrong_answer_to_a_range_restarts_the_download(connect: Connect, wrong: str) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=20), WRONG_PARTS[wrong], Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.ranges == [None, "bytes=20-", None]


async def test_a_host_that_sent_a_wrong_part_gets_no_more_range_requests(connect: Connect) -> None:
    whole = Host(content=CONTENT)
    hosts = Hosts([Host(content=CONTENT, breaks=20), WRONG_PARTS["no range"], Host(content=CONTENT, breaks=40), whole])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.ranges == [None, "bytes=20-", None, None]


async def test_a_part_of_another_file_is_detected_by_its_version(connect: Connect) -> None:
    """If-Range keeps a correct host from sending it; an incorrect host must not be trusted either."""
    other = b"x" * LENGTH
    lie = part(f"bytes 20-{LENGTH - 1}/{LENGTH}", other[20:], etag='"two"')
    hosts = Hosts([Host(content=CONTENT, breaks=20), lie, Host(content=other, etag='"two"')])
    async with connect(hosts, retries=Retries(tries=3)) as sm:
        assert is_part(await fetch(sm), Unreadable)


# Another file


@pytest.mark.ci
@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("etags", [('"one"', '"two"'), (None, None), ('"one"', None)])
async def test_a_file_that_changed_is_an_error_and_never_a_mixture(
    connect: Connect, etags: tuple[str | None, str | None]
) -> None:
    before, after = etags
    for at in range(COMMON + 1, LENGTH):
        hosts = Hosts([Host(content=CONTENT, etag=before, breaks=at), Host(content=OTHER, etag=after)])
        async with connect(hosts) as sm:
            fetched = await fetch(sm)
        assert fetched.content == CONTENT[:at]
        assert isinstance(fetched.error, Unreadable)
        assert "another file" in str(fetched.error)


async def test_a_file_that_differs_later_on_is_the_last_version(connect: Connect) -> None:
    hosts = Hosts([Host(content=OTHER, breaks=COMMON), Host(content=CONTENT, etag='"two"')])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))


@pytest.mark.parametrize("promises", [True, False], ids=["a length", "no length"])
async def test_a_file_that_became_shorter_is_an_error(connect: Connect, promises: bool) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=60), Host(content=CONTENT[:50], etag='"two"', promises=promises)])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert is_part(fetched, Unreadable)
    assert fetched.content == CONTENT[:60]


async def test_a_promised_length_holds_even_if_a_later_answer_has_none(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=30), Host(content=CONTENT[:50], etag=None, promises=False)])
    async with connect(hosts) as sm:
        assert is_part(await fetch(sm), Unreadable)


async def test_a_host_in_trouble_may_recover(connect: Connect) -> None:
    trouble = response(200, b"<html>Maintenance</html>", Content_Type="text/html")
    hosts = Hosts([Host(content=CONTENT, etag=None, breaks=30), trouble, response(503), trouble, Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))


async def test_ranges_are_requested_of_the_version_whose_bytes_are_here(connect: Connect) -> None:
    """A restart that breaks before it has caught up proves nothing about the bytes that are here."""
    two = Host(content=OTHER, etag='"two"')
    hosts = Hosts(
        [Host(content=CONTENT, breaks=COMMON + 9), Host(content=OTHER, etag='"two"', breaks=COMMON - 1, piece=1), two]
    )
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert hosts.fetched[2].headers["if-range"] == '"one"'
    assert fetched.content == CONTENT[: COMMON + 9]
    assert isinstance(fetched.error, Unreadable)


async def test_ranges_are_requested_of_a_new_version_after_it_caught_up(connect: Connect) -> None:
    two = Host(content=CONTENT, etag='"two"')
    hosts = Hosts([Host(content=CONTENT, breaks=20), Host(content=CONTENT, etag='"two"', breaks=40), two])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert [request.headers.get("if-range") for request in hosts.fetched] == [None, '"one"', '"two"']
    assert hosts.ranges == [None, "bytes=20-", "bytes=40-"]


# Links that expire


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("dead", [1, 2])
async def test_a_link_that_expired_meanwhile_is_replaced_and_resumed(connect: Connect, status: int, dead: int) -> None:
    gone = [response(status)] * dead
    hosts = Hosts([Host(content=CONTENT, breaks=20), *gone, Host(content=CONTENT, breaks=20), Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.ranges == [None, *["bytes=20-"] * dead, "bytes=20-", "bytes=40-"]
    assert hosts.paths == ["/1", *[f"/{number}" for number in range(1, dead + 1)], f"/{dead + 1}", f"/{dead + 1}"]


async def test_three_expired_links_in_a_row_raise_link_expired(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=20), response(403)])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert fetched.content == CONTENT[:20]
    assert isinstance(fetched.error, LinkExpired)
    assert hosts.paths == ["/1", "/1", "/2", "/3"]


async def test_a_fresh_link_to_another_file_is_an_error(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=40), response(403), Host(content=OTHER, etag='"two"')])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert fetched.content == CONTENT[:40]
    assert isinstance(fetched.error, Unreadable)


@pytest.mark.parametrize("status", [400, 401])
async def test_a_link_that_is_refused_in_another_way_is_replaced_too(connect: Connect, status: int) -> None:
    hosts = Hosts([response(status), Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.paths == ["/1", "/2"]


async def test_a_redirect_away_from_https_is_an_error(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=40), response(302, Location="http://files.example.com/f")])
    async with connect(hosts) as sm:
        assert is_part(await fetch(sm), Invalid)
    assert len(hosts.fetched) == 2


async def test_a_range_is_requested_at_the_target_of_a_redirect(connect: Connect) -> None:
    moved = response(302, Location="https://elsewhere.example.com/f")
    hosts = Hosts([moved, Host(content=CONTENT, breaks=40), moved, Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.ranges == [None, None, "bytes=40-", "bytes=40-"]


# Bounds


@pytest.mark.parametrize("tries", [1, 2, 6])
@pytest.mark.parametrize(
    "step",
    [Host(content=CONTENT, etag=None, breaks=20), Host(content=CONTENT, breaks=0)],
    ids=["at one byte", "at once"],
)
async def test_faults_in_a_row_without_progress_are_bounded(connect: Connect, step: Step, tries: int) -> None:
    hosts = Hosts([step])
    async with connect(hosts, retries=Retries(tries=tries)) as sm:
        assert is_part(await fetch(sm), NoAnswer)
    assert len(hosts.fetched) == tries


async def test_progress_of_one_byte_resets_the_count_of_faults(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=1)])
    async with connect(hosts, retries=Retries(tries=2, first_wait=1.0)) as sm:
        assert same(await fetch(sm))
    assert len(hosts.fetched) == LENGTH
    waits = [later - earlier for earlier, later in zip(hosts.at, hosts.at[1:], strict=False)]
    assert max(waits) <= 1.0, "the wait does not grow while there is progress"


async def test_all_faults_together_are_bounded(connect: Connect) -> None:
    content = b"x" * (2 * MOST_FAULTS)
    hosts = Hosts([Host(content=content, breaks=1)])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert isinstance(fetched.error, NoAnswer)
    assert len(hosts.fetched) == MOST_FAULTS == len(fetched.content)


async def test_a_transfer_of_hours_can_still_resume(connect: Connect) -> None:
    """The deadline of the retries limits waiting, not receiving."""
    body = Body([bytes([byte]) for byte in CONTENT[:100]], error=httpx.ReadError("reset"), seconds=50.0)
    hosts = Hosts([lambda _: httpx.Response(200, stream=body), Host(content=CONTENT)])
    async with connect(hosts, retries=Retries(deadline=180.0)) as sm:
        assert same(await fetch(sm))


async def test_the_deadline_bounds_waits_without_progress(connect: Connect) -> None:
    busy = response(503, Retry_After="60")
    hosts = Hosts([Host(content=CONTENT, breaks=40), busy])
    async with connect(hosts, retries=Retries(tries=50, deadline=180.0)) as sm:
        assert is_part(await fetch(sm), ServerFault)
    assert len(hosts.fetched) == 4
    assert 120.0 <= hosts.at[-1] <= 121.0, "another wait would have ended after the deadline"


async def test_retry_after_is_respected_in_the_middle_of_a_file(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=40), response(503, Retry_After="20"), Host(content=CONTENT)])
    async with connect(hosts) as sm:
        assert same(await fetch(sm))
    assert hosts.at[2] - hosts.at[1] >= 20.0


async def test_the_error_describes_the_fault_without_the_link(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=40), httpx.ConnectError("refused")])
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert is_part(fetched, NoAnswer)
    assert "files.example.com" in str(fetched.error)
    assert "signature" not in str(fetched.error)


# Random faults

STEMS = st.binary(max_size=30)
PLACES = st.integers(0, 70)


async def test_the_length_of_another_version_does_not_make_a_cut_file_whole(connect: Connect) -> None:
    longer = Host(content=b"\0\1\0", etag='"two"', has_parts=False, promises=False)
    hosts = Hosts([Host(content=b"\0\0", etag='"one"', has_parts=False, breaks=1), evolve(longer, breaks=2), longer])
    assert (await fetch(connect(hosts))).content == b"\0\1\0"


async def test_the_length_of_another_version_does_not_end_the_reading(connect: Connect) -> None:
    shorter = Host(content=b"\0\0", etag='"two"', has_parts=False, breaks=1, piece=1)
    longer = Host(content=b"\0\1\0", etag='"one"', has_parts=False, promises=False, piece=1)
    fetched = await fetch(connect(Hosts([shorter, longer, httpx.ReadTimeout("slow")])))
    assert (fetched.error, fetched.content) == (None, b"\0\1\0")


@st.composite
def scripts(draw: st.DrawFn) -> tuple[dict[str, bytes], list[Step]]:
    """Several versions of a file with equal beginnings, and the answers of correct hosts."""
    stem = draw(STEMS)
    versions = {f'"{number}"': stem + draw(STEMS) for number in range(draw(st.integers(1, 3)))}
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 12))):
        etag = draw(st.sampled_from(sorted(versions)))
        host = Host(
            content=versions[etag],
            etag=draw(st.sampled_from([etag, etag, None])),
            has_parts=draw(st.booleans()),
            promises=draw(st.booleans()),
            breaks=draw(st.none() | PLACES),
            longest=draw(st.none() | st.integers(1, 30)),
            piece=draw(st.integers(1, 20)),
        )
        others: list[Step] = [response(403), response(500), response(416), httpx.ReadTimeout("slow")]
        steps.append(draw(st.sampled_from([host, host, host, *others])))
    return versions, steps


@pytest.mark.sampled
@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=examples(150))
@given(scripts(), st.integers(1, 40), st.integers(0, 5))
def test_any_hosts_yield_one_whole_file_or_an_error(
    backend: str, script: tuple[dict[str, bytes], list[Step]], block: int, seed: int
) -> None:
    versions, steps = script

    async def run() -> Fetched:
        with pytest.MonkeyPatch.context() as patch:
            small_blocks(patch, block)
            credentials = Credentials(client_id="c", api_key="k", api_secret="s")
            async with SalesManago(credentials, transport=Hosts(list(steps)), random=Random(seed)) as sm:
                return await fetch(sm)

    fetched = run_virtually(backend, run)
    if fetched.error is None:
        assert fetched.content in versions.values()
    else:
        assert isinstance(fetched.error, SalesManagoError)
        assert any(content.startswith(fetched.content) for content in versions.values())


@pytest.mark.parametrize("backend", ["asyncio", *in_ci("trio")])
@settings(deadline=None, max_examples=examples(15))
@given(st.lists(st.integers(0, 2_000_000), max_size=5), st.sampled_from(['"one"', None]), st.integers(20_000, 200_000))
def test_a_big_file_cut_at_random_places_is_whole(backend: str, cuts: list[int], etag: str | None, piece: int) -> None:
    content = Random(1).randbytes(2_000_000)
    steps = [Host(content=content, etag=etag, breaks=at, piece=piece) for at in cuts]

    async def run() -> Fetched:
        hosts = Hosts([*steps, Host(content=content, etag=etag, piece=piece)])
        credentials = Credentials(client_id="c", api_key="k", api_secret="s")
        async with SalesManago(credentials, transport=hosts, retries=Retries(tries=9)) as sm:
            return await fetch(sm)

    fetched = run_virtually(backend, run)
    assert (fetched.content == content, fetched.error) == (True, None)
