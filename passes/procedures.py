"""Helpers of a file that change what they are given, in place, and return nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.dataflow import maybe_assigned, parameter_names, target_names
from rewriter.tree import dotted_name, find, identifiers, replace

from .forwards import module_classes, self_attribute, self_name
from .sharing import unshared

_ADVICE = "Return the changed tensor, and bind it to the name again."


class Procedures(Pass):
    """Return what a helper changes in place, and bind it to the name again.

    In a graph, `x[0] = y` in a helper makes a tensor of its own, and whoever called it goes on with the old one.
    """

    name = "procedures"
    safety = Safety.EXACT
    before = ("mint", "flatten", "slices", "whole-graph", "no-del")
    examples = (
        Example(
            title="a mask over scores",
            before="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, x):
        scores = ops.tanh(x) * 2
        self._hide(scores, 2)
        return scores

    def _hide(self, scores, size):
        scores[:, :size] = 0.0
""",
            after="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, x):
        scores = ops.tanh(x) * 2
        scores = self._hide(scores, 2)
        return scores

    def _hide(self, scores, size):
        scores[:, :size] = 0.0
        return scores
""",
        ),
        Example(
            title="somebody else holds the tensor, too",
            before="""\
from mindspore import nn, ops


class Scores(nn.Cell):
    def construct(self, x):
        scores = ops.tanh(x) * 2
        kept = (scores,)
        self._hide(scores, 2)
        return kept

    def _hide(self, scores, size):
        scores[:, :size] = 0.0
""",
            reason="another name may hold",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of such a helper that a forward may come to."""
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        found = list(changing_calls(context))
        left = {call.helper for call in found if call.why_not}
        for call in found:
            name = call.helper.name.value
            if call.helper in left:
                why = call.why_not or "another call of it has to stay"
                context.skipped(call.statement, name, f"`{call.parameter}` is changed in place: {why}", _ADVICE)
                continue
            value = cst.ensure_type(call.statement, cst.Expr).value
            changes[call.statement] = cst.Assign([cst.AssignTarget(cst.Name(call.given))], value)
            context.rewritten(call.statement, name, f"what it makes of `{call.given}` is bound again")
            if call.helper not in changes:
                back = cst.parse_statement(f"return {call.parameter}")
                body = call.helper.body
                changes[call.helper] = call.helper.with_changes(body=body.with_changes(body=[*body.body, back]))
        # A helper may call another one.
        for helper in [node for node in changes if isinstance(node, cst.FunctionDef)]:
            new = changes[helper]
            assert isinstance(new, cst.FunctionDef)
            inner = {node: one for node, one in changes.items() if not isinstance(node, cst.FunctionDef)}
            changes[helper] = replace(new, inner)
        return replace(context.tree, changes)


@dataclass(frozen=True)
class ChangingCall:
    """A call of a helper that changes what it is given in place.

    Attributes:
        place: The class or function of the file that it stands in.
        statement: The statement that it is; or the call, where its value is used.
        helper: What it calls.
        parameter: What the helper changes; of several, the first.
        given: The name that is handed to it there.
        why_not: Why the helper cannot return it; empty where it can.
    """

    place: str
    statement: cst.Expr | cst.Call
    helper: cst.FunctionDef
    parameter: str
    given: str
    why_not: str


def changing_calls(context: PassContext) -> Iterator[ChangingCall]:
    """Yield the calls that a forward may come to, and by which a helper changes something that is used afterwards."""
    places = _functions(context)
    functions = list(places)
    helpers = {function.name.value: (function, changed) for function in functions if (changed := _changed(function))}
    if not helpers:
        return
    named = Counter(function.name.value for function in functions)
    for method in _reached(functions, context.dialect.forward):
        calls = {call: name for call in find(method.body, cst.Call) if (name := _called(call, method)) in helpers}
        if not calls:
            continue
        given = {call: _given(call, *helpers[name]) for call, name in calls.items()}
        statements = {node.value: node for node in find(method.body, cst.Expr)}
        watched: dict[cst.BaseSmallStatement, str] = {
            statements[call]: name for call, name in given.items() if name and call in statements
        }
        alone = unshared(method, watched) if watched else frozenset()
        for call, name in calls.items():
            helper, changed = helpers[name]
            statement = statements.get(call)
            if statement is None:  # its value is used
                if not given[call] or given[call] in _bound_to(call, method):
                    continue
                why = "what it returns is not bound to that name"
            else:
                why = _why_not(helper, changed)
                if named[name] > 1:
                    why = "several functions have its name"
                if not why and not given[call]:
                    why = "what is changed has no name there"
                if not why and statement not in alone:
                    why = f"another name may hold what `{given[call]}` is"
            yield ChangingCall(places[method], statement or call, helper, min(changed), given[call], why)


