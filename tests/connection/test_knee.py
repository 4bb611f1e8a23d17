"""Each decision of `Knee` and `AllowedRate` by itself; what comes of all together is in test_knee_scenarios.py."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async.connection.allowed_rate import FORGOTTEN, HELD, STEP_ANSWERS, AllowedRate
from salesmanago_async.connection.knee import FEWEST_ANSWERS, FIRST_WINDOW, Knee, Start


def round_of(knee: Knee, seconds: float, *, now: float = 0.0, in_flight: int | None = None, kind: str = "post") -> None:
    """Answer a whole round of requests, each after so many seconds, with the window full unless told otherwise."""
    for _ in range(max(FEWEST_ANSWERS, knee.window)):
        knee.answered(knee.begin(in_flight or knee.window, now), kind, seconds, now)


def windows(knee: Knee, *rounds: float) -> list[int]:
    """Return the windows after rounds of these seconds."""
    seen: list[int] = []
    for seconds in rounds:
        round_of(knee, seconds)
        seen.append(knee.window)
    return seen


def test_the_window_doubles_from_three_to_the_cap_while_answers_take_no_longer() -> None:
    assert windows(Knee(64), 0.2, 0.2, 0.2, 0.2, 0.2, 0.2) == [6, 12, 24, 48, 64, 64]
    assert windows(Knee(8), 0.2, 0.2, 0.2) == [6, 8, 8]
    assert (Knee(1).window, Knee(2).window, Knee(1000).window) == (1, 2, FIRST_WINDOW)


def test_a_window_whose_requests_wait_shrinks_to_where_one_or_two_do_after_a_look_at_half_of_it() -> None:
    knee = Knee(64)
    assert windows(knee, 0.2, 0.2, 0.2) == [6, 12, 24]
    round_of(knee, 0.6)  # three times as long: of 24, 16 wait
    assert knee.window == (24 // 3 + 4) // 2
    round_of(knee, 0.2)
    assert knee.window == 24 // 3 + 4


def test_a_window_of_which_some_wait_stays() -> None:
    knee = Knee(64)
    assert windows(knee, 0.2, 0.2, 0.2) == [6, 12, 24]
    assert windows(knee, 0.28, 0.2, 0.27, 0.27) == [12, 24, 24, 24]  # the first one at half the window is a look


def test_rounds_that_never_filled_the_window_change_nothing() -> None:
    knee = Knee(64)
    for seconds in (0.2, 0.2, 5.0, 5.0, 0.2):
        round_of(knee, seconds, in_flight=2)
    assert knee.window == FIRST_WINDOW


def test_answers_to_requests_of_an_earlier_round_do_not_count_for_this_one() -> None:
    knee = Knee(64)
    early = [knee.begin(3, 0.0) for _ in range(100)]
    round_of(knee, 0.2)
    assert knee.window == 6
    for start in early:
        knee.answered(start, "post", 50.0, 0.0)
    assert windows(knee, 0.2) == [12]


def test_quick_requests_of_another_kind_do_not_make_the_slow_ones_look_like_a_queue() -> None:
    knee = Knee(64)
    for _ in range(3):
        for number in range(max(FEWEST_ANSWERS, knee.window)):
            kind, seconds = ("status", 0.02) if number % 3 else ("post", 2.0)
            knee.answered(knee.begin(knee.window, 0.0), kind, seconds, 0.0)
    assert knee.window == 24


def test_answers_within_a_few_milliseconds_are_no_queue() -> None:
    assert windows(Knee(64), 0.0, 0.0001, 0.004, 0.0003, 0.005) == [6, 12, 24, 48, 64]


def test_a_server_that_is_slower_for_good_is_measured_again() -> None:
    knee = Knee(64)
    windows(knee, *[0.2] * 6)
    seen = windows(knee, *[0.4] * 20)
    assert min(seen) < 40
    assert seen[-1] == 64


def test_time_outs_halve_the_window_and_those_that_began_together_count_once() -> None:
    knee = Knee(64)
    windows(knee, *[0.2] * 6)
    starts = [knee.begin(64, 1.0) for _ in range(64)]
    for start in starts:
        knee.timed_out(start, 2.0)
    assert knee.window == 32
    knee.timed_out(knee.begin(32, 3.0), 4.0)
    assert knee.window == 16


def test_when_a_whole_window_is_refused_and_nothing_is_taken_it_is_halved() -> None:
    knee, seen = Knee(12), list[int]()
    windows(knee, *[0.2] * 3)
    knee.refused(knee.begin(12, 5.0), 5.0)  # since requests were taken before, the rate is tried first
    for _ in range(12 + 6 + 3 + 1):
        knee.refused(knee.begin(knee.window, 6.0), 6.0)
        seen.append(knee.window)
    assert seen == [*[12] * 11, *[6] * 6, *[3] * 3, 1, 1]


def test_a_number_in_flight_that_is_refused_and_was_never_taken_ends_the_window_below() -> None:
    knee = Knee(64)
    windows(knee, *[0.2] * 2)
    assert knee.window == 12
    for in_flight in (10, 9, 11, 12):
        knee.refused(knee.begin(in_flight, 1.0), 1.0)
    assert knee.window == 8
    assert knee.spacing(1.0) == 0.0
    windows(knee, *[0.2] * (HELD // 8 - 4))
    assert knee.window == 8
    assert max(windows(knee, *[0.2] * 8)) == 9
    assert max(windows(knee, *[0.2] * HELD)) == 64


def begun(in_flight: int, at: float) -> Start:
    return Start(at, 0, in_flight)


def test_a_refusal_of_a_number_in_flight_that_is_often_taken_spaces_the_starts() -> None:
    knee = Knee(64)
    for number in range(100):  # 20 in a second, always three in flight
        knee.answered(begun(3, number / 20), "post", 0.1, number / 20)
    knee.refused(begun(3, 4.9), 5.0)
    assert 1 / knee.spacing(5.0) == pytest.approx(0.92 * 20, rel=0.06)
    spacing = knee.spacing(5.0)
    knee.refused(begun(3, 4.9), 7.0)
    assert knee.spacing(5.0) == spacing, "it began before the rate was lowered"


# The rate


def answers(rate: AllowedRate, count: int, *, per_second: float, begin: float) -> float:
    """Take so many requests; return when the last one was taken."""
    for number in range(count):
        rate.answered(begin + (number + 1) / per_second)
    return begin + count / per_second


def test_the_rate_starts_below_what_was_taken_comes_back_to_it_holds_it_and_then_tries_more() -> None:
    rate = AllowedRate()
    assert rate.at(0.0) == inf
    now = answers(rate, 200, per_second=20, begin=0.0)
    rate.refused(now)
    assert rate.at(now) == pytest.approx(0.92 * 20, rel=0.06)
    true = rate.at(now) / 0.92
    seen: list[float] = []
    for _ in range((HELD + 6 * STEP_ANSWERS) // 50):
        now = answers(rate, 50, per_second=20, begin=now)
        seen.append(rate.at(now) / true)
    assert all(later >= earlier for earlier, later in pairwise(seen))
    assert seen[4] == seen[8] == 1.0
    assert seen[9:14:2] == pytest.approx([1.03, 1.06, 1.12])
    while rate.at(now) < inf:
        now = answers(rate, 1, per_second=20, begin=now)
        assert rate.at(now) == inf or rate.at(now) <= FORGOTTEN * true
    rate.refused(now)
    assert rate.at(now) < inf


def test_a_rate_that_is_met_again_stays_and_is_tried_more_rarely() -> None:
    rate = AllowedRate()
    now = answers(rate, 200, per_second=20, begin=0.0)
    rate.refused(now)
    now = answers(rate, HELD - 1, per_second=20, begin=now)
    true = rate.at(now)
    now = answers(rate, STEP_ANSWERS, per_second=20, begin=now)
    rate.refused(now)
    assert rate.at(now) == pytest.approx(0.92 * true)
    now = answers(rate, 2 * HELD - 1, per_second=20, begin=now)
    assert rate.at(now) == true
    now = answers(rate, 1, per_second=20, begin=now)
    assert rate.at(now) > true


def test_a_pause_is_left_out_of_the_measurement() -> None:
    rate = AllowedRate()
    now = answers(rate, 200, per_second=20, begin=0.0)
    rate.paused_until(now + 30)
    now = answers(rate, 40, per_second=20, begin=now + 30)
    rate.refused(now)
    assert rate.at(now) == pytest.approx(0.92 * 20, rel=0.06)


def test_a_very_low_rate_is_tried_again_within_minutes() -> None:
    rate = AllowedRate()
    now = answers(rate, 10, per_second=0.1, begin=0.0)
    rate.refused(now)
    low = rate.at(now)
    assert low < 0.2
    assert rate.at(now + 150) > low / 0.92


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["answered", "answered", "answered", "refused", "paused", "timed out"]),
        st.integers(1, 200),
        st.floats(0, 100),
        st.floats(0, 10),
    ),
    max_size=60,
)


@given(cap=st.integers(1, 100), events=EVENTS)
def test_whatever_happens_there_is_a_window_and_a_finite_spacing(
    cap: int, events: list[tuple[str, int, float, float]]
) -> None:
    knee, now = Knee(cap), 1000.0
    for event, in_flight, seconds, gap in events:
        start = knee.begin(min(in_flight, knee.window), now)
        now += gap
        match event:
            case "answered":
                knee.answered(start, "post", seconds, now)
            case "timed out":
                knee.timed_out(start, now)
            case _:
                knee.refused(start, now, seconds if event == "paused" else 0.0)
        assert 1 <= knee.window <= cap
        assert 0 <= knee.spacing(now) < inf
