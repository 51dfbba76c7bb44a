"""A test for your own repository: the rewritten file still computes what the original does.

    pytest examples/test_my_model.py

Put the paths of your files in the place of the bundled BERT's. Without `cases` the whole quick matrix runs, in about a
minute; `rewriter verify --list-cases modeling_bert.py` lists what there is.
"""

from pathlib import Path

import rewriter
from rewriter.equivalence import verify

ORIGINAL = Path(__file__).resolve().parents[1] / "models" / "bert" / "modeling_bert.py"


def test_the_rewritten_bert_computes_the_same(tmp_path: Path) -> None:
    rewritten = tmp_path / "modeling_bert.py"
    rewritten.write_text(rewriter.rewrite(ORIGINAL).text, encoding="utf-8")
    verdict = verify(ORIGINAL, rewritten, cases=["BertModel/mask=left-padded/*", "BertForMaskedLM/labels*"])
    assert verdict.ok, verdict.to_json()
