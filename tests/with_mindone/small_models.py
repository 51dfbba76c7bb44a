"""What the fixtures of mindone's models hold: small models, with weights that depend on their names, and calls of them.

Shared by `tests/fixtures/make_mindone_fixture.py`, which asks PyTorch, and the tests, which ask MindSpore. It imports
neither.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BATCH, LENGTH, VOCABULARY, LABELS, IMAGE, EOS = 2, 7, 99, 3, 32, 98
ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "num_labels": LABELS,
}
LEFT_OUT = ("predictions.bias", "lm_head.bias")
"""Biases that mindone 0.5.0 keeps beside a head made with `has_bias=False`, which does not add them, as PyTorch's does.
Whether it should is not for a rewriting to say; they are zero here."""
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
TEXT_TOWER = {**TOWER, "vocab_size": VOCABULARY, "max_position_embeddings": 16, "projection_dim": 24}
IMAGE_TOWER = {**TOWER, "image_size": IMAGE, "patch_size": 8, "projection_dim": 24}


@dataclass(frozen=True)
class Call:
    """One call of a model.

    Attributes:
        name: For messages, and the keys of a fixture.
        inputs: Argument → array.
        flags: Arguments that are no arrays.
    """

    name: str
    inputs: Mapping[str, Any]
    flags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A class of a modeling file, in one small configuration.

    Attributes:
        family: The folder of the file.
        name: The class.
        configuration: The class of its configuration, in `transformers`.
        settings: What that is made with.
        calls: What it is asked.
        graphs: How many of the calls, from the last one on, are asked of a graph too; compiling is what takes time.
    """

    family: str
    name: str
    configuration: str
    settings: Mapping[str, Any]
    calls: tuple[Call, ...]
    graphs: int = 1


