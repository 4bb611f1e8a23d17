"""Steps: what comes next for a chunk follows from what was found out, without any loop, server or time."""

import ast
import inspect
from collections.abc import Callable, Sequence
from textwrap import dedent
from typing import get_args

import pytest

from salesmanago_async.imports.engine import driver as _driver
from salesmanago_async.imports.engine import steps as _steps
from salesmanago_async.imports.engine.matching import MatchResult
from salesmanago_async.imports.engine.steps import (
    Evaluate,
    Halve,
    Poll,
    Reconcile,
    Refusal,
    Send,
    Settle,
    Split,
    Step,
    after_reading_back,
    after_refusal,
    after_refusal_by_indices,
    after_verdicts,
    resumed,
    split,
    state_during,
)
from salesmanago_async.imports.settings import InDoubt
from salesmanago_async.outcome import State, Verdicts
from salesmanago_async.stores.values import Entry

REFUSAL = Refusal("no")
ACCEPTED, DOUBT = Verdicts("accepted"), Verdicts("in_doubt", "no answer")
SETTLED, GIVEN_UP = Settle(ACCEPTED), Settle(DOUBT)
MIXED = Verdicts("accepted", None, {0: ("in_doubt", "why"), 2: ("rejected", "bad")})
SURE = Settle(Verdicts("accepted", None, {1: ("rejected", "bad")}))
"""MIXED over four records, without the first one."""


def entry(state: State, request_id: int | None = None) -> Entry:
    return Entry(1, ((0, 3),), state, request_id)


def rejected(*reasons: str) -> Settle:
    others: dict[int, tuple[State, str]] = {index: ("rejected", reason) for index, reason in enumerate(reasons)}
    return Settle(Verdicts("rejected", None, others))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(resumed(entry("in_doubt"), reconciles=True), Reconcile(), id="events in doubt are read back"),
        pytest.param(resumed(entry("in_doubt"), reconciles=False), Send(may_have_arrived=True), id="contacts go again"),
        pytest.param(resumed(entry("submitted", 7), reconciles=False), Poll(7, is_resumed=True), id="a job is polled"),
        pytest.param(
            resumed(entry("submitted"), reconciles=False), Settle(Verdicts("submitted")), id="no job is named"
        ),
        pytest.param(after_verdicts(ACCEPTED, 4, may_reconcile=True), SETTLED, id="all known"),
        pytest.param(after_verdicts(DOUBT, 4, may_reconcile=True), Reconcile(), id="all in doubt"),
        pytest.param(after_verdicts(DOUBT, 4, may_reconcile=False), GIVEN_UP, id="in doubt, and it stays so"),
        pytest.param(
            after_verdicts(MIXED, 4, may_reconcile=True),
            Split((((1, 2, 3), SURE), ((0,), Reconcile()))),
            id="some in doubt",
        ),
        pytest.param(
            after_verdicts(MIXED, 4, may_reconcile=False),
            Split((((1, 2, 3), SURE), ((0,), Settle(MIXED.part([0]))))),
            id="some in doubt, and it stays so: a line of the journal of its own",
        ),
        pytest.param(
            after_refusal(REFUSAL, ([0, 1], [2, 3]), may_search=True),
            Split((((0, 1), Send()), ((2, 3), Send()))),
            id="refused: halves",
        ),
        pytest.param(
            after_refusal(REFUSAL, ([0], []), may_search=True), Settle(Verdicts("rejected", "no")), id="refused: one"
        ),
        pytest.param(
            after_refusal(REFUSAL, ([0, 1], [2]), may_search=False),
            Settle(Verdicts("rejected", "no (refused together with 2 others, any of which may be to blame)")),
            id="refused: no more searching",
        ),
        pytest.param(
            after_refusal_by_indices(REFUSAL, {2: "bad", 0: "worse"}, 4),
            Split((((0, 2), rejected("worse", "bad")), ((1, 3), Send()))),
            id="refused, and some are named",
        ),
        pytest.param(
            after_refusal_by_indices(REFUSAL, {0: "bad", 1: "worse"}, 2), rejected("bad", "worse"), id="all are named"
        ),
        pytest.param(after_refusal_by_indices(REFUSAL, {}, 4), Halve(REFUSAL), id="refused, and none is named"),
        pytest.param(after_refusal_by_indices(REFUSAL, {4: "bad"}, 4), Halve(REFUSAL), id="refused: one of no record"),
        pytest.param(split(((), Send()), ((0, 1), SETTLED)), SETTLED, id="a split into one part is no split"),
    ],
)
def test_next_step(step: Step, expected: Step) -> None:
    assert step == expected


