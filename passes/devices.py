"""The devices that spellings for a CPU were measured for."""

from __future__ import annotations

from collections.abc import Container

import libcst as cst

from rewriter import PassContext

MEASURED = ("cpu", "portable")


def why_not_measured(context: PassContext, devices: Container[str] = MEASURED) -> str:
    """Return why what a pass writes is not for the target's device; empty when it is one of `devices`."""
    device = context.target.device.value
    return "" if device in devices else f"what it would become was not measured for {device}"


def why_mint_stays(context: PassContext) -> str:
    """Return why mint's own is for the target's device; empty where the file may run on a CPU."""
    device = context.target.device.value
    return "" if device in MEASURED else f"mint's own runs on {device}"


def mint_stays(context: PassContext, node: cst.CSTNode, what: str) -> bool:
    """Tell whether mint's own is for the target's device, and report of `node` that it is left for that."""
    reason = why_mint_stays(context)
    if reason:
        context.skipped(node, what, reason)
    return bool(reason)
