"""What the pass does and what it leaves alone, as documentation and as tests."""

from __future__ import annotations

from rewriter import Example

EXAMPLES = (
    Example(
        title="plain MindSpore, every device",
        before="""\
from mindspore import nn, ops


class Merge(nn.Cell):
    def construct(self, past, states, mask):
        states = ops.cat([past, states], axis=1)  # along the sequence
        states = ops.transpose(
            states,
            (0, 2, 1),  # features first
        )
        return ops.mean(states, axis=-1, keep_dims=True)
""",
        after="""\
from mindspore import nn
from mindspore import mint


class Merge(nn.Cell):
    def construct(self, past, states, mask):
        states = mint.cat([past, states], dim=1)  # along the sequence
        states = mint.permute(
            states,
            (0, 2, 1),  # features first
        )
        return mint.mean(states, dim=-1, keepdim=True)
""",
    ),
    Example(
        title="mindnlp, for Ascend",
        device="ascend",
        before="""\
import mindspore
from mindnlp.core import nn, ops


class Embeddings(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.register_buffer("position_ids", ops.arange(size).broadcast_to((1, -1)))

    def forward(self, shape, scores):
        token_type_ids = ops.zeros(*shape, dtype=mindspore.int64)
        mask = ops.ones(shape[0], shape[1])
        return token_type_ids, mask, nn.functional.softmax(scores)
""",
        after="""\
import mindspore
from mindspore import mint
from mindnlp.core import nn, ops


class Embeddings(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.register_buffer("position_ids", mint.broadcast_to(mint.arange(size), (1, -1)))

    def forward(self, shape, scores):
        token_type_ids = ops.zeros(*shape, dtype=mindspore.int64)
        mask = mint.ones((shape[0], shape[1]))
        return token_type_ids, mask, mint.nn.functional.softmax(scores, dim=-1)
""",
    ),
    Example(
        title="the import may have any name, and a name of the file's own is another thing",
        before="""\
import mindspore.ops as F
from mindspore import nn
from mindspore import ops as P


class Sum(nn.Cell):
    def construct(self, mint, x):
        return F.exp(x) + P.tanh(mint)
""",
        after="""\
from mindspore import nn
from mindspore import mint as ms_mint


class Sum(nn.Cell):
    def construct(self, mint, x):
        return ms_mint.exp(x) + ms_mint.tanh(mint)
""",
    ),
    Example(
        title="a shadowed name",
        before="""\
from mindspore import nn, ops


class Sum(nn.Cell):
    def construct(self, ops, x):
        return ops.exp(x)
""",
    ),
    Example(
        title="unpacked arguments",
        before="""\
from mindspore import nn, ops


class Merge(nn.Cell):
    def construct(self, *states):
        return ops.cat(*states)
""",
        reason="unpacked with *",
    ),
    Example(
        title="a call that does not fit the signature",
        before="""\
from mindspore import nn, ops


class Merge(nn.Cell):
    def construct(self, a, b):
        return ops.cat([a, b], 1, 2)
""",
        reason="more arguments than it takes",
    ),
    Example(
        title="no kernel on every device",
        before="""\
from mindspore import nn, ops


class Positions(nn.Cell):
    def construct(self, x):
        return ops.arange(x.shape[1])
""",
        reason="mint.arange has no eager kernel on a CPU",
    ),
    Example(
        title="back from mint, for a target that lacks the kernel",
        device="cpu",
        before="""\
from mindspore import mint, nn


class Positions(nn.Cell):
    def construct(self, weight, ids):
        count = mint.arange(ids.shape[1])
        return mint.nn.functional.embedding(ids, weight) + mint.unsqueeze(count, -1)
""",
        after="""\
from mindspore import mint, nn
from mindspore import ops


class Positions(nn.Cell):
    def construct(self, weight, ids):
        count = ops.arange(ids.shape[1])
        return ops.gather(weight, ids, axis=0) + mint.unsqueeze(count, -1)
""",
    ),
    Example(
        title="a default that differs between the two",
        before="""\
from mindspore import nn, ops


class Fill(nn.Cell):
    def construct(self, x):
        return ops.full(x.shape, 0.5)
""",
        device="ascend",
        reason="without dtype",
    ),
    Example(
        title="layers without parameters, and what asks for them",
        device="ascend",
        before="""\
from mindspore import nn


class Output(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.dropout = nn.Dropout(p=config.dropout)
        self.activation = nn.GELU(False)

    def freeze(self):
        for _, cell in self.cells_and_names():
            if isinstance(cell, nn.Dropout):
                cell.p = 0.0

    def construct(self, x):
        return self.dropout(self.activation(x))
""",
        after="""\
from mindspore import nn
from mindspore import mint


class Output(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.dropout = mint.nn.Dropout(p=config.dropout)
        self.activation = mint.nn.GELU("none")

    def freeze(self):
        for _, cell in self.cells_and_names():
            if isinstance(cell, (nn.Dropout, mint.nn.Dropout)):
                cell.p = 0.0

    def construct(self, x):
        return self.dropout(self.activation(x))
""",
    ),
    Example(
        title="layers whose parameters have other names",
        device="ascend",
        before="""\
from mindspore import nn


class Embeddings(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm((config.hidden_size,))

    def construct(self, ids):
        return self.norm(self.words(ids))
""",
        reason="checkpoints would no longer fit",
    ),
    Example(
        title="the default dtype of mindnlp while a model is built",
        device="ascend",
        before="""\
from mindnlp.core import nn, ops


class Head(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.bias = nn.Parameter(ops.zeros(config.vocab_size))

    def forward(self, x):
        return x + self.bias
""",
        reason="default dtype",
    ),
)
"""Before and after, and the twins that must not be rewritten."""
