"""Files as people write them: variants of the bundled BERT and CLIP, each rewritten, compiled and verified."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sampling import breadth_but

import rewriter
from rewriter.equivalence import verify
from rewriter.equivalence.cases import Case
from rewriter.equivalence.clip_like import ClipLike
from rewriter.equivalence.text_like import TextLike

ROOT = Path(__file__).resolve().parents[2]

LOOP = "        for i, layer_module in enumerate(self.layer):\n"
LAYERS = "        self.layer = nn.CellList([BertLayer(config) for _ in range(config.num_hidden_layers)])\n"
STEP = "                layer_outputs = layer_module(\n                    hidden_states,\n"
CALL = "        sequence_output = encoder_outputs[0]\n"
IMPORTS = "from mindspore import Parameter, nn, ops\n"
ENCODER = "class BertEncoder(nn.Cell):\n"
START = "        all_hidden_states = () if output_hidden_states else None\n"

HEAD_OF_ENCODER = (
    "        self.gradient_checkpointing = False\n\n"
    "    def construct(\n        self,\n        hidden_states: mindspore.Tensor,\n"
)
BEFORE_MODEL = "            self.encoder.layer[layer].attention.prune_heads(heads)\n\n"
DECORATOR = """\
def documented(text):
    def mark(method):
        method.told = text
        return method

    return mark


