"""`rewriter.warm_up`: compile before the first request, by asking questions of the shapes to come.

A compiled graph lives in its process only, so this is a function and no command: call it where the model serves.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import RewriterError
from .buckets import buckets_of
from .modules import modules_of

if TYPE_CHECKING:
    from ..equivalence.adapters import ModelAdapter

Shape = tuple[int, int]
"""Rows, and tokens per row; 0 for a model that takes none."""

MOST_CALLS = 3
"""The first call of a kind may learn what a graph is to return; the next one compiles."""


def warm_up(
    model: Any, *, lengths: Iterable[int] = (), batches: Iterable[int] = (), **arguments: Any
) -> dict[Shape, float]:
    """Call a model with inputs of each shape, so that what it compiles is compiled; returns the seconds that each took.

    It runs in the mode that it is in; while training, its dropouts draw random numbers, as in any call. Inputs are ids
    or images, with a mask of ones; a call of an unbucketed model without a mask, or one with flags, is another graph's.

    Args:
        model: A model, bucketed or not.
        lengths: Numbers of tokens; those of its buckets when there are none. What is beyond its maximum becomes that.
        batches: Numbers of rows; those of its buckets when there are none, or else 1.
        arguments: Further arguments of each call, for example `output_attentions=True`.

    Raises:
        RewriterError: It is no model that an adapter knows, or it takes tokens and there are no lengths.
    """
    adapter = _adapter_of(model)
    buckets = buckets_of(model)
    sizes = tuple(lengths) or (buckets.lengths if buckets else ())
    rows = tuple(batches) or (buckets.batches if buckets else ()) or (1,)
    asked: dict[Shape, Mapping[str, Any]] = {}
    for batch in rows:
        for length in sizes or (0,):
            example = adapter.example(model, batch, length)
            asked[batch, example["input_ids"].shape[-1] if "input_ids" in example else 0] = example
    spent = {}
    with _bar(len(asked)) as step:
        for shape, inputs in asked.items():
            start = time.perf_counter()
            _ask(model, inputs, arguments)
            spent[shape] = time.perf_counter() - start
            step(shape)
    return spent


def _adapter_of(model: Any) -> ModelAdapter:
    from .. import plugins
    from ..equivalence.adapters import find_adapter

    cls = model.__class__  # of a bucketed or optimized model, the original
    module = sys.modules.get(cls.__module__)
    if isinstance(model, type) or module is None or not hasattr(model, "training"):
        raise RewriterError(f"{cls.__name__}: not a model", hint="warm_up takes a model, not its class.")
    return find_adapter(module, plugins.load(()).model_adapters())


def _ask(model: Any, inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Call the model, again where a call ran as plain Python to learn what a graph is to return."""
    import mindspore

    from ..equivalence.subject import settled

    for _ in range(MOST_CALLS):
        settled(model(**{name: mindspore.Tensor(value) for name, value in inputs.items()}, **arguments))
        if not any(getattr(vars(module).get("_graphs"), "learned", False) for module in modules_of(model)):
            return


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Any]:
    """Show a bar on standard error, if that is a terminal; yields what moves it on."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("warm_up", total=total)

        def step(shape: Shape) -> None:
            rows, tokens = shape
            what = f"{rows} x {tokens} tokens" if tokens else f"{rows} images"
            shown.update(task, advance=1, description=f"warm_up: {what}")

        yield step
