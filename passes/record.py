"""Forwards that no graph can hold as they are written: all that one does becomes a method, to be recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from rewriter import Capture, Example, Kind, Pass, PassContext, Safety, Scope
from rewriter.dataflow import captured, live_before, maybe_assigned, parameter_names, surely_assigned
from rewriter.tree import find, replace

from .forwards import (
    RECORDED_DOCSTRING,
    RECORDED_SUFFIX,
    ModuleClass,
    is_flat,
    is_recorded,
    module_attributes,
    module_classes,
    self_attribute,
    self_name,
)
from .outline import (
    LINE_LENGTH,
    CannotOutline,
    call_text,
    check_method,
    name_of_part,
    names_in_order,
    signature_text,
)
from .whole_graph import PACKED_BY, module_calls, takes


class Record(Pass):
    """Where graphs may be recorded, have a model's whole forward recorded when no graph can hold it as it is written.

    That is a forward that takes a `return_dict` and of which `flatten` and `whole-graph` have left a part that calls
    modules. What settles `return_dict` stays before the call. What those two have moved stays a graph of its own, for
    calls that cannot be recorded.
    """

    name = "record"
    kind = Kind.GRAPH
    scope = Scope.MODEL
    safety = Safety.ROUNDING
    before = ("jit",)
    after = ("whole-graph",)
    examples = (
        Example(
            title="a model that changes a tensor in place",
            capture="auto",
            before="""\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.pooler = nn.Dense(8, 8)

    def construct(self, x, mask, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        states = self.encoder(x)
        states *= mask
        pooled = self.pooler(states)
        if not return_dict:
            return (states, pooled)
        return {"states": states, "pooled": pooled}
""",
            after='''\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.pooler = nn.Dense(8, 8)

    def construct(self, x, mask, return_dict=None):
        return_dict = return_dict if return_dict is not None else True
        return self._construct_recorded(x, mask, return_dict)

    def _construct_recorded(self, x, mask, return_dict):
        """What `construct` does, to be recorded as a whole."""
        states = self.encoder(x)
        states *= mask
        pooled = self.pooler(states)
        if not return_dict:
            return (states, pooled)
        return {"states": states, "pooled": pooled}
''',
        ),
        Example(
            title="arguments of unknown names stay",
            capture="auto",
            before="""\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def construct(self, x, return_dict=None, **others):
        states = self.encoder(x, **others)
        states += x
        return states
""",
            reason="`others` has no fixed number of values",
        ),
        Example(
            title="nothing is recorded where nobody asks for it",
            before="""\
from mindspore import nn


class Model(nn.Cell):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def construct(self, x, return_dict=None):
        states = self.encoder(x)
        states += x
        return states
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Split every such forward in what settles its flags and all the rest."""
        if context.target.capture is Capture.AST:
            return context.tree
        changes: dict[cst.CSTNode, cst.FlattenSentinel[cst.FunctionDef]] = {}
        seen: set[str] = set()
        for owner in module_classes(context):
            class_name = owner.node.name.value
            again = class_name in seen
            seen.add(class_name)
            forward = owner.method(context.dialect.forward)
            if forward is None or again or not _is_left(owner, forward):
                continue
            what = f"{class_name}.{forward.name.value}"
            try:
                pair = _split(owner, forward, context)
            except CannotOutline as why:
                context.skipped(forward, what, f"not recorded as a whole: {why}", why.advice)
                continue
            changes[forward] = cst.FlattenSentinel(pair)
            context.rewritten(forward, what, f"all that it does became {pair[1].name.value}, to be recorded")
        return replace(context.tree, changes)


def _is_left(owner: ModuleClass, forward: cst.FunctionDef) -> bool:
    """Tell whether a model's forward calls modules outside of what was moved into a method for a graph."""
    self_ = self_name(forward)
    if self_ is None or not takes(forward, PACKED_BY) or any(map(is_recorded, owner.methods())):
        return False
    flat = [loop for method in owner.methods() if is_flat(method) for loop in find(method, cst.For)]
    if any(module_attributes(loop, owner.lists, self_) for loop in flat):
        return False  # its layers are in a graph
    loops = find(forward.body, cst.For, into_functions=False)
    return bool(module_calls(owner, forward)) or any(module_attributes(loop, owner.lists, self_) for loop in loops)


def _split(
    owner: ModuleClass, forward: cst.FunctionDef, context: PassContext
) -> tuple[cst.FunctionDef, cst.FunctionDef]:
    """Return the forward that settles its flags and calls a method, and the method.

    Raises:
        CannotOutline: The rest of the forward cannot become a method.
    """
    self_ = self_name(forward) or "self"
    body = [statement for statement in forward.body.body if isinstance(statement, cst.BaseStatement)]
    check_method(forward, context)
    if next(find(forward.body, (cst.Yield, cst.Await), into_functions=False), None) is not None:
        raise CannotOutline("it yields", "Collect in a tuple, and return that.")
    settled = [at for at, statement in enumerate(body) if PACKED_BY in maybe_assigned([statement])]
    start = settled[-1] + 1 if settled else int(forward.get_docstring() is not None)
    early = any(at < start for at in module_calls(owner, forward)) or any(_calls_flat(owner, body[:start], self_))
    if start >= len(body) or early:
        raise CannotOutline(f"it calls a module before it settles `{PACKED_BY}`", "Settle the flags first.")
    before, rest = body[:start], body[start:]
    if late := sorted(maybe_assigned(rest) & captured(before)):
        raise CannotOutline(f"a nested function reads `{late[0]}`, which is bound again after it")
    surely = surely_assigned(before, frozenset(parameter_names(forward)))
    live = live_before(rest, frozenset()) - {self_}
    live &= frozenset(parameter_names(forward)) | maybe_assigned(before)
    if unsure := sorted(live - (surely or frozenset())):
        raise CannotOutline(f"`{unsure[0]}` may be unbound", f"Bind `{unsure[0]}` on every way there.")
    for star in (forward.params.star_arg, forward.params.star_kwarg):
        if isinstance(star, cst.Param) and star.name.value in live:
            raise CannotOutline(f"`{star.name.value}` has no fixed number of values", "Name the arguments.")
    order = dict.fromkeys([*parameter_names(forward), *names_in_order(before)])
    inputs = [name for name in order if name in live]
    name = name_of_part(owner, forward, context, RECORDED_SUFFIX)
    call = cst.parse_statement("return " + call_text(f"{self_}.{name}", inputs, LINE_LENGTH - len("        return ")))
    head = signature_text(name, [self_, *inputs]) + "\n    " + RECORDED_DOCSTRING.format(forward=forward.name.value)
    method = cst.parse_statement(head + "\n")
    assert isinstance(method, cst.FunctionDef)
    method = method.with_changes(
        leading_lines=[cst.EmptyLine(indent=False)],
        body=method.body.with_changes(body=[*method.body.body, *rest]),
    )
    return forward.with_changes(body=forward.body.with_changes(body=[*before, call])), method


def _calls_flat(owner: ModuleClass, statements: Sequence[cst.BaseStatement], self_: str) -> Iterator[bool]:
    """Yield for each call in `statements` whether it is of a method that `flatten` or `whole-graph` made."""
    flat = {method.name.value for method in owner.methods() if is_flat(method)}
    for statement in statements:
        yield from (self_attribute(call.func, self_) in flat for call in find(statement, cst.Call))
