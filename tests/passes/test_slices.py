"""`x[:, a:b]` as `mint.narrow`: what becomes a call of the helper, what stays, and that it slices as Python does."""

import itertools
import sys
import textwrap
from pathlib import Path
from string import Template

import mindspore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Tensor, mint
from rewriter_passes.slices import HELPER
from sampling import slow_but

from rewriter import Outcome, pipeline, source
from rewriter.runtime import loader, mindnlp_compat
from rewriter.targets import Target

HEAD = """\
import math
import numpy as np
import mindspore
from mindspore import nn, ops


class Layer(nn.Cell):
    def __init__(self):
        super().__init__()
        self.ids = ops.arange(8).reshape(1, -1)

    def construct(self, x: mindspore.Tensor, y, n: int = 1, m=2):
"""


def method(body):
    return HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8) + "\n"


@pytest.fixture
def slices(rewrite):
    """Run the pass alone over a method's body; return the new body and the reasons of what was left."""

    def run(body, device="cpu"):
        result = rewrite(method(body), "slices", device=device)
        assert not result.failures
        tail = result.text.rpartition("m=2):\n")[2]
        reasons = [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]
        again = rewrite(result.text, "slices", device=device)
        assert again.data == result.data
        return textwrap.dedent(tail).strip("\n"), reasons

    return run


REWRITTEN = {
    "return y[:, 1:3]": "return _narrow(y, 1, 1, 3)",
    "return y[:, :3, :]": "return _narrow(y, 1, 0, 3)",
    "return y[:, -2:]": "return _narrow(y, 1, -2, None)",
    "return y[:, None:-1:1]": "return _narrow(y, 1, 0, -1)",
    "return y[1:3,]": "return _narrow(y, 0, 1, 3)",
    "return y[..., 1:3]": "return _narrow(y, -1, 1, 3)",
    "return y[1:, ..., :-1, :]": "return _narrow(_narrow(y, 0, 1, None), -2, 0, -1)",
    "return y[:, 1:2][:, :, :n]": "return _narrow(_narrow(y, 1, 1, 2), 2, 0, n)",
    "return y[:, : y[:, 1:].shape[1]]": "return _narrow(y, 1, 0, _narrow(y, 1, 1, None).shape[1])",
    "return (y[:, 1:])": "return (_narrow(y, 1, 1, None))",
    "return ops.abs(y)[1:n]": "return _narrow(ops.abs(y), 0, 1, n)",
    "return x[:n]": "return _narrow(x, 0, 0, n)",
    "return y[:, : len(m) - 1]": "return _narrow(y, 1, 0, len(m) - 1)",
    "return y[:, : -n * 2 + x.shape[-1] // 3]": "return _narrow(y, 1, 0, -n * 2 + x.shape[-1] // 3)",
    "return y[:, : x.size(1) - x.ndim]": "return _narrow(y, 1, 0, x.size(1) - x.ndim)",
    "return y[:, : 1 if m else n]": "return _narrow(y, 1, 0, 1 if m else n)",
    "b, s = x.shape\nreturn y[:, b:s]": "b, s = x.shape\nreturn _narrow(y, 1, b, s)",
    "b, s = x.shape[0], 3\nreturn y[:, b:s]": "b, s = x.shape[0], 3\nreturn _narrow(y, 1, b, s)",
    "for i in range(m):\n    x = y[:, i:]\nreturn x": "for i in range(m):\n    x = _narrow(y, 1, i, None)\nreturn x",
    "k = 1\nwhile m:\n    k = k + n\nreturn y[:, :k]": "k = 1\nwhile m:\n    k = k + n\nreturn _narrow(y, 1, 0, k)",
    "n = x.shape[0]\nreturn y[:, :n]": "n = x.shape[0]\nreturn _narrow(y, 1, 0, n)",
    "s = x.shape if m else y.shape[:-1]\nt = s[1]\nreturn y[:, :t]": (
        "s = x.shape if m else y.shape[:-1]\nt = s[1]\nreturn _narrow(y, 1, 0, t)"
    ),
    "x[y[:, 1:]] = 3\nreturn x": "x[_narrow(y, 1, 1, None)] = 3\nreturn x",
    "z = x + 1\nz += y[:, 1:]\nreturn z": "z = x + 1\nz += _narrow(y, 1, 1, None)\nreturn z",
    "def inner(z):\n    return z[:, 1:]\nreturn inner(y)": (
        "def inner(z):\n    return _narrow(z, 1, 1, None)\nreturn inner(y)"
    ),
}


