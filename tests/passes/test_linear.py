"""Linear layers by a product of matrices: which are taken, and that they compute what the layer does."""

import copy
from pathlib import Path

import mindspore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_pairs import both, close, gradients, graph_of, parameters, without_addresses, written_and_rewritten
from mindspore import Tensor

from rewriter import Outcome, pipeline, source
from rewriter.targets import Target

MINDNLP = """\
from mindnlp.core import nn


class Head(nn.Module):
    def __init__(self, size, labels, bias):
        super().__init__()
        self.dense = nn.Linear(size, labels, bias=bias)

    def forward(self, x):
        return self.dense(x)
"""
MINT = """\
from mindspore import mint, nn


class Head(nn.Cell):
    def __init__(self, size, labels, bias):
        super().__init__()
        self.dense = mint.nn.Linear(size, labels, bias)

    def construct(self, x):
        return self.dense(x)
"""
TEXTS = {"mindnlp": MINDNLP, "mint": MINT}


@pytest.fixture(scope="module", params=list(TEXTS))
def pair(request, rewrite, tmp_path_factory):
    """Two modules: a layer as it is written, and as the pass writes it."""
    folder = tmp_path_factory.mktemp(f"linear_{request.param}_")
    with written_and_rewritten(rewrite, folder, TEXTS[request.param], "Head", "linear") as found:
        yield found