"""

Edits = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Style:
    """A way to write a file.

    Attributes:
        edits: Replacements; a text must occur.
        patterns: The same with regular expressions.
        model: "bert" or "clip".
        others: Files beside the modeling file → their text.
        compiled: Whether all of it is compiled; what is not must answer as before all the same.
    """

    edits: Edits = ()
    patterns: Edits = ()
    model: str = "bert"
    others: dict[str, str] = field(default_factory=dict)
    compiled: bool = True


HELPER = '''\
"""A helper in a module of its own."""


def run_layer(layer, hidden_states, *others):
    return layer(hidden_states, *others)
'''
ANOTHER = '''\
"""Another model, whose layer is used."""

from .modeling_bert_parts import BertLayer as Layer


class BertLayer(Layer):
    """The same layer under the same name."""
'''

STYLES = {
    "aliased imports": Style(
        edits=((IMPORTS, "import mindspore.nn as N\nimport mindspore.ops as P\nfrom mindspore import Parameter\n"),),
        patterns=((r"(?<![\w.])nn\.", "N."), (r"(?<![\w.])ops\.", "P.")),
    ),
    "a star import": Style(
        edits=((IMPORTS, "from mindspore.nn import *\nfrom mindspore import Parameter, ops\n"),),
        patterns=((r"(?<![\w.])nn\.(?=[A-Z])", ""),),
    ),
    "renamed classes and variables": Style(
        patterns=(
            (r"\bBertEncoder\b", "Stack"),
            (r"\bBertLayer\b", "Block"),
            (r"\blayer_module\b", "block"),
            (r"\ball_self_attentions\b", "seen"),
        ),
    ),
    "a helper in another module": Style(
        edits=(
            (
                STEP,
                "                layer_outputs = run_layer(\n"
                "                    layer_module,\n                    hidden_states,\n",
            ),
            (
                "from .configuration_bert import BertConfig\n",
                "from .configuration_bert import BertConfig\nfrom .helpers import run_layer\n",
            ),
        ),
        others={"helpers.py": HELPER},
    ),
    "keyword-only arguments": Style(
        edits=((HEAD_OF_ENCODER, HEAD_OF_ENCODER + "        *,\n"),),
    ),
    "a decorated forward": Style(
        edits=((ENCODER, DECORATOR + ENCODER), (BEFORE_MODEL, BEFORE_MODEL + '    @documented("Run the model.")\n')),
    ),
    "plain tuples": Style(
        edits=(
            (
                "            return_dict=return_dict,\n        )\n" + CALL,
                "            return_dict=False,\n        )\n" + CALL,
            ),
            (
                "        if not return_dict:\n"
                "            return (sequence_output, pooled_output) + encoder_outputs[1:]\n"
                "        return BaseModelOutputWithPooling",
                "        if True:\n            return (sequence_output, pooled_output) + encoder_outputs[1:]\n"
                "        return BaseModelOutputWithPooling",
            ),
        ),
    ),
    "nested lists": Style(
        edits=(
            (
                LAYERS,
                "        self.layer = nn.CellList([nn.CellList([BertLayer(config)]) for _ in "
                "range(config.num_hidden_layers)])\n",
            ),
            (LOOP, "        for i, group in enumerate(self.layer):\n            layer_module = group[0]\n"),
        ),
    ),
    "a Python list of layers": Style(
        edits=(
            (LAYERS, LAYERS + "        self.stack = list(self.layer)\n"),
            (LOOP, "        for i, layer_module in enumerate(self.stack):\n"),
        ),
    ),
    "layers in a dictionary": Style(
        edits=(
            (LAYERS, LAYERS + "        self.names = {str(at): layer for at, layer in enumerate(self.layer)}\n"),
            (LOOP, "        for i, name in enumerate(self.names):\n            layer_module = self.names[name]\n"),
        ),
        compiled=False,
    ),
    "super().construct": Style(
        edits=(
            (ENCODER, "class BertStack(nn.Cell):\n"),
            (
                "class BertPooler(nn.Cell):\n",
                "class BertEncoder(BertStack):\n    def construct(self, hidden_states, **others):\n"
                "        return super().construct(hidden_states, **others)\n\n\nclass BertPooler(nn.Cell):\n",
            ),
        ),
        compiled=False,
    ),
    "a mixin": Style(
        edits=(
            (
                ENCODER,
                "class Looping:\n    def run(self, layer, *values):\n"
                "        return layer(*values)\n\n\nclass BertEncoder(Looping, nn.Cell):\n",
            ),
            (
                STEP,
                "                layer_outputs = self.run(\n"
                "                    layer_module,\n                    hidden_states,\n",
            ),
        ),
    ),
    "a subclass without anything of its own": Style(
        edits=(
            (ENCODER, "class BertStack(nn.Cell):\n"),
            (
                "class BertPooler(nn.Cell):\n",
                'class BertEncoder(BertStack):\n    """As it is."""\n\n\nclass BertPooler(nn.Cell):\n',
            ),
        ),
    ),
    "an early return": Style(
        edits=(
            (
                START,
                "        if head_mask is None and not len(self.layer):\n            return (hidden_states,)\n" + START,
            ),
        ),
    ),
    "zip": Style(
        edits=(
            (LAYERS, LAYERS + "        self.scales = tuple(1.0 for _ in self.layer)\n"),
            (
                LOOP,
                "        for i, (layer_module, scale) in enumerate(zip(self.layer, self.scales)):\n"
                "            hidden_states = hidden_states * scale\n",
            ),
        ),
    ),
    "a slice": Style(
        edits=((LOOP, "        for i, layer_module in enumerate(self.layer[: self.config.num_hidden_layers]):\n"),),
    ),
    "reversed": Style(
        edits=((LOOP, "        i = -1\n        for layer_module in reversed(self.layer):\n            i = i + 1\n"),),
    ),
    "by index": Style(
        edits=((LOOP, "        for i in range(len(self.layer)):\n            layer_module = self.layer[i]\n"),),
    ),
    "LayerDrop": Style(
        edits=(
            ("import math\n", "import math\nimport random\n"),
            (LOOP, LOOP + "            if self.training and random.random() < 0.1:\n                continue\n"),
        ),
        compiled=False,
    ),
    "one layer for all": Style(
        edits=(
            (LAYERS, "        self.layer = nn.CellList([BertLayer(config)])\n"),
            (
                LOOP,
                "        for i in range(self.config.num_hidden_layers):\n            layer_module = self.layer[0]\n",
            ),
        ),
    ),
    "two encoders": Style(
        edits=(
            (
                "        self.encoder = BertEncoder(config)\n",
                "        self.encoder = BertEncoder(config)\n        self.second = BertEncoder(config)\n",
            ),
            (
                CALL,
                "        sequence_output = self.second(encoder_outputs[0], "
                "extended_attention_mask, return_dict=False)[0]\n",
            ),
        ),
    ),
    "an encoder called twice": Style(
        edits=(
            (
                CALL,
                "        sequence_output = self.encoder(encoder_outputs[0], "
                "extended_attention_mask, return_dict=False)[0]\n",
            ),
        ),
    ),
    "an error in other words": Style(
        edits=(
            (
                "        embeddings = self.LayerNorm(embeddings)\n"
                "        return self.dropout(embeddings)\n\n\nclass BertSelf",
                "        try:\n            embeddings = self.dropout(self.LayerNorm(embeddings))\n"
                "        except IndexError as error:\n"
                '            raise ValueError("no such position") from error\n'
                "        return embeddings\n\n\nclass BertSelf",
            ),
        ),
    ),
    "a product in place": Style(
        edits=(
            (LOOP, LOOP + "            hidden_states = hidden_states + 0.0\n            hidden_states *= self.scale\n"),
            (LAYERS, LAYERS + "        self.scale = 1.0\n"),
        ),
    ),
    "a helper that changes its argument": Style(
        edits=(
            (
                ENCODER,
                "def _first(states, scale):\n    states[:, :1] = states[:, :1] * scale\n\n\n" + ENCODER,
            ),
            (LOOP, LOOP + "            hidden_states = hidden_states + 0.0\n            _first(hidden_states, 0.5)\n"),
        ),
    ),
    "a pooler in two branches": Style(
        edits=(
            (
                "        sequence_output = encoder_outputs[0]\n"
                "        pooled_output = self.pooler(sequence_output) if self.pooler is not None else None\n\n"
                "        if not return_dict:\n"
                "            return (sequence_output, pooled_output) + encoder_outputs[1:]\n",
                "        if not return_dict:\n            sequence_output = encoder_outputs[0]\n"
                "            pooled_output = self.pooler(sequence_output) if self.pooler is not None else None\n"
                "            return (sequence_output, pooled_output) + encoder_outputs[1:]\n"
                '        sequence_output = encoder_outputs["last_hidden_state"]\n'
                "        pooled_output = self.pooler(sequence_output) if self.pooler is not None else None\n",
            ),
        ),
    ),
    "CLIP: aliased imports": Style(
        model="clip",
        edits=(
            (
                "from mindspore import Parameter, Tensor, nn, ops\n",
                "import mindspore.nn as N\nimport mindspore.ops as P\nfrom mindspore import Parameter, Tensor\n",
            ),
        ),
        patterns=((r"(?<![\w.])nn\.", "N."), (r"(?<![\w.])ops\.", "P.")),
    ),
    "CLIP: renamed": Style(
        model="clip",
        patterns=((r"\bCLIPEncoder\b", "Stack"), (r"\bencoder_layer\b", "block"), (r"\bencoder_states\b", "kept")),
    ),
    "CLIP: a slice": Style(
        model="clip",
        edits=(
            (
                "        for idx, encoder_layer in enumerate(self.layers):\n",
                "        for encoder_layer in self.layers[:]:\n",
            ),
        ),
    ),
    "CLIP: one layer for all": Style(
        model="clip",
        edits=(
            (
                "for _ in range(config.num_hidden_layers)])\n        self.gradient",
                "for _ in range(1)])\n        self.gradient",
            ),
            (
                "        for idx, encoder_layer in enumerate(self.layers):\n",
                "        for _ in range(self.config.num_hidden_layers):\n            encoder_layer = self.layers[0]\n",
            ),
        ),
    ),
}


def written(style: Style, text: str) -> str:
    """Return the text of a file in a style."""
    for old, new in style.edits:
        assert text.count(old) == 1, (text.count(old), old)
        text = text.replace(old, new)
    for pattern, new in style.patterns:
        assert re.search(pattern, text), pattern
        text = re.sub(pattern, new, text)
    return text


class FewOfText(TextLike):
    """Three calls of one model: all outputs by name, a tuple under a mask, and a step of training without dropout."""

    def models(self, module):
        return ["BertModel"]

    def cases(self, model_class, level, seed):
        return few(super().cases(model_class, "full", seed))


class FewOfClip(ClipLike):
    """The same for the two towers."""

    def models(self, module):
        return ["CLIPTextModel", "CLIPVisionModel"]

    def cases(self, model_class, level, seed):
        return few(super().cases(model_class, "full", seed))


def few(cases) -> list[Case]:
    found = list(cases)
    calls = [case for case in found if case.scenario == "call" and not case.raises and not case.dtype]
    every = next(case for case in calls if case.flags.get("output_attentions") and case.flags.get("return_dict", True))
    plain = next(case for case in calls if case.flags.get("return_dict") is False)
    return [every, plain, *(case for case in found if case.scenario == "gradients")][:3]


EVERY_RUN = (
    "a helper in another module",
    "plain tuples",
    "super().construct",
    "LayerDrop",
    "CLIP: aliased imports",
)


def test_there_are_twenty():
    assert len(STYLES) >= 20


@pytest.mark.parametrize("name", breadth_but(STYLES, *EVERY_RUN))
def test_style(name, tmp_path):
    style = STYLES[name]
    package = tmp_path / re.sub(r"\W", "_", f"style_{name}")
    shutil.copytree(ROOT / "models", package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / style.model / f"modeling_{style.model}.py"
    path.write_text(written(style, path.read_text(encoding="utf-8")), encoding="utf-8")
    for other, text in style.others.items():
        (path.parent / other).write_text(text, encoding="utf-8")
    result = rewriter.rewrite(path, standalone=False)
    assert not result.failures
    place = path.with_name(f"{path.stem}_rewritten.py")
    place.write_bytes(result.data)
    adapter = FewOfText() if style.model == "bert" else FewOfClip()
    verdict = verify(path, place, adapters=(adapter,))
    refused = [method for method in verdict.methods if method.refused]
    if style.compiled:
        assert verdict.ok, verdict
        assert any(method.calls > method.inside for method in verdict.methods)
        assert not refused
    else:
        assert all(item.status.value in ("identical", "equivalent") for item in verdict.outputs), verdict
