"""Measuring an original against its rewriting and against what people do instead."""

from __future__ import annotations

from .measure import Figures, Measurement, measure
from .plan import Plan

__all__ = ["Figures", "Measurement", "Plan", "measure"]
