"""Tensor slices with bounds, as `mint.narrow`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace, walk

from .forwards import ModuleClass, is_flat, is_recorded, module_classes, self_name
from .memory import Memory, single_targets
from .mint.calls import writes_in_place
from .mint.table import load
from .mint.tensors import Tensors
from .own import Own, outermost_functions, own_definition, with_definition
from .whole import WholeNumbers

NARROW = "mindspore.mint.narrow"
HELPER = '''\
def $name(x, dim, start, stop):
    """Return `x[start:stop]` along `dim`; the bounds count and clamp as a slice's do, None is the end."""
    size = x.shape[dim]
    if stop is None:
        stop = size
    start = min(start, size) if start >= 0 else max(start + size, 0)
    stop = min(stop, size) if stop >= 0 else max(stop + size, 0)
    return $narrow(x, dim, start, max(stop - start, 0))
'''
"""What comes into the file, with `$narrow` for the file's own name of `mint.narrow`."""


class Slices(Pass):
    """Write a tensor's slice `x[:, a:b]` as a call of `mint.narrow`, one operator without a subscript to take apart.

    The call goes through a short function that comes into the file: a slice's bounds may be negative or lie beyond the
    end, and `narrow` takes no such bounds. What it gives is a view of the tensor, as a slice is.
    """

    name = "slices"
    safety = Safety.EXACT
    for_speed = True
    after = ("mint",)
    before = ("flatten",)
    examples = (
        Example(
            title="position ids for a CPU",
            device="cpu",
            before="""\
from mindspore import nn, ops


class Embeddings(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.position_ids = ops.arange(size).reshape(1, -1)

    def construct(self, input_ids, past_length: int = 0):
        batch_size, seq_length = input_ids.shape
        return self.position_ids[:, past_length : past_length + seq_length]
""",
            after="""\
from mindspore import nn, ops
from mindspore import mint


def _narrow(x, dim, start, stop):
    \"\"\"Return `x[start:stop]` along `dim`; the bounds count and clamp as a slice's do, None is the end.\"\"\"
    size = x.shape[dim]
    if stop is None:
        stop = size
    start = min(start, size) if start >= 0 else max(start + size, 0)
    stop = min(stop, size) if stop >= 0 else max(stop + size, 0)
    return mint.narrow(x, dim, start, max(stop - start, 0))


class Embeddings(nn.Cell):
    def __init__(self, size):
        super().__init__()
        self.position_ids = ops.arange(size).reshape(1, -1)

    def construct(self, input_ids, past_length: int = 0):
        batch_size, seq_length = input_ids.shape
        return _narrow(self.position_ids, 1, past_length, past_length + seq_length)
""",
        ),
        Example(
            title="not on every device",
            before="""\
from mindspore import nn


class Shift(nn.Cell):
    def construct(self, labels):
        return labels[:, 1:]
""",
            reason="mint.narrow is not documented for a GPU",
        ),
        Example(
            title="an index beside the slice",
            device="cpu",
            before="""\
from mindspore import nn


class Last(nn.Cell):
    def construct(self, states):
        return states[:, -1, 1:]
""",
            reason="takes an axis away",
        ),
        Example(
            title="a bound that may be a tensor",
            device="cpu",
            before="""\
from mindspore import nn


class Cut(nn.Cell):
    def construct(self, states, length):
        return states[:, :length]
""",
            reason="whole numbers",
        ),
        Example(
            title="a slice that is written into",
            device="cpu",
            before="""\
from mindspore import nn


class Mark(nn.Cell):
    def construct(self, states):
        first = states[:, :1]
        first += 1
        return states
""",
            reason="it is written to in this function",
        ),
        Example(
            title="tuples and shapes",
            device="cpu",
            before="""\
from mindspore import nn


class Layer(nn.Cell):
    def construct(self, states, outputs):
        return states.view(states.shape[:-1] + (2, 4)), outputs[1:]
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every function of the file, and add the helper before the first statement that needs it."""
        work = _Work(context)
        for function in outermost_functions(context.tree):
            if function not in work.parted:
                work.look(function)
        return with_definition(context.tree, work.helper, work.changes) if work.changes else context.tree


class _Skip(Exception):
    """The slice stays; the message says why."""


class _Work:
    """One file at work.

    Attributes:
        changes: Old slice → call of the helper.
        parted: Methods that were one when an earlier run looked at them; neither shows what the other writes into.
    """

    def __init__(self, context: PassContext) -> None:
        self.context = context
        self.changes: dict[cst.CSTNode, cst.CSTNode] = {}
        self._tensors = Tensors(load(), context.qualified_name)
        self._whole = WholeNumbers(context.qualified_name)
        owners = module_classes(context)
        self._methods = {method for owner in owners for method in owner.methods()}
        self.parted = {method for owner in owners for method in _parted(owner, context)}

    @cached_property
    def helper(self) -> Own:
        """The function that slices, asked for by the first slice that needs it."""
        return own_definition(self.context, self.context.tree, HELPER, "_narrow", narrow=NARROW)

    @cached_property
    def _lacks(self) -> str:
        """Why the target cannot have the helper; empty when it can."""
        target = self.context.target
        lacks = load().api[NARROW].lacks(target.device, target.mindspore)
        if lacks:
            return f"{NARROW.removeprefix('mindspore.')} {lacks}"
        if target.dynamic:
            return "a graph for tensors of any size has no min and max of sizes"
        own = any(self.context.qualified_name(cst.Name(name)) != f"builtins.{name}" for name in ("min", "max"))
        return "min or max is not Python's own in this file" if own else ""

    def look(self, function: cst.FunctionDef) -> None:
        """Decide on every slice of an outermost function, and note the changes."""
        found = [node for node in find(function, cst.Subscript) if _is_bounded(node)]
        found = [node for node in found if _is_tuple(node) or self._is_certain(node, function)]
        written = _targets(function) if found else set()
        told: list[tuple[cst.Subscript, str]] = []
        for node in reversed(found):  # inner slices before outer ones
            if id(node) in written:
                continue
            try:
                self._check(node, function)
            except _Skip as why:
                told.append((node, str(why)))
            else:
                self.changes[node] = self._call(node)
                told.append((node, ""))
        for node, reason in reversed(told):
            self._tell(node, reason)

    def _tell(self, node: cst.Subscript, reason: str) -> None:
        what = " ".join(self.context.tree.code_for_node(node).split())
        if not reason:
            self.context.rewritten(node, what, f"{self.helper.name}, by {NARROW.removeprefix('mindspore.')}")
        elif self.context.line(node):  # what other passes wrote is no site of the file
            self.context.skipped(node, what, reason)

    def _check(self, node: cst.Subscript, function: cst.FunctionDef) -> None:
        """Raise `_Skip` for a slice that must stay."""
        bounds = list(_bounds(node))
        if self._lacks:
            raise _Skip(self._lacks)
        if any(isinstance(one, cst.Comment) for element in node.slice for one in _nodes(element)):
            raise _Skip("a comment stands in it")
        if not self._is_tensor(node, function):
            raise _Skip("whether it is a tensor cannot be seen here")
        inner = _innermost(function, node)
        if not all(self._whole.certain(bound, inner) for _, pair in bounds for bound in pair if bound is not None):
            raise _Skip("whether its bounds are whole numbers cannot be seen here")
        if writes_in_place(function, self.context.tree):
            self_ = self_name(function) if function in self._methods else None
            if Memory(function, self.context.qualified_name, self_).is_written(node.value):
                raise _Skip("it is written to in this function: narrow gives a view")

    def _is_tensor(self, node: cst.Subscript, function: cst.FunctionDef) -> bool:
        # Of what modules compute with, only tensors and NumPy's arrays take a tuple of slices.
        in_module = function in self._methods and function.name.value != "__init__"
        return (in_module and not self._has_arrays(function)) or self._is_certain(node, function)

    def _is_certain(self, node: cst.Subscript, function: cst.FunctionDef) -> bool:
        return self._tensors.certain(node.value, _innermost(function, node))

    def _has_arrays(self, function: cst.FunctionDef) -> bool:
        if not self.context.mentions("numpy"):
            return False
        return any(
            (isinstance(node, cst.Attribute) and node.attr.value in ("asnumpy", "numpy"))
            or (self.context.qualified_name(node) or "").partition(".")[0] == "numpy"
            for node in find(function, (cst.Name, cst.Attribute))
        )

    def _call(self, node: cst.Subscript) -> cst.Call:
        """Return the calls of the helper, one in the other, for the slices of `node` from left to right."""
        result = replace(node.value, self.changes)
        for dim, (start, stop) in _bounds(node):
            first = cst.Integer("0") if start is None else replace(start, self.changes)
            last = cst.Name("None") if stop is None else replace(stop, self.changes)
            args = [result, cst.parse_expression(str(dim)), first, last]
            result = cst.Call(cst.Name(self.helper.name), [cst.Arg(one) for one in args])
        assert isinstance(result, cst.Call)
        return result.with_changes(lpar=node.lpar, rpar=node.rpar)


def _parted(owner: ModuleClass, context: PassContext) -> list[cst.FunctionDef]:
    """Return a forward of which an earlier run has moved a part into a method, and that method."""
    parts = [method for method in owner.methods() if is_flat(method) or is_recorded(method)]
    forward = owner.method(context.dialect.forward)
    return [*parts, forward] if parts and forward is not None else []


def _is_bounded(node: cst.Subscript) -> bool:
    """Return whether a slice with a bound or a step stands in the brackets."""
    slices = [element.slice for element in node.slice if isinstance(element.slice, cst.Slice)]
    return any(not (_is_none(one.lower) and _is_none(one.upper)) or _has_step(one) for one in slices)


def _has_step(node: cst.Slice) -> bool:
    is_one = isinstance(node.step, cst.Integer) and node.step.value == "1"
    return not is_one and not _is_none(node.step)


def _is_tuple(node: cst.Subscript) -> bool:
    return len(node.slice) > 1 or isinstance(node.slice[0].comma, cst.Comma)


Bounds = tuple[cst.BaseExpression | None, cst.BaseExpression | None]


def _bounds(node: cst.Subscript) -> Iterator[tuple[int, Bounds]]:
    """Yield the axis and the bounds of each slice that has bounds; a bound that was not given is None.

    Raises:
        _Skip: Something else stands beside the slices.
    """
    from_the_end = False
    for index, element in enumerate(node.slice):
        part = element.slice
        if isinstance(part, cst.Index):
            if not isinstance(part.value, cst.Ellipsis) or from_the_end:
                raise _Skip("an index beside the slices takes an axis away or adds one")
            from_the_end = True
            continue
        assert isinstance(part, cst.Slice)
        if _has_step(part):
            raise _Skip("it has a step")
        start = None if _is_none(part.lower) else part.lower
        stop = None if _is_none(part.upper) else part.upper
        if start is not None or stop is not None:
            yield index - len(node.slice) if from_the_end else index, (start, stop)


def _is_none(node: cst.BaseExpression | None) -> bool:
    return node is None or (isinstance(node, cst.Name) and node.value == "None")


def _targets(function: cst.FunctionDef) -> set[int]:
    """Return the ids of what is assigned to or deleted, rather than read."""
    targets: list[cst.CSTNode] = [node.name for node in find(function, cst.AsName)]
    for node in walk(function):
        if isinstance(node, (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.CompFor, cst.Del)):
            targets.append(node.target)
    return {id(one) for target in targets for one in single_targets(target)}


def _innermost(function: cst.FunctionDef, node: cst.CSTNode) -> cst.FunctionDef:
    """Return the innermost function around `node`, `function` being the outermost."""
    inside = [one for one in find(function, cst.FunctionDef) if one is not function]
    return next((one for one in reversed(inside) if any(part is node for part in walk(one))), function)


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for part in node.children:  # comments are parts, too
        yield from _nodes(part)
