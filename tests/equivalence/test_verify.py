"""`verify` on the bundled BERT: the twin passes, and every way to break it by hand is caught."""

from __future__ import annotations

import json

import pytest
from sampling import slow_but

from rewriter.equivalence import list_cases, verify
from rewriter.equivalence.statistics import Status
from rewriter.errors import RewriterError

DEFAULTS = "BertModel/mask=none/batch=3/seq=5"
ONES = "BertModel/mask=ones/batch=3/seq=5/dict=0"
LEFT = "BertModel/mask=left-padded/batch=3/seq=5"
ROW = "BertModel/mask=row-masked/batch=3/seq=5/dict=0"
BOTH_INPUTS = "BertModel/mask=none/batch=3/seq=5/wrong=ids-and-embeds"
TRAIN = "BertModel/train-then-eval/mask=left-padded/batch=3/seq=5"
RELOAD = "BertModel/weights-after-first-call/mask=left-padded/batch=3/seq=5"
NO_CACHE = "BertLMHeadModel/decoder/mask=holed/batch=3/seq=5/dict=0/labels/types/positions"
CACHE = "BertLMHeadModel/decoder/mask=left-padded/batch=3/seq=2/past=3/cache=1"
PRETRAINING = "BertForPreTraining/mask=left-padded/batch=3/seq=5/labels"
CLASSIFIER = "BertForSequenceClassification/mask=left-padded/batch=3/seq=5/labels"

EXTENDED = "extended_attention_mask = self.get_extended_attention_mask(attention_mask, input_shape)"
NARROW = "mint.narrow(self.position_ids, 1, past_key_values_length, seq_length)"
LOSS = "loss = ops.cross_entropy(logits.view(-1, self.num_labels), labels.view(-1))"
SCALE = "attention_scores / math.sqrt(self.attention_head_size)"


def statuses(verdict) -> dict[str, Status]:
    return {case.id: case.status for case in verdict.cases}


@pytest.fixture(scope="module")
def good(bert, compiled_text, tmp_path_factory):
    """The verdict on the twin as it is. Its graphs are compiled once for all tests of this module that look at it."""
    path = tmp_path_factory.mktemp("twin") / "modeling_bert_rewritten.py"
    path.write_text(compiled_text, encoding="utf-8")
    seen = []
    chosen = [DEFAULTS, ONES, LEFT, ROW, BOTH_INPUTS, TRAIN, RELOAD, CACHE]
    verdict = verify(bert, path, cases=chosen, progress=lambda *told: seen.append(told))
    return verdict, chosen, seen


def test_the_twin_is_equal_and_compiled(good):
    verdict, chosen, seen = good
    assert verdict.ok, verdict
    assert verdict.status in (Status.IDENTICAL, Status.EQUIVALENT)
    assert verdict.compiled
    encoder, model, *heads = verdict.methods
    assert [encoder.method, model.method] == ["BertEncoder._construct_flat", "BertModel._construct_flat_BertModel"]
    assert encoder.own == 0  # a part of the model's graph
    assert model.own >= len(chosen) - 2  # all get there but the wrong call, and the head's has a graph of its own
    assert [head.method for head in heads if head.calls] == ["BertLMHeadModel._construct_flat_BertLMHeadModel"]
    assert {mode.mode for case in verdict.cases for mode in case.modes} == {"eager", "jit"}
    assert [told[0] for told in seen] == [case.id for case in verdict.cases]
    assert [told[1:] for told in seen] == [(number, len(chosen)) for number in range(1, len(chosen) + 1)]


def test_every_output_has_its_figures(good):
    verdict = good[0]
    rows = {(row.model, row.output, row.mode): row for row in verdict.outputs}
    assert {output for model, output, _ in rows if model == "BertModel"} >= {
        "last_hidden_state",
        "pooler_output",
        "[0]",
        "[1]",
    }
    row = rows["BertModel", "last_hidden_state", "jit"]
    # 2 plain calls, one with other weights, and two of the story about training; 3 rows, 5 positions, 32 features each
    assert (row.cases, row.elements) == (4, 5 * 3 * 5 * 32)
    assert rows["BertLMHeadModel", "past_key_values", "eager"].elements == 2 * 3 * 4 * 5 * 8  # one layer


def test_a_wrong_call_is_refused_by_both(good):
    case = next(case for case in good[0].cases if case.id == BOTH_INPUTS)
    assert case.status is Status.IDENTICAL
    assert case.note.startswith("both raise ValueError")
    assert not case.vacuous


