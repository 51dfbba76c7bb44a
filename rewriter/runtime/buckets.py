"""`rewriter.bucketed`: a model whose inputs are padded to a few lengths, so that few graphs serve requests of any.

The model stays the same object. Its class becomes a subclass whose forward pads, asks the forward that was there, and
cuts the answer back; `padding.py` knows what that does not change. A call that it is not sure of goes on as it came.
Hooks of the model itself see what the caller gave and gets; while a module below it has a hook, nothing is padded.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import RewriterError
from . import padding
from .padding import Unsure

_logger = logging.getLogger(__name__)

LENGTHS = (16, 32, 64, 128)
_KEPT_AS = "_buckets"
"""The attribute of a bucketed model that holds its `Buckets`."""

_FORWARD_NAMES = ("forward", "construct")
_SET_CLASS = vars(object)["__class__"].__set__
_classes: dict[type, type] = {}
"""Class of a model → its subclass that pads."""


@dataclass
class Buckets:
    """The buckets of one model, and what became of its calls.

    Attributes:
        lengths: To these numbers of tokens inputs are padded, in rising order.
        batches: To these numbers of rows, in rising order.
        padded: How many calls were answered through a bucket.
        unpadded: Why the others were not → how many.
    """

    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    padded: int = 0
    unpadded: Counter[str] = field(default_factory=Counter)


def bucketed(model: Any, lengths: Iterable[int] = LENGTHS, batches: Iterable[int] = ()) -> Any:
    """Have a model pad its inputs to a few lengths, and cut its outputs back; returns the same model.

    Only inference is padded, and of that only what has the same answer by construction: encoders of known families
    (`padding.FAMILIES`), masks of zeros and ones, no labels. Other calls go on as they came; `buckets_of(model)` counts
    both, with the reasons. A pickle of the model is one of the plain model.

    Args:
        model: A model, rewritten or not. It is changed in place.
        lengths: Numbers of tokens. Longer inputs are not padded. With none, and no `batches`, the buckets come off.
        batches: Numbers of rows. More rows are not padded.

    Raises:
        RewriterError: It is no model, or a bucket is no whole number from 1 on.
    """
    sizes = _sizes("lengths", lengths), _sizes("batches", batches)
    if _forward_name(type(model)) is None or not hasattr(model, "training"):
        raise RewriterError(f"{type(model).__name__}: not a model", hint="bucketed takes a model, not its class.")
    _take_off(model)
    if any(sizes):
        _put_on(model, Buckets(*sizes))
    return model


def buckets_of(model: Any) -> Buckets | None:
    """Return the buckets of a model; None when it has none."""
    found = vars(model).get(_KEPT_AS)
    return found if isinstance(found, Buckets) else None


@contextlib.contextmanager
def taken_off(model: Any) -> Iterator[None]:
    """Let a model be what it was without buckets while the block runs, which may exchange its class."""
    buckets = getattr(model, "__dict__", {}).get(_KEPT_AS)
    if buckets is None:
        yield
        return
    _take_off(model)
    try:
        yield
    finally:
        _put_on(model, buckets)


def _put_on(model: Any, buckets: Buckets) -> None:
    _SET_CLASS(model, _class_for(type(model)))
    object.__setattr__(model, _KEPT_AS, buckets)


def _sizes(name: str, values: Iterable[int]) -> tuple[int, ...]:
    sizes = sorted(set(values))
    if not all(type(size) is int and size > 0 for size in sizes):
        raise RewriterError(f"bucketed: {name} are whole numbers from 1 on, got {sizes}")
    return tuple(sizes)


def _forward_name(cls: type) -> str | None:
    return next((name for owner in cls.__mro__ for name in _FORWARD_NAMES if name in vars(owner)), None)


def _take_off(model: Any) -> None:
    vars(model).pop(_KEPT_AS, None)
    plain = next((plain for plain, cls in _classes.items() if cls is type(model)), None)
    if plain is not None:
        _SET_CLASS(model, plain)


def _class_for(cls: type) -> type:
    """Return the subclass of a model's class that pads; it passes for that class wherever that is asked for."""
    if cls not in _classes:
        name = str(_forward_name(cls))
        known = getattr(cls, name)
        seen_as = vars(cls).get("__class__", property(lambda self: cls, _SET_CLASS))
        namespace = {
            name: _padding_forward(known),
            "__class__": seen_as,
            "__reduce_ex__": _reduced,
            "__copy__": lambda self: _copied(self, copy.copy),
            "__deepcopy__": lambda self, memo: _copied(self, lambda model: copy.deepcopy(model, memo)),
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__doc__": cls.__doc__,
        }
        _classes[cls] = type(cls.__name__, (cls,), namespace)
    return _classes[cls]


def _padding_forward(known: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(known)

    @functools.wraps(known)
    def forward(self: Any, *args: Any, **keywords: Any) -> Any:
        buckets = buckets_of(self)
        if buckets is None:
            return known(self, *args, **keywords)
        try:
            given = dict(signature.bind(self, *args, **keywords).arguments)
            given.pop(next(iter(given)))
            call = padding.padded(self, given, buckets.lengths, buckets.batches, frozenset(signature.parameters))
            answer = padding.cut_back(known(self, **call.inputs), call)
        except Exception as error:  # whatever is wrong with the call itself is raised by the call as it came
            reason = str(error) if isinstance(error, Unsure) else f"{type(error).__name__} with padded inputs"
            if reason not in buckets.unpadded:
                _logger.info("%s: not padded: %s", type(self).__name__, reason)
            buckets.unpadded[reason] += 1
            return known(self, *args, **keywords)
        buckets.padded += 1
        return answer

    # The graph compiler looks through `forward` by `__wrapped__`, as it does through the wrapper of a compiled method.
    return forward


def _reduced(model: Any, protocol: int) -> Any:
    with taken_off(model):
        make, args, *rest = model.__reduce_ex__(protocol)
    if rest:
        rest[0] = _without_buckets(rest[0])  # it holds the attributes themselves, and they are back by now
    return make, args, *rest


def _without_buckets(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(map(_without_buckets, state))
    if isinstance(state, dict):
        return {name: value for name, value in state.items() if name != _KEPT_AS}
    return state


def _copied(model: Any, duplicate: Callable[[Any], Any]) -> Any:
    """Copy a model with its buckets, and counts of its own."""
    kept = buckets_of(model)
    with taken_off(model):
        copied = duplicate(model)
    return bucketed(copied, kept.lengths, kept.batches) if kept else copied
