"""Compiling flat methods: the decorator on the method, and the helper that the decorator is."""

from __future__ import annotations

from importlib.resources import files
from string import Template

import libcst as cst

from rewriter import Capture, Example, Kind, Pass, PassContext, Safety
from rewriter.tree import find, replace

from ..forwards import is_flat, is_recorded, module_classes
from ..inserted import definitions, put_before
from ..own import own_definitions

_MINDNLP = {
    "children": "_modules",
    "registries": '("_modules", "_parameters", "_buffers")',
    "hooks": '("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")',
    "before_run": """marked = [module for module in self.modules if not vars(module).get("__ms_class__")]
        for module in marked:
            vars(module)["__ms_class__"] = True  # lets the graph compiler enter a mindnlp module
            calls = type(module).__call__, getattr(type(module), "_call_impl", None)
            if [call and call.__qualname__ for call in calls] == ["Module._wrapped_call_impl", "Module._call_impl"]:
                # Python asks the class how to call it, the compiler the module: the code for hooks is left out, which
                # would be half of what it reads.
                vars(module)["__call__"] = module.forward""",
    "after_run": """for module in marked:
                del vars(module)["__ms_class__"]
                vars(module).pop("__call__", None)""",
}
_CELL = {
    "children": "_cells",
    "registries": '("_cells", "_params", "_buffers")',
    "hooks": """(
        "_lazy_forward_hook",
        "_lazy_forward_pre_hook",
        "_lazy_backward_hook",
        "_lazy_backward_pre_hook",
        "_cell_backward_hook",
        "_cell_backward_pre_hook",
        "mixed_precision_type",  # a refused compilation under mixed precision breaks MindSpore 2.10
    )""",
    "before_run": "",
    "after_run": "",
}
"""What differs between the module classes of the dialects: where a module keeps its parts and its hooks."""


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
        flat = [
            (owner, method)
            for owner in module_classes(context)
            for method in owner.methods()
            if (is_flat(method) or is_recorded(method)) and not method.decorators
        ]
        if not flat:
            return context.tree
        text = helper_text(context)
        helper = own_definitions(context.tree, text)
        names = dict(zip(definitions(text), definitions(helper.text), strict=True))
        if not helper.is_there and any(node.attr.value in KEPT_AS for node in find(context.tree, cst.Attribute)):
            for _, method in flat:
                context.skipped(method, method.name.value, f"the file has an attribute {KEPT_AS[0]} of its own")
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for owner, method in flat:
            as_whole = is_recorded(method)
            decorator = cst.Decorator(cst.Name(names[RECORDED] if as_whole else helper.name))
            changes[method] = method.with_changes(decorators=[decorator], lines_after_decorators=[])
            what = f"{owner.node.name.value}.{method.name.value}"
            context.rewritten(method, what, "recorded by trace, as a whole" if as_whole else _told(context))
        tree = replace(context.tree, changes)
        if helper.is_there:
            return tree
        index = next(i for i, node in enumerate(context.tree.body) if node is flat[0][0].node)
        return put_before(tree, helper.text, index)


RECORDED = "_recorded"
"""What is put on a method that STRICT is not to see."""
KEPT_AS = "_graphs", "_recordings"
"""The attributes of a module that the helper keeps its graphs in: of a flat method, and of all that a forward does."""


def _told(context: PassContext) -> str:
    """Return what becomes of a flat method."""
    told = f"compiled under STRICT by {_spelling('graph', context, dynamic=context.target.dynamic)}"
    if context.target.capture is Capture.AUTO:
        return f"{told}, and recorded by trace where STRICT refuses it"
    return told if context.target.capture is Capture.AST else "recorded by trace"


def helper_text(context: PassContext) -> str:
    """Return the source of the helper for the file's dialect and the target's MindSpore."""
    dynamic, capture = context.target.dynamic, context.target.capture
    parts = _MINDNLP if context.dialect.name == "mindnlp.core" else _CELL
    names = _names(context, "mindspore", "itertools.chain", "operator.is_", "sys", "ctypes.CDLL")
    strict = _spelling("graph", context)
    graphs = {Capture.AST: f"_Bounded({strict}, module, method, layout)", Capture.TRACE: "_Traced(graph, self)"}
    graph = (
        "_Open(graph, module, method, layout)"
        if dynamic
        else graphs.get(capture, "_Either(graph, self, module, method, layout)")
    )
    text = _text("compiled.txt").substitute(parts, **names, graph=graph)
    if dynamic:
        opened = _spelling("opened", context, dynamic=True)
        text += "\n\n" + _text("open.txt").substitute(names, closed=strict, opened=opened)
    if capture is not Capture.AST:
        names.update(_names(context, "linecache", "random", "numpy"))
        traced = f'{names["mindspore"]}.jit(recording, capture_mode="trace")'
        text += "\n\n" + _text("traced.txt").substitute(names, traced=traced)
    if capture is Capture.AUTO:
        text += "\n\n" + _text("either.txt").substitute(names, strict=strict)
    return "\n".join(line for line in text.split("\n") if not line or not line.isspace())


def _names(context: PassContext, *qualified: str) -> dict[str, str]:
    """Return what the file calls these modules and functions, by the last part of their names."""
    return {name.rpartition(".")[2]: context.use(name) for name in qualified}


def _text(name: str) -> Template:
    return Template(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _spelling(function: str, context: PassContext, *, dynamic: bool = False) -> str:
    """Return the STRICT jit call for `function`."""
    mindspore = context.use("mindspore")
    if context.target.has_fullgraph:
        return f"{mindspore}.jit({function}, fullgraph=True{', dynamic=1' if dynamic else ''})"
    return f'{mindspore}.jit({function}, jit_config={mindspore}.JitConfig(jit_syntax_level="STRICT"))'