def drawn(key: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the weights called `key`: large enough that attention is not uniform, and no norm or bias neutral."""
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if key.endswith(LEFT_OUT):
        return np.zeros(shape, np.float32)
    if not shape:
        return np.float32(1.0) + np.float32(0.1) * noise
    if len(shape) == 1:
        is_scale = "norm" in key.lower() and key.endswith("weight")
        return np.float32(1.0 if is_scale else 0.0) + np.float32(0.2) * noise
    return noise / np.sqrt(np.float32(np.prod(shape[1:])))


def torch_key(key: str) -> str:
    """Return what PyTorch calls a parameter; norms and tables have MindSpore's names in some files of mindone."""
    return key.replace(".gamma", ".weight").replace(".beta", ".bias").replace(".embedding_table", ".weight")


REFUSED = {"deberta_v2": "pos_key_layer"}
"""Family → what STRICT refuses in its file, so that it runs as plain Python."""


def models() -> list[Model]:
    """Return every model of the fixtures."""
    return [*_bert(), *_clip(), *_relatives(), *_others()]


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _masks() -> dict[str, np.ndarray[Any, Any]]:
    """Return masks in which every row has something to attend to."""
    right, left, holed = (np.ones((BATCH, LENGTH), np.int64) for _ in range(3))
    right[1, 4:], left[1, :3], holed[0, [0, 2, 3]] = 0, 0, 0
    return {"right": right, "left": left, "holed": holed}


def _texts(name: str, head: Mapping[str, Any], *, types: bool = True, deep: bool = True) -> Iterator[Call]:
    """Yield calls of a model over tokens; `head` has what its loss is computed from.

    A head gets two: its base model is asked in depth.
    """
    ids = _random(name).integers(3, VOCABULARY, (BATCH, LENGTH))
    masks = _masks()
    yield Call("plain", {"input_ids": ids})
    yield Call("right", {"input_ids": ids, "attention_mask": masks["right"], **head})
    if not deep:
        return
    everything = {"output_attentions": True, "output_hidden_states": True}
    yield Call("left", {"input_ids": ids, "attention_mask": masks["left"]}, everything)
    more = {"token_type_ids": ids % 2} if types else {}
    yield Call("holed", {"input_ids": ids, "attention_mask": masks["holed"], **more}, {"output_hidden_states": True})
    positions = {"position_ids": np.tile(np.arange(LENGTH) + 2, (BATCH, 1))}
    yield Call("positions", {"input_ids": ids[:, ::-1].copy(), **positions})


def _choices(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield calls with two texts for each row."""
    for call in calls:
        two = {
            name: value if name == "labels" else np.stack([value, np.roll(value, 1, -1)], 1)
            for name, value in call.inputs.items()
        }
        yield Call(call.name, two, call.flags)


def _bert() -> Iterator[Model]:
    random = _random("labels")
    words = random.integers(0, VOCABULARY, (BATCH, LENGTH))
    words[:, ::2] = -100
    one, spans = random.integers(0, 2, BATCH), {"start_positions": np.array([1, 4]), "end_positions": np.array([3, 5])}
    heads: dict[str, Mapping[str, Any]] = {
        "BertModel": {},
        "BertForPreTraining": {"labels": words, "next_sentence_label": one},
        "BertLMHeadModel": {},  # its loss reads an attribute that mindone 0.5.0 does not set
        "BertForMaskedLM": {"labels": words},
        "BertForNextSentencePrediction": {"labels": one},
        "BertForSequenceClassification": {"labels": one},
        "BertForMultipleChoice": {"labels": one},
        "BertForTokenClassification": {"labels": random.integers(0, LABELS, (BATCH, LENGTH))},
        "BertForQuestionAnswering": spans,
    }
    for name, head in heads.items():
        settings = {**ENCODER, "num_labels": 2} if name.endswith("QuestionAnswering") else ENCODER
        settings = {**settings, "is_decoder": True} if name.endswith("LMHeadModel") else settings
        calls = _texts(name, head, deep=name.endswith("Model") and "Head" not in name)
        asked = tuple(_choices(calls) if "Choice" in name else calls)
        yield Model("bert", name, "BertConfig", settings, asked, graphs=2 if name == "BertModel" else 1)


def _clip() -> Iterator[Model]:
    texts, images = tuple(_ended(_texts("clip", {}, types=False))), tuple(_images("clip"))
    text = {**TEXT_TOWER, "eos_token_id": EOS}
    yield Model("clip", "CLIPTextModel", "CLIPTextConfig", text, texts)
    yield Model("clip", "CLIPTextModelWithProjection", "CLIPTextConfig", text, texts[:2])
    # The first checkpoints say 2, which means the largest id of a text.
    first = tuple(Call("first", call.inputs) for call in texts[:1])
    yield Model("clip", "CLIPTextModelWithProjection", "CLIPTextConfig", {**text, "eos_token_id": 2}, first)
    yield Model("clip", "CLIPVisionModel", "CLIPVisionConfig", IMAGE_TOWER, images)
    yield Model("clip", "CLIPVisionModelWithProjection", "CLIPVisionConfig", IMAGE_TOWER, images)
    towers = {"text_config": text, "vision_config": IMAGE_TOWER, "projection_dim": 24}
    both = (
        Call(call.name, {**call.inputs, **images[0].inputs}, {**call.flags, "return_loss": call.name == "right"})
        for call in texts[1:3]
    )
    yield Model("clip", "CLIPModel", "CLIPConfig", towers, tuple(both))


def _ended(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield calls whose texts end in different places."""
    for call in calls:
        ids = call.inputs["input_ids"].copy()
        ids[ids == EOS] = 5
        ids[0, -1], ids[1, 4] = EOS, EOS
        yield Call(call.name, {**call.inputs, "input_ids": ids}, call.flags)


def _relatives() -> Iterator[Model]:
    """Yield a base model and a head of other families."""
    roberta = {**ENCODER, "max_position_embeddings": 18, "pad_token_id": 1}
    yield from _texts_of("roberta", "Roberta", "RobertaConfig", roberta)
    yield from _texts_of("electra", "Electra", "ElectraConfig", {**ENCODER, "embedding_size": 16})
    distilbert = {"vocab_size": VOCABULARY, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    distilbert |= {"max_position_embeddings": 16, "num_labels": LABELS}
    yield from _texts_of("distilbert", "DistilBert", "DistilBertConfig", distilbert, types=False)
    yield from _texts_of("mpnet", "MPNet", "MPNetConfig", roberta, types=False)
    yield from _texts_of("camembert", "Camembert", "CamembertConfig", roberta)
    yield from _texts_of("ernie", "Ernie", "ErnieConfig", ENCODER)


def _others() -> Iterator[Model]:
    """Yield a base model of further families, asked a few things."""
    relative = {**ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 8}
    texts: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
        ("albert", "Albert", {**ENCODER, "embedding_size": 16, "hidden_act": "gelu"}),
        ("megatron_bert", "MegatronBert", ENCODER),
        ("rembert", "RemBert", {**ENCODER, "input_embedding_size": 16, "output_embedding_size": 16}),
        ("deberta", "Deberta", relative),
        ("deberta_v2", "DebertaV2", {**relative, "position_buckets": 4, "norm_rel_ebd": "layer_norm"}),
    )
    for family, name, settings in texts:
        yield Model(family, f"{name}Model", f"{name}Config", settings, tuple(_texts(name, {}))[:2])
    image = {**IMAGE_TOWER, "hidden_act": "gelu"}
    del image["projection_dim"]
    for family, name in (("vit", "ViT"), ("dinov2", "Dinov2"), ("deit", "DeiT")):
        yield Model(family, f"{name}Model", f"{name}Config", image, tuple(_images(name))[:1])
    siglip = {"vocab_size": VOCABULARY, **TOWER, "max_position_embeddings": 16, "pad_token_id": 1}
    texts_in = tuple(Call(call.name, call.inputs) for call in _texts("siglip", {}, types=False))[:2]
    yield Model("siglip", "SiglipTextModel", "SiglipTextConfig", siglip, texts_in)
    yield Model("siglip", "SiglipVisionModel", "SiglipVisionConfig", image, tuple(_images("siglip"))[:1])


def _texts_of(
    family: str, name: str, configuration: str, settings: Mapping[str, Any], *, types: bool = True
) -> Iterator[Model]:
    calls = tuple(_texts(name, {}, types=types))[:3]
    yield Model(family, f"{name}Model", configuration, settings, calls)
    labels = {"labels": _random(name + " labels").integers(0, LABELS, (BATCH, LENGTH))}
    head = tuple(_texts(name, labels, deep=False))
    yield Model(family, f"{name}ForTokenClassification", configuration, settings, head, graphs=0)


def _images(name: str) -> Iterator[Call]:
    pixels = _random(name + " images").standard_normal((BATCH, 3, IMAGE, IMAGE)).astype(np.float32)
    yield Call("plain", {"pixel_values": pixels})
    everything = {"output_attentions": True, "output_hidden_states": True}
    yield Call("everything", {"pixel_values": pixels[::-1].copy()}, everything)
