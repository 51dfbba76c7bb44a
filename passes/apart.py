"""A block of a method as a method of its own, so that a graph can do without what is around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import libcst as cst

from rewriter import PassContext
from rewriter.dataflow import captured, live_before, maybe_assigned, parameter_names, surely_assigned
from rewriter.tree import find, replace

from .forwards import ModuleClass, module_classes, self_name
from .outline import asked_for_frame, call_statement, is_unbound, name_in_family, names_used
from .stays import Stays

LEAVES = (
    *(cst.Return, cst.Break, cst.Continue, cst.Yield, cst.Await),
    *(cst.Global, cst.Nonlocal, cst.Del, cst.Try, cst.With),
)
"""What does not do in another method what it does where it stands."""
SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.GeneratorExp)
_COMMENT = "# The graph compiler looks through a wrapper by this attribute, and compiles what it finds there."


_Statement = TypeVar("_Statement", cst.Try, cst.With)


def outlined(
    context: PassContext,
    kind: type[_Statement],
    is_wanted: Callable[[_Statement, cst.FunctionDef], bool],
    parts: Callable[[_Statement, cst.FunctionDef, ModuleClass], Sequence[cst.BaseStatement]],
    *,
    note: str,
    second: str,
    advice: str = "",
) -> cst.Module:
    """Put methods in the place of statements, in every method of every module class but `__init__`; one in each.

    Args:
        context: The pass at work.
        kind: What the statements are.
        is_wanted: Tells of each whether the pass is for it.
        parts: Returns what takes the place of the method that has one, and raises `Stays` where nothing can.
        note: What was done, for the report.
        second: Why another one in the same method stays.
        advice: What the owner of a forward can do where nothing better is known.
    """
    changes: dict[cst.CSTNode, cst.FlattenSentinel[cst.BaseStatement]] = {}
    for owner in module_classes(context):
        for method in owner.methods():
            for statement in find(method.body, kind, into_functions=False):
                if method.name.value == "__init__" or not is_wanted(statement, method):
                    continue
                what = f"{owner.node.name.value}.{method.name.value}"
                try:
                    if method in changes:
                        raise Stays(second, "Write a method for each.")
                    changes[method] = cst.FlattenSentinel(parts(statement, method, owner))
                except Stays as why:
                    is_forward = method.name.value == context.dialect.forward
                    context.skipped(statement, what, str(why), (why.advice or advice) if is_forward else "")
                else:
                    context.rewritten(statement, what, note)
    return replace(context.tree, changes)


def computes(block: cst.BaseSuite, self_: str) -> bool:
    """Tell whether a block calls anything of its module."""
    return any(_is_part(call.func, self_) for call in find(block, cst.Call))


def _is_part(node: cst.CSTNode, self_: str) -> bool:
    while isinstance(node, (cst.Attribute, cst.Subscript, cst.Call)):
        node = node.func if isinstance(node, cst.Call) else node.value
    return isinstance(node, cst.Name) and node.value == self_


def borders(
    statement: cst.Try | cst.With, method: cst.FunctionDef, context: PassContext, handled: frozenset[str] = frozenset()
) -> tuple[list[str], list[str]]:
    """Return the names that the block of a statement takes from its method, and those that it hands back.

    Args:
        statement: A statement of the method's outermost block.
        method: The method.
        context: For names.
        handled: Names that are read around the block.

    Raises:
        Stays: In a method of its own it would not be the same.
    """
    self_ = self_name(method) or ""
    body = [item for item in method.body.body if isinstance(item, cst.BaseStatement)]
    if is_unbound(method):
        raise Stays("a static or class method, so its first parameter is no module")
    if method.asynchronous is not None or statement not in body:
        raise Stays("it stands inside another statement", "Write a method for it.")
    inside = [item for item in statement.body.body if isinstance(item, cst.BaseStatement)]
    assigned = maybe_assigned(inside)
    if not inside or any(next(find(item, (*LEAVES, *SCOPES)), None) is not None for item in inside):
        raise Stays("it does more than bind names")
    if self_ in maybe_assigned(body):
        raise Stays(f"the method rebinds `{self_}`", "Use another name.")
    if asked_for_frame(method, context):
        raise Stays("the method looks at its own names")
    at = body.index(statement)
    before = surely_assigned(body[:at], frozenset(parameter_names(method)))
    local = frozenset(parameter_names(method)) | maybe_assigned(body)
    inputs = ((live_before(inside, frozenset()) | handled) & local) - {self_}
    outputs = assigned & live_before(body[at + 1 :], frozenset())
    surely = surely_assigned(inside, inputs) or frozenset()
    if before is None or not inputs <= before:
        raise Stays("what it reads may be unbound")
    if not outputs:
        raise Stays("nothing that it computes is used after it")
    if not outputs <= surely or assigned & handled or assigned & captured(body):
        raise Stays("what it binds is read elsewhere")
    order = dict.fromkeys([*parameter_names(method), *(name.value for name in find(method.body, cst.Name))])
    return [name for name in order if name in inputs], [name for name in order if name in outputs]


def names_for(endings: Sequence[str], method: cst.FunctionDef, owner: ModuleClass, context: PassContext) -> list[str]:
    """Return names for methods beside `method` that no class above or below uses for another.

    Raises:
        Stays: The class has one of them: an earlier run has moved another part of the method.
    """
    name = name_in_family(f"_{method.name.value.lstrip('_')}", owner, context)
    names = [f"{name}_{ending}" for ending in endings]
    if taken := sorted(names_used(owner).intersection(names)):
        raise Stays(f"the class already uses the name `{taken[0]}`", "Write a method for it.")
    return names


def with_call(
    statement: cst.Try | cst.With, method: cst.FunctionDef, name: str, inputs: Sequence[str], outputs: Sequence[str]
) -> cst.FunctionDef:
    """Return a method that calls another one in the place of a statement."""
    body = list(method.body.body)
    call = call_statement(name, self_name(method) or "", inputs, outputs)
    body[body.index(statement)] = call.with_changes(leading_lines=statement.leading_lines)
    return method.with_changes(body=method.body.with_changes(body=body))


def new_method(
    name: str, self_: str, inputs: Sequence[str], body: Sequence[cst.BaseStatement | cst.BaseSmallStatement]
) -> cst.FunctionDef:
    """Return a method with a body, to stand behind another one."""
    head = f"def {name}({', '.join((self_, *inputs))}):\n    pass\n"
    method = cst.ensure_type(cst.parse_statement(head), cst.FunctionDef)
    return method.with_changes(body=method.body.with_changes(body=body), leading_lines=[cst.EmptyLine(indent=False)])


def link(name: str, in_graph: str) -> cst.SimpleStatementLine:
    """Return the line by which a graph takes one method in the place of another."""
    line = cst.ensure_type(cst.parse_statement(f"{name}.__wrapped__ = {in_graph}"), cst.SimpleStatementLine)
    above = [cst.EmptyLine(indent=False), cst.EmptyLine(comment=cst.Comment(_COMMENT))]
    return line.with_changes(leading_lines=above)
