"""The masks that the file makes itself against those of mindnlp's helpers, bit for bit."""

import mindspore
import numpy as np
import pytest
from mindspore import Tensor

from rewriter.runtime import loader

FILE = """\
import mindspore
from mindnlp.core import nn, ops
from mindnlp.transformers.modeling_attn_mask_utils import _create_4d_causal_attention_mask, _prepare_4d_attention_mask
from mindnlp.transformers.modeling_utils import PreTrainedModel


class Base(PreTrainedModel):
    config_class = None


class Model(Base):
    def forward(self, mask):
        extended = self.get_extended_attention_mask(mask, mask.shape)
        return extended, self.invert_attention_mask(mask), _prepare_4d_attention_mask(mask, extended.dtype)

    def causal(self, shape, dtype, past=0):
        return _create_4d_causal_attention_mask(shape, dtype, past)

    def sliding(self, shape, dtype):
        return _create_4d_causal_attention_mask(shape, dtype, sliding_window=2)
"""

EARLIER = FILE.replace("mindnlp.core import nn", "mindspore import nn").replace("forward(", "construct(")
"""As mindnlp up to 0.3 has its files, on the helpers that are installed: their values are the same but for `causal`."""


@pytest.fixture(scope="module")
def helpers():
    return loader.load("mindnlp.transformers.modeling_attn_mask_utils")


@pytest.fixture(params=[FILE, EARLIER], ids=["mindnlp.core", "mindspore"])
def made(request, rewrite, import_file, helpers):
    """The functions and methods that came into the file."""
    result = rewrite(request.param, "masks")
    assert result.dialect.name == request.node.callspec.id.split("-")[0]
    return import_file(result.text)


class Owner:
    """As much of a model as the methods read."""

    def __init__(self, methods, base, dtype, is_decoder=False):
        self.dtype = dtype
        self.config = type("Config", (), {"is_decoder": is_decoder})
        self.create_extended_attention_mask_for_decoder = base.create_extended_attention_mask_for_decoder
        self.methods = methods


@pytest.mark.parametrize("file", [FILE, EARLIER], ids=["mindnlp.core", "mindspore"])
def test_what_is_rewritten(rewrite, file):
    result = rewrite(file, "masks")
    assert "_causal_mask(shape, dtype, past)" in result.text
    assert "_expanded_mask(mask, extended.dtype)" in result.text
    assert "_create_4d_causal_attention_mask(shape, dtype, sliding_window=2)" in result.text
    assert result.text.count("def get_extended_attention_mask(") == 1
    assert any("takes more" in site.reason for site in result.sites)
    assert rewrite(result.text, "masks").text == result.text


def test_a_base_class_of_another_family(rewrite):
    """RoBERTa's file takes BERT's; a class of the user's own, or one that is no base class, may do something else."""
    before = "from mindnlp.transformers.modeling_utils import PreTrainedModel"
    for module, count in (("mindnlp.transformers.models.bert.modeling_bert", 1), ("own.modeling_bert", 0)):
        text = FILE.replace(before, f"from {module} import BertPreTrainedModel").replace(
            "(PreTrainedModel)", "(BertPreTrainedModel)"
        )
        assert rewrite(text, "masks").text.count("def get_extended_attention_mask(") == count
    text = FILE.replace(before, "from mindnlp.transformers.models.bert.modeling_bert import BertModel")
    text = text.replace("(PreTrainedModel)", "(BertModel)")
    assert "def get_extended_attention_mask(" not in rewrite(text, "masks").text


def test_a_method_of_the_file_s_own_is_kept(rewrite):
    own = FILE.replace("    config_class = None", "    def invert_attention_mask(self, mask):\n        return mask")
    text = rewrite(own, "masks").text
    assert text.count("def invert_attention_mask(") == 1
    assert text.count("def get_extended_attention_mask(") == 1


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("length", "past"), [(5, 0), (5, 3), (1, 0), (2, 0), (1, 4)])
def test_causal(made, helpers, dtype, length, past):
    arguments = (2, length), getattr(mindspore, dtype), past
    wanted, found = helpers._create_4d_causal_attention_mask(*arguments), made._causal_mask(*arguments)
    if wanted is None:
        assert found is None
    else:
        assert found.dtype == wanted.dtype
        hidden = wanted.asnumpy()
        if made.ops.__name__ == "mindspore.ops" and dtype == "float32":
            hidden = np.where(hidden < 0, np.float32(-(2.0**63)), hidden)  # mindnlp up to 0.3: by way of int64
        assert np.array_equal(found.asnumpy(), hidden)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("kind", ["int64", "bool", "float32"])
@pytest.mark.parametrize("length", [None, 3])
def test_expanded(made, helpers, dtype, kind, length):
    mask = Tensor(np.array([[1, 1, 0, 0], [0, 0, 0, 0]]).astype(kind))
    arguments = mask, getattr(mindspore, dtype), length
    wanted, found = helpers._prepare_4d_attention_mask(*arguments), made._expanded_mask(*arguments)
    assert found.dtype == wanted.dtype
    assert np.array_equal(found.asnumpy(), wanted.asnumpy())


