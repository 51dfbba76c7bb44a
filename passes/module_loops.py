"""Loops over module lists, by index."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import maybe_assigned, parameter_names
from rewriter.tree import find, identifiers, replace

from .forwards import module_attributes, module_classes, self_attribute, self_name

_NEEDED = ("len", "min", "range")
"""The builtins that the new loops call."""


class ModuleLoops(Pass):
    """Loop over a list of modules by index, instead of `for layer in`, `enumerate` or `zip`.

    STRICT cannot iterate over a module list, and `enumerate` and `zip` over one give silently wrong numbers when the
    forward runs twice in one graph (MindSpore 2.7 to 2.10).
    """

    name = "module-loops"
    safety = Safety.EXACT
    after = ("flatten",)
    before = ("define-names",)
    examples = (
        Example(
            title="enumerate over a module list",
            before="""\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8)])

    def construct(self, x, scales):
        for i, layer in enumerate(self.layers):
            x = layer(x) * scales[i]
        return x
""",
            after="""\
from mindspore import nn


class Encoder(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(8, 8)])

    def construct(self, x, scales):
        for i in range(len(self.layers)):
            layer = self.layers[i]
            x = layer(x) * scales[i]
        return x
""",
        ),
        Example(
            title="a loop over something else stays",
            before="""\
from mindspore import nn


class Sum(nn.Cell):
    def construct(self, parts):
        total = 0
        for part in parts:
            total = total + part
        return total
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Rewrite the loops of every method of every module class."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                self_ = self_name(method)
                if self_ is None or method.name.value == "__init__":
                    continue
                if not any(True for _ in find(method, (cst.For, cst.CompFor))):
                    continue
                bound = maybe_assigned(list(method.body.body)) | frozenset(parameter_names(method)[1:])
                shadowed = sorted(name for name in _NEEDED if name in bound or not _is_builtin(name, context))
                for node in find(method.body, cst.CompFor):
                    if self_attribute(node.iter, self_) in owner.lists:
                        context.skipped(node, cst.Module([]).code_for_node(node.iter), "a comprehension over modules")
                taken = set(identifiers(method))
                # The inner of two nested loops first, so that it is part of the outer one's new body.
                for loop in reversed(list(find(method.body, cst.For, into_functions=False))):
                    modules = module_attributes(loop, owner.lists, self_)
                    if modules and self_ in bound:
                        context.skipped(loop, cst.Module([]).code_for_node(loop.iter), f"the method rebinds `{self_}`")
                    elif modules and _changes(loop, modules, self_):
                        context.skipped(loop, cst.Module([]).code_for_node(loop.iter), "the loop changes the list")
                    elif modules and shadowed and not _is_counted(loop, context):
                        context.skipped(
                            loop, cst.Module([]).code_for_node(loop.iter), f"`{shadowed[0]}` is another name here"
                        )
                    elif modules:
                        self._loop(loop, taken, modules, self_, context, changes)
        return replace(context.tree, changes)

    def _loop(
        self,
        loop: cst.For,
        taken: set[str],
        lists: set[str],
        self_: str,
        context: PassContext,
        changes: dict[cst.CSTNode, cst.CSTNode],
    ) -> None:
        what = cst.Module([]).code_for_node(loop.iter)
        shape = _shape(loop, context)
        if shape is None:
            if loop.orelse is not None:
                context.skipped(loop, what, "the loop has an `else`")
            elif not _is_counted(loop, context):
                context.skipped(loop, what, "not `x`, `enumerate(x)` or `zip(x, …)` over a whole module list")
            return
        index, pairs = shape
        modules = [value for _, value in pairs if self_attribute(value, self_) in lists]
        if not modules:
            context.skipped(loop, what, "the loop runs over a part of the module list")
            return
        if len(pairs) > len(modules):
            context.skipped(loop, what, "`zip` with something that may be shorter than the module list")
            return
        name = index or _fresh("i", taken)
        taken.add(name)
        setup = [
            cst.parse_statement(
                f"{cst.Module([]).code_for_node(target)} = {cst.Module([]).code_for_node(value)}[{name}]"
            )
            for target, value in pairs
        ]
        first = cst.Module([]).code_for_node(modules[0])
        length = f"len({first})"
        if len(modules) > 1:
            length = "min(" + ", ".join(f"len({cst.Module([]).code_for_node(m)})" for m in modules) + ")"
        body = loop.body
        assert isinstance(body, cst.IndentedBlock)
        changes[loop] = loop.with_changes(
            target=cst.Name(name),
            iter=cst.parse_expression(f"range({length})"),
            body=body.with_changes(body=[*setup, *(replace(s, changes) for s in body.body)]),
        )
        context.rewritten(loop, what, f"range(len({first})) and indexing")


def _shape(
    loop: cst.For, context: PassContext
) -> tuple[str | None, Sequence[tuple[cst.BaseExpression, cst.BaseExpression]]] | None:
    """Return (index name, [(target, iterated)]) of a plain loop, or one through `enumerate` or `zip`."""
    if not isinstance(loop.body, cst.IndentedBlock) or loop.asynchronous is not None or loop.orelse is not None:
        return None
    iterated: cst.BaseExpression = loop.iter
    target: cst.BaseExpression = loop.target
    index: str | None = None
    arguments = _arguments(iterated, "builtins.enumerate", context)
    if arguments is not None:
        elements = _elements(target)
        if len(arguments) != 1 or elements is None or len(elements) != 2 or not isinstance(elements[0], cst.Name):
            return None
        index, target, iterated = elements[0].value, elements[1], arguments[0]
    zipped = _arguments(iterated, "builtins.zip", context)
    if zipped is not None:
        elements = _elements(target)
        if elements is None or len(elements) != len(zipped):
            return None
        return index, list(zip(elements, zipped, strict=True))
    if isinstance(iterated, cst.Call):
        return None
    return index, [(target, iterated)]


def _arguments(node: cst.BaseExpression, function: str, context: PassContext) -> list[cst.BaseExpression] | None:
    """Return the positional arguments of a call of `function`, or None for anything else."""
    if not isinstance(node, cst.Call) or context.qualified_name(node.func) != function:
        return None
    if any(arg.star or arg.keyword is not None for arg in node.args):
        return None
    return [arg.value for arg in node.args]


def _elements(target: cst.CSTNode) -> list[cst.BaseExpression] | None:
    if isinstance(target, (cst.Tuple, cst.List)):
        if any(isinstance(element, cst.StarredElement) for element in target.elements):
            return None
        return [element.value for element in target.elements]
    return None


def _changes(loop: cst.For, modules: set[str], self_: str) -> bool:
    """Tell whether the loop calls a method of one of the lists, as `self.layers.append(…)` does."""
    functions = (call.func for call in find(loop.body, cst.Call))
    return any(isinstance(func, cst.Attribute) and self_attribute(func.value, self_) in modules for func in functions)


def _is_builtin(name: str, context: PassContext) -> bool:
    return context.qualified_name(cst.Name(name)) == f"builtins.{name}"


def _is_counted(loop: cst.For, context: PassContext) -> bool:
    """Tell whether the loop already runs over `range(…)`."""
    return isinstance(loop.iter, cst.Call) and context.qualified_name(loop.iter.func) == "builtins.range"


def _fresh(name: str, taken: set[str]) -> str:
    return next(n for n in (name, "idx", "index", *(f"{name}_{k}" for k in range(2, 99))) if n not in taken)
