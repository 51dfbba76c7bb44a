"""What only a story shows: a gradient, one dropout among others, a checkpoint, pruned heads. Each is broken by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sampling import slow_but

from rewriter.equivalence import list_cases, scenarios, verify
from rewriter.equivalence.statistics import Status
from rewriter.equivalence.subject import Outcome

PLAIN = "BertForSequenceClassification/mask=left-padded/batch=3/seq=5/labels"
GRADIENTS = "BertForSequenceClassification/gradients/mask=left-padded/batch=3/seq=5/labels/dropout=0"
BASE_GRADIENTS = "BertModel/gradients/mask=left-padded/batch=3/seq=5/dropout=0"
DROPOUT = "BertModel/each-dropout/mask=left-padded/batch=3/seq=5"
TRAIN = "BertModel/train-then-eval/mask=left-padded/batch=3/seq=5"
SAVE = "BertModel/save-and-load/mask=left-padded/batch=3/seq=5"
RESIZE = "BertModel/after-resize-embeddings/mask=left-padded/batch=3/seq=5"
RESIZE_HEAD = "BertForMaskedLM/after-resize-head/mask=left-padded/batch=3/seq=5"
REPLACE = "BertModel/after-replace-embeddings/mask=left-padded/batch=3/seq=5"
PRUNE = "BertModel/after-prune-heads/mask=left-padded/batch=3/seq=5"
PREPARE = "BertLMHeadModel/decoder/after-prepare-generation/mask=left-padded/batch=3/seq=2/past=3"
REORDER = "BertLMHeadModel/decoder/after-reorder-cache/mask=none/batch=3/seq=2/past=3"
HALF = "BertModel/mask=left-padded/batch=3/seq=5/dtype=float16"
LEFT = "BertModel/mask=left-padded/batch=3/seq=5"

BREAKS = {
    "a gradient that is cut": (
        [("first_token_tensor = hidden_states[:, 0]", "first_token_tensor = ops.stop_gradient(hidden_states[:, 0])")],
        {PLAIN: Status.IDENTICAL, GRADIENTS: Status.DIFFERENT, BASE_GRADIENTS: Status.DIFFERENT},
    ),
    "one dropout of several that is gone": (
        [
            (
                "hidden_states = self.dropout(hidden_states)\n"
                "        return self.LayerNorm(hidden_states + input_tensor)",
                "return self.LayerNorm(hidden_states + input_tensor)",
            )
        ],
        {LEFT: Status.IDENTICAL, TRAIN: Status.IDENTICAL, DROPOUT: Status.DIFFERENT},
    ),
    "a dropout where there was none": (
        [
            (
                "return self.activation(pooled_output)",
                "return ops.dropout(self.activation(pooled_output), 0.1, self.training)",
            )
        ],
        {LEFT: Status.IDENTICAL, DROPOUT: Status.DIFFERENT},
    ),
    "heads that are not pruned": (
        [("self.encoder.layer[layer].attention.prune_heads(heads)", "pass")],
        {LEFT: Status.IDENTICAL, PRUNE: Status.DIFFERENT},
    ),
    "a cache that is not reordered": (
        [
            (
                "ops.index_select(past_state, 0, beam_idx) for past_state in layer_past",
                "past_state for past_state in layer_past",
            )
        ],
        {PREPARE: Status.IDENTICAL, REORDER: Status.DIFFERENT},
    ),
    "a step of generation that starts too late": (
        [("else input_ids.shape[1] - 1", "else input_ids.shape[1]")],
        {REORDER: Status.IDENTICAL, PREPARE: Status.DIFFERENT},
    ),
    "new embeddings that are not used": (
        [("        self.embeddings.word_embeddings = value\n", "        pass\n")],
        {LEFT: Status.IDENTICAL, REPLACE: Status.DIFFERENT, RESIZE: Status.DIFFERENT},
    ),
    "single precision in the middle": (
        [
            (
                "pooled_output = self.dense(first_token_tensor)",
                "pooled_output = self.dense(first_token_tensor).astype(mindspore.float32)",
            )
        ],
        {LEFT: Status.IDENTICAL, HALF: Status.DIFFERENT},
    ),
}


@pytest.mark.parametrize("name", slow_but(BREAKS, "a cache that is not reordered"))
def test_what_only_a_story_shows_is_caught(name, bert, plain_text, broken):
    edits, expected = BREAKS[name]
    verdict = verify(bert, broken(plain_text, *edits), cases=list(expected))
    assert {case.id: case.status for case in verdict.cases} == expected


@pytest.mark.slow
def test_the_twin_passes_them_all(bert, plain_text, broken):
    """And each case is about something: none is vacuous or unverified."""
    chosen = [GRADIENTS, BASE_GRADIENTS, DROPOUT, SAVE, RESIZE, RESIZE_HEAD, REPLACE, PRUNE, PREPARE, REORDER, HALF]
    verdict = verify(bert, broken(plain_text), cases=chosen)
    assert verdict.ok, verdict.to_json()
    assert {case.id for case in verdict.cases} == set(chosen)
    for case in verdict.cases:
        assert case.status in (Status.IDENTICAL, Status.EQUIVALENT), case
        assert not case.vacuous
    gradients = next(row for row in verdict.outputs if row.output == "gradients" and row.model == "BertModel")
    assert gradients.elements > 10_000


@pytest.mark.slow
def test_graphs_of_heads_are_left_out_of_quick_once_the_base_has_run(bert, encoder_text, broken):
    path = broken(encoder_text)
    light, alone = verify(bert, path, cases=[LEFT, PLAIN]), verify(bert, path, cases=[PLAIN])
    modes = {case.id: [mode.mode for mode in case.modes] for case in light.cases}
    assert modes == {LEFT: ["eager", "jit"], PLAIN: ["eager"]}
    assert [mode.mode for mode in alone.cases[0].modes] == ["eager", "jit"]


def test_in_a_hurry_the_first_difference_is_the_last(bert, plain_text, broken):
    edits = [("self.encoder.layer[layer].attention.prune_heads(heads)", "pass")]
    verdict = verify(bert, broken(plain_text, *edits), cases=[LEFT, PRUNE, RESIZE, PLAIN], fail_fast=True)
    assert [case.status for case in verdict.cases][-1] is Status.DIFFERENT
    assert PRUNE in {case.id for case in verdict.cases}
    assert PLAIN not in {case.id for case in verdict.cases}


@pytest.mark.parametrize(
    ("answers", "is_random"),
    [([1.0, 2.0], True), ([1.0, 1.0, 2.0], True), ([1.0, 1.0, 1.0], False)],
    ids=["another at once", "alike once", "alike twice"],
)
def test_what_comes_out_alike_once_may_still_be_random(answers, is_random):
    """A dropout of few values may drop the same ones again, or none."""
    first, *others = (Outcome(np.array([value])) for value in answers)
    rest = iter(others)
    assert scenarios._is_random(first, lambda: next(rest)) is is_random
    assert not list(rest)


def test_the_matrix_has_every_story(bert):
    stories = {case.scenario for case in list_cases(bert)}
    assert stories >= {
        "call",
        "weights-after-first-call",
        "train-then-eval",
        "gradients",
        "each-dropout",
        "save-and-load",
        "after",
    }


@pytest.mark.slow
def test_a_graph_in_half_precision_may_be_as_far_off_as_the_original(bert, compiled_text, broken):
    """What MindSpore compiles rounds elsewhere: the one-liner on the unmodified model has the bits of this graph."""
    good = verify(bert, broken(compiled_text), cases=[HALF])
    jit = next(mode for mode in good.cases[0].modes if mode.mode == "jit")
    assert good.ok
    assert max(item.absolute.maximum for item in jit.differences) > 2e-3  # else there would be nothing to allow
    edit = ("embeddings = self.LayerNorm(embeddings)", "embeddings = self.LayerNorm(embeddings) * 1.03125")
    assert verify(bert, broken(compiled_text, edit), cases=[HALF]).status is Status.DIFFERENT
