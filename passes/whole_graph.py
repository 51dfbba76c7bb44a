"""Whole models: what a forward computes around its layers goes into the graph with them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Kind, Pass, PassContext, Safety, Scope
from rewriter.tree import find, identifiers, replace

from .forwards import ModuleClass, is_flat, module_classes, self_attribute, self_name
from .inserted import first_class, free_name, put_before
from .lines import only
from .outline import CannotOutline, Region, calls_for_effect, find_region, outline_forwards
from .own import Own, own_definitions

PACKED_BY = "return_dict"
"""The parameter by which a HuggingFace-style forward is told whether to return a `ModelOutput` or a tuple."""


class WholeGraph(Pass):
    """Move what a model computes on tensors into a method of its own: embeddings, masks, layers, pooler and head.

    The public forward keeps its name, signature, flags, return types and errors. What settles the flags and refuses
    wrong calls stays before the call, what packs the outputs stays after it.
    """

    name = "whole-graph"
    kind = Kind.GRAPH
    scope = Scope.MODEL
    safety = Safety.ROUNDING
    before = ("jit",)
    after = ("flatten",)
    examples = (
        Example(
            title="a model around an encoder",
            before="""\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.pooler = nn.Dense(8, 8)

    def construct(self, x, mask=None, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        if x is None:
            raise ValueError("no input")
        if mask is None:
            mask = ops.ones(x.shape)
        outputs = self.encoder(x, mask, return_dict=return_dict)
        pooled = self.pooler(outputs[0])
        if not return_dict:
            return (pooled,) + outputs[1:]
        return {"pooled": pooled, "states": outputs.states}
""",
            after='''\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.pooler = nn.Dense(8, 8)

    def construct(self, x, mask=None, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        if x is None:
            raise ValueError("no input")
        outputs, pooled = self._construct_flat(x, mask, return_dict)
        if not return_dict:
            return (pooled,) + outputs[1:]
        return {"pooled": pooled, "states": outputs.states}

    def _construct_flat(self, x, mask, return_dict):
        """The part of `construct` that only computes on tensors."""
        if mask is None:
            mask = ops.ones(x.shape)
        outputs = self.encoder(x, mask, return_dict=return_dict)
        pooled = self.pooler(outputs[0])
        return outputs, pooled
''',
        ),
        Example(
            title="the answer of a module is the model's",
            before="""\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, embeddings, encoder):
        super().__init__()
        self.embeddings = embeddings
        self.encoder = encoder

    def construct(self, x, mask=None, return_dict=None):
        states = self.embeddings(x)
        if mask is None:
            mask = ops.ones(x.shape)
        return self.encoder(states, mask, return_dict=return_dict)
""",
            after='''\
from mindspore import nn, ops


class Model(nn.Cell):
    def __init__(self, embeddings, encoder):
        super().__init__()
        self.embeddings = embeddings
        self.encoder = encoder

    def construct(self, x, mask=None, return_dict=None):
        (outputs,) = self._construct_flat(x, mask, return_dict)
        return outputs

    def _construct_flat(self, x, mask, return_dict):
        """The part of `construct` that only computes on tensors."""
        states = self.embeddings(x)
        if mask is None:
            mask = ops.ones(x.shape)
        outputs = self.encoder(states, mask, return_dict=return_dict)
        return outputs,
''',
        ),
        Example(
            title="a layer is no model",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(8, 8)

    def construct(self, x):
        return self.dense(x)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Outline every forward that calls modules and is asked for its outputs by `return_dict`."""
        context.tree = replace(context.tree, _with_bound_answers(context))
        outlined = outline_forwards(
            context,
            wanted=_wanted,
            region_of=lambda forward, calls: _largest(forward, calls, context),
            moved="what it computes",
            apart="calls a module apart from what was moved",
        )
        changes: dict[cst.CSTNode, cst.FlattenSentinel[cst.BaseStatement]] = {}
        helper: Own | None = None
        for forward, (new, flat) in outlined.items():
            if effects := _effects(new):
                helper = helper or own_definitions(context.tree, IN_PYTHON)
                new = _guarded(new, effects, helper.name)
            changes[forward] = cst.FlattenSentinel([new, flat])
        tree = replace(context.tree, changes)
        if helper is None or helper.is_there:
            return tree
        return put_before(tree, helper.text, first_class(tree))


def takes(forward: cst.FunctionDef, name: str) -> bool:
    """Tell whether a forward has a parameter of that name."""
    parameters = (*forward.params.params, *forward.params.kwonly_params)
    return any(parameter.name.value == name for parameter in parameters)


def _wanted(owner: ModuleClass, forward: cst.FunctionDef) -> list[int]:
    """Return the indices of the statements that are to move: none where a part of the forward has moved already."""
    is_new = not any(map(is_flat, owner.methods())) and takes(forward, PACKED_BY)
    return module_calls(owner, forward) if is_new else []


