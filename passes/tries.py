"""`try` that only puts one error in the place of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import (
    captured,
    live_before,
    maybe_assigned,
    parameter_names,
    reads,
    surely_assigned,
    target_names,
)
from rewriter.tree import dotted_name, find, identifiers, replace

from .forwards import ModuleClass, module_classes, self_attribute, self_name
from .inserted import free_name
from .outline import call_statement, return_statement
from .stays import Stays

_LEAVES = (cst.Return, cst.Break, cst.Continue, cst.Yield, cst.Await, cst.Global, cst.Nonlocal, cst.Del)
"""What does not do in another method what it does where it stands."""
_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.GeneratorExp)
_FRAME = {f"builtins.{name}" for name in ("locals", "dir", "vars", "eval", "exec")}
_ADVICE = "Ask beforehand for what may go wrong."


class Tries(Pass):
    """Move what a `try` computes into a method of its own, where its handlers only raise another error.

    STRICT refuses `try`. A graph takes the method alone: what goes wrong there goes wrong again in plain Python, where the
    handlers are.
    """

    name = "tries"
    safety = Safety.EXACT
    before = ("mint", "flatten", "slices", "whole-graph", "module-loops")
    examples = (
        Example(
            title="an error in other words",
            before="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        try:
            left = self.left(boxes[:, 0])
        except IndexError as error:
            raise IndexError("not within 0-100") from error
        return x + left
""",
            after="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        (left,) = self._construct_tried(boxes)
        return x + left

    def _construct_untried(self, boxes):
        left = self.left(boxes[:, 0])
        return left,

    def _construct_tried(self, boxes):
        try:
            return self._construct_untried(boxes)
        except IndexError as error:
            raise IndexError("not within 0-100") from error

    # A graph takes this in its place; what goes wrong in one is run again as plain Python.
    _construct_tried.__wrapped__ = _construct_untried
""",
        ),
        Example(
            title="a handler that goes on with another value",
            before="""\
from mindspore import nn


class Boxes(nn.Cell):
    def __init__(self):
        super().__init__()
        self.left = nn.Embedding(100, 8)

    def construct(self, x, boxes):
        try:
            left = self.left(boxes[:, 0])
        except IndexError:
            left = x
        return x + left
""",
            reason="a handler goes on",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method of every module class but `__init__`."""
        if not context.mentions("try:", "try :"):
            return context.tree
        changes: dict[cst.CSTNode, cst.CSTNode | cst.FlattenSentinel[cst.CSTNode]] = {}
        for owner in module_classes(context):
            for method in owner.methods():
                if method.name.value == "__init__":
                    continue
                for statement in find(method.body, cst.Try, into_functions=False):
                    if not _computes(statement, self_name(method) or ""):
                        continue
                    what = f"{owner.node.name.value}.{method.name.value}"
                    try:
                        if method in changes:
                            raise Stays("a second `try`", "Write a method for each.")
                        changes[method] = _outlined(statement, method, owner, context)
                    except Stays as why:
                        context.skipped(statement, what, str(why), why.advice or _ADVICE)
                    else:
                        context.rewritten(statement, what, "its handlers stay outside of a graph")
        return replace(context.tree, changes)


def _computes(statement: cst.Try, self_: str) -> bool:
    """Tell whether a `try` stands around a call of the module's own."""
    return any(self_attribute(call.func, self_) for call in find(statement.body, cst.Call))


