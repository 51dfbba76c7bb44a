"""The devices that spellings for a CPU were measured for."""

from __future__ import annotations

from collections.abc import Container

from rewriter import PassContext

MEASURED = ("cpu", "portable")


def why_not_measured(context: PassContext, devices: Container[str] = MEASURED) -> str:
    """Return why what a pass writes is not for the target's device; empty when it is one of `devices`."""
    device = context.target.device.value
    return "" if device in devices else f"what it would become was not measured for {device}"
