"""A test for your own repository: the rewritten file computes what the original does (`pytest examples/`)."""

from pathlib import Path

import pytest

import rewriter
from rewriter.testing import equivalence_test

BERT = Path(__file__).resolve().parents[1] / "models" / "bert" / "modeling_bert.py"


@pytest.fixture(scope="session")
def rewritten_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rewritten") / "modeling_bert.py"
    path.write_text(rewriter.rewrite(BERT).text, encoding="utf-8")
    return path


test_bert = equivalence_test(BERT, fixture="rewritten_bert", cases=["BertModel/mask=left-padded/batch=3/seq=5*"])
