"""Which changes in place nobody else sees: `x *= y` where no other name may hold the tensor that `x` is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst

from rewriter.dataflow import maybe_assigned, parameter_names, target_names
from rewriter.tree import children, find

from .forwards import self_name

_Object = tuple[object, bool]
"""What one place of a method made: by the place, and whether that was before this turn of the loop."""
_Held = frozenset[_Object]
_State = dict[str, _Held]
_NOTHING: _Held = frozenset()
_MODULE = "<module>"
"""Stands for all that the module holds."""
_NO_TENSOR = ("shape", "ndim", "dtype")
_NO_TENSORS = ("p", "training", "dim", "axis", "keepdim", "dtype")
"""Keywords of functions that take numbers, flags and types."""
_MAKERS = frozenset({"zeros", "ones", "full", "empty", "arange", "new_zeros", "new_ones", "new_full", "new_empty"})
"""What makes a tensor of numbers of its own, whatever it is called with and on."""
_VIEWS = frozenset({"view", "reshape", "flatten", "permute", "transpose", "swapaxes", "squeeze", "unsqueeze", "expand"})
"""Methods of a tensor that are called with sizes and axes."""
_UNKNOWN = (
    *(cst.Try, cst.TryStar, cst.While, cst.Match, cst.With),
    *(cst.NamedExpr, cst.FunctionDef, cst.ClassDef, cst.Lambda),
)
_DISPLAYS = (cst.Tuple, cst.List)


def unshared_changes(method: cst.FunctionDef) -> frozenset[cst.CSTNode]:
    """Return the statements `x op= y` of a method before which nothing but the name `x` holds what `x` is."""
    return unshared(method, {})


def unshared(method: cst.FunctionDef, statements: Mapping[cst.BaseSmallStatement, str]) -> frozenset[cst.CSTNode]:
    """Return those of `statements`, too, before which nothing but the name that they are given with holds what it is.

    A call may hand on each of its arguments, and may keep one in another; arithmetic makes a new tensor. Of what one
    place makes in a loop, the last one is told from the earlier ones (Balakrishnan, Reps: Recency-abstraction, 2006).
    """
    if next(find(method.body, _UNKNOWN), None) is not None:
        return frozenset()
    body = [item for item in method.body.body if isinstance(item, cst.BaseStatement)]
    sharing = _Sharing(self_name(method) or "", frozenset(parameter_names(method)) | maybe_assigned(body), statements)
    sharing.find_collections(method)
    state: _State = {name: frozenset([(name, True)]) for name in parameter_names(method)}
    sharing.block(body, state)
    return frozenset(node for node, alone in sharing.alone.items() if alone)


class _Sharing:
    def __init__(self, self_: str, names: frozenset[str], watched: Mapping[cst.BaseSmallStatement, str]) -> None:
        self.self_ = self_
        self.names = names - {self_}
        self.watched = watched
        self.collections = frozenset[str]()
        self.alone: dict[cst.CSTNode, bool] = {}
        self.jumps: list[_State] = []

    def find_collections(self, method: cst.FunctionDef) -> None:
        """Learn which names are ever bound to a tuple or a list, as far as the method shows."""
        known = None
        while known != self.collections:
            known = self.collections
            assigns = [node for node in find(method.body, cst.Assign) if self.collects(node.value)]
            names = (target_names(target.target) for node in assigns for target in node.targets)
            self.collections = known.union(*names)

    def block(self, statements: Iterable[cst.CSTNode], state: _State | None) -> _State | None:
        """Return who holds what after `statements`; None where their end is not reached."""
        for statement in statements:
            if state is not None:
                state = self.statement(statement, state)
        return state

    def statement(self, node: cst.CSTNode, state: _State) -> _State | None:
        if isinstance(node, cst.SimpleStatementLine):
            return self.block(node.body, state)
        if isinstance(node, (cst.Return, cst.Raise)):
            return None
        if isinstance(node, (cst.Break, cst.Continue)):
            self.jumps.append(dict(state))
            return None
        if isinstance(node, cst.If):
            self.value(node.test, state)
            other = dict(state)
            body = self.block(node.body.body, state)
            if node.orelse is None:
                return _joined(body, other)
            orelse = node.orelse if isinstance(node.orelse, cst.If) else None
            last = self.statement(orelse, other) if orelse else self.block(node.orelse.body.body, other)
            return _joined(body, last)
        if isinstance(node, cst.For):
            return self.loop(node, state)
        if isinstance(node, cst.BaseSmallStatement) and node in self.watched:
            self.note(node, self.watched[node], state)
        if isinstance(node, cst.AugAssign):
            self.change(node, state)
        elif isinstance(node, cst.Assign):
            held = self.value(node.value, state)
            for target in node.targets:
                self.bind(target.target, held, state)
        elif isinstance(node, cst.AnnAssign):
            if node.value is not None:
                self.bind(node.target, self.value(node.value, state), state)
        else:
            for part in children(node):
                self.value(part, state)
        return state

    def loop(self, node: cst.For, state: _State) -> _State:
        held = self.value(node.iter, state)
        outer, self.jumps = self.jumps, []
        while True:
            before = dict(state)
            # What was made until now is older than all that the body makes from here on.
            inside = {name: _aged(own) for name, own in state.items()}
            self.bind(node.target, _aged(held), inside)
            for one in (self.block(node.body.body, inside), *self.jumps):
                state = _joined(state, one) or state
            self.jumps = []
            if state == before:
                break
        self.jumps = outer
        if node.orelse is not None:
            return _joined(self.block(node.orelse.body.body, dict(state)), state) or state
        return state

    def change(self, node: cst.AugAssign, state: _State) -> None:
        """Note whether anything else holds what `x op= y` changes."""
        held = self.value(node.value, state)
        if not isinstance(node.target, cst.Name):
            self.bind(node.target, held, state)
            return
        name = node.target.value
        self.note(node, name, state)
        if isinstance(node.value, _DISPLAYS):
            state[name] = state.get(name, _NOTHING) | held

    def note(self, node: cst.CSTNode, name: str, state: _State) -> None:
        """Note whether a name alone holds what it is, each time that the way comes by `node`."""
        own = state.get(name, _NOTHING)
        from_outside = not own or any(isinstance(maker, str) for maker, _ in own)
        others = frozenset().union(*(state[other] for other in state if other != name))
        self.alone[node] = self.alone.get(node, True) and not from_outside and not own & others

    def bind(self, target: cst.CSTNode, held: _Held, state: _State) -> None:
        """Let a target hold something; what `x[0] = y` and `x.a = y` put away, all of `x` holds."""
        for name in target_names(target):
            state[name] = held
        for part in find(target, (cst.Subscript, cst.Attribute)):
            if isinstance(part, cst.Subscript) and len(part.slice) > 1:
                continue  # `x[:, 0] = y` is for tensors, which take the numbers
            self.keep(part, held, state)

    def keep(self, place: cst.CSTNode, held: _Held, state: _State) -> None:
        """Let what an expression names hold something, too."""
        for name in _roots(place) & {*state, self.self_}:
            key = _MODULE if name == self.self_ else name
            state[key] = state.get(key, _NOTHING) | held

    def value(self, node: cst.CSTNode, state: _State) -> _Held:
        """Return what the value of an expression may be or hold."""
        if isinstance(node, cst.Name):
            return state.get(node.value, frozenset([(node.value, True)]))
        if isinstance(node, (cst.Integer, cst.Float, cst.SimpleString)):
            return _NOTHING
        if isinstance(node, cst.Attribute):
            held = self.value(node.value, state)  # also of `self`, which may hold anything
            return _NOTHING if node.attr.value in _NO_TENSOR else held
        if isinstance(node, cst.Subscript):
            for index in node.slice:
                self.value(index, state)
            return self.value(node.value, state)
        if isinstance(node, cst.Call):
            return self.call(node, state)
        if isinstance(node, cst.BinaryOperation):
            sides = self.value(node.left, state) | self.value(node.right, state)
            return sides if self.collects(node) else _made_by(node)
        if isinstance(node, (cst.Comparison, cst.UnaryOperation)):
            for part in children(node):
                self.value(part, state)
            return _made_by(node)
        return _NOTHING.union(*(self.value(part, state) for part in children(node)))

    def call(self, node: cst.Call, state: _State) -> _Held:
        held = _NOTHING
        receiver = node.func.value if isinstance(node.func, cst.Attribute) else None
        method = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        given = [arg.value for arg in node.args if not (arg.keyword and arg.keyword.value in _NO_TENSORS)]
        if receiver is not None and self.may_hand_on(receiver):
            given = [receiver] if method in _VIEWS else [*given, receiver]
        if method in _MAKERS:
            given = []
        for item in given:
            held |= self.value(item, state)
        for item in given:
            self.keep(item, held, state)
        return held | _made_by(node)

    def collects(self, node: cst.BaseExpression) -> bool:
        """Tell whether an expression may be a tuple or a list, of which arithmetic makes a longer one."""
        if isinstance(node, cst.BinaryOperation):
            return self.collects(node.left) or self.collects(node.right)
        if isinstance(node, cst.Subscript):
            return len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Slice)
        if isinstance(node, cst.Name):
            return node.value in self.collections
        return isinstance(node, _DISPLAYS)

    def may_hand_on(self, receiver: cst.CSTNode) -> bool:
        """Tell whether a method may return what it is called on: not the module itself, nor `ops`."""
        root = receiver
        while isinstance(root, (cst.Attribute, cst.Subscript)):
            root = root.value
        is_module = isinstance(root, cst.Name) and root.value == self.self_
        return receiver is not root if is_module else not isinstance(root, cst.Name) or root.value in self.names


def _roots(node: cst.CSTNode) -> frozenset[str]:
    """Return the names of which an expression is a part, or which it puts together."""
    if isinstance(node, _DISPLAYS):
        return frozenset().union(*(_roots(item.value) for item in node.elements))
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        if isinstance(node, cst.Attribute) and node.attr.value in _NO_TENSOR:
            return frozenset()
        node = node.value
    return target_names(node) if isinstance(node, cst.Name) else frozenset()


def _aged(held: _Held) -> _Held:
    return frozenset((maker, True) for maker, _ in held)


def _made_by(node: cst.CSTNode) -> _Held:
    """Return what a place makes; in a turn of a loop, the way comes by it once."""
    return frozenset([(node, False)])


def _joined(one: _State | None, other: _State | None) -> _State | None:
    """Return who may hold what, where two ways meet."""
    if one is None or other is None:
        return other if one is None else one
    return {name: one.get(name, _NOTHING) | other.get(name, _NOTHING) for name in {*one, *other}}
