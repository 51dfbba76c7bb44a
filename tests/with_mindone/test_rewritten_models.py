"""mindone's models, rewritten for a CPU, answer as PyTorch's `transformers` do with the same weights."""

from __future__ import annotations

import inspect
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import mindspore
import numpy as np
import pytest
import transformers
from mindone_files import FIXTURES, modeling_file
from mindspore import Parameter, Tensor
from small_models import REFUSED, drawn, models, torch_key

MODELS = models()
TOLERANCE = 1e-5


def identifier(item):
    first = "" if item.calls[0].name == "plain" else f"-{item.calls[0].name}"
    return f"{item.family}-{item.name}{first}"


def built(module, item):
    """Return a model with the weights of the fixtures."""
    configuration = getattr(transformers, item.configuration)(**item.settings)
    model = getattr(module, item.name)(configuration)
    model.set_train(False)
    values = {
        key: Parameter(Tensor(np.array(drawn(torch_key(key), tuple(one.shape)))), name=key)
        for key, one in model.parameters_dict().items()
    }
    mindspore.load_param_into_net(model, values)
    return model


def fields(value, name=""):
    """Yield (field, array) of what a model returned."""
    if isinstance(value, Tensor):
        yield name, value.asnumpy()
    elif value is not None:
        items = value.items() if hasattr(value, "items") else enumerate(value)
        for key, item in items:
            yield from fields(item, f"{name}.{key}".lstrip("."))


def check(value, wanted):
    found = dict(fields(value))
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].shape == array.shape, name
        assert np.abs(found[name] - array).max() <= TOLERANCE, (name, np.abs(found[name] - array).max())


def asked(model, call, **more):
    inputs = {name: Tensor(value) for name, value in call.inputs.items()}
    return model(**inputs, **{**call.flags, "return_dict": True, **more})


@contextmanager
def without_graphs(module):
    module._Graphs.paused = True
    try:
        yield
    finally:
        module._Graphs.paused = False


def refused(model):
    return [cell._graphs.refused for _, cell in model.cells_and_names() if getattr(cell, "_graphs", None)]


@pytest.mark.parametrize("item", MODELS, ids=identifier)
def test_a_model_answers_as_pytorch_s(item, twin, stored):
    """Every call as plain Python; and some, for compiling is what takes time, learned, and as a graph under STRICT."""
    module = twin(item.family)
    model = built(module, item)
    for number, call in enumerate(item.calls):
        wanted = stored(item.family, item.name, call.name)
        assert wanted
        with without_graphs(module):
            plain = asked(model, call)
        check(plain, wanted)
        if number < len(item.calls) - item.graphs:
            continue
        check(asked(model, call), wanted)  # how outputs are packed is learned by this one
        packed = asked(model, call)
        check(packed, wanted)
        assert type(packed) is type(plain)
        assert list(packed) == list(plain)
        if item.family in REFUSED:
            assert any(REFUSED[item.family] in reason for reason in refused(model))
            continue
        assert not any(refused(model)), refused(model)
        assert any(graph.graph for _, cell in model.cells_and_names() for graph in getattr(cell, "_graphs", ()))


@pytest.mark.parametrize(
    "item",
    [one for one in MODELS if one.family in ("bert", "clip") and "For" not in one.name and "LMHead" not in one.name],
    ids=identifier,
)
def test_keys_and_signatures_are_the_original_s(item, twin):
    """The original can be made on a CPU, not called; heads that tie a bias cannot even be made."""
    name = f"mindone.transformers.models.{item.family}.{modeling_file(item.family).stem}"
    original = getattr(sys.modules.get(name) or __import__(name, fromlist=[""]), item.name)
    rewritten = getattr(twin(item.family), item.name)
    for method in ("__init__", "construct"):
        assert parameters(original, method) == parameters(rewritten, method)
    configuration = getattr(transformers, item.configuration)(**item.settings)
    mindspore.set_seed(3)
    one = original(configuration)
    mindspore.set_seed(3)
    other = rewritten(configuration)
    described = [
        [(key, value.shape, value.dtype, value.requires_grad) for key, value in model.parameters_dict().items()]
        for model in (one, other)
    ]
    assert described[0] == described[1]


def parameters(kind, method):
    found = inspect.signature(getattr(kind, method)).parameters.values()
    return [(one.name, one.kind, one.default) for one in found]


HOOKED = """
import sys
import rewriter
rewriter.install(["mindone.transformers.models.bert"], target="cpu")
sys.path[:0] = [{here!r}]
from mindone.transformers.models.bert import modeling_bert
from test_rewritten_models import MODELS, asked, built, check
import numpy as np
item = MODELS[0]
model = built(modeling_bert, item)
answers = np.load({fixture!r}).items()
wanted = {{key.split("|")[2]: value for key, value in answers if key.startswith("BertModel|left|")}}
call = next(one for one in item.calls if one.name == "left")
check(asked(model, call), wanted)
print("hooked", rewriter.runtime.hook.is_rewritten(modeling_bert))
"""


def test_through_the_import_hook(tmp_path):
    """`install` gives the package's own module rewritten, where the original could not be called."""
    here = inspect.getfile(sys.modules[__name__]).rpartition("/")[0]
    script = tmp_path / "script.py"
    script.write_text(HOOKED.format(here=here, fixture=str(FIXTURES / "bert.npz")), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.endswith("hooked True\n"), done.stderr[-3000:]


def test_the_class_form_of_optimize(stored):
    """A model that exists keeps mint's layers; a class is built anew by the rewritten code."""
    from mindone.transformers.models.bert import modeling_bert

    import rewriter

    item = MODELS[0]
    kind = rewriter.optimize(modeling_bert.BertModel, target="cpu")
    model = built(SimpleNamespace(BertModel=kind), item)
    assert isinstance(model, modeling_bert.BertModel)
    check(asked(model, item.calls[0]), stored("bert", "BertModel", "plain"))


def test_the_original_fails_where_the_twin_answers():
    """What all this is for: when this no longer fails, a MindSpore has the kernels, and the passes can go."""
    from mindone.transformers.models.bert import modeling_bert

    model = built(modeling_bert, MODELS[0])
    with pytest.raises(RuntimeError, match=r"[kK]ernel"):
        list(fields(asked(model, MODELS[0].calls[0])))


@pytest.mark.parametrize("family", ["bert", "clip", "vit"])
def test_a_second_run_changes_nothing(family):
    import rewriter

    once = rewriter.rewrite(modeling_file(family), target="cpu")
    assert once.changed
    assert not [site for site in once.sites if site.missing]
    again = rewriter.rewrite(once.text, target="cpu")
    assert not again.changed, again.diff()[:2000]


def test_ascend_keeps_what_mint_has():
    import rewriter

    result = rewriter.rewrite(modeling_file("bert"), target="ascend")
    assert "class LayerNorm_2" not in result.text
    assert result.text.count("mint.nn.LayerNorm(") == modeling_file("bert").read_text().count("mint.nn.LayerNorm(")
    assert {site.pass_name for site in result.sites if site.outcome.value == "rewritten"}.isdisjoint(
        {"mint-layers", "mint-functions", "mint-helpers", "in-place"}
    )