@pytest.mark.parametrize("is_decoder", [False, True])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_methods(made, dtype, rank, is_decoder):
    from mindnlp.transformers.modeling_utils import ModuleUtilsMixin

    mask = np.array([[1, 1, 0], [0, 0, 1]])
    mask = Tensor(mask if rank == 2 else np.broadcast_to(mask[:, None], (2, 3, 3)))
    owner = Owner(made.Base, ModuleUtilsMixin, getattr(mindspore, dtype), is_decoder)
    calls = [("get_extended_attention_mask", (mask, (2, 3))), ("invert_attention_mask", (mask,))]
    if rank == 3 and made.ops.__name__ == "mindspore.ops":
        calls.pop()  # see below
    for name, arguments in calls:
        wanted = getattr(ModuleUtilsMixin, name)(owner, *arguments)
        found = getattr(made.Base, name)(owner, *arguments)
        assert found.dtype == wanted.dtype
        assert np.array_equal(found.asnumpy(), wanted.asnumpy())


@pytest.mark.parametrize(("file", "inherited"), [(FILE, False), (EARLIER, True)], ids=["mindnlp.core", "mindspore"])
def test_a_mask_with_three_axes_is_left_to_the_earlier_helper(rewrite, import_file, monkeypatch, file, inherited):
    """mindnlp up to 0.3 does not widen such a mask of an encoder."""
    from mindnlp.transformers.modeling_utils import ModuleUtilsMixin

    made = import_file(rewrite(file, "masks").text)
    owner = object.__new__(made.Base)
    monkeypatch.setattr(made.Base, "dtype", mindspore.float32)
    monkeypatch.setattr(ModuleUtilsMixin, "invert_attention_mask", lambda self, mask: "as inherited")
    found = owner.invert_attention_mask(Tensor(np.ones((2, 3, 3), np.int64)))
    assert (found if inherited else found.shape) == ("as inherited" if inherited else (2, 1, 3, 3))


JOINED = """\
from mindnlp.core import nn
from mindnlp.transformers.modeling_attn_mask_utils import _prepare_4d_causal_attention_mask


class Model(nn.Module):
    def forward(self, mask, shape, x, past):
        return _prepare_4d_causal_attention_mask(mask, shape, x, past)

    def sliding(self, mask, shape, x, past):
        return _prepare_4d_causal_attention_mask(mask, shape, x, past, sliding_window=2)
"""


@pytest.fixture
def joined(rewrite, import_file, helpers):
    result = rewrite(JOINED, "masks")
    assert "return _joined_mask(mask, shape, x, past)\n" in result.text
    assert "return _prepare_4d_causal_attention_mask(mask, shape, x, past, sliding_window=2)\n" in result.text
    assert rewrite(result.text, "masks").text == result.text
    alone = rewrite(JOINED.partition("    def sliding")[0], "masks").text
    assert "import _prepare_4d_causal_attention_mask\n" in alone  # the function of the file asks it for other masks
    earlier = JOINED.replace("mindnlp.core import nn", "mindspore import nn").replace("forward(", "construct(")
    assert rewrite(earlier, "masks").text == earlier
    return import_file(result.text)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("length", "past"), [(4, 0), (3, 1), (1, 0), (1, 3)])
@pytest.mark.parametrize("kind", ["none", "two axes"])
def test_joined(joined, helpers, kind, length, past, dtype):
    mask = Tensor(np.array([[0, 1, 1, 1], [0, 0, 0, 0]])[:, : length + past])
    x = Tensor(np.zeros((2, length, 4), np.float32)).to(getattr(mindspore, dtype))
    arguments = None if kind == "none" else mask, (2, length), x, past
    wanted = helpers._prepare_4d_causal_attention_mask(*arguments)
    found = joined._joined_mask(*arguments)
    if wanted is None:
        assert found is None
    else:
        assert found.dtype == wanted.dtype
        assert np.array_equal(found.asnumpy(), wanted.asnumpy())


def test_joined_leaves_other_masks_to_the_helper(joined, monkeypatch):
    mask = Tensor(np.ones((2, 1, 3, 4), np.float32))
    monkeypatch.setattr(joined, "_prepare_4d_causal_attention_mask", lambda given, *_, **__: ["the helper's", given])
    answer = joined._joined_mask(mask, (2, 3), Tensor(np.zeros((2, 3, 4), np.float32)), 1)
    assert answer[0] == "the helper's" and answer[1] is mask


def test_joined_compiles(joined):
    def run(mask, x):
        return joined._joined_mask(mask, (2, 3), x, 1), joined._joined_mask(None, (2, 3), x, 1)

    arguments = Tensor(np.array([[0, 1, 1, 1], [1, 1, 1, 0]])), Tensor(np.zeros((2, 3, 4), np.float32))
    for wanted, found in zip(run(*arguments), mindspore.jit(run, fullgraph=True)(*arguments), strict=True):
        assert np.array_equal(found.asnumpy(), wanted.asnumpy())


def test_another_framework_is_left_alone(rewrite):
    """The same names in a file of the user's own library."""
    own = EARLIER.replace("mindnlp.transformers", "own.transformers")
    assert rewrite(own, "masks").text == own


def test_they_compile(made):
    def run(mask):
        return made._expanded_mask(mask, mindspore.float32), made._causal_mask(mask.shape, mindspore.float32)

    mask = Tensor(np.array([[1, 1, 0], [0, 0, 1]]))
    for wanted, found in zip(run(mask), mindspore.jit(run, fullgraph=True)(mask), strict=True):
        assert np.array_equal(found.asnumpy(), wanted.asnumpy())
