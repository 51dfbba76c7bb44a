"""Move a model that you have onto its rewritten classes, and see that it computes the same.

    python examples/optimize_model.py

The model here is the small BERT of this repository; a mindnlp model works the same way.
"""

import sys
import time
from pathlib import Path

import mindspore
import numpy as np

import rewriter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the folder models/, which is not installed
from models.bert.configuration_bert import BertConfig
from models.bert.modeling_bert import BertModel


def milliseconds(model: BertModel, ids: mindspore.Tensor) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(9):
        start = time.perf_counter()
        model(ids)[0].asnumpy()
        times.append(time.perf_counter() - start)
    return sorted(times)[4] * 1000


def main() -> None:
    config = BertConfig(
        vocab_size=200, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    model = BertModel(config)
    model.set_train(False)
    ids = mindspore.Tensor(np.random.randint(1, 200, (2, 32)), mindspore.int64)
    before, time_before = model(ids)[0].asnumpy(), milliseconds(model, ids)

    rewriter.optimize(model)

    after = model(ids)[0].asnumpy()  # the first call compiles
    print(f"largest difference: {np.abs(after - before).max():.1e}")
    print(f"still a BertModel: {isinstance(model, BertModel)}")
    print(f"one call: {time_before:.1f} ms before, {milliseconds(model, ids):.1f} ms after")


if __name__ == "__main__":
    main()
