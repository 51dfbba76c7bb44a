"""Proof that a larger checkpoint answers as the one that it was made of. NumPy only: no MindSpore for safetensors."""

from __future__ import annotations

from .checker import check, list_cases
from .printing import render, render_cases
from .verdict import ExpansionVerdict

__all__ = ["ExpansionVerdict", "check", "list_cases", "render", "render_cases"]
