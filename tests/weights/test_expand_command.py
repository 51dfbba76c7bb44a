"""`rewriter expand`: what it prints, `--plan`, `--explain`, `--verify`, JSON, plugins; and what it does not import."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from small import BERT, GPT2, WIDER, checkpoint, expand, files, grown

from rewriter.weights.safetensors_file import SafetensorsFile

HERE = Path(__file__).parent


def told(*arguments):
    """Return the JSON document of the command."""
    done = expand(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_plan_is_made_without_reading_data(tmp_path, monkeypatch):
    folder = checkpoint(tmp_path / "a")
    before = files(tmp_path)
    monkeypatch.setattr(SafetensorsFile, "read", lambda self, key: pytest.fail(f"{key} was read"))
    document = told(folder, "--to", f"{WIDER},num_hidden_layers=3", "--method", "aki", "--plan")
    rows = {row["tensor"]: row for row in document["plan"]}
    dense = rows["encoder.layer.0.output.dense.weight"]
    assert (dense["shape"], dense["its shape"], dense["dtype"]) == ("16x20", "8x12", "float32")
    assert dense["from"] == "encoder.layer.0.output.dense.weight, encoder.layer.1.output.dense.weight"
    norm = "encoder.layer.{}.output.LayerNorm.weight"
    assert [rows[norm.format(n)]["from"] for n in range(3)] == ["a constant", norm.format(0), norm.format(1)]
    assert rows["pooler.dense.weight"]["from"] == "the same"
    assert document["promise"][0]["method"] == "aki+identity" and not document["promise"][0]["exact"]
    assert files(tmp_path) == before


def test_a_plan_in_words(tmp_path):
    done = expand(checkpoint(tmp_path / "a"), "--to", f"{WIDER},num_hidden_layers=3", "--plan")
    assert done.exit_code == 0 and "fpi+identity: the same outputs, up to rounding" in done.stdout
    assert "a constant" in done.stdout


@pytest.mark.parametrize("method", ["fpi", "aki", "average"])
@pytest.mark.parametrize("config", [BERT, GPT2], ids=lambda config: config["model_type"])
def test_an_element_is_what_its_explanation_says(tmp_path, method, config):
    """For elements all over the model: source value times factor, rounded, is what stands in the result."""
    folder = checkpoint(tmp_path / "a", config)
    to = "hidden_size=12,num_attention_heads=3,num_hidden_layers=3,intermediate_size=40"
    out = grown(folder, tmp_path / "b", "--method", method, to=to)
    drawn = np.random.default_rng(0)
    chosen = [
        (key, tuple(int(drawn.integers(n)) for n in value.shape))
        for key, value in out.items()
        if value.dtype == np.float32 and value.ndim
    ]
    options = [word for key, place in chosen for word in ("--explain", f"{key}{list(place)}")]
    explained = told(folder, "--to", to, "--method", method, *options)["explanations"]
    assert len(explained) == len(chosen) > 30
    for (key, place), found in zip(chosen, explained, strict=True):
        value = found["factor"] if found["source"] is None else found["source_value"] * found["factor"]
        assert out[key][place] == np.float32(value), key


def test_explanations_in_words(tmp_path):
    folder = checkpoint(tmp_path / "a")
    key = "encoder.layer.0.output.dense.weight"
    value = load_file(folder / "model.safetensors")[f"bert.{key}"][1, 1]
    done = expand(folder, "--to", WIDER, "--explain", f"bert.{key}[9,13]")
    assert done.stdout == f"{key}[9, 13] = {key}[1, 1] * 0.5  ({value:g} became {value / 2:g})\n"


def test_what_is_written_is_told(tmp_path):
    document = told(checkpoint(tmp_path / "a"), "--to", WIDER, "-o", tmp_path / "b", "--method", "aki")
    record = json.loads((tmp_path / "b" / "expansion.json").read_bytes())
    assert document["written"] == [{"out": str(tmp_path / "b"), "xxh3_128": record["target"]["xxh3_128"]}]
    assert document["promise"][0]["inexact"] == record["inexact"] != []
    assert document["exit_code"] == 0


def test_verify_proves_what_is_exact(tmp_path):
    done = expand(checkpoint(tmp_path / "a"), "--to", WIDER, "-o", tmp_path / "b", "--verify")
    assert done.exit_code == 0 and "equivalent" in done.stdout


def test_verify_fails_for_what_is_not(tmp_path):
    done = expand(checkpoint(tmp_path / "a"), "--to", WIDER, "--method", "aki", "-o", tmp_path / "b", "--verify")
    assert done.exit_code == 1 and "different" in done.stdout


def test_layers_are_added_by_identity_unless_named(tmp_path):
    folder = checkpoint(tmp_path / "a", GPT2)
    named = grown(folder, tmp_path / "b", "--depth", "identity", to="n_layer=3")
    silent = grown(folder, tmp_path / "c", to="num_hidden_layers=3")
    assert files(tmp_path / "b") == files(tmp_path / "c") and set(named) == set(silent)


def test_a_pass_of_somebodys_own(tmp_path):
    folder = checkpoint(tmp_path / "a")
    plugin = ("--plugin", HERE / "blockwise.py", "--method", "blockwise")
    found = grown(folder, tmp_path / "b", *plugin, "--exact", to="hidden_size=16,num_attention_heads=4")
    source = load_file(folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert np.array_equal(found["bert.embeddings.word_embeddings.weight"], np.repeat(source, 2, axis=1))
    unknown = expand(folder, "--to", WIDER, "--method", "blockwise", "-o", tmp_path / "c")
    assert unknown.exit_code == 2 and "There are aki, average, fpi." in unknown.stderr


KEY = "embeddings.LayerNorm.bias"
WRONG = {
    "replace(plan, recipes={})": "there is none",
    "changed(recipes['pooler.dense.weight'])": "it makes the shape [16, 16] of [16]",
    "changed(replace(recipe, dtype='float16'))": "it makes float16 of float32",
    "changed(replace(recipe, pieces=()))": "its pieces do not make every unit once",
    "changed(replace(recipe, pieces=recipe.pieces * 2))": "its pieces do not make every unit once",
    "changed(replace(recipe, pieces=(replace(piece, source='nothing'),)))": "the source has no nothing",
    "changed(replace(recipe, pieces=(replace(piece, axes=(Axis.whole(16),)),)))": "it reads others",
    "changed(replace(recipe, pieces=(replace(piece, axes=(Axis.whole(8),)),)))": "a piece has the shape [8]",
    "1 / 0": "ZeroDivisionError",
}
WRAPPER = f"""
        recipe = plan.recipes["{KEY}"]
        recipes, piece = plan.recipes, recipe.pieces[0]
        changed = lambda one: replace(plan, recipes={{**recipes, "{KEY}": one}})
        return """


@pytest.mark.parametrize(("body", "message"), WRONG.items())
def test_a_plugin_with_a_wrong_plan(tmp_path, body, message):
    text = (HERE / "blockwise.py").read_text().replace("import Map,", "import Axis, Map,")
    text = text.replace("return plan_of_copies(", "plan = plan_of_copies(")
    text = text.replace("choices, inexact)\n", f"choices, inexact){WRAPPER}{body}\n")
    (tmp_path / "wrong.py").write_text(text)
    done = expand(
        checkpoint(tmp_path / "a"),
        *("--to", "hidden_size=16", "-o", tmp_path / "b", "--plugin", tmp_path / "wrong.py", "--method", "blockwise"),
    )
    assert done.exit_code in (1, 2) and message in done.stderr and "blockwise" in done.stderr
    assert not (tmp_path / "b").exists()


def test_a_plugin_that_registers_a_class_is_put_aside(tmp_path):
    text = (HERE / "blockwise.py").read_text().replace("[Blockwise()]", "[Blockwise]")
    (tmp_path / "wrong.py").write_text(text)
    done = expand(checkpoint(tmp_path / "a"), "--to", WIDER, "-o", tmp_path / "b", "--plugin", tmp_path / "wrong.py")
    assert done.exit_code == 0 and "plugin wrong is not used" in done.stderr


PROBE = """
import sys
from rewriter import cli
try:
    cli.app(sys.argv[1:])
except SystemExit as error:
    assert not error.code, error.code
print(sorted({name.partition(".")[0] for name in sys.modules} & {"mindspore", "mindnlp", "torch", "scipy"}))
"""


def test_safetensors_in_and_out_never_import_mindspore(tmp_path):
    folder = checkpoint(tmp_path / "a")
    command = [sys.executable, "-c", PROBE, "expand", str(folder), "--to", WIDER, "-o", str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "[]" in done.stdout.splitlines()


@pytest.mark.slow
def test_mindspores_own_format_does(tmp_path):
    """The twin: the probe would notice."""
    folder = checkpoint(tmp_path / "a")
    command = [sys.executable, "-c", PROBE, "expand", str(folder), "--to", WIDER, "-o", str(tmp_path / "b.ckpt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "'mindspore'" in done.stdout  # not the last line everywhere: MindSpore prints when it ends
