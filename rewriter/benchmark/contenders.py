"""What is timed against what: the original, the rewriting, and two things that people do by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]
"""One run of a model; returns what the model returned."""


def plain(model: Any, inputs: Mapping[str, Any]) -> Call:
    """Call the model as a user does."""
    return lambda: model(**inputs)


def traced(model: Any, inputs: Mapping[str, Any]) -> Call:
    """The one-liner `mindspore.jit(model, capture_mode="trace")`; MindSpore 2.7 and later.

    Fast, but it keeps the branches, weights and mode of its first call (see the README).
    """
    import mindspore

    names = list(inputs)

    def forward(*values: Any) -> Any:
        return model(**dict(zip(names, values, strict=True)), return_dict=False)

    compiled = mindspore.jit(forward, capture_mode="trace")
    return lambda: compiled(*inputs.values())


def by_hand(model: Any, inputs: Mapping[str, Any], encoders: list[str]) -> Call:
    """The hand recipe: the layer loop of each encoder in one STRICT graph, the rest of the model in eager mode.

    Args:
        model: A model of the original file; its encoders are changed.
        inputs: Arguments of the call.
        encoders: Dotted names of the submodules to compile.
    """
    for name in encoders:
        encoder = model
        for part in filter(None, name.split(".")):
            encoder = getattr(encoder, part)
        _compile_encoder(encoder)
    return lambda: model(**inputs)


def _compile_encoder(encoder: Any) -> None:
    import mindspore

    layers = encoder.layer if hasattr(encoder, "layer") else encoder.layers
    if hasattr(encoder, "jit"):
        encoder.jit()  # mindnlp: lets the graph compiler enter its modules

    def loop(hidden: Any, *masks: Any) -> Any:
        for index in range(len(layers)):
            hidden = layers[index](hidden, *masks)[0]
        return hidden

    graph = mindspore.jit(loop, fullgraph=True)
    forward = "forward" if hasattr(encoder, "forward") else "construct"

    def compiled(*values: Any, **named: Any) -> Any:
        hidden = values[0] if values else named.get("inputs_embeds", named.get("hidden_states"))
        masks = [named[key] for key in ("attention_mask", "causal_attention_mask") if key in named]
        if "causal_attention_mask" in _parameters(layers[0]) and len(masks) < 2:
            masks += [None] * (2 - len(masks))
        return _Output(graph(hidden, *masks))

    object.__setattr__(encoder, forward, compiled)


def _parameters(layer: Any) -> set[str]:
    import inspect

    return set(inspect.signature(getattr(layer, "forward", None) or layer.construct).parameters)


class _Output(tuple):  # type: ignore[type-arg]
    """What an encoder returns: its last hidden state by position and by name, and None for everything else."""

    def __new__(cls, last_hidden_state: Any) -> _Output:
        made = super().__new__(cls, (last_hidden_state,))
        made.last_hidden_state = last_hidden_state
        return made

    last_hidden_state: Any
    past_key_values = hidden_states = attentions = cross_attentions = None
