"""Faults as people make them: each operator looks at one node of a file and says what it could be by mistake.

A mutant is the file with the text of one node replaced, so everything else keeps its bytes. What no caller can observe
is left alone: docstrings, log messages, how weights are drawn (a checkpoint overwrites them), and the guard around the
compiled methods, which tests of its own break (`tests/passes/test_jit_traps.py`).
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Proposals = Iterator[tuple[ast.AST, str]]
"""Nodes of a file with the text that takes their place."""

UNOBSERVABLE = {"_init_weights", "load_tf_weights_in_bert", "_set_gradient_checkpointing", "extend_repr", "__repr__"}
"""Functions left alone: what they compute is overwritten, printed, or not for a CPU."""
GUARD = {
    *("_compiled", "_Graphs", "_Graph", "_state", "_mark", "_signature", "_taken_apart", "_put_together"),
    *("_Bounded", "_varying", "_form", "_packed", "_filled", "_is_flat", "_in_python", "_in_graph"),
}


@dataclass(frozen=True)
class Mutant:
    """A rewritten file with one fault.

    Attributes:
        operator: Name of the operator.
        line: 1-based line of the fault.
        where: The function it is in, `BertSelfAttention.forward`.
        before: Text of the node.
        after: Text in its place.
        text: The whole file.
    """

    operator: str
    line: int
    where: str
    before: str
    after: str
    text: str


def mutants(text: str) -> list[Mutant]:
    """Return every mutant of a file that is still Python, operator by operator, in the order of its lines."""
    tree, lines = ast.parse(text), _Lines(text)
    homes = dict(_homes(tree))
    found: dict[str, Mutant] = {}
    for name, operator in OPERATORS.items():
        for node, after in operator(tree):
            place = homes.get(node)
            if place is None:
                continue
            start, end = lines.span(node)
            mutated = text[:start] + after + text[end:]
            if text[start:end] != after and _is_python(mutated):
                found.setdefault(mutated, Mutant(name, node.lineno, place, text[start:end], after, mutated))  # type: ignore[attr-defined]
    return list(found.values())


def spread(every: list[Mutant], per_operator: int) -> list[Mutant]:
    """Return at most so many mutants of each operator, evenly over the lines of the file."""
    chosen: list[Mutant] = []
    for name in OPERATORS:
        own = sorted((one for one in every if one.operator == name), key=lambda one: (one.line, one.after))
        step = max(1.0, len(own) / per_operator)
        chosen += [own[int(index * step)] for index in range(min(per_operator, len(own)))]
    return chosen


class _Lines:
    def __init__(self, text: str) -> None:
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = text.splitlines(keepends=True)

    def span(self, node: ast.AST) -> tuple[int, int]:
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def _homes(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield (node, function it is in) for every node of a forward or public method that may be mutated."""
    for owner in tree.body:
        if not isinstance(owner, (ast.ClassDef, ast.FunctionDef)) or owner.name in GUARD:
            continue
        functions = [owner] if isinstance(owner, ast.FunctionDef) else owner.body
        for function in functions:
            if isinstance(function, ast.FunctionDef) and function.name not in UNOBSERVABLE:
                name = function.name if function is owner else f"{owner.name}.{function.name}"
                for node in _observable(function):
                    yield node, name


