"""What is timed against what: the original, the rewriting, and two things that people do by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]
Call = Callable[[Inputs], Any]
"""One run of a model; returns what the model returned."""

KINDS = ("original", "rewritten", "hand", "trace")


def make(kind: str, model: Any) -> Call:
    """Return how a contender calls a model.

    Args:
        kind: One of `KINDS`.
        model: A model of the rewritten file for "rewritten", else of the original. "hand" changes it.
    """
    return {"original": plain, "rewritten": plain, "hand": by_hand, "trace": traced}[kind](model)


def plain(model: Any) -> Call:
    """Call the model as a user does."""
    return lambda inputs: model(**inputs)


def traced(model: Any) -> Call:
    """The one-liner `mindspore.jit(model, capture_mode="trace")`; MindSpore 2.7 and later.

    Fast, but it keeps the branches, weights and mode of its first call (see the README).
    """
    import mindspore

    names: list[str] = []

    def forward(*values: Any) -> Any:
        return model(**dict(zip(names, values, strict=True)), return_dict=False)

    compiled = mindspore.jit(forward, capture_mode="trace")

    def call(inputs: Inputs) -> Any:
        names[:] = inputs
        return compiled(*inputs.values())

    return call


def by_hand(model: Any) -> Call:
    """The hand recipe: the layer loop of each encoder in one STRICT graph, the rest of the model in eager mode.

    Raises:
        ValueError: The model has no encoder that the recipe knows.
    """
    found = encoders(model)
    if not found:
        raise ValueError("no submodule with a list called `layer` or `layers`, which is what the recipe compiles")
    for encoder in found:
        _compile_encoder(encoder)
    return lambda inputs: model(**inputs)


def encoders(model: Any) -> list[Any]:
    """Return the submodules that own a list of layers, as somebody looking for the loop to compile would."""
    from ..equivalence import weights

    return [module for _, module in weights.modules(model) if _layers(module) is not None]


def _layers(module: Any) -> Any:
    lists = (getattr(module, name, None) for name in ("layer", "layers"))
    return next((found for found in lists if type(found).__name__ in ("ModuleList", "CellList")), None)


def _compile_encoder(encoder: Any) -> None:
    import mindspore

    layers = _layers(encoder)
    if hasattr(encoder, "jit"):
        encoder.jit()  # mindnlp: lets the graph compiler enter its modules

    def loop(hidden: Any, *masks: Any) -> Any:
        for index in range(len(layers)):
            hidden = layers[index](hidden, *masks)[0]
        return hidden

    graph = mindspore.jit(loop, fullgraph=True)
    forward = "forward" if hasattr(encoder, "forward") else "construct"
    causal = "causal_attention_mask" in _parameters(layers[0])

    def compiled(*values: Any, **named: Any) -> Any:
        hidden = values[0] if values else named.get("inputs_embeds", named.get("hidden_states"))
        masks = [named[key] for key in ("attention_mask", "causal_attention_mask") if key in named]
        if causal and len(masks) < 2:
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
