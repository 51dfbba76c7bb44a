"""An adapter of one's own, on a toy: what `verify` makes of models that do not repeat themselves, do not build, ..."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rewriter
from rewriter.equivalence import verify
from rewriter.equivalence.adapters import ModelAdapter, find_adapter, forward_of, model_classes
from rewriter.equivalence.cases import GRADIENTS, RELOAD, TRAIN, Case
from rewriter.equivalence.clip_like import ClipLike
from rewriter.equivalence.statistics import Status
from rewriter.equivalence.text_like import TextLike
from rewriter.errors import RewriterError
from rewriter.runtime import loader
from rewriter.runtime.stand_ins.kernels import settle

ROOT = Path(__file__).resolve().parents[2]

TOY = """\
    import mindspore
    from mindspore import nn, ops


    class ToyConfig:
        def __init__(self, width=4, dropout=0.5):
            self.width, self.dropout = width, dropout


    class ToyModel(nn.Cell):
        config_class = ToyConfig

        def __init__(self, config):
            super().__init__()
            self.config = config
            self.dense = nn.Dense(config.width, config.width)
            self.dropout = nn.Dropout(p=config.dropout)

        def construct(self, x, shift=None, double=False):
            y = self.dropout(self.dense(x))
            if shift is not None:
                y = y + shift[0]
            return (y * 2,) if double else (y,)

        def half(self, x):
            return self.dense(x) / 2


    class ToyEncoder(nn.Cell):
        def construct(self, x):
            return x
    """


class ToyAdapter(ModelAdapter):
    name = "toy"

    def matches(self, module: ModuleType) -> bool:
        return hasattr(module, "ToyModel")

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        return getattr(module, model)(module.ToyConfig(**settings))

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        x = np.ones((2, 4), np.float32)
        yield Case("plain", model_class.__name__, {"x": x})
        yield Case("double", model_class.__name__, {"x": x, "shift": (x,)}, {"double": True})
        yield Case("half", model_class.__name__, {"x": x}, method="half")
        yield Case("wrong", model_class.__name__, {"x": x[:, :3]}, raises=True)
        yield Case("train", model_class.__name__, {"x": x}, scenario=TRAIN)
        yield Case("reload", model_class.__name__, {"x": x}, scenario=RELOAD)
        yield Case("gradients", model_class.__name__, {"x": x}, settings={"dropout": 0.0}, scenario=GRADIENTS)


@pytest.fixture
def check(tmp_path):
    """Verify the toy against itself with pieces replaced, in the twin or in both."""

    def run(*edits: tuple[str, str], both: tuple[tuple[str, str], ...] = (), cases: list[str] | None = None) -> Any:
        text = textwrap.dedent(TOY)
        for old, new in both:
            assert old in text
            text = text.replace(old, new)
        twin = text
        for old, new in edits:
            assert old in twin
            twin = twin.replace(old, new)
        original, rewritten = tmp_path / "modeling_toy.py", tmp_path / "modeling_toy_twin.py"
        original.write_text(text)
        rewritten.write_text(twin)
        return verify(original, rewritten, cases=cases, adapters=[ToyAdapter()])

    return run


def statuses(verdict: Any) -> dict[str, str]:
    return {case.id: case.status.value for case in verdict.cases}


def test_a_copy_is_identical_in_every_case(check):
    verdict = check()
    assert set(statuses(verdict).values()) == {"identical"}
    assert verdict.ok
    assert not verdict.methods
    assert {mode.mode for case in verdict.cases for mode in case.modes} == {"eager"}


@pytest.mark.parametrize(
    ("edit", "wrong"),
    [
        (("self.dropout(self.dense(x))", "self.dense(x)"), {"train"}),
        (("(y * 2,)", "(y * 2, y)"), {"double"}),
        (("/ 2", "* 0.5000001"), set()),
        (("/ 2", "* 0.501"), {"half"}),
        (("shift[0]", "shift[0] * 0"), {"double"}),
        (
            ("y = self.dropout", "x = x[:, :4] if x.shape[1] == 4 else ops.ones((2, 4))\n        y = self.dropout"),
            {"wrong"},
        ),
        (("y = self.dropout", "self.config.seen = True\n        y = self.dropout"), None),
        (("y = self.dropout", "if self.training: x = x + 1\n        y = self.dropout"), {"gradients"}),
    ],
)
def test_a_fault_shows_in_the_cases_that_have_it(edit, wrong, check):
    verdict = check(edit)
    found = {name for name, status in statuses(verdict).items() if status == "different"}
    assert found == ({"plain", "double", "wrong", "train", "reload", "gradients"} if wrong is None else wrong)


def test_a_model_that_keeps_its_first_weights_is_caught(check):
    kept = (
        "y = self.dropout(ops.matmul(x, vars(self).setdefault('_kept', self.dense.weight.T.copy())) + self.dense.bias)"
    )
    verdict = check(("y = self.dropout(self.dense(x))", kept), cases=["plain", "reload"])
    assert statuses(verdict)["reload"] == "different"


def test_an_original_that_does_not_repeat_itself_cannot_be_compared(check):
    verdict = check(both=(("(y,)", "(y + ops.rand(1),)"),), cases=["plain"])
    assert statuses(verdict) == {"plain": "unverified"}
    assert "differently when it is called again" in verdict.cases[0].unverified
    assert verdict.status is Status.UNVERIFIED
    assert not verdict.ok


def test_a_class_whose_original_answers_nothing_is_unverified(check):
    """The same error on both sides is all there is to see, and that proves little."""
    verdict = check(
        both=(("y = self.dropout", "raise RuntimeError('no kernel')\n        y = self.dropout"),),
        cases=["plain", "double"],
    )
    assert statuses(verdict) == {"plain": "identical", "double": "identical"}
    assert verdict.unchecked == {"ToyModel": "both raise RuntimeError: no kernel"}
    assert verdict.status is Status.UNVERIFIED


def test_a_kernel_that_the_twin_lacks_is_no_difference_and_no_proof(check):
    """As in a twin for another device. MindSpore may report it again at the next call, which is not to blame."""
    verdict = check(("/ 2", "/ 2 + mindspore.mint.trace(x)"), cases=["half", "gradients", "plain"])
    assert statuses(verdict) == {"plain": "identical", "half": "unverified", "gradients": "identical"}
    half = next(case for case in verdict.cases if case.id == "half")
    assert "no kernel for TraceExt" in half.modes[0].differences[0].message
    assert verdict.status is Status.UNVERIFIED


def test_a_kernel_that_both_lack_leaves_the_class_unverified(check):
    verdict = check(both=(("/ 2", "/ 2 + mindspore.mint.trace(x)"),), cases=["half"])
    assert verdict.cases[0].unverified == "the original cannot run here: no kernel for TraceExt"


def test_a_stand_in_computes_the_reference_where_the_original_lacks_a_kernel(check):
    einsum, matmul = "ops.einsum('ij,kj->ik', x, x)", "ops.matmul(x, x.T)"
    same = check((einsum, matmul), both=(("self.dense(x) / 2", einsum),), cases=["half"])
    assert statuses(same)["half"] in ("identical", "equivalent")
    assert same.cases[0].note == "the original with a stand-in for Einsum, which has no kernel here"
    assert not same.cases[0].lacking
    other = check((einsum, f"{matmul} * 1.001"), both=(("self.dense(x) / 2", einsum),), cases=["half"])
    assert statuses(other) == {"half": "different"}


def test_stand_ins_let_a_twin_for_another_device_answer(check):
    same = check(("/ 2", "/ 2 + 0 * mindspore.mint.arange(4)"), cases=["half", "plain"])
    assert statuses(same) == {"plain": "identical", "half": "identical"}
    assert {case.id: case.note for case in same.cases} == {
        "half": "with a stand-in for Arange, which has no kernel here",
        "plain": "",
    }
    assert {case.id: case.lacking for case in same.cases} == {"half": "Arange", "plain": ""}
    other = check(("/ 2", "/ 2 + mindspore.mint.arange(4)"), cases=["half"])
    assert statuses(other) == {"half": "different"}


def test_a_verdict_that_rests_on_stand_ins_says_so(check):
    """A file that needs one to be loaded has no verdict without; with them each case has a note, the document too."""
    both = (("class ToyModel", "TABLE = mindspore.mint.arange(4).asnumpy()\n\n\nclass ToyModel"),)
    with pytest.raises(RewriterError, match="kernel"):
        check(both=both, cases=["plain"])
    settle()
    with rewriter.stand_ins() as names:
        verdict = check(both=both, cases=["plain", "wrong"])
    assert statuses(verdict) == {"plain": "identical", "wrong": "identical"}
    assert all("with stand-ins for what has no kernel here" in case.note for case in verdict.cases)
    assert verdict.environment["stand_ins"] == f"{len(names)} calls of mindspore"
    plain = check(cases=["plain"])
    assert not plain.cases[0].note
    assert "stand_ins" not in plain.environment


def test_a_wrong_call_that_the_original_accepts_is_no_proof(check):
    verdict = check(
        both=(("y = self.dropout", "x = x if x.shape[1] == 4 else ops.ones((2, 4))\n        y = self.dropout"),),
        cases=["wrong"],
    )
    assert statuses(verdict) == {"wrong": "unverified"}


def test_a_twin_that_cannot_be_built_is_different(check):
    verdict = check(("self.config = config", "self.config = config.nothing"), cases=["plain"])
    assert verdict.status is Status.DIFFERENT
    assert "ToyModel cannot be built: AttributeError" in verdict.problems[0]


def test_a_twin_that_cannot_be_built_for_want_of_a_kernel_is_told_of_stand_ins(check):
    edit = ("self.config = config", "self.config = config\n        mindspore.mint.arange(4).asnumpy()")
    verdict = check(edit, cases=["plain"])
    assert verdict.problems == (
        "ToyModel cannot be built: no kernel for Arange here; see --stand-ins (the original can)",
    )
    settle()
    with rewriter.stand_ins():
        assert statuses(check(edit, cases=["plain"])) == {"plain": "identical"}


def test_a_class_that_is_gone_is_different(check):
    verdict = check(("ToyModel", "OtherModel"), cases=["plain"])
    assert verdict.status is Status.DIFFERENT
    assert "ToyModel is gone" in verdict.surface


def test_the_configuration_is_put_back_after_every_call(check):
    verdict = check(
        both=(
            ("y = self.dropout", "self.config.calls = getattr(self.config, 'calls', 0) + 1\n        y = self.dropout"),
        )
    )
    assert verdict.ok


@pytest.mark.parametrize(("name", "adapter"), [("bert", TextLike), ("clip", ClipLike)])
def test_the_bundled_files_find_their_adapters(name, adapter):
    module = loader.load(ROOT / "models" / name / f"modeling_{name}.py")
    found = find_adapter(module)
    assert type(found) is adapter
    for model in found.models(module):
        cases = list(found.cases(getattr(module, model), "full", 0))
        assert cases, model
        assert all(case.id.startswith(f"{model}/") for case in cases)


def test_models_are_discovered_and_parts_are_not():
    module = loader.load(ROOT / "models" / "bert" / "modeling_bert.py")
    names = [item.__name__ for item in model_classes(module)]
    assert names[0] == "BertModel"
    assert "BertPreTrainedModel" not in names
    assert "BertEncoder" not in names
    assert forward_of(module.BertModel) is module.BertModel.construct


def test_an_adapter_of_ones_own_is_asked_first():
    module = loader.load(ROOT / "models" / "bert" / "modeling_bert.py")

    class Mine(ToyAdapter):
        def matches(self, module: ModuleType) -> bool:
            return True

    assert isinstance(find_adapter(module, [Mine()]), Mine)