def _outlined(
    statement: cst.Try, method: cst.FunctionDef, owner: ModuleClass, context: PassContext
) -> cst.FlattenSentinel[cst.CSTNode]:
    """Return a method that calls another one in the place of `try`, and what it needs for that.

    Raises:
        Stays: It would not be the same.
    """
    self_ = self_name(method) or ""
    inputs, outputs = _borders(statement, method, self_, context)
    body = list(method.body.body)
    at = body.index(statement)
    plain, tried = _names(method, owner, context)
    call = call_statement(tried, self_, inputs, outputs)
    body[at] = call.with_changes(leading_lines=statement.leading_lines)
    parameters = ", ".join((self_, *inputs))
    untried = _method(plain, parameters, [*statement.body.body, return_statement(outputs)])
    inner = cst.parse_statement(f"return {self_}.{plain}({', '.join(inputs)})")
    kept = statement.with_changes(body=cst.IndentedBlock([inner]), leading_lines=())
    comment = "# A graph takes this in its place; what goes wrong in one is run again as plain Python."
    above = [cst.EmptyLine(indent=False), cst.EmptyLine(comment=cst.Comment(comment))]
    link = cst.ensure_type(cst.parse_statement(f"{tried}.__wrapped__ = {plain}"), cst.SimpleStatementLine)
    return cst.FlattenSentinel(
        [
            method.with_changes(body=method.body.with_changes(body=body)),
            untried,
            _method(tried, parameters, [kept]),
            link.with_changes(leading_lines=above),
        ]
    )


def _method(name: str, parameters: str, body: Sequence[cst.CSTNode]) -> cst.FunctionDef:
    method = cst.ensure_type(cst.parse_statement(f"def {name}({parameters}):\n    pass\n"), cst.FunctionDef)
    return method.with_changes(
        body=method.body.with_changes(body=body), leading_lines=[cst.EmptyLine(indent=False)], asynchronous=None
    )


def _names(method: cst.FunctionDef, owner: ModuleClass, context: PassContext) -> tuple[str, str]:
    """Return names for the two methods that no class above or below uses for another."""
    name = f"_{method.name.value.lstrip('_')}"
    if any(context.qualified_name(base.value) not in context.dialect.module_bases for base in owner.node.bases):
        name = f"{name}_{owner.node.name.value}"
    taken = identifiers(owner.node) | {node.attr.value for node in find(owner.node, cst.Attribute)}
    return free_name(f"{name}_untried", taken), free_name(f"{name}_tried", taken)


def _borders(
    statement: cst.Try, method: cst.FunctionDef, self_: str, context: PassContext
) -> tuple[list[str], list[str]]:
    """Return the names that a `try` takes from its method, and those that it hands back.

    Raises:
        Stays: With the reason.
    """
    body = [item for item in method.body.body if isinstance(item, cst.BaseStatement)]
    if any(dotted_name(item.decorator) in ("staticmethod", "classmethod") for item in method.decorators):
        raise Stays("a static or class method, so its first parameter is no module")
    if method.asynchronous is not None or statement not in body:
        raise Stays("`try` inside another statement", "Write a method for it.")
    if statement.orelse is not None or statement.finalbody is not None:
        raise Stays("`else` or `finally` behind it")
    if not all(_only_raises(handler) for handler in statement.handlers):
        raise Stays("a handler goes on")
    inside = [item for item in statement.body.body if isinstance(item, cst.BaseStatement)]
    assigned = maybe_assigned(inside)
    if any(next(find(item, (*_LEAVES, *_SCOPES, cst.Try, cst.With)), None) is not None for item in inside):
        raise Stays("it does more than bind names")
    if self_ in maybe_assigned(body):
        raise Stays(f"the method rebinds `{self_}`", "Use another name.")
    if next(_asks_for_frame(method, context), None) is not None:
        raise Stays("the method looks at its own names")
    at = body.index(statement)
    before = surely_assigned(body[:at], frozenset(parameter_names(method)))
    handled = frozenset().union(*(_handler_reads(handler) for handler in statement.handlers))
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


def _asks_for_frame(method: cst.FunctionDef, context: PassContext) -> Iterator[cst.Call]:
    return (call for call in find(method.body, cst.Call) if context.qualified_name(call.func) in _FRAME)


def _only_raises(handler: cst.ExceptHandler) -> bool:
    """Tell whether a handler ends in an error, whatever it does before."""
    leaves = next(find(handler.body, (*_LEAVES, cst.Try, cst.With, *_SCOPES)), None)
    return leaves is None and surely_assigned(handler.body.body, frozenset()) is None


def _handler_reads(handler: cst.ExceptHandler) -> frozenset[str]:
    own = target_names(handler.name.name) if handler.name is not None else frozenset()
    return reads(handler.type) | (live_before(handler.body.body, frozenset()) - own)