def test_the_verdict_is_plain_json(good):
    values = json.loads(json.dumps(good[0].to_json(), allow_nan=False))
    assert values["ok"] is True
    assert values["counts"]["different"] == 0
    assert values["environment"]["mindspore"]
    assert len(values["cases"]) == len(good[1])


BREAKS = {
    "mask hard-coded": (
        [(EXTENDED, EXTENDED.replace("(attention_mask,", "(ops.ones_like(attention_mask),"))],
        {ONES: Status.IDENTICAL, LEFT: Status.DIFFERENT},
    ),
    "positions start at 0, wrong only with a cache": (
        [(NARROW, "mint.narrow(self.position_ids, 1, 0, seq_length)")],
        {DEFAULTS: Status.IDENTICAL, NO_CACHE: Status.IDENTICAL, CACHE: Status.DIFFERENT},
    ),
    "too many positions, wrong only with a cache": (
        [(NARROW, NARROW.replace("seq_length)", "seq_length + past_key_values_length)"))],
        {NO_CACHE: Status.IDENTICAL, CACHE: Status.DIFFERENT},
    ),
    "a list in the place of a tuple": (
        [
            (
                "return (sequence_output, pooled_output) + encoder_outputs[1:]",
                "return [sequence_output, pooled_output, *encoder_outputs[1:]]",
            )
        ],
        {DEFAULTS: Status.IDENTICAL, ONES: Status.DIFFERENT},
    ),
    "fields of a ModelOutput in another order": (
        [
            (
                "    prediction_logits: mindspore.Tensor | None = None\n"
                "    seq_relationship_logits: mindspore.Tensor | None = None\n",
                "    seq_relationship_logits: mindspore.Tensor | None = None\n"
                "    prediction_logits: mindspore.Tensor | None = None\n",
            )
        ],
        {PRETRAINING: Status.DIFFERENT},
    ),
    "the mask of the first call is kept": (
        [
            (
                EXTENDED,
                EXTENDED
                + "\n        extended_attention_mask = vars(self).setdefault('_kept', extended_attention_mask)",
            )
        ],
        {DEFAULTS: Status.IDENTICAL, LEFT: Status.DIFFERENT},
    ),
    "a scale that is off by 1e-4": (
        [(SCALE, f"{SCALE} * 1.0001")],
        {DEFAULTS: Status.DIFFERENT, LEFT: Status.DIFFERENT},
    ),
    "another exception for a wrong call": (
        [('raise ValueError("give either input_ids or inputs_embeds, not both")', 'raise TypeError("one of them")')],
        {DEFAULTS: Status.IDENTICAL, BOTH_INPUTS: Status.DIFFERENT},
    ),
    "a side effect on the configuration that is gone": (
        [(LOSS, f"{LOSS}; self.config.problem_type = None")],
        {CLASSIFIER: Status.DIFFERENT},
    ),
    "an argument changed in place": (
        [(EXTENDED, EXTENDED + "\n        attention_mask.set_data(ops.zeros_like(attention_mask))")],
        {LEFT: Status.DIFFERENT},
    ),
}


EVERY_RUN = ("mask hard-coded", "an argument changed in place")


@pytest.mark.parametrize("name", slow_but(BREAKS, *EVERY_RUN))
def test_what_is_broken_by_hand_is_caught(name, bert, plain_text, broken):
    """The cases that cannot show the fault stay equal: so it is the adversarial ones that find it."""
    edits, expected = BREAKS[name]
    verdict = verify(bert, broken(plain_text, *edits), cases=list(expected))
    assert statuses(verdict) == expected
    assert verdict.status is Status.DIFFERENT
    assert not verdict.ok
    assert verdict.worst_case in [case for case, status in expected.items() if status is Status.DIFFERENT]


def test_a_renamed_parameter_is_a_difference_before_any_call(bert, plain_text, broken):
    verdict = verify(bert, broken(plain_text, ("self.LayerNorm", "self.norm")), cases=[DEFAULTS])
    assert verdict.status is Status.DIFFERENT
    assert "BertModel: state-dict key embeddings.LayerNorm.weight is gone" in verdict.problems
    assert "BertModel: state-dict key embeddings.norm.weight is new" in verdict.problems
    assert verdict.cases[0].status is Status.UNVERIFIED


SURFACES = [
    (
        "        return_dict: bool | None = None,\n",
        "        return_dict: bool | None = True,\n",
        "BertModel.construct(",
    ),
    ("past_key_values_length: int = 0,\n", "*, past_key_values_length: int = 0,\n", "BertEmbeddings.construct("),
    ("BertForMaskedLM(BertPreTrainedModel):", "BertForMaskedLM(BertModel):", "BertForMaskedLM: bases"),
    ("def prepare_inputs_for_generation(", "def prepare(", "BertLMHeadModel.prepare_inputs_for_generation is gone"),
    ("def _reorder_cache(", "def _reorder_caches(", ""),
]


