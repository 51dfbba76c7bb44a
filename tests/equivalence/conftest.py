"""Rewritten twins of the bundled BERT to check, and to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from packaging.version import Version
from rewriter_passes import rewriter_passes

from rewriter import pipeline, source
from rewriter.targets import Device, Scope, Target

settings.register_profile("patient", deadline=None)  # no test asserts a time
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[2]
BERT = ROOT / "models" / "bert" / "modeling_bert.py"


def rewrite(path: Path, *without: str, scope: Scope = Scope.MODEL) -> str:
    """The twin that the default passes make, all but those named."""
    passes = [item for item in pipeline.default_passes(list(rewriter_passes())) if item.name not in without]
    result = pipeline.run(source.read(path), passes, Target(Device.CPU, Version("2.10.0"), scope))
    assert not result.failures
    assert result.changed
    return result.text


@pytest.fixture(scope="session")
def rewritten() -> Callable[..., str]:
    return rewrite


@pytest.fixture(scope="session")
def bert() -> Path:
    return BERT


@pytest.fixture(scope="session")
def compiled_text() -> str:
    """The twin as `rewriter apply` writes it."""
    return rewrite(BERT)


@pytest.fixture(scope="session")
def encoder_text() -> str:
    """The twin in which only the encoder is a graph."""
    return rewrite(BERT, scope=Scope.ENCODER)


@pytest.fixture(scope="session")
def plain_encoder_text() -> str:
    """That twin without its jit wrapper."""
    return rewrite(BERT, "jit", scope=Scope.ENCODER)


@pytest.fixture(scope="session")
def plain_text() -> str:
    """The twin without its jit wrapper: what is wrong with it shows without a compiler, at once.

    And without what writes formulas anew for a CPU, so that there are pieces to break, and the rest is the same bits.
    """
    return rewrite(BERT, "jit", "scale", "broadcasts")


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., Path]:
    """Write a text with pieces of it replaced; every piece must be there."""

    def write(text: str, *edits: tuple[str, str]) -> Path:
        for old, new in edits:
            assert old in text, f"the twin no longer has {old!r}: choose another place to break"
            text = text.replace(old, new)
        path = tmp_path / "modeling_bert_twin.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write
