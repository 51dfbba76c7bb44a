"""`aki`, `stack`, `interleave`: every element is factor times source, bit for bit, by formulas written down here."""

import numpy as np
import pytest
from small import BERT, GPT2, checkpoint, grown, weights_of

from rewriter.weights.keys import Spelling

BARE = Spelling()
PLAIN = {"spelling": BARE, "seed": 3}
LINEAR = {  # part → (output units in the source, input units in the source)
    "attention.self.query": ("attention", "hidden"),
    "attention.self.key": ("attention", "hidden"),
    "attention.self.value": ("attention", "hidden"),
    "attention.output.dense": ("hidden", "attention"),
    "intermediate.dense": ("intermediate", "hidden"),
    "output.dense": ("hidden", "intermediate"),
}
SIZES = {"hidden": (8, 16), "attention": (8, 16), "intermediate": (12, 20)}


def units(space):
    """Return the source unit of each target unit, its share, and whether the source has the unit itself."""
    before, after = SIZES[space]
    index = np.arange(after) % before
    return index, 1 / np.bincount(index)[index], np.arange(after) < before


@pytest.mark.parametrize("part", LINEAR)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_aki_takes_further_units_from_the_next_layer(tmp_path, part, layer):
    config = {**BERT, "num_hidden_layers": 3}
    source = weights_of(config, **PLAIN)
    found = grown(checkpoint(tmp_path / "a", config, **PLAIN), tmp_path / "b", "--method", "aki")
    key = f"encoder.layer.{{}}.{part}."
    following = min(layer + 1, 2)  # the last layer has none: it is that of fpi
    (rows, _, own), (columns, share, _) = (units(space) for space in LINEAR[part])
    for row in range(len(rows)):
        origin = key.format(layer if own[row] else following)
        wanted = source[f"{origin}weight"][rows[row], columns] * np.float32(share)
        assert found[f"{key.format(layer)}weight"][row].tobytes() == wanted.tobytes()
        assert found[f"{key.format(layer)}bias"][row] == source[f"{origin}bias"][rows[row]]


def test_aki_leaves_norms_and_embeddings_to_fpi(tmp_path):
    folder = checkpoint(tmp_path / "a", **PLAIN)
    aki, fpi = (grown(folder, tmp_path / name, "--method", name) for name in ("aki", "fpi"))
    linear = {f"encoder.layer.0.{part}.{kind}" for part in LINEAR for kind in ("weight", "bias")}
    different = {key for key in fpi if aki[key].tobytes() != fpi[key].tobytes()}
    assert different == linear


def test_aki_with_larger_heads(tmp_path):
    """Two heads of four units become two of eight: units 4 to 7 of each head come from the next layer."""
    source = weights_of(BERT, **PLAIN)
    out = grown(
        checkpoint(tmp_path / "a", **PLAIN),
        tmp_path / "b",
        "--method",
        "aki",
        to="hidden_size=16,num_attention_heads=2",
    )
    name = "encoder.layer.{}.attention.self.value.bias"
    first, second = source[name.format(0)], source[name.format(1)]
    wanted = np.concatenate([first[:4], second[:4], first[4:], second[4:]])
    assert out[name.format(0)].tobytes() == wanted.tobytes()


def test_aki_of_gpt2_maps_queries_keys_and_values_each_by_itself(tmp_path):
    source = weights_of(GPT2, **PLAIN)
    out = grown(checkpoint(tmp_path / "a", GPT2, **PLAIN), tmp_path / "b", "--method", "aki", to="n_embd=16,n_head=4")
    first, second = (source[f"h.{n}.attn.c_attn.weight"] for n in (0, 1))
    thirds = [part for n in range(0, 24, 8) for part in (first[:, n : n + 8], second[:, n : n + 8])]
    wanted = np.concatenate([np.concatenate(thirds, axis=1)] * 2) * np.float32(0.5)
    assert out["h.0.attn.c_attn.weight"].tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("depth", "origin"), [("stack", [0, 1, 0, 1, 1]), ("interleave", [0, 0, 0, 1, 1])])
@pytest.mark.parametrize("config", [BERT, GPT2], ids=lambda config: config["model_type"])
def test_repeated_layers_are_copies(tmp_path, depth, origin, config):
    source = weights_of(config, **PLAIN)
    out = grown(checkpoint(tmp_path / "a", config, **PLAIN), tmp_path / "b", "--depth", depth, to="num_hidden_layers=5")
    start = "encoder.layer." if config is BERT else "h."
    for key, value in out.items():
        if key.startswith(start):
            number, _, part = key.removeprefix(start).partition(".")
            key = f"{start}{origin[int(number)]}.{part}"
        assert value.tobytes() == source[key].tobytes()
    assert len(out) == len(source) + 3 * sum(key.startswith(f"{start}0.") for key in source)


def test_wider_and_deeper_is_deeper_of_the_wider(tmp_path):
    """Both at once is the same, bit for bit, as one after the other."""
    folder = checkpoint(tmp_path / "a", **PLAIN)
    both = grown(folder, tmp_path / "b", "--method", "aki", "--depth", "stack", to="hidden_size=16,num_hidden_layers=5")
    grown(folder, tmp_path / "c", "--method", "aki", to="hidden_size=16")
    after = grown(tmp_path / "c", tmp_path / "d", "--depth", "stack", to="num_hidden_layers=5")
    assert {key: value.tobytes() for key, value in both.items()} == {
        key: value.tobytes() for key, value in after.items()
    }
