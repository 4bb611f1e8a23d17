"""`salesmanago simulator --later-problem` posts problems with accepted products to the webhook."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import pytest

from salesmanago_async.api.product_problems import ProductProblem
from salesmanago_async.integrations.product_problems import product_problems_app
from tests.cli.test_import_products import ask
from tests.serving import serving_app

pytestmark = pytest.mark.ci

Start = Callable[..., subprocess.Popen[str]]


def test_a_later_problem_arrives_at_the_receiver(start: Start) -> None:
    taken: list[ProductProblem] = []

    async def take(problems: Sequence[ProductProblem]) -> None:
        taken.extend(problems)

    with serving_app(product_problems_app(token="secret", on_problems=take)) as hook:
        options = ("--webhook", f"{hook}/?token=secret", "--later-problem", "P1")
        process = start("simulator", "--port", "0", *options, environ={})
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").rstrip("\n") for _ in range(7)]
        account = dict(line.split("=", 1) for line in lines)
        catalog = ask(account, "product/catalogUpsert", {"name": "Main", "currency": "EUR", "location": "shop"})
        products = [{"productId": f"P{n}", "name": "N", "mainCategory": "C", "price": 1} for n in range(2)]
        answer = ask(account, "product/upsert", {"catalogId": catalog["catalogId"], "products": products})
        assert answer["productIds"] == ["P0", "P1"]
        until = time.monotonic() + 20
        while not taken and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)
    assert told == ""
    assert [(problem.reason_code, problem.index) for problem in taken] == [(11, 1)]