def module_calls(owner: ModuleClass, forward: cst.FunctionDef) -> list[int]:
    """Return the indices of the statements of a model's forward that call what the class keeps in an attribute."""
    self_ = self_name(forward) or "self"
    kept = {
        name
        for method in owner.methods()
        for target in find(method.body, cst.AssignTarget)
        if (name := self_attribute(target.target, self_name(method) or "self"))
    }
    found = [
        index
        for index, statement in enumerate(forward.body.body)
        if any(self_attribute(call.func, self_) in kept for call in find(statement, cst.Call, into_functions=False))
    ]
    if len(found) == 1 and _hands_on(forward.body.body[found[0]], self_):
        return []  # whom it calls is the model
    return found


def _hands_on(statement: cst.CSTNode, self_: str) -> bool:
    """Tell whether a statement does nothing but return what another module answers."""
    line = only(statement)
    value = line.value if isinstance(line, cst.Return) else None
    return isinstance(value, cst.Call) and self_attribute(value.func, self_) is not None


def _with_bound_answers(context: PassContext) -> dict[cst.CSTNode, cst.CSTNode]:
    """Return the forwards that end in `return self.module(…)`, with a name for the answer where its call can move."""
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    for owner in module_classes(context):
        forward = owner.method(context.dialect.forward)
        new = _with_bound_answer(forward) if forward is not None else None
        if forward is None or new is None:
            continue
        calls = _wanted(owner, forward)
        if not calls or calls[-1] != len(forward.body.body) - 1:
            continue
        try:
            if _largest(new, calls, context).stop > calls[-1]:
                changes[forward] = new
        except CannotOutline:
            continue  # for the same reason, the forward as it is will be left
    return changes


def _with_bound_answer(forward: cst.FunctionDef) -> cst.FunctionDef | None:
    """Return a forward whose last statement binds what it returns to a name; None where that is no call of a module."""
    *before, last = forward.body.body
    if not _hands_on(last, self_name(forward) or "self"):
        return None
    assert isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[0], cst.Return)
    value = last.body[0].value
    assert value is not None
    name = cst.Name(free_name("outputs", identifiers(forward)))
    bound = last.with_changes(body=[cst.Assign([cst.AssignTarget(name)], value)])
    given_back = cst.SimpleStatementLine([cst.Return(name)])
    return forward.with_changes(body=forward.body.with_changes(body=[*before, bound, given_back]))


def _largest(forward: cst.FunctionDef, calls: Sequence[int], context: PassContext) -> Region:
    """Return the region with the most module calls in it.

    Raises:
        CannotOutline: There is none; the reason is that of the last call.
    """
    earliest = _first_work(forward, context)
    found: list[Region] = []
    for at in calls:
        if any(region.start <= at < region.stop for region in found):
            continue
        try:
            found.append(find_region(forward, at, context, earliest=earliest))
        except CannotOutline as why:
            reason = why
    if not found:
        raise reason
    return max(found, key=lambda region: sum(region.start <= at < region.stop for at in calls))


def _first_work(forward: cst.FunctionDef, context: PassContext) -> int:
    """Return the index of the first statement that calls the framework; before it, flags are settled."""
    packages = ("mindspore.", "mindnlp.core.")
    for index, statement in enumerate(forward.body.body):
        if next(find(statement, cst.Raise), None) is not None:
            continue
        for call in find(statement, cst.Call, into_functions=False):
            if (context.qualified_name(call.func) or "").startswith(packages):
                return index
    return len(forward.body.body)


def _effects(forward: cst.FunctionDef) -> list[cst.SimpleStatementLine]:
    """Return the lines of `forward` that call a method for its effect, such as a warning."""
    self_ = self_name(forward) or "self"
    lines = find(forward.body, cst.SimpleStatementLine)
    return [line for line in lines if len(line.body) == 1 and next(calls_for_effect(line, self_), None) is not None]


def _guarded(forward: cst.FunctionDef, lines: Sequence[cst.SimpleStatementLine], in_python: str) -> cst.FunctionDef:
    """Return `forward` with `lines` left out of any graph that it is part of."""
    changes: dict[cst.CSTNode, cst.CSTNode] = {
        line: cst.If(
            test=cst.Call(cst.Name(in_python)),
            body=cst.IndentedBlock([line.with_changes(leading_lines=[])]),
            leading_lines=line.leading_lines,
        )
        for line in lines
    }
    return replace(forward, changes)


IN_PYTHON = '''
def _in_python():
    """Tell whether plain Python runs this, and not a graph: what is done only for its effect has no place there."""
    return True


def _in_graph():
    return False


# The graph compiler looks through a wrapper by this attribute, and compiles what it finds there.
_in_python.__wrapped__ = _in_graph
'''
