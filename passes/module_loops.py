"""Loops over module lists, by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import maybe_assigned, parameter_names
from rewriter.tree import find, identifiers, replace

from .forwards import module_attributes, module_classes, self_attribute, self_name
from .stays import Stays

_NEEDED = ("enumerate", "len", "min", "range")
"""The builtins that the new loops call."""


class ModuleLoops(Pass):
    """Loop over a list of modules by index, instead of `for layer in`, `reversed`, `enumerate`, `zip` or a slice.

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
                        advice = "Loop over the list, and collect in a tuple."
                        listed = _code(node.iter)
                        context.skipped(node, listed, "a comprehension over modules", advice)
                taken = set(identifiers(method))
                # The inner of two nested loops first, so that it is part of the outer one's new body.
                for loop in reversed(list(find(method.body, cst.For, into_functions=False))):
                    modules = module_attributes(loop, owner.lists, self_)
                    if modules and self_ in bound:
                        context.skipped(loop, _code(loop.iter), f"the method rebinds `{self_}`")
                    elif modules and _changes(loop, modules, self_):
                        context.skipped(loop, _code(loop.iter), "the loop changes the list")
                    elif modules and shadowed and not _is_counted(loop, context):
                        context.skipped(loop, _code(loop.iter), f"`{shadowed[0]}` is another name here")
                    elif modules:
                        self._loop(loop, method, taken, modules, self_, context, changes)
        return replace(context.tree, changes)

    def _loop(
        self,
        loop: cst.For,
        method: cst.FunctionDef,
        taken: set[str],
        lists: set[str],
        self_: str,
        context: PassContext,
        changes: dict[cst.CSTNode, cst.CSTNode],
    ) -> None:
        what = _code(loop.iter)
        try:
            plan = _planned(loop, method, lists, self_, taken, context)
        except CannotCount as why:
            context.skipped(loop, what, str(why), why.advice)
            return
        if plan is None:
            return
        body = loop.body
        assert isinstance(body, cst.IndentedBlock)
        changes[loop] = loop.with_changes(
            target=cst.parse_expression(plan.target),
            iter=cst.parse_expression(plan.iterated),
            body=body.with_changes(
                body=[*map(cst.parse_statement, plan.setup), *(replace(s, changes) for s in body.body)]
            ),
        )
        context.rewritten(loop, what, f"{plan.iterated} and indexing")


class CannotCount(Stays):
    """Why a loop is left as it is."""


@dataclass(frozen=True)
class _Plan:
    """A loop by index, as text.

    Attributes:
        target: Its variable.
        iterated: What it runs over.
        setup: The first statements of its body, which bind what the old loop's variables were.
    """

    target: str
    iterated: str
    setup: tuple[str, ...]


def _planned(
    loop: cst.For, method: cst.FunctionDef, lists: set[str], self_: str, taken: set[str], context: PassContext
) -> _Plan | None:
    """Return how to count in the place of a loop; None where it counts already.

    Args:
        loop: The loop.
        method: What it is in.
        lists: The attributes that it takes modules from.
        self_: The name of the module itself.
        taken: Names that are in use; what the plan needs is added.
        context: For names.

    Raises:
        CannotCount: It is of a form that is not known.
    """
    if loop.orelse is not None:
        raise CannotCount("the loop has an `else`", "Write the `else` behind the loop.")
    iterates = any(self_attribute(node, self_) in lists for node in find(loop.iter, cst.Attribute))
    if _is_counted(loop, context) or not iterates:
        return None
    if not isinstance(loop.body, cst.IndentedBlock) or loop.asynchronous is not None:
        raise CannotCount("its body stands on the same line", "Give it a line of its own.")
    target: cst.BaseExpression = loop.target
    iterated, index = loop.iter, ""
    if numbered := _arguments(iterated, "builtins.enumerate", context):
        names = _elements(target)
        if len(numbered) != 1 or names is None or len(names) != 2 or not isinstance(names[0], cst.Name):
            raise CannotCount(*_UNKNOWN)
        index, target, iterated = names[0].value, names[1], numbered[0]
    zipped = _arguments(iterated, "builtins.zip", context)
    if zipped is None:
        return _of_one(target, iterated, index, lists, self_, taken, context)
    for value in zipped:
        # An iterator would be used up by asking for its length, if it had one at all.
        if not isinstance(value, (cst.Name, cst.Attribute)) or _may_be_used_up(value, method, context):
            advice = "Give it a name that holds a tuple, or loop over `range(len(...))` of the shorter one."
            raise CannotCount("`zip` with something that may have no length", advice)
    return _of_several(target, zipped, index, lists, self_, taken)


