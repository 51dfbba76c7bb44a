"""The examples of a weight pass as tests: each names a small model, what it grows to, and what is then so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from ..errors import RewriterError
from .configs import changed, checked
from .drawing import Drawn, draw
from .execute import tensor
from .expand import plan_alone
from .explain import describe, explain
from .families import FAMILIES
from .passes import Choices, WeightExample, WeightPass
from .plan import Plan

PARTS = ("pooler.", "cls.predictions.", "lm_head.")
"""The heads that the models of examples have."""


def check(item: WeightPass, example: WeightExample) -> None:
    """Make sure that a weight pass does with an example what the example says.

    The plan is made and carried out on drawn weights; where the example says that the target is exact, both models are
    run and compared.

    Raises:
        AssertionError: It does not; the message says what is so instead.
    """
    source = draw(example.source, parts=PARTS)
    try:
        plan = _plan(item, example, source)
    except RewriterError as error:
        raise AssertionError(f"the pass refuses: {error}") from None
    for text, wanted in example.elements.items():
        found = describe(explain(plan, text).origin)
        assert found == wanted, f"{text} is {found}, and the example says {wanted}"
    made = {key: tensor(recipe, source.read) for key, recipe in plan.recipes.items()}
    again = _plan(item, example, source)
    assert all(_same(value, tensor(again.recipes[key], source.read)) for key, value in made.items()), (
        "a second run makes other numbers"
    )
    _check_promise(plan, example)
    if example.exact:
        _check_outputs(plan, source, made)


def _plan(item: WeightPass, example: WeightExample, source: Drawn) -> Plan:
    family = FAMILIES[source.view.family]
    config = checked(changed(example.source, example.target, family), source.view)
    return plan_alone(item, source.view, config, Choices(example.shares, 0))


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return one.tobytes() == other.tobytes()


def _check_promise(plan: Plan, example: WeightExample) -> None:
    reasons = "; ".join(plan.inexact)
    if example.exact:
        assert plan.exact, f"the example is exact, and the plan is not: {reasons}"
        return
    assert not plan.exact, "the plan is exact, and the example says that it is not"
    assert example.reason in reasons, f"the plan does not give the reason {example.reason!r}, but: {reasons}"


def _check_outputs(plan: Plan, source: Drawn, made: Mapping[str, npt.NDArray[Any]]) -> None:
    """Run both models, and compare their outputs through the relations of the plan."""
    from .proof.cases import cases_for
    from .proof.checker import judge
    from .proof.claim import Claim
    from .proof.models import Model

    verdict = judge(
        Model(source.view, source.read),
        Model(plan.target, made.__getitem__),
        Claim.of_plan(plan),
        cases_for(source.view.family, source.view.sizes, full=False, seed=0),
    )
    assert verdict.ok, f"the outputs are not the source's: {verdict.largest or verdict.status.value}"
