"""Outlining: statements of a forward become a method of their own, as far as a graph can hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from rewriter import PassContext
from rewriter.dataflow import (
    block,
    captured,
    live_before,
    maybe_assigned,
    parameter_names,
    reads,
    surely_assigned,
    target_names,
)
from rewriter.tree import children, dotted_name, find, identifiers

from .forwards import (
    FLAT_DOCSTRING,
    FLAT_SUFFIX,
    ModuleClass,
    module_classes,
    self_attribute,
    self_name,
)
from .procedures import changing_calls, definitions_used
from .sharing import unshared_changes
from .stays import Stays

_MUTATORS = {
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "update",
    "add",
    "setdefault",
    "popitem",
    "discard",
}
_IMPURE = ("random.", "numpy.random.", "time.", "warnings.", "logging.")
_FRAME = {"builtins.locals", "builtins.dir", "builtins.vars", "builtins.eval", "builtins.exec"}
_EVERY_CALL = (
    {"warning_once", "warning_advice", "error", "debug", "exception", "critical"}
    | {"warning", "warn", "info", "asnumpy", "item", "tolist", "numpy"}
    | {
        "random",
        "randint",
        "uniform",
        "choice",
        "shuffle",
        "random_sample",
        "rand",
        "randn",
        "normal",
        "sample",
    }
)
_INDENT = "    "
LINE_LENGTH = 119


class CannotOutline(Stays):
    """Why a forward is left as it is."""


@dataclass(frozen=True)
class Region:
    """The statements to outline, as indices into the forward's body, and what crosses their border.

    Attributes:
        start: Index of the first statement.
        stop: Index after the last.
        inputs: Local names that become parameters, in the order the forward binds them.
        outputs: Local names that become the returned tuple.
        undefined: Outputs that a path may leave unbound; the flat method binds them to None first.
        unsure: (index, input): inputs that a path may leave unbound; the forward binds them to None before that
            statement, the first that may bind them.
    """

    start: int
    stop: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    undefined: tuple[str, ...]
    unsure: tuple[tuple[int, str], ...] = ()


Outlined = dict[cst.FunctionDef, tuple[cst.FunctionDef, cst.FunctionDef]]
"""Forward as it was → as it is, and its flat method."""


def outline_forwards(
    context: PassContext,
    wanted: Callable[[ModuleClass, cst.FunctionDef], list[int]],
    region_of: Callable[[cst.FunctionDef, list[int]], Region],
    moved: str,
    apart: str,
) -> Outlined:
    """Outline the forwards of a file, and say which were and which could not be.

    Args:
        context: The pass at work.
        wanted: Returns the indices of the statements of a forward that are to move; none when it is to stay as it is.
        region_of: Returns the region that holds them, or some of them; may raise `CannotOutline`.
        moved: What moves, for the report.
        apart: What is said of a wanted statement that does not.
    """
    changes: Outlined = {}
    seen: set[str] = set()
    hidden = list(changing_calls(context))
    for owner in module_classes(context):
        again = owner.node.name.value in seen  # it may derive from the other one, and share its methods
        seen.add(owner.node.name.value)
        forward = owner.method(context.dialect.forward)
        found = wanted(owner, forward) if forward is not None else []
        if forward is None or not found:
            continue
        what = f"{owner.node.name.value}.{forward.name.value}"
        statements = forward.body.body
        try:
            if again:
                raise CannotOutline("an earlier class has the same name", "Rename one of the two.")
            used = definitions_used(context.tree, owner.node.name.value) if hidden else frozenset()
            unseen = next((call for call in hidden if call.place in used), None)
            if unseen is not None:
                helper = unseen.helper.name.value
                why = f"line {context.line(unseen.statement)}: `{helper}` changes `{unseen.given}` in place"
                raise CannotOutline(why, "Return the changed tensor, and bind it to the name again.")
            name = name_of_part(owner, forward, context)
            region = region_of(forward, found)
        except CannotOutline as why:
            context.skipped(statements[found[0]], what, str(why), why.advice)
            continue
        changes[forward] = _outline(forward, region, name)
        context.rewritten(statements[found[0]], what, f"{moved} became {name}")
        for index in found:
            if not region.start <= index < region.stop:
                context.skipped(statements[index], what, apart, "Put the two next to each other.")
    return changes


def name_of_part(owner: ModuleClass, forward: cst.FunctionDef, context: PassContext, suffix: str = FLAT_SUFFIX) -> str:
    """Return the name of the method that a part of a forward becomes; no class above or below uses it for another.

    Raises:
        CannotOutline: The class has one of that name.
    """
    name = name_in_family(f"_{forward.name.value}{suffix}", owner, context)
    if name in names_used(owner):
        raise CannotOutline(f"the class already uses the name `{name}`", "Rename it.")
    return name


def name_in_family(name: str, owner: ModuleClass, context: PassContext) -> str:
    """Return a name for a method of a class, with that of the class where it derives from another model's class."""
    bases = (context.qualified_name(base.value) for base in owner.node.bases)
    return (
        f"{name}_{owner.node.name.value}" if any(base not in context.dialect.module_bases for base in bases) else name
    )


