"""A pass, as its author sees it, and the words its outcome is told in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from .targets import Scope

if TYPE_CHECKING:
    import libcst as cst

    from .context import PassContext


class Kind(str, Enum):
    """What a pass works on (DESIGN, "Words")."""

    SOURCE = "source"
    GRAPH = "graph"
    WEIGHTS = "weights"


class Safety(str, Enum):
    """What a pass promises about the numbers."""

    EXACT = "exact"
    """Bit-identical results are expected."""
    ROUNDING = "rounding"
    """The same mathematics in another order of operations."""
    APPROXIMATE = "approximate"
    """Other mathematics; runs only when asked for by name."""


class Outcome(str, Enum):
    """What became of a site."""

    REWRITTEN = "rewritten"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Evidence:
    """What was seen to go wrong with a change.

    Attributes:
        what: The output that differs (`BertModel [0]`), or what fails: `import`, `surface`, `weights`, `STRICT`.
        message: What happened to it.
        case: The id of the case that shows it; empty where none is needed.
        maximum_absolute: Largest absolute error; None where values were not compared.
        maximum_relative: Largest relative error, likewise.
    """

    what: str
    message: str
    case: str = ""
    maximum_absolute: float | None = None
    maximum_relative: float | None = None

    def __str__(self) -> str:
        figures = "" if self.maximum_absolute is None else f"max abs error {self.maximum_absolute:.1e}"
        if self.maximum_relative is not None:
            figures += f", max rel error {self.maximum_relative:.1e}"
        case = f"case {self.case}" if self.case else ""
        return "; ".join(filter(None, (f"{self.what}: {self.message}", figures.strip(", "), case)))


@dataclass(frozen=True)
class Site:
    """One place in a file that a pass considered.

    Attributes:
        pass_name: Which pass.
        line: 1-based line in the file as it was read; 0 for a place that another pass made.
        what: The construct in a few words, e.g. `mindspore.ops.cat`.
        outcome: Rewritten, skipped or rolled back.
        reason: What was done, or why nothing was.
        evidence: Why it was rolled back, if it was.
        advice: What the file's owner can change so that it is not left; empty where nothing is known.
        missing: Whether it was left though the target lacks what it calls, so that the result would fail there.
    """

    pass_name: str
    line: int
    what: str
    outcome: Outcome
    reason: str
    evidence: Evidence | None = None
    advice: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Example:
    """A before/after pair that documents a pass and tests it.

    Attributes:
        title: What the pair shows, a few words.
        before: A whole small file.
        after: The file the pass makes of it; None for a twin that must *not* be rewritten.
        reason: For a twin: a part of the reason the pass gives. Empty when the pass does not even look at it.
        device: Target device of the example.
        mindspore: Target version of the example.
        capture: How graphs are made in the example: "ast", "trace" or "auto".
        inputs: For a graph pass, whose examples `rewriter test` also runs: argument of the forward → shape of the
            float32 tensor to call it with; (2, 8) where it is not said.
    """

    title: str
    before: str
    after: str | None = None
    reason: str = ""
    device: str = "portable"
    mindspore: str = "2.10.0"
    capture: str = "ast"
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Failure:
    """A pass that raised; its edits were dropped and the others went on."""

    pass_name: str
    error: str


class Pass(ABC):
    """One rewriting step.

    Subclass it in a file of your own, set `name` and `examples`, write a docstring and `rewrite`, and register an
    instance from the hook `rewriter_passes`. Order is by `after` and `before`; names of passes that are not there are
    ignored, except in `requires`.

    A pass that nothing needs and that is there to make models faster says `for_speed = True`; `apply --measure` leaves
    it out where it does not. One that is to run only when it is named says `on_request = True`.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind] = Kind.SOURCE
    scope: ClassVar[Scope] = Scope.ENCODER
    safety: ClassVar[Safety] = Safety.EXACT
    for_speed: ClassVar[bool] = False
    on_request: ClassVar[bool] = False
    after: ClassVar[tuple[str, ...]] = ()
    before: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()

    @abstractmethod
    def rewrite(self, context: PassContext) -> cst.Module:
        """Return the rewritten tree, or `context.tree` itself when there is nothing to do.

        Every place considered is told through `context.rewritten` or `context.skipped`.
        """

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.__doc__ or "").strip().split("\n", 1)[0]


@dataclass(frozen=True)
class PassReport:
    """What one pass did to one file.

    Attributes:
        name: The pass.
        sites: The places that it considered, in the order of the file.
        failure: Why it was left out, if it raised.
        seconds: How long it took.
        text: The file after it, where that was to be kept.
    """

    name: str
    sites: tuple[Site, ...] = field(default=())
    failure: Failure | None = None
    seconds: float = field(default=0.0, compare=False)
    text: bytes | None = field(default=None, compare=False, repr=False)