@pytest.mark.parametrize(("old", "new", "expected"), SURFACES)
def test_the_surface_is_compared(old, new, expected, bert, plain_text, broken):
    verdict = verify(bert, broken(plain_text, (old, new)), cases=[BOTH_INPUTS])
    assert statuses(verdict) == {BOTH_INPUTS: Status.IDENTICAL}
    if expected:
        assert any(line.startswith(expected) for line in verdict.surface)
        assert verdict.status is Status.DIFFERENT
    else:  # nobody else's business
        assert not verdict.surface


def test_a_method_that_runs_uncompiled_breaks_the_promise(bert, compiled_text, broken):
    marker = '"""The part of `construct` that only computes on tensors."""\n'
    path = broken(
        compiled_text, (marker, marker + "        try:\n            pass\n        except KeyError:\n            pass\n")
    )
    verdict = verify(bert, path, cases=[LEFT])
    assert verdict.status is Status.IDENTICAL
    assert not verdict.compiled
    assert not verdict.ok
    assert verdict.methods[0].uncompiled == 1
    assert "Try" in verdict.methods[0].refused[0][0]
    assert verdict.cases[0].modes[1].uncompiled[0][0] == "BertEncoder._construct_flat"


@pytest.mark.slow
def test_the_jit_that_everybody_writes_is_caught(bert, compiled_text, broken):
    """A bare `mindspore.jit` in the place of our wrapper: the plain methods are right, the compiled ones are not."""
    path = broken(compiled_text, ("    @_compiled\n", "    @mindspore.jit(fullgraph=True)\n"))
    verdict = verify(bert, path, cases=[DEFAULTS, RELOAD])
    assert verdict.status is Status.DIFFERENT
    modes = {(case.id, mode.mode): mode.status for case in verdict.cases for mode in case.modes}
    assert modes[DEFAULTS, "eager"] is Status.IDENTICAL
    assert modes[RELOAD, "eager"] is Status.IDENTICAL
    assert Status.DIFFERENT in (modes[DEFAULTS, "jit"], modes[RELOAD, "jit"])


def test_a_tolerance_is_taken_and_loosening_it_is_recorded(bert, plain_text, broken):
    path = broken(plain_text, (SCALE, f"{SCALE} * 1.0001"))
    loose = verify(bert, path, cases=[LEFT], tolerance=1e-2)
    assert loose.status is Status.EQUIVALENT
    assert (loose.ok, loose.loosened, loose.tolerance) == (True, True, 1e-2)
    with pytest.raises(RewriterError, match="at least 0"):
        verify(bert, path, tolerance=-1.0)


@pytest.mark.slow
def test_the_seed_changes_the_numbers_and_nothing_else(bert, plain_text, broken):
    path = broken(plain_text, (SCALE, f"{SCALE} * 1.0001"))
    first, again, other = (verify(bert, path, cases=[LEFT], seed=seed).outputs[0] for seed in (0, 0, 1))
    assert first.absolute == again.absolute
    assert first.absolute != other.absolute


def test_cases_are_listed_with_stable_ids(bert):
    quick, full = list_cases(bert), list_cases(bert, level="full")
    ids = [case.id for case in quick]
    assert len(ids) == len(set(ids))
    assert {DEFAULTS, LEFT, TRAIN, RELOAD, CACHE, PRETRAINING, CLASSIFIER, BOTH_INPUTS} <= set(ids)
    assert set(ids) < {case.id for case in full}
    assert ids == [case.id for case in list_cases(bert, seed=5)]
    assert {case.model for case in quick} == {
        "BertModel",
        "BertForPreTraining",
        "BertLMHeadModel",
        "BertForMaskedLM",
        "BertForNextSentencePrediction",
        "BertForSequenceClassification",
        "BertForMultipleChoice",
        "BertForTokenClassification",
        "BertForQuestionAnswering",
    }


def test_what_cannot_be_run_is_an_error_in_one_sentence(bert, tmp_path):
    with pytest.raises(RewriterError, match="no case BertModel/nope"):
        verify(bert, bert, cases=["BertModel/nope"])
    with pytest.raises(RewriterError, match="no level 'thorough'"):
        verify(bert, bert, level="thorough")
    other = tmp_path / "modeling_none.py"
    other.write_text("import mindspore\n", encoding="utf-8")
    with pytest.raises(RewriterError, match="no model adapter") as caught:
        verify(other, other)
    assert "rewriter_model_adapters" in caught.value.hint