def names_used(owner: ModuleClass) -> frozenset[str]:
    """Return the names and attributes that a class reads or binds."""
    return identifiers(owner.node) | {node.attr.value for node in find(owner.node, cst.Attribute)}


def find_region(forward: cst.FunctionDef, at: int, context: PassContext, *, earliest: int | None = None) -> Region:
    """Return the largest region around statement `at` that a graph can hold.

    Args:
        forward: The method.
        at: Index of the statement that must be in it.
        context: For names and lines.
        earliest: Index of the first statement that may come before it; None when it is to be the first.

    Raises:
        CannotOutline: The statement itself cannot be moved.
    """
    body = [statement for statement in forward.body.body if isinstance(statement, cst.BaseStatement)]
    self_ = self_name(forward) or "self"
    check_method(forward, context)
    _check(body[at], self_, context)
    start = at
    while earliest is not None and start > earliest and _may_join(body[start - 1], self_, context):
        start -= 1
    stop = at + 1
    while stop < len(body) and _may_join(body[stop], self_, context):
        stop += 1
    first: CannotOutline | None = None
    for last in range(stop, at, -1):  # fewer statements, where one of the last does not fit in with the others
        try:
            return _borders(forward, body, start, last, self_)
        except CannotOutline as why:
            first = first or why
    assert first is not None
    raise first


def check_method(forward: cst.FunctionDef, context: PassContext) -> None:
    """Refuse a forward of which no part can be another method.

    Raises:
        CannotOutline: With the reason.
    """
    self_ = self_name(forward) or "self"
    if is_unbound(forward):
        raise CannotOutline("a static or class method, so its first parameter is no module")
    if self_ in maybe_assigned(block(forward.body)):
        raise CannotOutline(f"the method rebinds `{self_}`", "Use another name.")
    if next(find(forward.body, (cst.Global, cst.Nonlocal)), None) is not None:
        raise CannotOutline("the method rebinds a name of an outer scope", "Return the value instead.")
    if name := asked_for_frame(forward, context):
        raise CannotOutline(f"`{name.removeprefix('builtins.')}` sees the names of the method it is in")


def asked_for_frame(method: cst.FunctionDef, context: PassContext) -> str:
    """Return the builtin by which a method looks at its own names; empty where it does not."""
    names = (context.qualified_name(call.func) for call in find(method.body, cst.Call))
    return next((name for name in names if name in _FRAME), None) or ""


def is_unbound(function: cst.FunctionDef) -> bool:
    """Tell whether a function is called without the object of its class."""
    names = {dotted_name(item.decorator) for item in function.decorators}
    return bool(names & {"staticmethod", "classmethod"})


