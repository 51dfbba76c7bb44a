"""Patch embeddings: which convolutions become products, and that they compute what the convolution does."""

import copy
import pickle
from pathlib import Path

import mindspore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_pairs import both, close, gradients, graph_of, parameters, without_addresses, written_and_rewritten
from mindspore import Tensor
from sampling import slow_but

from rewriter import Outcome, pipeline, source
from rewriter.targets import Target

MINDNLP = """\
from mindnlp.core import nn


class Embeddings(nn.Module):
    def __init__(self, channels, size, patch, bias):
        super().__init__()
        self.projection = nn.Conv2d(channels, size, kernel_size=patch, stride=patch, bias=bias)

    def forward(self, x):
        return self.projection(x)
"""
MINDSPORE = """\
from mindspore import nn


class Embeddings(nn.Cell):
    def __init__(self, channels, size, patch, bias):
        super().__init__()
        self.projection = nn.Conv2d(channels, size, patch, patch, pad_mode="valid", has_bias=bias)

    def construct(self, x):
        return self.projection(x)
"""
SAME = MINDSPORE.replace('pad_mode="valid", ', "")
TEXTS = {"mindnlp": MINDNLP, "mindspore": MINDSPORE, "same": SAME}


@pytest.fixture(scope="module", params=slow_but(TEXTS, "mindnlp", "same"))
def pair(request, rewrite, tmp_path_factory):
    """Two modules: a layer as it is written, and as the pass writes it."""
    folder = tmp_path_factory.mktemp(f"patches_{request.param}_")
    with written_and_rewritten(rewrite, folder, TEXTS[request.param], "Embeddings", "patches") as found:
        yield found


def image(*shape):
    return Tensor(np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32))


@settings(derandomize=True, database=None, deadline=None, max_examples=40)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 4),
    size=st.integers(1, 9),
    patch=st.integers(2, 6) | st.tuples(st.integers(1, 4), st.integers(2, 5)),
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    rest=st.tuples(st.integers(0, 5), st.integers(0, 5)) | st.just((0, 0)),
    bias=st.booleans(),
)
def test_eager_of_any_shape(pair, batch, channels, size, patch, grid, rest, bias):
    rows, columns = patch if isinstance(patch, tuple) else (patch, patch)
    x = image(batch, channels, rows * grid[0] + rest[0], columns * grid[1] + rest[1])
    old, new = both(pair, channels, size, patch, bias)
    close(new(x), old(x))


SHAPES = [((2, 3, 8, 12), 4), ((1, 2, 9, 8), 3), ((3, 3, 7, 11), (2, 4))]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("shape", "patch"), SHAPES)
def test_in_somebody_s_graph(pair, shape, patch, bias):
    old, new = both(pair, shape[1], 5, patch, bias)
    close(graph_of(new)(image(*shape)), old(image(*shape)) * 2.0)


def test_a_graph_for_any_shape(pair):
    """`dynamic=1` compiles for shapes that are not known."""
    old, new = both(pair, 3, 5, 4, True)
    graph = graph_of(new, dynamic=1)
    for shape in ((1, 3, 8, 12), (2, 3, 8, 12), (5, 3, 8, 12), (4, 3, 16, 12), (4, 3, 17, 14)):
        close(graph(image(*shape)), old(image(*shape)) * 2.0)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("shape", "patch"), SHAPES)
def test_gradients(pair, shape, patch, bias):
    old, new = both(pair, shape[1], 5, patch, bias)
    ours, theirs = gradients(new, image(*shape)), gradients(old, image(*shape))
    assert len(ours) == len(theirs) == 2 + bias
    for one, other in zip(ours, theirs, strict=True):
        close(one, other)


def test_gradients_through_a_graph(pair):
    old, new = both(pair, 3, 5, 4, True)
    graph, x = graph_of(new), image(2, 3, 9, 12)
    ours = mindspore.grad(lambda x: graph(x).sum(), 0)(x)
    close(ours, mindspore.grad(lambda x: (old(x) * 2.0).sum(), 0)(x))