def definitions_used(tree: cst.Module, name: str) -> frozenset[str]:
    """Return the classes, functions and other names of a file that one of them comes to, itself among them."""
    mentioned: dict[str, frozenset[str]] = {}
    for node in tree.body:
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
            names = frozenset((node.name.value,))
        else:
            names = maybe_assigned([node])
        for one in names:
            mentioned[one] = mentioned.get(one, frozenset()) | identifiers(node)
    found, todo = frozenset[str](), frozenset((name,))
    while todo:
        found |= todo
        todo = frozenset().union(*(mentioned.get(one, frozenset()) for one in todo)) & mentioned.keys() - found
    return found


def _bound_to(call: cst.Call, method: cst.FunctionDef) -> frozenset[str]:
    """Return the names that a method binds to the value of a call."""
    assigned = [node for node in find(method.body, cst.Assign) if node.value is call]
    return frozenset().union(*(target_names(item.target) for node in assigned for item in node.targets))


def _functions(context: PassContext) -> dict[cst.FunctionDef, str]:
    """Return the functions of a file, and the methods of its modules, with the name of the definition they stand in."""
    functions = {node: node.name.value for node in context.tree.body if isinstance(node, cst.FunctionDef)}
    return functions | {
        method: owner.node.name.value for owner in module_classes(context) for method in owner.methods()
    }


@lru_cache(maxsize=1024)  # three passes ask
def _changed(function: cst.FunctionDef) -> frozenset[str]:
    """Return the parameters of which a function changes a part, `x[0] = y` or `x[0] += y`, as its caller gave them."""
    parameters = parameter_names(function)
    stores: dict[cst.BaseSmallStatement, str] = {}
    for assignment in find(function.body, cst.Assign):
        names = [_part_of(target.target) for target in assignment.targets]
        stores[assignment] = next((name for name in names if name in parameters), "")
    for change in find(function.body, cst.AugAssign):
        stores[change] = _part_of(change.target)
    stores = {node: name for node, name in stores.items() if name in parameters}
    own = unshared(function, stores) if stores else frozenset()
    return frozenset(name for node, name in stores.items() if node not in own)


def _part_of(target: cst.BaseExpression) -> str:
    """Return the name of what an assignment to `target` changes a part of; empty where it binds a name."""
    root = target
    while isinstance(root, cst.Subscript):
        root = root.value
    return root.value if root is not target and isinstance(root, cst.Name) else ""


def _reached(functions: Sequence[cst.FunctionDef], forward: str) -> list[cst.FunctionDef]:
    """Return those of `functions` that a forward, or what is called so, may come to, as far as names tell."""
    by_name: dict[str, list[cst.FunctionDef]] = {}
    for function in functions:
        by_name.setdefault(function.name.value, []).append(function)
    todo, found = [forward], []
    while todo:
        for function in by_name.pop(todo.pop(), ()):
            found.append(function)
            for call in find(function.body, cst.Call):
                todo.append((dotted_name(call.func) or "").rpartition(".")[2] or _attribute(call))
    return found


def _attribute(call: cst.Call) -> str:
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def _called(call: cst.Call, method: cst.FunctionDef) -> str:
    """Return the name of the function of the file, or of the module, that a call calls."""
    if isinstance(call.func, cst.Name):
        body = [item for item in method.body.body if isinstance(item, cst.BaseStatement)]
        is_local = call.func.value in maybe_assigned(body) | set(parameter_names(method))
        return "" if is_local else call.func.value
    return self_attribute(call.func, self_name(method) or "") or ""


def _given(call: cst.Call, helper: cst.FunctionDef, changed: frozenset[str]) -> str:
    """Return the name that a call hands to the helper for what that changes; empty where it is none."""
    is_method = isinstance(call.func, cst.Attribute)
    is_static = any(dotted_name(item.decorator) == "staticmethod" for item in helper.decorators)
    parameters = parameter_names(helper)[1 if is_method and not is_static else 0 :]
    if any(arg.star for arg in call.args):
        return ""
    for at, arg in enumerate(call.args):
        parameter = arg.keyword.value if arg.keyword else parameters[at] if at < len(parameters) else ""
        if parameter in changed:
            return arg.value.value if isinstance(arg.value, cst.Name) else ""
    return ""


def _why_not(helper: cst.FunctionDef, changed: frozenset[str]) -> str:
    """Return why a helper cannot return what it changes; empty where it can."""
    body = [item for item in helper.body.body if isinstance(item, cst.BaseStatement)]
    if len(changed) > 1:
        return "the helper changes more than one argument"
    if not helper.name.value.startswith("_"):
        return "the helper is for others, too"
    if next(find(helper.body, (cst.Return, cst.Yield, cst.Await, cst.FunctionDef, cst.Lambda)), None) is not None:
        return "the helper returns something"
    if changed & maybe_assigned(body) or not isinstance(helper.body, cst.IndentedBlock):
        return "the helper binds the name to something else"
    return ""
