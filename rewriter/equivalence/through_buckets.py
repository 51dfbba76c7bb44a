"""Checking a rewritten file whose models answer through buckets (`rewriter.bucketed`), and which of its cases did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from ..runtime.buckets import Buckets, bucketed, buckets_of
from .adapters import ModelAdapter, find_adapter
from .cases import Case
from .verdict import CaseResult

PADDED = "answered through buckets"
"""The note of a case with a padded call; one without such a note went on as it came."""


class ThroughBuckets(ModelAdapter):
    """The adapter of a file, but for the models of its twin, which are bucketed.

    Args:
        lengths: Numbers of tokens to pad to.
        batches: Numbers of rows to pad to.
        adapters: Those to ask before the built-in ones.
    """

    name = "bucketed"

    def __init__(self, lengths: Sequence[int], batches: Sequence[int], adapters: Sequence[ModelAdapter]) -> None:
        self._lengths, self._batches, self._adapters = lengths, batches, adapters
        self._original: ModuleType | None = None
        self._built: list[Buckets] = []
        self._seen = 0

    def matches(self, module: ModuleType) -> bool:
        """Take the module for the original, and find the adapter that knows it.

        Raises:
            RewriterError: None does.
        """
        self._original, self._adapter = module, find_adapter(module, self._adapters)
        return True

    def models(self, module: ModuleType) -> list[str]:
        """Return what the adapter of the file says."""
        return self._adapter.models(module)

    def build(self, module: ModuleType, model: str, settings: Mapping[str, Any]) -> Any:
        """Make a small model; one of the twin with buckets."""
        made = self._adapter.build(module, model, settings)
        if module is not self._original:
            bucketed(made, self._lengths, self._batches)
            self._built += filter(None, [buckets_of(made)])
        return made

    def cases(self, model_class: type, level: str, seed: int) -> Iterable[Case]:
        """Return what the adapter of the file says."""
        return self._adapter.cases(model_class, level, seed)

    def noted(self, result: CaseResult) -> CaseResult:
        """Return the result of the case that ran last, with a note where a call of it was padded."""
        before, self._seen = self._seen, sum(buckets.padded for buckets in self._built)
        note = "; ".join(filter(None, (result.note, PADDED)))
        return replace(result, note=note) if self._seen > before else result
