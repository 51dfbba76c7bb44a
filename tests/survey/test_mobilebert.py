"""MobileBERT with the weights that it initialises itself.

It has no norm: with the wider weights that a proof draws its hidden states grow to 30 and its rounding to 1.6e-5, more
than the survey lets pass. As it comes, it is within 1e-5 like all others.
"""

from __future__ import annotations

import numpy as np
import pytest

import rewriter
from rewriter.equivalence.subject import tensors_in
from rewriter.runtime import mindnlp_compat

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "embedding_size": 32,
    "intra_bottleneck_size": 32,
    "max_position_embeddings": 24,
}
ALL = {"output_hidden_states": True, "output_attentions": True}
MASK = np.array([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])


@pytest.mark.breadth
def test_as_it_is_initialised():
    assert mindnlp_compat.apply()
    import mindspore
    from mindnlp.transformers import MobileBertConfig, MobileBertModel
    from mindspore import Tensor

    calls = [{}, {"attention_mask": Tensor(MASK)}, ALL, {"attention_mask": Tensor(MASK), **ALL, "return_dict": True}]
    for seed in range(2):
        mindspore.set_seed(seed)
        model = MobileBertModel(MobileBertConfig(**SMALL)).set_train(False)
        ids = Tensor(np.random.default_rng(seed).integers(1, 60, MASK.shape))
        given = [{"return_dict": False, **call} for call in calls]
        expected = [model(ids, **call) for call in given]
        rewriter.optimize(model)
        for call, one in zip(given, expected, strict=True):
            for _ in range(2):  # the first call of a kind that packs its result runs as plain Python
                other = model(ids, **call)
            assert type(one).__name__ == type(other).__name__
            for old, new in zip(tensors_in(one), tensors_in(other), strict=True):
                before, after = old.asnumpy(), new.asnumpy()
                assert (np.abs(after - before) <= 1e-5 * np.maximum(1, np.abs(before))).all()
        graphs = vars(model)["_graphs"]
        assert graphs
        assert not graphs.refused
        assert not any(graph.refused for graph in graphs)