def _borders(forward: cst.FunctionDef, body: Sequence[cst.BaseStatement], start: int, stop: int, self_: str) -> Region:
    parameters = parameter_names(forward)
    prologue, region, epilogue = body[:start], body[start:stop], body[stop:]
    after = live_before(epilogue, frozenset())
    assigned = maybe_assigned(region)
    order = dict.fromkeys([*parameters, *names_in_order(prologue), *names_in_order(region)])
    outputs = [name for name in order if name in assigned and name in after]
    if not outputs:
        raise CannotOutline("nothing that it computes is used after it")
    if late := sorted(assigned & captured([*prologue, *region])):
        advice = "Hand the value to the nested function as an argument, or bind it to another name."
        raise CannotOutline(f"a nested function or generator may read `{late[0]}`, which it rebinds", advice)
    surely = surely_assigned(prologue, frozenset(parameters))
    if surely is None:
        raise CannotOutline("it is never reached")
    earlier = frozenset(parameters) | maybe_assigned(prologue)
    live = (live_before(region, frozenset(outputs)) & earlier) - {self_}
    unsure = tuple((_first_binding(prologue, name), name) for name in sorted(live - surely))
    inputs = [name for name in [*parameters, *names_in_order(prologue)] if name in live]
    bound = surely_assigned(region, frozenset(inputs)) or frozenset()
    _check_mutation(region, _numbers(body) - frozenset(parameters), lambda: unshared_changes(forward))
    undefined = tuple(name for name in outputs if name not in bound)
    return Region(start, stop, tuple(dict.fromkeys(inputs)), tuple(outputs), undefined, unsure)


def _first_binding(statements: Sequence[cst.BaseStatement], name: str) -> int:
    """Return the index of the first statement that may bind a name.

    Raises:
        CannotOutline: One of them deletes it, as `del` and the end of `except … as name` do: it is unbound for good.
    """
    for statement in statements:
        deleted = [item.target for item in find(statement, cst.Del)]
        deleted += [item.name.name for item in find(statement, cst.ExceptHandler) if item.name is not None]
        if any(name in target_names(target) for target in deleted):
            advice = f"Bind `{name}` on every way there, to None for one."
            raise CannotOutline(f"`{name}` may be unbound when it starts", advice)
    return next(index for index, statement in enumerate(statements) if name in maybe_assigned([statement]))


def names_in_order(statements: Sequence[cst.BaseStatement]) -> list[str]:
    """Return the names that `statements` bind, in the order of their first occurrence."""
    bound = maybe_assigned(statements)
    found: dict[str, None] = {}
    for statement in statements:
        for name in find(statement, cst.Name):
            if name.value in bound:
                found.setdefault(name.value)
    return list(found)


def _may_join(statement: cst.BaseStatement, self_: str, context: PassContext) -> bool:
    """Tell whether a statement beside it can go into the graph with it: it binds names, and no more."""
    if not maybe_assigned([statement]) or next(_kept_displays(statement, context), None) is not None:
        return False
    if next(calls_for_effect(statement, self_), None) is not None:
        return False
    try:
        _check(statement, self_, context)
    except CannotOutline:
        return False
    return True


def _kept_displays(node: cst.CSTNode, context: PassContext) -> Iterator[cst.CSTNode]:
    """Yield the lists, sets and dictionaries that are written out, but not those that go when they have been read.

    These are indices, `x[:, [0, 2]]`, and arguments of the framework and of `tuple`.
    """
    if isinstance(node, (cst.Dict, cst.List, cst.Set)):
        yield node
    elif isinstance(node, cst.Call) and _only_reads(context.qualified_name(node.func) or ""):
        return
    elif not isinstance(node, cst.SubscriptElement):
        for part in children(node):
            yield from _kept_displays(part, context)


def _only_reads(function: str) -> bool:
    framework = ("mindspore.ops.", "mindspore.mint.", "mindnlp.core.ops.")
    return function == "builtins.tuple" or function.startswith(framework)


def calls_for_effect(node: cst.CSTNode, self_: str) -> Iterator[cst.Expr]:
    """Yield the statements in `node` that call a method of the module and do nothing with what it returns."""
    for statement in find(node, cst.Expr):
        if isinstance(statement.value, cst.Call) and self_attribute(statement.value.func, self_):
            yield statement


def _check(statement: cst.CSTNode, self_: str, context: PassContext) -> None:
    """Refuse what must not run at compile time only, or what STRICT cannot hold.

    Raises:
        CannotOutline: With the line and the construct.
    """
    if isinstance(statement, cst.If) and _is_checkpointing(statement.test, self_):
        # Never compiled: while training with gradient checkpointing the flat method runs as plain Python.
        if statement.orelse is not None:
            _check(statement.orelse, self_, context)
        return
    refused = _refused(statement, self_, context)
    if refused is not None:
        raise CannotOutline(f"line {context.line(statement)}: {refused[0]}", refused[1])
    for child in children(statement):
        _check(child, self_, context)