def found(present: Sequence[int] = (), missing: Sequence[int] = (), undecided: Sequence[int] = ()) -> MatchResult:
    return MatchResult(frozenset(present), frozenset(missing), dict.fromkeys(undecided, "alike"))


def undecided(state: State, reason: str, count: int) -> Settle:
    return Settle(Verdicts(state, None, dict.fromkeys(range(count), (state, reason))))


@pytest.mark.parametrize(
    ("result", "refusal", "in_doubt", "expected"),
    [
        pytest.param(found(present=[0, 1]), None, "ask", SETTLED, id="all there"),
        pytest.param(found(missing=[0, 1]), None, "ask", Send(), id="all missing"),
        pytest.param(found(missing=[0, 1]), REFUSAL, "ask", Halve(REFUSAL), id="refused, and nothing was made"),
        pytest.param(found(present=[0, 1]), REFUSAL, "ask", SETTLED, id="refused, and all was made"),
        pytest.param(
            found(present=[1, 3], missing=[0, 2]),
            REFUSAL,
            "ask",
            Split((((1, 3), SETTLED), ((0, 2), Send()))),
            id="refused, and a half was made",
        ),
        pytest.param(found(undecided=[0, 1]), None, "ask", undecided("in_doubt", "alike", 2), id="nobody can tell"),
        pytest.param(found(undecided=[0]), None, "send", Send(may_have_arrived=True), id="nobody can tell: send"),
        pytest.param(
            found(present=[0], undecided=[1]),
            None,
            "drop",
            Split(
                (
                    ((0,), SETTLED),
                    ((1,), undecided("rejected", "alike; given up on request, it may have been applied", 1)),
                )
            ),
            id="nobody can tell: drop",
        ),
    ],
)
def test_step_after_reading_back(
    result: MatchResult, refusal: Refusal | None, in_doubt: InDoubt, expected: Step
) -> None:
    assert after_reading_back(result, refusal, in_doubt) == expected


@pytest.mark.parametrize(
    ("step", "before", "expected"),
    [
        (Send(), "not_sent", "not_sent"),
        (Send(may_have_arrived=True), "not_sent", "in_doubt"),
        (Poll(1), "in_doubt", "submitted"),
        (Reconcile(), "in_doubt", "in_doubt"),
        (Reconcile(REFUSAL), "in_doubt", "in_doubt"),
        (Halve(REFUSAL), "in_doubt", "not_sent"),
        (Evaluate(lambda keys: ACCEPTED), "submitted", "submitted"),
        (Split(()), "not_sent", "not_sent"),
        (SETTLED, "in_doubt", "in_doubt"),
    ],
)
def test_state_if_the_run_ends_during_a_step(step: Step, before: State, expected: State) -> None:
    assert state_during(step, before) == expected


@pytest.mark.parametrize("function", [_steps.state_during, _driver.Driver._carry_out])
def test_every_step_has_its_case(function: Callable[..., object]) -> None:
    tree = ast.parse(dedent(inspect.getsource(function)))
    cases = (node.cls for node in ast.walk(tree) if isinstance(node, ast.MatchClass))
    assert {case.id for case in cases if isinstance(case, ast.Name)} == {kind.__name__ for kind in get_args(Step)}
