"""Compiling flat methods: the decorator on the method, and the helper that the decorator is."""

from __future__ import annotations

from importlib.resources import files
from string import Template

import libcst as cst
from packaging.version import Version

from rewriter import Example, Kind, Pass, PassContext, Safety
from rewriter.tree import identifiers, replace

from ..forwards import FLAT_SUFFIX, module_classes

DECORATOR = "_compiled"
_MINDNLP = {
    "registries": '("_parameters", "_buffers")',
    "children": "_modules",
    "hooks": '("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")',
    "run": """marked = [table for table in self.tables if "_modules" in table and not table.get("__ms_class__")]
        for table in marked:
            table["__ms_class__"] = True  # lets the graph compiler enter a mindnlp module
        try:
            return self.graph(*leaves)
        finally:
            for table in marked:
                del table["__ms_class__"]""",
}
_CELL = {
    "registries": '("_params",)',
    "children": "_cells",
    "hooks": '("_lazy_forward_hook", "_lazy_forward_pre_hook", "_cell_backward_hook", "_cell_backward_pre_hook")',
    "run": "return self.graph(*leaves)",
}
"""What differs between the module classes of the dialects: where a module keeps its parameters, children and hooks."""

FULLGRAPH_SINCE = Version("2.7")
"""From this version on STRICT is spelled `fullgraph=True`; `jit_config=JitConfig(jit_syntax_level="STRICT")` is dropped
with a warning and compiles LAX (measured on 2.7 to 2.10)."""


class Jit(Pass):
    """Compile every flat method under STRICT, with a guard against weights, modes and settings changed later.

    The guard is a short part of the rewritten file. A plain `@mindspore.jit` would go on answering with the weights and
    the mode of its first call, and returns rubbish for a None inside a tuple.
    """

    name = "jit"
    kind = Kind.GRAPH
    safety = Safety.ROUNDING
    after = ("flatten", "module-loops", "define-names")
    examples = (
        Example(
            title="nothing flat, nothing to compile",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, x):
        return x
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Decorate the flat methods and add the helper before the first class that needs it."""
        changes: dict[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement]] = {}
        first: cst.ClassDef | None = None
        for owner in module_classes(context):
            for method in owner.methods():
                forward = method.name.value.removeprefix("_").removesuffix(FLAT_SUFFIX)
                if not method.name.value.endswith(FLAT_SUFFIX) or owner.method(forward) is None:
                    continue
                if method.decorators:
                    continue
                what = f"{owner.node.name.value}.{method.name.value}"
                first = first or owner.node
                changes[method] = method.with_changes(
                    decorators=[cst.Decorator(cst.Name(DECORATOR))], lines_after_decorators=[]
                )
                context.rewritten(method, what, f"compiled under STRICT by {_spelling('graph', context)[0]}")
        if first is None:
            return context.tree
        tree = replace(context.tree, changes)  # type: ignore[arg-type]
        if DECORATOR in identifiers(context.tree):
            return tree
        return _with_helper(tree, first, context)


def _with_helper(tree: cst.Module, first: cst.ClassDef, context: PassContext) -> cst.Module:
    """Put the helper before the class `first` of the tree before the change."""
    index = next(i for i, node in enumerate(context.tree.body) if node is first)
    helper = cst.parse_module(helper_text(context)).body
    opening = helper[0].with_changes(leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)])
    body = list(tree.body)
    anchor = body[index]
    assert isinstance(anchor, cst.ClassDef)
    lead = [line for line in anchor.leading_lines if line.comment is not None]
    blank = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
    body[index] = anchor.with_changes(leading_lines=[*blank, *lead])
    body[index:index] = [opening, *helper[1:]]
    return tree.with_changes(body=body)


def helper_text(context: PassContext) -> str:
    """Return the source of the helper for the file's dialect and the target's MindSpore."""
    template = Template(files(__package__).joinpath("compiled.txt").read_text(encoding="utf-8"))
    call, mindspore = _spelling("graph", context)
    parts = _MINDNLP if context.dialect.name == "mindnlp.core" else _CELL
    return template.substitute(parts, jit=call, mindspore=mindspore)


def _spelling(function: str, context: PassContext) -> tuple[str, str]:
    """Return the STRICT jit call for `function`, and the file's name for MindSpore."""
    mindspore = context.use("mindspore")
    if context.target.mindspore >= FULLGRAPH_SINCE:
        return f"{mindspore}.jit({function}, fullgraph=True)", mindspore
    return f'{mindspore}.jit({function}, jit_config={mindspore}.JitConfig(jit_syntax_level="STRICT"))', mindspore