class TestWhatIsNoImage:
    def test_another_precision_is_left_to_the_convolution(self, pair, monkeypatch):
        old, new = both(pair, 3, 5, 4, False)
        for layer in (old, new):
            for one in parameters(layer):
                one.set_dtype(mindspore.float16)
        x = image(1, 3, 8, 8).astype(mindspore.float16)
        monkeypatch.setattr(type(new.projection), "_product", None)
        ours, theirs = new(x), old(x)
        assert ours.dtype == theirs.dtype == mindspore.float16
        assert np.array_equal(ours.asnumpy(), theirs.asnumpy())

    @pytest.mark.parametrize("shape", [(3, 8, 8), (1, 2, 8, 8), (1, 3, 8), (1, 3, 3, 8), (1, 3, 8, 2)])
    def test_what_the_convolution_refuses_or_takes(self, pair, shape):
        results = []
        for layer in both(pair, 3, 5, 4, True):
            try:
                results.append(layer(image(*shape)).asnumpy())
            except Exception as error:
                results.append(type(error))
        assert type(results[0]) is type(results[1])
        assert np.array_equal(*results)


class TestTheLayer:
    def test_is_what_it_was(self, pair):
        old, new = both(pair, 3, 5, 4, True)
        kind = type(old.projection)
        assert isinstance(new.projection, kind)
        assert type(new.projection).__name__ == kind.__name__
        assert without_addresses(repr(new)) == without_addresses(repr(old))
        named = "state_dict" if hasattr(old, "state_dict") else "parameters_dict"
        assert list(getattr(old, named)()) == list(getattr(new, named)())

    def test_starts_with_the_same_values(self, pair):
        found = []
        for kind in pair:
            mindspore.set_seed(5)
            np.random.seed(5)
            found.append([one.asnumpy() for one in parameters(kind(3, 5, 4, True))])
        assert all(np.array_equal(*values) for values in zip(*found, strict=True))

    def test_is_copied_and_pickled(self, pair):
        _, new = both(pair, 3, 5, 4, True)
        x = image(2, 3, 8, 8)
        close(copy.deepcopy(new)(x), new(x))
        assert type(pickle.loads(pickle.dumps(type(new.projection)))) is type

    def test_sees_weights_that_come_later(self, pair):
        old, new = both(pair, 3, 5, 4, True)
        x = image(2, 3, 8, 8)
        before = new(x).asnumpy()
        for one, other in zip(parameters(old), parameters(new), strict=True):
            one.assign_value(one * 0.5)
            other.assign_value(other * 0.5)
        close(new(x), old(x))
        assert not np.allclose(new(x).asnumpy(), before)


HEAD = """\
import mindspore
from mindspore import mint, nn


class Layer(nn.Cell):
    def __init__(self, size, args, kw):
        super().__init__()
        self.size = size
        self.conv = {}

    def construct(self, x):
        return self.conv(x)
"""


def reasons(rewrite, call, device="cpu"):
    result = rewrite(HEAD.format(call), "patches", device=device)
    assert result.changed == (result.sites[0].outcome is not Outcome.SKIPPED)
    return [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]


REWRITTEN = [
    "nn.Conv2d(3, 4, 16, 16)",
    "nn.Conv2d(3, 4, (16, 16), (16, 16), 'valid')",
    'nn.Conv2d(3, 4, self.size // 2, self.size // 2, "valid")',
    "nn.Conv2d(3, 4, stride=size, kernel_size=size, pad_mode='pad', padding=0, dilation=1, group=1)",
    "nn.Conv2d(3, 4, size, size, weight_init='zeros', data_format='NCHW', dtype=mindspore.float32)",
    "mint.nn.Conv2d(3, 4, size[0], size[0], 'valid', 1, 1, False, 'zeros')",
    "mint.nn.Conv2d(3, 4, size, size, padding=(0, 0), dilation=(1, 1))",
]


@pytest.mark.parametrize("call", REWRITTEN)
def test_rewritten(call, rewrite):
    for device in ("cpu", "portable"):
        assert reasons(rewrite, call, device) == []


STRIDE = "its stride is not seen to be its kernel"
LEFT = {
    "nn.Conv2d(3, 4, 16)": STRIDE,
    "nn.Conv2d(3, 4, 16, 8)": STRIDE,
    "nn.Conv2d(3, 4, 16, (16, 16))": STRIDE,
    "nn.Conv2d(3, 4, next(size), next(size))": STRIDE,
    "nn.Conv2d(3, 4, size, size, pad_mode=kw)": "it is made with pad_mode=kw",
    "nn.Conv2d(3, 4, size, size, 'pad', 1)": "it is made with padding=1",
    "nn.Conv2d(3, 4, size, size, dilation=2)": "it is made with dilation=2",
    "nn.Conv2d(4, 4, size, size, group=4)": "it is made with group=4",
    "nn.Conv2d(3, 4, size, size, data_format='NHWC')": "it is made with data_format='NHWC'",
    "nn.Conv2d(3, 4, size, size, **kw)": "its arguments are not all written out",
    "nn.Conv2d(*args, kernel_size=size, stride=size)": "its arguments are not all written out",
    "mint.nn.Conv2d(3, 4, size, size, 'same')": "it is made with padding='same'",
    "mint.nn.Conv2d(3, 4, size, size, groups=size)": "it is made with groups=size",
    "mint.nn.Conv2d(3, 4, size, size, padding_mode='reflect')": "it is made with padding_mode='reflect'",
}