def _refused(node: cst.CSTNode, self_: str, context: PassContext) -> tuple[str, str] | None:
    """Return what forbids a node to move, and what its owner can change; None where nothing does."""
    if isinstance(node, cst.Return):
        return "`return` inside it", "Bind the value to a name, and return it at the end."
    if isinstance(node, (cst.Yield, cst.Await, cst.Asynchronous)):
        return "it yields", "Collect in a tuple, and return that."
    if isinstance(node, (cst.Try, cst.TryStar)):
        return "`try` cannot be compiled", "Ask beforehand for what may go wrong."
    if isinstance(node, cst.With):
        return "`with` cannot be compiled", "Put it around the call of a method that holds the rest."
    if isinstance(node, (cst.Global, cst.Nonlocal)):
        return "it rebinds a name of an outer scope", "Return the value instead."
    if isinstance(node, (cst.Import, cst.ImportFrom)):
        return "`import` cannot be compiled", "Import at the top of the file."
    if isinstance(node, (cst.Assign, cst.AugAssign, cst.AnnAssign)):
        targets = [t.target for t in node.targets] if isinstance(node, cst.Assign) else [node.target]
        for target in targets:
            if found := _set_attribute(target):
                return f"it sets `{found}`", _SET_LATER
    if isinstance(node, cst.For) and (found := _set_attribute(node.target)):
        return f"it sets `{found}`", _SET_LATER
    if isinstance(node, cst.Call):
        return _refused_call(node, self_, context)
    return None


_SET_LATER = "Use a local name, and set the attribute before or afterwards."


def _refused_call(node: cst.Call, self_: str, context: PassContext) -> tuple[str, str] | None:
    name = context.qualified_name(node.func)
    if name is not None and name.startswith(_IMPURE):
        why = f"`{name}` would run once, when the graph is compiled, instead of on every call"
        return why, "Call it before the loop: for random numbers, draw as many as there are layers."
    method = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
    outside = "Move it before or behind the rest."
    if name in ("builtins.print", "builtins.input"):
        return f"`{name.removeprefix('builtins.')}` has to run on every call, outside the graph", outside
    if isinstance(node.func, cst.Attribute) and _mutates(method) and self_attribute(node.func.value, self_):
        return f"it changes `{dotted_name(node.func.value)}` in place", _SET_LATER
    if method in _EVERY_CALL and not (name or "").startswith(("mindspore.", "mindnlp.core.")):
        return f"`.{method}()` has to run on every call, outside the graph", outside
    if method == "_gradient_checkpointing_func":
        advice = "Ask for `self.gradient_checkpointing and self.training` before it."
        return "gradient checkpointing outside training cannot be compiled", advice
    return None


def _set_attribute(target: cst.CSTNode) -> str:
    """Return the attribute that an assignment target sets, by its full name; empty when it sets none."""
    if isinstance(target, cst.Attribute):
        return dotted_name(target) or target.attr.value
    if isinstance(target, (cst.Tuple, cst.List)):
        return next(filter(None, (_set_attribute(item.value) for item in target.elements)), "")
    return ""


def _is_checkpointing(test: cst.CSTNode, self_: str) -> bool:
    """Tell whether `test` holds only while training with gradient checkpointing."""
    if not (isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And)):
        return False
    asked = {self_attribute(side, self_) or _asked_of_configuration(side, self_) for side in (test.left, test.right)}
    return asked == {"gradient_checkpointing", "training"}


def _asked_of_configuration(call: cst.BaseExpression, self_: str) -> str:
    """Return the setting that `getattr(self.config, "setting", False)` asks for; empty for anything else."""
    if not (isinstance(call, cst.Call) and isinstance(call.func, cst.Name) and call.func.value == "getattr"):
        return ""
    values = [item.value for item in call.args]
    if len(values) != 3 or self_attribute(values[0], self_) != "config" or not isinstance(values[1], cst.SimpleString):
        return ""
    is_off = isinstance(values[2], cst.Name) and values[2].value == "False"
    return str(values[1].evaluated_value) if is_off else ""


