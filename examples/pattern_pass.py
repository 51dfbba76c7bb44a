"""A pass as a pattern: one call becomes another expression, in fifteen lines.

rewriter test examples/pattern_pass.py
rewriter apply --plugin examples/pattern_pass.py --passes squares modeling_llama.py --diff
"""

from rewriter import PatternPass, Safety, hookimpl, snippet


class Squares(PatternPass):
    """Write `ops.pow(x, 2)` as the product `x * x`."""

    name = "squares"
    safety = Safety.ROUNDING
    pattern = ("mindspore.ops.pow(x, 2)", "mindnlp.core.ops.pow(x, 2)")
    replacement = "x * x"
    examples = (snippet("ops.pow(y, 2)", "y * y"), snippet("ops.pow(f(y), 2)", reason="evaluated twice"))


@hookimpl
def rewriter_passes():
    return [Squares()]