def states(*shape):
    return Tensor(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(
    shape=st.lists(st.integers(1, 5), min_size=0, max_size=4),
    size=st.integers(1, 40),
    labels=st.integers(1, 9),
    bias=st.booleans(),
)
def test_eager_of_any_shape(pair, shape, size, labels, bias):
    old, new = both(pair, size, labels, bias)
    close(new(states(*shape, size)), old(states(*shape, size)))


SHAPES = [(2, 7, 6), (3, 6), (6,), (2, 1, 3, 6)]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", SHAPES)
def test_in_somebody_s_graph(pair, shape, bias):
    old, new = both(pair, 6, 5, bias)
    close(graph_of(new)(states(*shape)), old(states(*shape)) * 2.0)


def test_a_graph_for_any_shape(pair):
    """`dynamic=1` compiles for shapes that are not known."""
    old, new = both(pair, 6, 5, True)
    graph = graph_of(new, dynamic=1)
    for shape in ((1, 7, 6), (2, 7, 6), (3, 7, 6), (3, 9, 6), (5, 1, 6)):
        close(graph(states(*shape)), old(states(*shape)) * 2.0)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_gradients(pair, shape, bias):
    old, new = both(pair, 6, 5, bias)
    ours, theirs = gradients(new, states(*shape)), gradients(old, states(*shape))
    assert len(ours) == len(theirs) == 2 + bias
    for one, other in zip(ours, theirs, strict=True):
        close(one, other)


def test_gradients_through_a_graph(pair):
    old, new = both(pair, 6, 5, True)
    graph, x = graph_of(new), states(2, 7, 6)
    ours = mindspore.grad(lambda x: graph(x).sum(), 0)(x)
    close(ours, mindspore.grad(lambda x: (old(x) * 2.0).sum(), 0)(x))


class TestTheLayer:
    def test_another_precision_is_left_to_the_layer(self, pair, monkeypatch):
        old, new = both(pair, 6, 5, True)
        for layer in (old, new):
            for one in parameters(layer):
                one.set_dtype(mindspore.float16)
        x = states(2, 7, 6).astype(mindspore.float16)
        monkeypatch.setattr(type(new.dense), "_product", None)
        ours, theirs = new(x), old(x)
        assert ours.dtype == theirs.dtype == mindspore.float16
        assert np.array_equal(ours.asnumpy(), theirs.asnumpy())

    @pytest.mark.parametrize("shape", [(2, 7, 5), (3, 5), (5,), (2, 12)])
    def test_refuses_what_the_layer_refuses(self, pair, shape):
        kinds = []
        for layer in both(pair, 6, 5, True):
            with pytest.raises(Exception) as error:
                layer(states(*shape)).asnumpy()
            kinds.append(error.type)
        assert kinds[0] is kinds[1]

    def test_is_what_it_was(self, pair):
        old, new = both(pair, 6, 5, True)
        kind = type(old.dense)
        assert isinstance(new.dense, kind)
        assert type(new.dense).__name__ == kind.__name__
        assert without_addresses(repr(new)) == without_addresses(repr(old))
        named = "state_dict" if hasattr(old, "state_dict") else "parameters_dict"
        assert list(getattr(old, named)()) == list(getattr(new, named)())

    def test_starts_with_the_same_values(self, pair):
        found = []
        for kind in pair:
            mindspore.set_seed(5)
            np.random.seed(5)
            found.append([one.asnumpy() for one in parameters(kind(6, 5, True))])
        assert all(np.array_equal(*values) for values in zip(*found, strict=True))

    def test_is_copied(self, pair):
        _, new = both(pair, 6, 5, True)
        close(copy.deepcopy(new)(states(2, 6)), new(states(2, 6)))

    def test_sees_weights_that_come_later(self, pair):
        old, new = both(pair, 6, 5, True)
        before = new(states(2, 6)).asnumpy()
        for one, other in zip(parameters(old), parameters(new), strict=True):
            one.assign_value(one * 0.5)
            other.assign_value(other * 0.5)
        close(new(states(2, 6)), old(states(2, 6)))
        assert not np.allclose(new(states(2, 6)).asnumpy(), before)


class TestTheFile:
    def test_every_call_in_a_function_and_no_other(self, rewrite):
        text = MINDNLP + "\n\nHEAD = nn.Linear(2, 3)\n\n\ndef head(size):\n    return nn.Linear(size, 2), nn.Linear\n"
        new = rewrite(text, "linear").text
        assert "self.dense = Linear(size, labels, bias=bias)" in new
        assert "\nHEAD = nn.Linear(2, 3)" in new
        assert "return Linear(size, 2), nn.Linear\n" in new
        assert new.count("class Linear(nn.Linear):") == 1
        assert rewrite(new, "linear").text == new

    @pytest.mark.parametrize("test", ["type(x) == nn.Linear", "nn.Linear is x", "type(x) in (nn.Linear, nn.Module)"])
    def test_types_that_are_compared(self, test, rewrite):
        result = rewrite(MINDNLP + f"\n\ndef is_linear(x):\n    return {test}\n", "linear")
        assert not result.changed
        assert ["compares a type" in site.reason for site in result.sites] == [True]

    def test_instances_that_are_tested(self, rewrite):
        result = rewrite(MINDNLP + "\n\ndef is_linear(x):\n    return isinstance(x, nn.Linear)\n", "linear")
        assert "return isinstance(x, nn.Linear)\n" in result.text
        assert result.changed

    def test_a_class_of_the_user_s(self, rewrite):
        text = MINDNLP.replace("\n\nclass", "\n\nclass Adapter(nn.Linear):\n    pass\n\n\nclass", 1)
        new = rewrite(text, "linear").text
        assert "class Adapter(nn.Linear):" in new
        assert "self.dense = Linear(" in new

    @pytest.mark.parametrize(
        ("text", "devices"), [(MINDNLP, ("cpu", "portable")), (MINT, ("cpu",))], ids=["mindnlp", "mint"]
    )
    def test_targets(self, text, devices, rewrite):
        for device in ("cpu", "portable", "gpu", "ascend"):
            result = rewrite(text, "linear", device=device)
            assert result.changed == (device in devices)
            assert result.changed or f"not measured for {device}" in result.sites[0].reason

    def test_every_pass_leaves_it_as_it_is(self, rewrite):
        for text in TEXTS.values():
            for device in ("cpu", "portable"):
                alone = rewrite(text, "linear", device=device).text
                assert rewrite(alone, device=device).text == alone


def test_a_bias_that_grew(rewrite, tmp_path):
    """Resizing an embedding assigns the tied head's bias a longer value; `BiasAdd` goes on seeing the old length."""
    with written_and_rewritten(rewrite, tmp_path, MINDNLP, "Head", "linear") as (_, rewritten):
        from mindnlp.core import nn

        head = rewritten(4, 7, True)
        head.dense.weight = nn.Linear(4, 9).weight
        head.dense.bias.assign_value(nn.functional.pad(head.dense.bias, (0, 2), "constant", 0))
        assert head(states(3, 4)).shape == (3, 9)


class TestRealFiles:
    def test_every_layer_of_mindnlp_and_no_dense(self, real_file, rewrite):
        text = real_file.read_bytes()
        result = rewrite(text, "linear")
        made = 0 if b"nn.Dense" in text else text.count(b"nn.Linear(")
        assert sum(site.outcome is Outcome.REWRITTEN for site in result.sites) == made == len(result.sites)
        assert rewrite(result.data, "linear").data == result.data


@pytest.mark.slow
class TestBert:
    """mindnlp's BERT beside the one that the pass makes of it."""

    @pytest.fixture(scope="class")
    def files(self, builtin_passes, tmp_path_factory):
        from mindnlp.transformers.models.bert import modeling_bert

        from rewriter.runtime import loader

        chosen = [item for item in builtin_passes if item.name == "linear"]
        result = pipeline.run(source.read(Path(modeling_bert.__file__)), chosen, Target.parse("cpu", "2.10.0"))
        path = tmp_path_factory.mktemp("bert") / "modeling_bert_linear.py"
        path.write_bytes(result.data)
        return modeling_bert, loader.load(path, twin_of=modeling_bert)

    def test_initialised_loaded_pruned(self, files):
        from mindnlp.transformers import BertConfig

        config = BertConfig(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=24,
        )
        old, new = (file.BertForSequenceClassification(config).set_train(False) for file in files)
        assert float(np.abs(new.classifier.bias.asnumpy()).max()) == 0.0  # `_init_weights` knows it
        new.load_state_dict(old.state_dict())
        ids = Tensor(np.random.default_rng(0).integers(1, 50, (2, 9)), mindspore.int64)
        close(new(ids)[0], old(ids)[0])
        for model in (old, new):
            model.bert.encoder.layer[0].attention.prune_heads([1, 2])
        close(new(ids)[0], old(ids)[0])