def _check_mutation(
    region: Sequence[cst.BaseStatement],
    numbers: frozenset[str],
    unshared: Callable[[], frozenset[cst.CSTNode]],
) -> None:
    """Refuse changes in place, but of numbers, and of objects that nobody else holds.

    In a graph such a statement binds a new value: whoever holds the old object sees no change.
    """
    own = _own_objects(region)
    for statement in region:
        for call in find(statement, cst.Call):
            if isinstance(call.func, cst.Attribute) and _mutates(call.func.attr.value):
                _refuse_change(call.func.value, own)
        for target in find(statement, cst.AssignTarget):
            if isinstance(target.target, cst.Subscript):
                _refuse_change(target.target.value, own)
        for removal in find(statement, cst.Del):
            if isinstance(removal.target, cst.Subscript):
                _refuse_change(removal.target.value, own)
        for update in find(statement, cst.AugAssign):
            # `x += y` works on a tensor in place; on a tuple, which a display to its right shows, it does not.
            if isinstance(update.target, cst.Subscript):
                _refuse_change(update.target.value, own)
            elif not isinstance(update.value, cst.Tuple):
                is_count = isinstance(update.value, cst.Integer)  # a tensor added would make it a tensor
                known = own | numbers if is_count else own
                if reads(update.target) - known and update not in unshared():
                    _refuse_change(update.target, known)


def _own_objects(region: Sequence[cst.BaseStatement]) -> frozenset[str]:
    """Return the names that are only ever bound to new objects in `region`, and never stored or bound elsewhere."""
    fresh: set[str] = set()
    shared: set[str] = set()
    made = (cst.Call, cst.BinaryOperation, cst.UnaryOperation, cst.List, cst.Dict, cst.Set, cst.ListComp)
    for statement in region:
        for assign in find(statement, cst.Assign):
            for target in assign.targets:
                names = target_names(target.target)
                (fresh if isinstance(assign.value, made) and isinstance(target.target, cst.Name) else shared).update(
                    names
                )
            shared |= target_names(assign.value)
        for loop in find(statement, cst.For):
            shared |= target_names(loop.target)
        for element in find(statement, cst.Element):
            shared |= target_names(element.value)
    return frozenset(fresh - shared)


def _numbers(body: Sequence[cst.BaseStatement]) -> frozenset[str]:
    """Return the names that are bound to lengths alone: `rows, columns = x.shape`, `x.shape[0]`, `len(x)`, `1`."""
    lengths: set[str] = set()
    others: set[str] = set()
    for statement in body:
        for assign in find(statement, cst.Assign):
            for target in assign.targets:
                (lengths if _is_length(assign.value, target.target) else others).update(target_names(target.target))
        for loop in find(statement, cst.For):
            others |= target_names(loop.target)
        for walrus in find(statement, cst.NamedExpr):
            others |= target_names(walrus.target)
        for annotated in find(statement, cst.AnnAssign):
            others |= target_names(annotated.target)
        for alias in find(statement, cst.AsName):
            others |= target_names(alias.name)
    return frozenset(lengths - others)


def _is_length(value: cst.BaseExpression, target: cst.CSTNode) -> bool:
    """Tell whether an assignment binds whole numbers."""
    if isinstance(value, cst.Attribute):
        return value.attr.value == "shape" and isinstance(target, cst.Tuple)
    if isinstance(value, cst.Subscript):
        is_item = len(value.slice) == 1 and isinstance(value.slice[0].slice, cst.Index)
        return is_item and isinstance(value.value, cst.Attribute) and value.value.attr.value == "shape"
    is_len = isinstance(value, cst.Call) and isinstance(value.func, cst.Name) and value.func.value == "len"
    return is_len or isinstance(value, cst.Integer)


def _mutates(method: str) -> bool:
    return method in _MUTATORS or (method.endswith("_") and not method.endswith("__"))


def _refuse_change(target: cst.BaseExpression, own: frozenset[str]) -> None:
    if names := reads(target) - own:
        advice = "Collect in a tuple, `x = x + (item,)`, or make a new tensor, and bind the name to it."
        raise CannotOutline(f"changes `{min(names)}` in place", advice)


