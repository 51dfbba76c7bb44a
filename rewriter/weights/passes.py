"""A weight pass, as its author sees it: a function from two views to a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from ..passes import Kind, Safety

if TYPE_CHECKING:
    from .model import ModelView
    from .plan import Plan


class Grows(str, Enum):
    """What a weight pass makes larger."""

    WIDTH = "width"
    """Hidden size, heads, intermediate size; runs first, with the source's number of layers."""
    DEPTH = "depth"
    """The number of layers, and nothing else."""


@dataclass(frozen=True)
class Choices:
    """What a user chooses besides the sizes.

    Attributes:
        shares: `even`: copies share a unit's weight equally. `uneven`: in drawn parts, so that training parts them.
        seed: Of what is drawn.
    """

    shares: str = "even"
    seed: int = 0


@dataclass(frozen=True)
class WeightExample:
    """An example of a weight pass, which documents it and tests it: a small model, what it grows to, and facts.

    Attributes:
        title: What it shows, a few words.
        source: The source's `config.json`; its weights are drawn.
        target: What changes in the target's, as for `--to`.
        exact: Whether the target computes what the source does; the numbers are compared.
        elements: Target element (`encoder.layer.0.output.dense.weight[1, 8]`) → where it comes from, as
            `rewriter expand --explain` says it: `key[i, j] * factor`, or a number.
        reason: Where `exact` is False: a part of the reason that the plan gives.
        shares: `even` or `uneven`.
    """

    title: str
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    exact: bool = True
    elements: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    shares: str = "even"


class WeightPass(ABC):
    """One way to make a checkpoint larger.

    Subclass it in a file of your own, set `name`, `grows` and `examples`, write a docstring and `plan`, and register an
    instance from the hook `rewriter_weight_passes`. `rewriter expand --method NAME` (`--depth NAME`) runs it.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind] = Kind.WEIGHTS
    grows: ClassVar[Grows] = Grows.WIDTH
    safety: ClassVar[Safety] = Safety.ROUNDING
    examples: ClassVar[tuple[WeightExample, ...]] = ()

    @abstractmethod
    def plan(self, source: ModelView, target: ModelView, choices: Choices) -> Plan:
        """Return how `source` becomes `target`.

        Args:
            source: Configuration, keys, shapes and dtypes of the source.
            target: Those of the target, which is nowhere smaller. A pass that grows width gets one with the source's
                number of layers.
            choices: What the user chose.

        Raises:
            RewriterError: The pass cannot make this target.
        """

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.__doc__ or "").strip().split("\n", 1)[0]
