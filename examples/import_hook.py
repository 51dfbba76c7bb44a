"""Import a model so that its code is the rewritten one; the rest of the program stays as it is.

    python examples/import_hook.py

For mindnlp the line would be `rewriter.install(["mindnlp.transformers.models.bert"])`, before anything imports mindnlp.
A program that you would rather not touch at all: `rewriter run --module models.bert program.py`.
"""

import sys
from pathlib import Path

import mindspore
import numpy as np

import rewriter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the folder models/, which is not installed


def main() -> None:
    rewriter.install(["models.bert"])  # before the import
    from models.bert import modeling_bert
    from models.bert.configuration_bert import BertConfig

    config = BertConfig(
        vocab_size=200, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    model = modeling_bert.BertModel(config)
    model.set_train(False)
    output = model(mindspore.Tensor(np.random.randint(1, 200, (2, 32)), mindspore.int64))
    print(f"module: {modeling_bert.__name__}")
    print(f"rewritten: {hasattr(modeling_bert, '_compiled')}")
    print(f"output: {output[0].shape}")


if __name__ == "__main__":
    main()