@pytest.mark.parametrize("body", REWRITTEN)
def test_rewritten(body, slices):
    assert slices(body) == (REWRITTEN[body], [])


WHOLE = "whether its bounds are whole numbers cannot be seen here"
UNSURE = "whether it is a tensor cannot be seen here"
WRITTEN = "it is written to in this function: narrow gives a view"
BESIDE = "an index beside the slices takes an axis away or adds one"
SKIPPED = {
    "return y[:, 0, 1:]": BESIDE,
    "return y[:, None, 1:]": BESIDE,
    "return y[1:, [0, 1]]": BESIDE,
    "return y[1:, x]": BESIDE,
    "return y[..., 1:, ...]": BESIDE,
    "return y[:, ::2]": "it has a step",
    "return y[:, 1:4:n]": "it has a step",
    "return y[\n    :,  # the batch\n    1:\n]": "a comment stands in it",
    "return y[:, :m]": WHOLE,
    "return y[:, : x]": WHOLE,
    "return y[:, : x.max()]": WHOLE,
    "return y[:, : self.size]": WHOLE,
    "return y[:, : n / 2]": WHOLE,
    "return y[:, : n > 1]": WHOLE,
    "return y[:, :True]": WHOLE,
    "return y[:, : len(m) * True]": WHOLE,
    "return y[:, : x.shape]": WHOLE,
    "return y[:, : math.pi]": WHOLE,
    "len = m\nreturn y[:, : len(x)]": WHOLE,
    "n = m\nreturn y[:, :n]": WHOLE,
    "n /= 2\nreturn y[:, :n]": WHOLE,
    "k = 1\nif m:\n    k = x.max()\nreturn y[:, :k]": WHOLE,
    "k = 1\nfor k in m:\n    pass\nreturn y[:, :k]": WHOLE,
    "k, *rest = x.shape\nreturn y[:, :k]": WHOLE,
    "k, l = m\nreturn y[:, :k]": WHOLE,
    "s = x.shape\ns = m\nreturn y[:, : s[0]]": WHOLE,
    "with m as n:\n    return y[:, :n]": WHOLE,
    "def inner(k):\n    return y[:, :k]\nreturn inner(1)": WHOLE,
    "def inner():\n    k = 1\n    return k\nreturn y[:, :k]": WHOLE,
    "return [y[:, :n] for n in m]": WHOLE,
    "z = [i for i in range(3)]\nreturn y[:, :i]": WHOLE,
    "k, l, j = *m, 1, *x\nreturn y[:, :l]": WHOLE,
    "return (lambda n: y[:, :n])(m)": WHOLE,
    "return y[:, :np.int64(3)]": UNSURE,
    "z = y.asnumpy()\nreturn z[:, 1:]": UNSURE,
    "z = y[:, 1:]\nz += 1\nreturn z": WRITTEN,
    "z = y[:, 1:]\nz[0] = 1\nreturn z": WRITTEN,
    "y[:, 1:].add_(1)\nreturn y": WRITTEN,
    "z = y.view(2, 3)\nw = y[:, 1:]\nz.add_(1)\nreturn w": WRITTEN,
    "z = self.drop(y[:, 1:])\nz *= 2\nreturn z": WRITTEN,
    "zs = [y[:, 1:]]\nfor z in zs:\n    z += 1\nreturn zs": WRITTEN,
    "zs = []\nzs.append(y[:, 1:])\nzs[0] += 1\nreturn zs": WRITTEN,
    "w = self.ids[:, 1:]\nself.ids += 1\nreturn w": WRITTEN,
}


@pytest.mark.parametrize("body", SKIPPED)
def test_left_alone_and_said_why(body, slices):
    text, reasons = slices(body)
    assert text == textwrap.dedent(body)
    assert set(reasons) == {SKIPPED[body]}


