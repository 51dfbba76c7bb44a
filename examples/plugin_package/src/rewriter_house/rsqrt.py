"""`1 / ops.sqrt(x)` in one operator."""

from rewriter import PatternPass, Safety, snippet


class Rsqrt(PatternPass):
    """Write `ops.div(1, ops.sqrt(x))` as `ops.rsqrt(x)`."""

    name = "rsqrt"
    safety = Safety.ROUNDING
    before = ("mint",)
    pattern = "mindspore.ops.div(1, mindspore.ops.sqrt(x))"
    replacement = "mindspore.ops.rsqrt(x)"
    examples = (
        snippet("ops.div(1, ops.sqrt(y))", "ops.rsqrt(y)"),
        snippet("ops.div(2, ops.sqrt(y))"),
    )