def _observable(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function without annotations, decorators, log calls and what an exception says."""
    stack: list[ast.AST] = [*function.body, *function.args.defaults, *(d for d in function.args.kw_defaults if d)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and "log" in ast.unparse(node.func).split(".")[0]
        ):
            continue
        if isinstance(node, ast.Call) and "warn" in ast.unparse(node.func):
            continue
        yield node
        stack.extend(child for name, value in ast.iter_fields(node) if name != "annotation" for child in _nodes(value))


def _nodes(value: object) -> list[ast.AST]:
    if isinstance(value, ast.AST):
        return [value]
    return [item for item in value if isinstance(item, ast.AST)] if isinstance(value, list) else []


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _of(tree: ast.AST, kind: type) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree) if isinstance(node, kind))


def _calls(tree: ast.AST, *words: str) -> Iterator[ast.Call]:
    for node in _of(tree, ast.Call):
        assert isinstance(node, ast.Call)
        name = ast.unparse(node.func).rpartition(".")[2]
        if not words or name in words:
            yield node


def _int(node: ast.AST) -> int | None:
    try:
        value = ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if type(value) is int else None


_AXES = {"softmax", "cat", "concat", "stack", "mean", "sum", "argmax", "unsqueeze", "expand_dims"}
_AXES |= {"norm", "split", "squeeze", "argsort"}


def swap_axis(tree: ast.AST) -> Proposals:
    """Another axis: -1 for 1, 1 for 2, and two axes of a transposition exchanged."""
    for call in _calls(tree, *_AXES):
        for node in [*call.args, *(keyword.value for keyword in call.keywords)]:
            axis = _int(node)
            if axis is not None and -3 <= axis <= 3:
                yield node, str({-1: -2, -2: -1, 0: 1, 1: 0, 2: 1, 3: 2, -3: -1}[axis])
    for call in _calls(tree, "transpose", "permute", "swapaxes"):
        axes = [node for node in call.args if _int(node) is not None]
        if len(axes) >= 2:
            one, other = axes[-2], axes[-1]
            if ast.unparse(one) != ast.unparse(other):
                yield other, ast.unparse(one) if len(axes) == 2 else str((_int(other) or 0) - 1)
        for node in call.args:
            if isinstance(node, ast.Tuple) and len(node.elts) > 2:
                yield node, ast.unparse(ast.Tuple([*node.elts[:-2], node.elts[-1], node.elts[-2]], ast.Load()))


def drop_mask_term(tree: ast.AST) -> Proposals:
    """A mask that is added or multiplied nowhere."""
    for node in _of(tree, ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if "mask" in ast.unparse(node.right) and isinstance(node.op, (ast.Add, ast.Mult)):
            yield node, ast.unparse(node.left)
        elif "mask" in ast.unparse(node.left) and isinstance(node.op, (ast.Add, ast.Mult)):
            yield node, ast.unparse(node.right)


def ignore_argument(tree: ast.AST) -> Proposals:
    """A mask, a position or the like that is handed on as None."""
    for call in _calls(tree):
        for keyword in call.keywords:
            if isinstance(keyword.value, ast.Name) and keyword.arg == keyword.value.id:
                yield keyword.value, "None"
        for node in call.args:
            if isinstance(node, ast.Name) and "mask" in node.id:
                yield node, "None"


def off_by_one_slice(tree: ast.AST) -> Proposals:
    """One element more or fewer."""
    for node in _of(tree, ast.Slice):
        assert isinstance(node, ast.Slice)
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield bound, f"{ast.unparse(bound)} + 1"
                yield bound, f"{ast.unparse(bound)} - 1"
    for call in _calls(tree, "narrow", "_narrow"):
        for bound in call.args[2:]:
            yield bound, f"{ast.unparse(bound)} + 1"


def wrong_index(tree: ast.AST) -> Proposals:
    """The neighbour of the item that is meant."""
    for node in _of(tree, ast.Subscript):
        assert isinstance(node, ast.Subscript)
        index = _int(node.slice)
        if index is not None and isinstance(node.ctx, ast.Load):
            yield node.slice, str(index + 1 if index >= 0 else index - 1)
        if isinstance(node.slice, ast.Tuple):
            for part in node.slice.elts:
                if _int(part) is not None:
                    yield part, str((_int(part) or 0) + 1)


def wrong_dtype(tree: ast.AST) -> Proposals:
    """A neighbouring dtype."""
    others = {"int64": "int32", "int32": "int64", "float32": "float16", "float16": "float32", "bool_": "int32"}
    for node in _of(tree, ast.Attribute):
        assert isinstance(node, ast.Attribute)
        if node.attr in others:
            yield node, f"{ast.unparse(node.value)}.{others[node.attr]}"


def wrong_scale(tree: ast.AST) -> Proposals:
    """A scale that is left out, squared or inverted."""
    for call in _calls(tree, "sqrt"):
        if call.args:
            yield call, f"({ast.unparse(call.args[0])})"
    for node in _of(tree, ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if "scale" in ast.unparse(node.right) or "sqrt" in ast.unparse(node.right):
            yield node, ast.unparse(node.left)
        if isinstance(node.op, ast.Pow):
            yield node.right, f"-({ast.unparse(node.right)})"


_PAIRS = {"query": "key", "key": "query", "q_proj": "k_proj", "k_proj": "v_proj", "v_proj": "q_proj", "value": "key"}
_PAIRS |= {"query_layer": "key_layer", "key_layer": "value_layer", "value_layer": "key_layer"}
_PAIRS |= {"query_states": "key_states", "key_states": "value_states", "value_states": "key_states"}


def swapped_projections(tree: ast.AST) -> Proposals:
    """Key for query, value for key."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _PAIRS and isinstance(node.ctx, ast.Load):
            yield node, f"{ast.unparse(node.value)}.{_PAIRS[node.attr]}"
        elif isinstance(node, ast.Name) and node.id in _PAIRS and isinstance(node.ctx, ast.Load):
            yield node, _PAIRS[node.id]


def dropped_summand(tree: ast.AST) -> Proposals:
    """A bias or a residual that is not added."""
    for node in _of(tree, ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Add) and "mask" not in ast.unparse(node):
            yield node, ast.unparse(node.left)
            yield node, ast.unparse(node.right)


def changed_epsilon(tree: ast.AST) -> Proposals:
    """Another epsilon of a layer norm; biases that are not there."""
    for call in _calls(tree):
        for keyword in call.keywords:
            if keyword.arg in ("eps", "epsilon"):
                yield keyword.value, "1e-3"
            elif keyword.arg in ("bias", "has_bias"):
                yield keyword.value, f"not {ast.unparse(keyword.value)}"


def lost_cache(tree: ast.AST) -> Proposals:
    """New keys without those of the cache, the cache without the new ones, or twice the same."""
    for call in _calls(tree, "cat", "concat"):
        if call.args and isinstance(call.args[0], (ast.Tuple, ast.List)) and len(call.args[0].elts) == 2:
            one, other = call.args[0].elts
            yield call, ast.unparse(other)
            yield call, ast.unparse(one)
            yield call.args[0], ast.unparse(ast.Tuple([other, one], ast.Load()))
    for node in _of(tree, ast.Assign):
        assert isinstance(node, ast.Assign)
        if "past_key_value" in ast.unparse(node.targets[0]) and isinstance(node.value, ast.Tuple):
            yield node.value, ast.unparse(ast.Tuple(node.value.elts[::-1], ast.Load()))


def wrong_output_order(tree: ast.AST) -> Proposals:
    """Two outputs exchanged."""
    for node in _of(tree, ast.Return):
        assert isinstance(node, ast.Return)
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
            first, second, *rest = node.value.elts
            yield node.value, "(" + ", ".join(map(ast.unparse, [second, first, *rest])) + ")"
        if isinstance(node.value, ast.Call):
            values = [keyword.value for keyword in node.value.keywords if keyword.arg]
            for one, other in itertools.pairwise(values):
                if ast.unparse(one) != ast.unparse(other):
                    yield one, ast.unparse(other)


def flipped_default(tree: ast.AST) -> Proposals:
    """Another default of a flag, or the flag of the call where the configuration's is meant."""
    for function in _of(tree, ast.FunctionDef):
        assert isinstance(function, ast.FunctionDef)
        for node in [*function.args.defaults, *(item for item in function.args.kw_defaults if item is not None)]:
            if isinstance(node, ast.Constant) and isinstance(node.value, bool):
                yield node, str(not node.value)
            elif isinstance(node, ast.Constant) and type(node.value) is int:
                yield node, str(node.value + 1)
    for node in _of(tree, ast.IfExp):
        assert isinstance(node, ast.IfExp)
        yield node, ast.unparse(node.body)
        yield node, ast.unparse(node.orelse)


def flipped_condition(tree: ast.AST) -> Proposals:
    """A condition the other way round."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.IfExp)):
            yield node.test, f"not ({ast.unparse(node.test)})"


def dropped_condition(tree: ast.AST) -> Proposals:
    """A branch that is always, or never, taken."""
    for node in _of(tree, ast.If):
        assert isinstance(node, ast.If)
        yield node.test, "False"
        yield node.test, "True"


def wrong_connective(tree: ast.AST) -> Proposals:
    """`and` for `or`, and one condition of two."""
    for node in _of(tree, ast.BoolOp):
        assert isinstance(node, ast.BoolOp)
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield node, word.join(f"({ast.unparse(value)})" for value in node.values)
        yield node, ast.unparse(node.values[0])


def wrong_operator(tree: ast.AST) -> Proposals:
    """Minus for plus, division for multiplication, and so on."""
    others = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.MatMult: "*"}
    for node in _of(tree, ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if type(node.op) in others:
            yield node, f"({ast.unparse(node.left)} {others[type(node.op)]} {ast.unparse(node.right)})"


def wrong_constant(tree: ast.AST) -> Proposals:
    """A number that is a little off."""
    for node in _of(tree, ast.Constant):
        assert isinstance(node, ast.Constant)
        if type(node.value) is float:
            yield node, repr(node.value * 1.001 + (0.001 if node.value == 0 else 0))
        elif type(node.value) is int and abs(node.value) > 3:
            yield node, str(node.value + 1)


def dropped_statement(tree: ast.AST) -> Proposals:
    """A step that is forgotten: `x = f(x)` is not there."""
    for node in _of(tree, ast.Assign):
        assert isinstance(node, ast.Assign)
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in {
            n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)
        }:
            yield node, "pass"


def dropped_call(tree: ast.AST) -> Proposals:
    """The argument in the place of the call: no activation, no norm, no projection."""
    for call in _calls(tree):
        if ast.unparse(call.func).startswith("self.") and len(call.args) == 1 and not call.keywords:
            yield call, ast.unparse(call.args[0])


def swapped_arguments(tree: ast.AST) -> Proposals:
    """The first two arguments exchanged."""
    for call in _calls(tree):
        if len(call.args) >= 2 and not any(isinstance(node, ast.Starred) for node in call.args):
            texts = [ast.unparse(node) for node in call.args]
            texts[:2] = texts[1::-1]
            keywords = [ast.unparse(keyword) for keyword in call.keywords]
            yield call, f"{ast.unparse(call.func)}({', '.join([*texts, *keywords])})"


def short_loop(tree: ast.AST) -> Proposals:
    """One layer fewer, the layers backwards, or the first layer every time."""
    for node in _of(tree, ast.For):
        assert isinstance(node, ast.For)
        yield node.iter, f"list({ast.unparse(node.iter)})[1:]"
    for call in _calls(tree, "range"):
        if len(call.args) == 1:
            yield call.args[0], f"{ast.unparse(call.args[0])} - 1"


Operator = Callable[[ast.AST], Proposals]

OPERATORS: dict[str, Operator] = {
    function.__name__.replace("_", "-"): function
    for function in (
        swap_axis,
        drop_mask_term,
        ignore_argument,
        off_by_one_slice,
        wrong_index,
        wrong_dtype,
        wrong_scale,
        swapped_projections,
        dropped_summand,
        changed_epsilon,
        lost_cache,
        wrong_output_order,
        flipped_default,
        flipped_condition,
        dropped_condition,
        wrong_connective,
        wrong_operator,
        wrong_constant,
        dropped_statement,
        dropped_call,
        swapped_arguments,
        short_loop,
    )
}
"""Operator name → the function that makes its mutants."""
