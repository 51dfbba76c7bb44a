"""Relative imports, made absolute."""

from __future__ import annotations

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, parse_dotted, replace


class Imports(Pass):
    """Make relative imports absolute when the result is written outside the package of the original.

    `from ...modeling_utils import PreTrainedModel` means nothing in another folder; its absolute form does, as long as
    the original package is installed.
    """

    name = "imports"
    safety = Safety.EXACT
    after = ("jit",)
    examples = (
        Example(
            title="an absolute import stays",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        return x
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Rewrite every relative import of the file, wherever it stands."""
        if not context.facts.standalone:
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for statement in find(context.tree, cst.ImportFrom):
            if not statement.relative:
                continue
            what = "." * len(statement.relative) + (_code(statement.module) if statement.module else "")
            absolute = context.facts.names.absolute(what).rstrip(".")
            if absolute.startswith(".") or not absolute:
                context.skipped(statement, what, "the file lies in no package, so what the import means is unknown")
                continue
            changes[statement] = statement.with_changes(relative=(), module=parse_dotted(absolute))
            context.rewritten(statement, what, absolute)
        return replace(context.tree, changes)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
