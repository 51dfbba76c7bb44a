"""Calls of a `functools.partial` that a module keeps."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find

from .forwards import ModuleClass, module_classes, self_attribute, self_name
from .own import Own, own_definitions, with_definition

CALLED = '''
def _called(function, *args):
    """Call a function that may be a `partial`, which no graph can call."""
    return function(*args)


def _called_in_graph(function, *args):
    if hasattr(function, "func"):
        return function.func(*function.args, *args, **function.keywords)
    return function(*args)


# The graph compiler looks through a wrapper by this attribute, and compiles what it finds there.
_called.__wrapped__ = _called_in_graph
'''


class Partials(Pass):
    """Call what a module keeps as a `partial` by way of a function that shows a graph what the `partial` holds."""

    name = "partials"
    safety = Safety.EXACT
    before = ("mint", "flatten", "whole-graph")
    examples = (
        Example(
            title="a function with settings",
            before="""\
from functools import partial
from mindspore import nn, ops


class Mix(nn.Cell):
    def __init__(self):
        super().__init__()
        self.mix = partial(ops.fftn, dim=(1, 2))

    def construct(self, x):
        return self.mix(x)
""",
            after=f"""\
from functools import partial
from mindspore import nn, ops

{CALLED}

class Mix(nn.Cell):
    def __init__(self):
        super().__init__()
        self.mix = partial(ops.fftn, dim=(1, 2))

    def construct(self, x):
        return _called(self.mix, x)
""",
        ),
        Example(
            title="a plain function",
            before="""\
from functools import partial
from mindspore import nn, ops


class Mix(nn.Cell):
    def __init__(self):
        super().__init__()
        self.mix = ops.tanh
        halve = partial(ops.mul, other=0.5)

    def construct(self, x):
        return self.mix(x)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of an attribute that some method of its class sets to a `partial`."""
        if not context.mentions("partial("):
            return context.tree
        helper: Own | None = None
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            kept = _kept(owner, context)
            for method in owner.methods() if kept else ():
                for call in find(method.body, cst.Call):
                    name = self_attribute(call.func, self_name(method) or "")
                    if name not in kept:
                        continue
                    if not call.args or any(arg.star or arg.keyword for arg in call.args):
                        context.skipped(call, f"self.{name}", "it is not called with plain arguments")
                        continue
                    helper = helper or own_definitions(context.tree, CALLED)
                    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
                    function = cst.Arg(call.func, comma=comma)
                    changes[call] = call.with_changes(func=cst.Name(helper.name), args=[function, *call.args])
                    context.rewritten(call, f"self.{name}", "called by what the partial holds")
        return with_definition(context.tree, helper, changes) if helper else context.tree


def _kept(owner: ModuleClass, context: PassContext) -> set[str]:
    """Return the attributes that a class sets to a `partial`."""
    found: set[str] = set()
    for method in owner.methods():
        for assign in find(method.body, cst.Assign):
            made = assign.value
            if isinstance(made, cst.Call) and context.qualified_name(made.func) == "functools.partial":
                names = (self_attribute(target.target, self_name(method) or "") for target in assign.targets)
                found.update(name for name in names if name)
    return found