def _outline(forward: cst.FunctionDef, region: Region, name: str) -> tuple[cst.FunctionDef, cst.FunctionDef]:
    """Return the forward that calls the flat method, and the flat method.

    Args:
        forward: The method as it is.
        region: What to move.
        name: Name of the flat method.
    """
    self_ = self_name(forward) or "self"
    body = [statement for statement in forward.body.body if isinstance(statement, cst.BaseStatement)]
    moved = body[region.start : region.stop]
    call = call_statement(name, self_, region.inputs, region.outputs)
    lead = list(getattr(moved[0], "leading_lines", ()))
    blank = []
    while lead and lead[0].comment is None:
        blank.append(lead.pop(0))
    before: list[cst.BaseStatement] = []
    for index, statement in enumerate(body[: region.start]):
        before += [cst.parse_statement(f"{name} = None") for at, name in region.unsure if at == index]
        before.append(statement)
    new_forward = forward.with_changes(
        body=forward.body.with_changes(body=[*before, call.with_changes(leading_lines=blank), *body[region.stop :]])
    )
    moved[0] = moved[0].with_changes(leading_lines=lead)
    flat = _parse_method(region, name, self_, forward.name.value)
    flat = flat.with_changes(
        leading_lines=[cst.EmptyLine(indent=False)],
        body=flat.body.with_changes(body=[*flat.body.body[:-1], *moved, flat.body.body[-1]]),
    )
    return new_forward, flat


def signature_text(name: str, parameters: Sequence[str]) -> str:
    """Return the first line of a method, or its first lines."""
    signature = f"def {name}({', '.join(parameters)}):"
    fits = len(signature) + len(_INDENT) <= LINE_LENGTH
    return signature if fits else wrapped(f"def {name}(", parameters, "):")


def call_statement(
    name: str, self_: str, inputs: Sequence[str], outputs: Sequence[str], level: int = 2
) -> cst.SimpleStatementLine:
    """Return `a, b = self.name(x, y)`, laid out over several lines where one is too short.

    Args:
        name: The method.
        self_: What the method around it calls its module.
        inputs: The names that it hands on.
        outputs: The names that it binds.
        level: How deep it will stand.
    """
    left = ", ".join(outputs) if len(outputs) > 1 else f"({outputs[0]},)"
    room = LINE_LENGTH - level * len(_INDENT)
    right = call_text(f"{self_}.{name}", inputs, room - len(f"{left} = "))
    if len(f"{left} = {self_}.{name}(") > room:
        left = wrapped("(", outputs, ")")
    statement = cst.parse_statement(f"{left} = {right}")
    assert isinstance(statement, cst.SimpleStatementLine)
    return statement


def return_statement(outputs: Sequence[str]) -> cst.BaseStatement:
    """Return `return a, b`, laid out over several lines where one is too short."""
    text = "return " + ", ".join(outputs) + ("," if len(outputs) == 1 else "")
    if len(text) > LINE_LENGTH - 2 * len(_INDENT):
        text = wrapped("return (", outputs, ")")
    return cst.parse_statement(text)


def call_text(function: str, arguments: Sequence[str], room: int) -> str:
    """Return the text of a call, with one argument a line where there is no room for it on one."""
    text = f"{function}({', '.join(arguments)})"
    return text if len(text) <= room else wrapped(f"{function}(", arguments, ")")


def wrapped(head: str, items: Sequence[str], tail: str) -> str:
    """Lay a call or signature out with one item a line, as formatters do."""
    inner = "".join(f"\n{_INDENT}{item}," for item in items)
    return f"{head}{inner}\n{tail}"


def _parse_method(region: Region, name: str, self_: str, forward: str) -> cst.FunctionDef:
    signature = signature_text(name, [self_, *region.inputs])
    results = ", ".join(region.outputs) + ("," if len(region.outputs) == 1 else "")
    lines = [
        signature,
        _INDENT + FLAT_DOCSTRING.format(forward=forward),
        *(f"{_INDENT}{item} = None" for item in region.undefined),
        f"{_INDENT}return {results}",
    ]
    method = cst.parse_statement("\n".join(lines) + "\n")
    assert isinstance(method, cst.FunctionDef)
    return method
