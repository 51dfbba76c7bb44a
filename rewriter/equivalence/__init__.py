"""Proof that a rewritten file answers as its original does. `verify` is the way in; it imports and runs both files."""

from __future__ import annotations

from .run import list_cases
from .verify import verify

__all__ = ["list_cases", "verify"]
