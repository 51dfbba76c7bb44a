"""Adapters: how to make a small model of a modeling file, and the calls to check it with.

An adapter knows a family of models by what its configuration and its forward methods take, never by a library or a
path: the same one serves mindnlp's BERT file and the one in `models/`. A plugin registers its own from the hook
`rewriter_model_adapters`; those are asked before the built-in ones.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from ..errors import RewriterError
from .cases import Array, Case

FORWARD_NAMES = ("forward", "construct")
_FRAMEWORK = ("mindspore.", "mindnlp.core.")
CHOICES = 2


class ModelAdapter(ABC):
    """How to check the models of one family.

    Attributes:
        name: For messages.
    """

    name: ClassVar[str]

    @abstractmethod
    def matches(self, module: ModuleType) -> bool:
        """Whether this adapter knows the models of an imported modeling file."""

    def models(self, module: ModuleType) -> list[str]:
        """Return the names of the model classes to check, in the order of the file."""
        return [item.__name__ for item in model_classes(module)]

    @abstractmethod
    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a small model.

        It is drawn anew afterwards, the same for the original and its twin, so its weights do not matter here.

        Args:
            module: The original, or its rewritten twin.
            model: Name of the class.
            settings: `Case.settings`: what the configuration has besides the adapter's own defaults.
        """

    @abstractmethod
    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return the calls to check a model class with.

        Args:
            model_class: The original's class.
            level: "quick" for a few seconds' worth of compiled graphs, "full" for the whole matrix.
            seed: Of the inputs. The ids do not depend on it.
        """

    def example(self, model: Any, batch: int, length: int) -> dict[str, Array]:
        """Return the arguments of one usual call of a model that exists, by name, whatever its size.

        Args:
            model: The model.
            batch: Number of rows.
            length: Number of tokens per row, the model's own maximum at most; ignored where it takes none.

        Raises:
            RewriterError: It takes tokens, and the length is 0.
        """
        names = forward_parameters(model.__class__)
        text = getattr(model.config, "text_config", model.config)
        image = getattr(model.config, "vision_config", model.config)
        found: dict[str, Array] = {}
        if "input_ids" in names:
            tokens = min(length, int(text.max_position_embeddings))
            if tokens < 1:
                raise RewriterError(f"{model.__class__.__name__} takes tokens: how many? (lengths=...)")
            shape = (batch, CHOICES, tokens) if "MultipleChoice" in model.__class__.__name__ else (batch, tokens)
            found["input_ids"] = np.full(shape, min(3, int(text.vocab_size) - 1), np.int64)
            if "attention_mask" in names:
                found["attention_mask"] = np.ones(shape, np.int64)
        if "pixel_values" in names:
            side, channels = int(image.image_size), int(getattr(image, "num_channels", 3))
            found["pixel_values"] = np.zeros((batch, channels, side, side), np.float32)
        return found


def find_adapter(module: ModuleType, extra: Sequence[ModelAdapter] = ()) -> ModelAdapter:
    """Return the first adapter that knows the models of `module`.

    Raises:
        RewriterError: No adapter does.
    """
    from .any_model import AnyModel
    from .clip_like import ClipLike
    from .text_like import TextLike

    for adapter in (*extra, ClipLike(), TextLike(), AnyModel()):
        if adapter.matches(module):
            return adapter
    where = getattr(module, "__file__", None) or module.__name__
    raise RewriterError(
        f"{where}: no model adapter knows how to build a small model of this file",
        hint="Write a ModelAdapter and return it from the hook rewriter_model_adapters.",
        exit_code=1,
    )


def model_classes(module: ModuleType) -> list[type]:
    """Return the classes that a file defines and that have both a configuration class and a forward method."""
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and item.__module__ == module.__name__
        and config_class(item) is not None
        and forward_of(item) is not None
    ]


def forward_of(model_class: type) -> Callable[..., Any] | None:
    """Return the function that computes a model's output, whatever the dialect calls it; None if there is none."""
    for owner in model_class.__mro__:
        for name in FORWARD_NAMES:
            found = vars(owner).get(name)
            if callable(found):
                return None if owner.__module__.startswith(_FRAMEWORK) else found
    return None


def forward_parameters(model_class: type, method: str = "") -> dict[str, inspect.Parameter]:
    """Return the parameters of a model's forward, or of its public method `method`, without `self`."""
    function = getattr(model_class, method) if method else forward_of(model_class)
    assert function is not None
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    return parameters


def config_class(model_class: type) -> type | None:
    """Return the class of a model's configuration: its `config_class`, or the annotation of `config` in `__init__`."""
    declared = getattr(model_class, "config_class", None)
    if isinstance(declared, type):
        return declared
    if not hasattr(model_class, "config_class"):
        return None
    owner: Any = model_class
    initialise = owner.__init__
    annotation = getattr(initialise, "__annotations__", {}).get("config")
    if isinstance(annotation, str):
        annotation = getattr(initialise, "__globals__", {}).get(annotation.strip("'\""))
    return annotation if isinstance(annotation, type) else None


def takes(callable_: Any, *names: str) -> bool:
    """Whether all of `names` are parameters of a class or function."""
    return set(names) <= set(inspect.signature(callable_).parameters)
