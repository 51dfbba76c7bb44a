"""`del` of local names."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import target_names
from rewriter.tree import find, replace

from .forwards import module_classes


class NoDel(Pass):
    """Drop `del name` in the methods of a module, which STRICT refuses; the names go when the method returns.

    Where a comment stands above it, or nothing else in its block, the name is bound to None.
    """

    name = "no-del"
    safety = Safety.EXACT
    before = ("jit",)
    examples = (
        Example(
            title="a local name",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        y = x + 1
        del x
        return y
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        y = x + 1
        return y
""",
        ),
        Example(
            title="a comment stays above what takes its place",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        y = x + 1
        # not needed any more
        del x
        return y
""",
            after="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        y = x + 1
        # not needed any more
        x = None
        return y
""",
        ),
        Example(
            title="deleting an item changes the object",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x, cache):
        del cache["x"]
        return x
""",
            reason="deletes a part of an object",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class."""
        if not context.mentions(" del ", "\tdel ", ";del ", ":del ", "del("):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode | cst.RemovalSentinel] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                if next(find(method.body, (cst.Global, cst.Nonlocal)), None) is not None:
                    continue  # such a name does not go when the method returns
                for suite in find(method.body, cst.BaseSuite, into_functions=False):
                    self._suite(suite, context, changes)
        return replace(context.tree, changes)

    def _suite(
        self,
        suite: cst.BaseSuite,
        context: PassContext,
        changes: dict[cst.CSTNode, cst.CSTNode | cst.RemovalSentinel],
    ) -> None:
        kept = len(suite.body)
        for line in suite.body:
            if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
                continue
            statement = line.body[0]
            if not isinstance(statement, cst.Del):
                continue
            what = cst.Module([]).code_for_node(statement)
            if not _only_names(statement.target):
                context.skipped(line, what, "deletes a part of an object, not a name")
            elif kept == 1 or any(above.comment is not None for above in line.leading_lines):
                targets = [cst.AssignTarget(name) for name in _names(statement.target)]
                changes[statement] = cst.Assign(targets, cst.Name("None"), semicolon=statement.semicolon)
                context.rewritten(line, what, "bound to None")
            else:
                kept -= 1
                changes[line] = cst.RemovalSentinel.REMOVE
                context.rewritten(line, what, "dropped")


def _names(target: cst.CSTNode) -> list[cst.Name]:
    """Return the names that a `del` has, each by itself."""
    parts = [part.value for part in target.elements] if isinstance(target, (cst.Tuple, cst.List)) else [target]
    return [cst.Name(part.value) for part in parts if isinstance(part, cst.Name)]


def _only_names(target: cst.CSTNode) -> bool:
    parts = target.elements if isinstance(target, (cst.Tuple, cst.List)) else ()
    return bool(target_names(target)) and all(isinstance(part.value, cst.Name) for part in parts)