@pytest.mark.parametrize("call", LEFT)
def test_left_alone_and_said_why(call, rewrite):
    assert reasons(rewrite, call) == [LEFT[call]]


@pytest.mark.parametrize("device", ["gpu", "ascend"])
def test_other_devices(device, rewrite):
    why = f"what it would become was not measured for {device}"
    assert reasons(rewrite, "nn.Conv2d(3, 4, 16, 16)", device) == [why]


class TestTheClassInTheFile:
    def test_a_name_that_is_taken(self, rewrite):
        text = MINDSPORE.replace("\n\nclass", "\n\nclass Conv2d:\n    pass\n\n\nclass", 1)
        new = rewrite(text, "patches").text
        assert "class Conv2d_2(nn.Conv2d):" in new
        assert "self.projection = Conv2d_2(" in new
        assert rewrite(new, "patches").text == new

    def test_a_later_layer_uses_the_one_that_is_there(self, rewrite):
        first = rewrite(MINDSPORE, "patches").text
        line = 'self.other = nn.Conv2d(3, 4, 8, 8, pad_mode="valid")\n'
        more = first.replace(
            "    def construct(self, x):\n        return",
            f"        {line}\n    def construct(self, x):\n        return",
        )
        second = rewrite(more, "patches").text
        assert second == more.replace(line, line.replace("nn.", ""))

    def test_two_kinds_of_layers(self, rewrite):
        call = "(nn.Conv2d(3, 4, size, size), mint.nn.Conv2d(3, 4, size, size))"
        result = rewrite(HEAD.format(call), "patches")
        assert "class Conv2d(mint.nn.Conv2d):" in result.text
        assert "class Conv2d_2(nn.Conv2d):" in result.text
        assert "(Conv2d_2(3, 4, size, size), Conv2d(3, 4, size, size))" in result.text

    def test_a_class_imported_by_name(self, rewrite):
        text = MINDSPORE.replace("import nn\n", "import nn\nfrom mindspore.nn import Conv2d\n").replace("= nn.C", "= C")
        assert "class Conv2d_2(nn.Conv2d):" in rewrite(text, "patches").text

    def test_every_pass_leaves_it_as_it_is(self, rewrite):
        for text in TEXTS.values():
            for device in ("cpu", "portable"):
                alone = rewrite(text, "patches", device=device).text
                assert rewrite(alone, device=device).text == alone


class TestRealFiles:
    SITES = {"bert": 0, "clip": 1}

    def test_the_patch_embedding_and_nothing_else(self, any_file, rewrite):
        result = rewrite(any_file.read_bytes(), "patches")
        sites = [site for site in result.sites if site.outcome is Outcome.REWRITTEN]
        assert len(sites) == self.SITES[any_file.parent.name] == len(result.sites)
        assert rewrite(result.data, "patches").data == result.data


@pytest.mark.slow
def test_a_tower_of_mindnlp(builtin_passes, tmp_path):
    """Initialisation, weights loaded and a forward of CLIP's image tower."""
    from mindnlp.transformers import CLIPVisionConfig
    from mindnlp.transformers.models.clip import modeling_clip

    from rewriter.runtime import loader

    chosen = [item for item in builtin_passes if item.name == "patches"]
    result = pipeline.run(source.read(Path(modeling_clip.__file__)), chosen, Target.parse("cpu", "2.10.0"))
    path = tmp_path / "modeling_clip_patches.py"
    path.write_bytes(result.data)
    module = loader.load(path, twin_of=modeling_clip)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, image_size=32, patch_size=8
    )
    old, new = modeling_clip.CLIPVisionModel(config).set_train(False), module.CLIPVisionModel(config).set_train(False)
    assert type(new.vision_model.embeddings.patch_embedding) is module.Conv2d
    assert float(new.vision_model.embeddings.patch_embedding.weight.asnumpy().std()) < 0.03  # `_init_weights`
    new.load_state_dict(old.state_dict())
    close(new(image(2, 3, 32, 32))[0], old(image(2, 3, 32, 32))[0])