_UNKNOWN = (
    "not `x`, `x[a:b]`, `reversed(x)`, `enumerate(x)` or `zip(x, …)` over a module list",
    "Loop over `range(len(...))`, and take the layer by its index.",
)


def _of_one(
    target: cst.BaseExpression,
    iterated: cst.BaseExpression,
    index: str,
    lists: set[str],
    self_: str,
    taken: set[str],
    context: PassContext,
) -> _Plan:
    """Return the plan for a loop over one list, the whole of it or a part."""
    modules, order = iterated, "range(len({}))"
    if (turned := _arguments(iterated, "builtins.reversed", context)) and len(turned) == 1:
        modules, order = turned[0], "range(len({}) - 1, -1, -1)"
    elif isinstance(iterated, cst.Subscript) and len(iterated.slice) == 1:
        part = iterated.slice[0].slice
        if isinstance(part, cst.Slice):
            modules, order = iterated.value, f"range(len({{}}))[{_code(part)}]"
    if self_attribute(modules, self_) not in lists:
        raise CannotCount(*_UNKNOWN)
    listed = _code(modules)
    counted = order.format(listed)
    is_whole = modules is iterated
    number = index if index and is_whole else _fresh("i", taken)
    taken.add(number)
    setup = (f"{_code(target)} = {listed}[{number}]",)
    if index and not is_whole:
        return _Plan(f"{index}, {number}", f"enumerate({counted})", setup)
    return _Plan(number, counted, setup)


def _of_several(
    target: cst.BaseExpression,
    zipped: Sequence[cst.BaseExpression],
    index: str,
    lists: set[str],
    self_: str,
    taken: set[str],
) -> _Plan:
    """Return the plan for a loop over a list and what is zipped with it."""
    if not any(self_attribute(value, self_) in lists for value in zipped):
        raise CannotCount(*_UNKNOWN)
    number = index or _fresh("i", taken)
    taken.add(number)
    lengths = ", ".join(f"len({_code(value)})" for value in zipped)
    names = _elements(target)
    if names is not None and len(names) == len(zipped):
        setup = tuple(f"{_code(name)} = {_code(value)}[{number}]" for name, value in zip(names, zipped, strict=True))
    elif isinstance(target, cst.Name):
        setup = (f"{target.value} = ({', '.join(f'{_code(value)}[{number}]' for value in zipped)},)",)
    else:
        raise CannotCount(*_UNKNOWN)
    return _Plan(number, f"range(min({lengths}))" if len(zipped) > 1 else f"range({lengths})", setup)


_ITERATORS = {f"builtins.{name}" for name in ("enumerate", "filter", "iter", "map", "reversed", "zip")}


def _may_be_used_up(value: cst.BaseExpression, method: cst.FunctionDef, context: PassContext) -> bool:
    """Tell whether a name is bound to an iterator anywhere in a method."""
    for assign in find(method.body, cst.Assign):
        if any(_code(target.target) == _code(value) for target in assign.targets):
            made = assign.value
            called = context.qualified_name(made.func) if isinstance(made, cst.Call) else None
            if isinstance(made, cst.GeneratorExp) or called in _ITERATORS:
                return True
    return False


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


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
