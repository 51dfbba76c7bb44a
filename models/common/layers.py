"""Embedding and LayerNorm whose parameters are called `weight` and `bias`, as in HuggingFace checkpoints.

MindSpore's own layers call them `embedding_table`, `gamma` and `beta`, which would change every key of a checkpoint.
"""

import mindspore
import numpy as np
from mindspore import Parameter, Tensor, nn, ops


class Embedding(nn.Cell):
    """A table of vectors, looked up by integer ids.

    Args:
        num_embeddings: number of rows.
        embedding_dim: length of a row.
        padding_idx: a row that starts as zeros. Unlike PyTorch, its gradient is not masked.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        table = np.random.normal(0.0, 0.02, (num_embeddings, embedding_dim)).astype(np.float32)
        if padding_idx is not None:
            table[padding_idx] = 0.0
        self.weight = Parameter(Tensor(table), name="weight")

    def construct(self, input_ids: mindspore.Tensor) -> mindspore.Tensor:
        return ops.gather(self.weight, input_ids, 0)

    def extend_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class LayerNorm(nn.Cell):
    """Normalises the last axis, then scales by `weight` and shifts by `bias`.

    It calls the `LayerNorm` primitive, because `ops.layer_norm` has no CPU kernel on MindSpore 2.10.
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.weight = Parameter(Tensor(np.ones(normalized_shape, np.float32)), name="weight")
        self.bias = Parameter(Tensor(np.zeros(normalized_shape, np.float32)), name="bias")
        self.layer_norm = ops.LayerNorm(begin_norm_axis=-1, begin_params_axis=-1, epsilon=eps)

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        normalized, _, _ = self.layer_norm(hidden_states, self.weight, self.bias)
        return normalized

    def extend_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"