SILENT = [
    "return y[1:]",
    "return x.shape[:-1]",
    "return y[0][1:]",
    "return y[:, :]",
    "return y[..., None]",
    "return x[:]",
    "y[:, 1:] = 3\nreturn y",
    "y[:, 1:] += 3\nreturn y",
    "del y[:, 1:]\nreturn y",
    "(y[:, 1:], z) = m\nreturn y",
    "for y[:, 1:] in m:\n    pass\nreturn y",
    "return 'text'[1:]",
]


@pytest.mark.parametrize("body", SILENT)
def test_no_site_at_all(body, slices):
    assert slices(body) == (body, [])


def test_outside_of_modules_only_what_is_certainly_a_tensor(rewrite):
    text = HEAD + "        return x\n\n\ndef cut(x: mindspore.Tensor, y):\n    return x[:, 1:], y[:, 1:]\n"
    result = rewrite(text, "slices", device="cpu")
    assert "return _narrow(x, 1, 1, None), y[:, 1:]" in result.text
    assert [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED] == [UNSURE]
    assert result.text.index("class Layer") < result.text.index("def _narrow") < result.text.index("def cut")


def test_init_is_not_taken_for_tensors(rewrite):
    text = method("return x").replace("reshape(1, -1)\n", "reshape(1, -1)\n        self.few = self.ids[:, :3]\n")
    result = rewrite(text, "slices", device="cpu")
    assert not result.changed
    assert [site.reason for site in result.sites] == [UNSURE]


@pytest.mark.parametrize(
    ("device", "mindspore", "why"),
    [
        ("portable", "2.10.0", "mint.narrow is not documented for a GPU"),
        ("gpu", "2.10.0", "mint.narrow is not documented for a GPU"),
        ("cpu", "2.7.0", "mint.narrow runs on a CPU from MindSpore 2.10.0 on, and the target is 2.7.0"),
    ],
)
def test_where_narrow_does_not_run_every_slice_is_listed(device, mindspore, why, rewrite):
    result = rewrite(method("return x[:, 1:], y[:, :n]"), "slices", device=device, mindspore=mindspore)
    assert not result.changed
    assert [site.reason for site in result.sites] == [why, why]


class TestTheHelperInTheFile:
    def test_a_name_that_is_taken(self, rewrite):
        text = method("return x[:, 1:]").replace("\n\nclass", "\n\ndef _narrow(x):\n    return x\n\n\nclass")
        new = rewrite(text, "slices", device="cpu").text
        assert new.count("def _narrow(x):") == 1
        assert "return _narrow_2(x, 1, 1, None)" in new
        more = new.replace("1, None)", "1, None) + y[:, 2:]")
        assert rewrite(more, "slices", device="cpu").text == more.replace("y[:, 2:]", "_narrow_2(y, 1, 2, None)")

    @pytest.mark.parametrize(("old", "new"), [("", ""), ("    ", "\t"), ("\n", "\r\n")], ids=["as is", "tabs", "crlf"])
    def test_a_later_slice_uses_the_one_that_is_there(self, old, new, rewrite):
        first = rewrite(method("return x[:, 1:]").replace(old or " ", new or " "), "slices", device="cpu")
        more = first.text.replace("1, None)", "1, None) + y[:, 2:]")
        second = rewrite(more.encode(), "slices", device="cpu")
        assert second.text == more.replace("y[:, 2:]", "_narrow(y, 1, 2, None)")

    def test_min_of_another_library(self, rewrite):
        text = method("return x[:, 1:]").replace("nn, ops", "nn, ops\nfrom mindspore.ops import min")
        result = rewrite(text, "slices", device="cpu")
        assert not result.changed
        assert "Python's own" in result.sites[0].reason

    def test_the_file_s_own_name_for_mint(self, rewrite):
        text = method("return x[:, 1:]").replace("import mindspore\n", "import mindspore\nimport mindspore.mint as M\n")
        assert "return M.narrow(x, dim" in rewrite(text, "slices", device="cpu").text


LOOP = """\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(2)])

    def construct(self, x, past_length: int = 0):
        for index, layer in enumerate(self.layers):
            x = layer(x)[:, past_length:-1] + x[:, past_length:-1]
        return x
"""


