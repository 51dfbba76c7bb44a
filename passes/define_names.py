"""Names that one path of a branch or loop leaves unbound."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import live_before, maybe_assigned, parameter_names, surely_assigned
from rewriter.tree import find, replace

from .forwards import module_classes, self_attribute, self_name


class DefineNames(Pass):
    """Bind a name to None before the `if` or loop that may leave it unbound, when it is read afterwards.

    The graph compiler merges the paths of a branch and refuses a name that only one of them binds.
    """

    name = "define-names"
    safety = Safety.EXACT
    after = ("flatten", "module-loops")
    before = ("jit",)
    examples = (
        Example(
            title="bound in one branch, read in another",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, scale=False):
        if scale:
            factor = x.mean()
        x = x + 1
        if scale:
            x = x * factor
        return x
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, scale=False):
        factor = None
        if scale:
            factor = x.mean()
        x = x + 1
        if scale:
            x = x * factor
        return x
""",
        ),
        Example(
            title="a value from an earlier branch is not overwritten",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, scale=False):
        if self.scaled:
            factor = x.mean()
        if scale:
            factor = factor * 2
        if self.scaled:
            x = x * factor
        return x
""",
        ),
        Example(
            title="a branch on the module's own settings is resolved when the graph is made",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        if self.scaled:
            factor = x.mean()
        x = x + 1
        if self.scaled:
            x = x * factor
        return x
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class but `__init__`."""
        changes: dict[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement]] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                self_ = self_name(method)
                if self_ is None or method.name.value == "__init__":
                    continue
                if next(find(method.body, cst.Global), None) is not None:
                    continue  # a name of the module would be overwritten
                body = [s for s in method.body.body if isinstance(s, cst.BaseStatement)]
                bound = frozenset(parameter_names(method))
                for statement, names in _unbound(body, bound, self_):
                    where = f"{owner.node.name.value}.{method.name.value}"
                    for name in names:
                        context.rewritten(statement, where, f"`{name}` is None where a path leaves it unbound")
                    defined = [cst.parse_statement(f"{name} = None") for name in names]
                    lead = getattr(statement, "leading_lines", ())
                    if defined and lead:
                        defined[0] = defined[0].with_changes(leading_lines=lead)
                        changes[statement] = cst.FlattenSentinel([*defined, statement.with_changes(leading_lines=[])])
                    else:
                        changes[statement] = cst.FlattenSentinel([*defined, statement])
        return replace(context.tree, changes)


def _unbound(
    statements: Sequence[cst.BaseStatement], before: frozenset[str], self_: str
) -> list[tuple[cst.BaseStatement, list[str]]]:
    """Return (statement, names) for the branches and loops of a function body that may leave names unbound.

    Only statements of the outermost block are looked at: inside a branch or a loop body, MindSpore resolves the inner
    branches with the outer one.
    """
    found: list[tuple[cst.BaseStatement, list[str]]] = []
    bound: frozenset[str] | None = before
    touched = before  # what may be bound already must not be overwritten
    for index, statement in enumerate(statements):
        if bound is None:
            break
        if isinstance(statement, (cst.If, cst.For, cst.While)) and not _is_static(statement, self_):
            live = live_before(statements[index + 1 :], frozenset())
            now = surely_assigned([statement], bound)
            if now is not None:
                # Also what a loop binds in one branch of its body and reads in another.
                inside = live_before([statement], frozenset()) if isinstance(statement, cst.For) else frozenset()
                names = sorted(maybe_assigned([statement]) & ((live - now) | inside) - touched)
                if names:
                    found.append((statement, names))
                    bound = bound | frozenset(names)
        bound = surely_assigned([statement], bound)
        touched = touched | maybe_assigned([statement])
    return found


def _is_static(statement: cst.BaseStatement, self_: str) -> bool:
    """Tell whether a branch depends on nothing but attributes of the module."""
    if not isinstance(statement, cst.If):
        return False
    names = {name.value for name in find(statement.test, cst.Name)}
    attributes = [node for node in find(statement.test, cst.Attribute) if self_attribute(node, self_)]
    inner = {name.value for node in attributes for name in find(node, cst.Name)}
    if not attributes or names - inner - {"isinstance", "len", "hasattr", "str", "int", "True", "False", "None"}:
        return False
    other = statement.orelse
    return other is None or not isinstance(other, cst.If) or _is_static(other, self_)