def test_a_flat_method_with_slices_compiles(rewrite, import_file):
    """`flatten` moves the calls of the helper into the method, and STRICT takes them."""
    result = rewrite(LOOP, device="cpu")
    flat = result.text[result.text.index("def _construct_flat") :]
    assert flat.count("_narrow(") == 2
    old, new = import_file(LOOP).Encoder(), import_file(result.text).Encoder()
    for one, other in zip(old.get_parameters(), new.get_parameters(), strict=True):
        other.set_data(one)
    x = Tensor(np.random.default_rng(0).normal(size=(2, 7, 4)), mindspore.float32)
    for past_length in (0, 1, 2, -3):
        assert np.array_equal(old(x, past_length).asnumpy(), new(x, past_length).asnumpy())
    assert new._graphs
    assert not new._graphs.refused


class TestTheHelper:
    """Against NumPy's slices."""

    @pytest.fixture(scope="class")
    def narrow(self, tmp_path_factory):
        path = tmp_path_factory.mktemp("helper") / "narrow_helper.py"
        helper = Template(HELPER).substitute(name="_narrow", narrow="mint.narrow")
        path.write_text(f"from mindspore import mint\n\n\n{helper}", encoding="utf-8")
        sys.path.insert(0, str(path.parent))
        yield __import__("narrow_helper")._narrow
        sys.path.remove(str(path.parent))
        del sys.modules["narrow_helper"]

    @staticmethod
    def expected(array, dim, start, stop):
        where = [slice(None)] * array.ndim
        where[dim] = slice(start, stop)
        return array[tuple(where)]

    @settings(derandomize=True, database=None, deadline=None, max_examples=400)
    @given(
        shape=st.lists(st.integers(0, 4), min_size=1, max_size=4),
        where=st.integers(0, 23),
        start=st.integers(-7, 7),
        stop=st.none() | st.integers(-7, 7),
        dtype=st.sampled_from(["float32", "float16", "int64", "bool"]),
    )
    def test_eager(self, narrow, shape, where, start, stop, dtype):
        array = (np.arange(np.prod(shape)).reshape(shape) % 3).astype(dtype)
        dim = where % (2 * len(shape)) - len(shape)
        if array.size == 0:
            tensor = mint.zeros(shape, dtype=getattr(mindspore, dtype + "_" * (dtype == "bool")))
        else:
            tensor = Tensor(array)
        wanted = self.expected(array, dim, start, stop)
        found = narrow(tensor, dim, start, stop)
        assert found.shape == wanted.shape
        assert found.asnumpy().dtype == wanted.dtype
        assert np.array_equal(found.asnumpy(), wanted)

    @pytest.mark.parametrize(
        ("dtype", "dims"),
        [
            pytest.param("float32", (1, -2, 0), marks=pytest.mark.slow),
            ("float16", (1,)),
            pytest.param("int64", (1,), marks=pytest.mark.slow),
            ("bool", (1,)),
        ],
    )
    def test_jit(self, narrow, dtype, dims):
        """Every pair of bounds, below, in and beyond an axis of 3, in one graph per axis."""
        array = (np.arange(12).reshape(2, 3, 2) % 2).astype(dtype)
        bounds = list(itertools.product((-5, -1, 0, 2, 3, 5), (None, -5, -2, 0, 1, 3, 5)))

        def graph(x, dim):
            found = ()
            for start, stop in bounds:
                found = (*found, narrow(x, dim, start, stop))
            return found

        for dim in dims:
            results = mindspore.jit(graph, fullgraph=True)(Tensor(array), dim)
            for (start, stop), found in zip(bounds, results, strict=True):
                wanted = self.expected(array, dim, start, stop)
                assert found.shape == wanted.shape, (start, stop)
                assert np.array_equal(found.asnumpy(), wanted), (start, stop)

    def test_it_gives_a_view_as_a_slice_does(self, narrow):
        x = Tensor(np.zeros((2, 4), np.float32))
        of_slice, of_helper = x[:, 1:3], narrow(x, 1, 1, 3)
        x[0, 1] = 5.0
        assert of_slice.asnumpy()[0, 0] == of_helper.asnumpy()[0, 0] == 5.0

    def test_gradients(self, narrow):
        x = Tensor(np.arange(8).reshape(2, 4), mindspore.float32)
        one = mindspore.grad(lambda x: (x[:, 1:3] ** 2).sum())(x)
        other = mindspore.grad(lambda x: (narrow(x, 1, 1, 3) ** 2).sum())(x)
        assert np.array_equal(one.asnumpy(), other.asnumpy())


class TestRealFiles:
    NAMED = {
        "mindnlp/bert": [
            "self.position_ids[:, past_key_values_length : seq_length + past_key_values_length]",
            "self.token_type_ids[:, :seq_length]",
        ],
        "mindnlp/clip": ["self.position_ids[:, :seq_length]"],
        "models/bert": ["self.embeddings.token_type_ids[:, :seq_length]"],
        "models/clip": ["self.position_ids[:, :seq_length]"],
    }

    @pytest.mark.parametrize("device", slow_but(["ascend", "cpu"], "cpu"))
    def test_every_bounded_tensor_slice_is_rewritten(self, any_file, rewrite, device):
        result = rewrite(any_file.read_bytes(), device=device)
        assert not result.failures
        sites = [site for site in result.sites if site.pass_name == "slices"]
        assert {site.outcome for site in sites} == {Outcome.REWRITTEN}
        name = f"{'mindnlp' if 'mindnlp' in str(any_file) else 'models'}/{any_file.parent.name}"
        assert set(self.NAMED[name]) <= {site.what for site in sites}
        assert rewrite(result.data, device=device).data == result.data

    def test_by_default_nothing_changes(self, any_file, rewrite):
        """`portable` asks for a GPU, too."""
        result = rewrite(any_file.read_bytes(), "slices")
        assert not result.changed
        assert {site.reason for site in result.sites} == {"mint.narrow is not documented for a GPU"}


class TestBert:
    """mindnlp's BERT beside the one that the pass makes of it, in eager mode."""

    @pytest.fixture(scope="class")
    def pair(self, builtin_passes, tmp_path_factory):
        assert mindnlp_compat.apply()
        from mindnlp.transformers import BertConfig
        from mindnlp.transformers.models.bert import modeling_bert

        chosen = [item for item in builtin_passes if item.name == "slices"]
        result = pipeline.run(source.read(Path(modeling_bert.__file__)), chosen, Target.parse("cpu", "2.10.0"))
        assert result.text.count("_narrow(") >= 7
        path = tmp_path_factory.mktemp("bert") / "modeling_bert_narrow.py"
        path.write_bytes(result.data)
        module = loader.load(path, twin_of=modeling_bert)
        config = BertConfig(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=24,
            is_decoder=True,
        )
        old, new = modeling_bert.BertLMHeadModel(config), module.BertLMHeadModel(config)
        new.load_state_dict(old.state_dict())
        return old.set_train(False), new.set_train(False)

    @staticmethod
    def leaves(value):
        if isinstance(value, Tensor):
            return [value.asnumpy()]
        return [leaf for item in value for leaf in TestBert.leaves(item)]

    def same(self, pair, **inputs):
        first, second = (model(**inputs, return_dict=False) for model in pair)
        ours, theirs = self.leaves(second), self.leaves(first)
        assert len(ours) == len(theirs) > 1
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            assert one.tobytes() == other.tobytes()
        return first

    @pytest.mark.slow
    def test_with_and_without_a_cache(self, pair):
        ids = Tensor(np.random.default_rng(0).integers(1, 50, (2, 9)), mindspore.int64)
        self.same(pair, input_ids=ids, labels=ids)
        past = self.same(pair, input_ids=ids, use_cache=True)[1]
        later = Tensor(np.random.default_rng(1).integers(1, 50, (2, 3)), mindspore.int64)
        self.same(pair, input_ids=later, past_key_values=past, use_cache=True)

    def test_embeddings_at_later_positions(self, pair):
        ids = Tensor(np.random.default_rng(0).integers(1, 50, (2, 5)), mindspore.int64)
        seen = set()
        for length in (0, 1, 7):
            one, other = (model.bert.embeddings(ids, past_key_values_length=length).asnumpy() for model in pair)
            assert one.tobytes() == other.tobytes()
            seen.add(one.tobytes())
        assert len(seen) == 3
