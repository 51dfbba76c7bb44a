"""Where a method projects one tensor to query, key and value: the calls, and the lines that take their place.

They stand in one block (ViT, CLIP), or the query stands before an `if` whose branches have key and value of the same
tensor, of another one, or none (BERT). In the second case the query moves into the branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from rewriter.dataflow import Names, maybe_assigned
from rewriter.tree import find, identifiers, replace

from .forwards import self_attribute
from .inserted import free_name
from .lines import only, target
from .stays import Stays

Change = cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel
Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
_MAYBE_LATER = (cst.Lambda, cst.BaseComp, cst.IfExp, cst.BooleanOperation, cst.NamedExpr)


@dataclass(frozen=True)
class Projections:
    """Three calls of layers of `self` on one name, or two in a branch behind a third.

    Attributes:
        calls: Attribute → its call, in source order.
        states: The name.
        block: The statements that they stand in.
        query: The line of the third call, where it stands before the branches.
        branches: The `if` that has the branches.
    """

    calls: Mapping[str, cst.Call]
    states: str
    block: Sequence[Statement]
    query: cst.SimpleStatementLine | None = None
    branches: cst.If | None = None


def projections(method: cst.FunctionDef, layers: frozenset[str], self_: str) -> list[Projections]:
    """Return the projections of a method, outermost first.

    Args:
        method: Where to look.
        layers: Attributes that hold linear layers.
        self_: What the method calls its module.

    Raises:
        Stays: Three of them are called, but are not seen to take the same tensor; nothing where fewer are.
    """
    found: list[Projections] = []
    for suite in find(method.body, cst.BaseSuite, into_functions=False):
        block: list[Statement] = [one for one in suite.body if isinstance(one, Statement)]
        for states, calls in _calls(block, layers, self_).items():
            if len(calls) == 3 and states not in _bound_between(block, calls):
                found.append(Projections(calls, states, block))
        found += _behind(block, layers, self_)
    moved = [item for item in found if item.branches is not None]
    if len({item.block[0] for item in moved}) < len(moved) or len({item.query for item in moved}) > 1:
        raise Stays("more than one query stands before branches that have its keys and values")
    if not found:
        called = {self_attribute(call.func, self_) for call in find(method.body, cst.Call)} & layers
        if len(called) >= 3:
            raise Stays("three of its layers are not seen to take the same tensor")
    return found


def _calls(block: Sequence[Statement], layers: frozenset[str], self_: str) -> dict[str, dict[str, cst.Call]]:
    """Return name → attribute → the call on that name, of calls that run when the block does; one call of each."""
    found: dict[str, dict[str, cst.Call]] = {}
    twice: set[str] = set()
    for line in block:
        if not isinstance(line, cst.SimpleStatementLine) or any(True for _ in find(line, _MAYBE_LATER)):
            continue
        for call in find(line, cst.Call):
            attribute = self_attribute(call.func, self_)
            if attribute not in layers or len(call.args) != 1 or call.args[0].keyword or call.args[0].star:
                continue
            states = call.args[0].value
            if isinstance(states, cst.Name):
                known = found.setdefault(states.value, {})
                twice |= {states.value} if attribute in known else set()
                known[attribute] = call
    return {states: calls for states, calls in found.items() if states not in twice}


def _lines(block: Sequence[Statement], calls: Mapping[str, cst.Call]) -> list[int]:
    """Return where in a block the calls stand."""
    wanted = set(calls.values())
    return [at for at, line in enumerate(block) if any(call in wanted for call in find(line, cst.Call))]


def _bound_between(block: Sequence[Statement], calls: Mapping[str, cst.Call]) -> Names:
    lines = _lines(block, calls)
    return maybe_assigned(block[lines[0] : lines[-1]])


def _behind(block: Sequence[Statement], layers: frozenset[str], self_: str) -> Iterator[Projections]:
    """Yield what branches of an `if` in a block project together with a line before it."""
    for at, branches in enumerate(block):
        if not isinstance(branches, cst.If) or not all(isinstance(one, cst.IndentedBlock) for one in _suites(branches)):
            continue
        for suite in _suites(branches):
            inner = [one for one in suite.body if isinstance(one, Statement)]
            for states, calls in _calls(inner, layers, self_).items():
                if len(calls) != 2 or states in maybe_assigned(inner[: _lines(inner, calls)[-1]]):
                    continue
                for before in range(at - 1, -1, -1):
                    query = _query(block[before], states, layers - set(calls), self_)
                    if query and not _is_needed(block[before + 1 : at], branches, target(only(block[before])), states):
                        line = block[before]
                        assert isinstance(line, cst.SimpleStatementLine)
                        yield Projections({**query, **calls}, states, inner, line, branches)
                        break


def _query(line: Statement, states: str, layers: frozenset[str], self_: str) -> dict[str, cst.Call]:
    """Return the call of `name = self.attribute(states)`, by attribute; empty where a line is something else."""
    calls = _calls([line], layers, self_).get(states, {})
    is_all = any(isinstance(part, cst.Assign) and part.value in calls.values() for part in find(line, cst.Assign))
    return calls if is_all and target(only(line)) and not _has_comment(line) else {}


def _has_comment(line: Statement) -> bool:
    return "#" in cst.Module([]).code_for_node(line)


def _is_needed(between: Sequence[Statement], branches: cst.If, name: str, states: str) -> bool:
    """Tell whether something reads or binds `name`, or binds `states`, before a branch begins."""
    tests = [node.test for node in _chain(branches)]
    read = any(name in identifiers(node) for node in (*between, *tests))
    return read or states in maybe_assigned(between)


def _chain(node: cst.If) -> Iterator[cst.If]:
    yield node
    if isinstance(node.orelse, cst.If):
        yield from _chain(node.orelse)


def _suites(node: cst.If) -> Iterator[cst.BaseSuite]:
    for one in _chain(node):
        yield one.body
        if isinstance(one.orelse, cst.Else):
            yield one.orelse.body


def changes(found: Sequence[Projections], method: cst.FunctionDef, function: str) -> dict[cst.CSTNode, Change]:
    """Return what becomes of the nodes of a method.

    Args:
        found: Its projections.
        method: The method.
        function: What to call: a function of the states that returns one value per attribute, in order.
    """
    made: dict[cst.CSTNode, Change] = {}
    taken = set(identifiers(method))
    for item in found:
        if item.branches is None:
            made |= _in_block(item, _names(item, taken), function)
    for branches in {item.branches: None for item in found if item.branches is not None}:
        group = [item for item in found if item.branches is branches]
        made |= _into_branches(group, branches, taken, function)
    return made


def _names(item: Projections, taken: set[str]) -> dict[str, str]:
    """Return attribute → the name of what it returns."""
    return {attribute: free_name(attribute, taken) for attribute in item.calls}


def _line(names: Mapping[str, str], item: Projections, function: str) -> cst.SimpleStatementLine:
    line = cst.parse_statement(f"{', '.join(names.values())} = {function}({item.states})")
    assert isinstance(line, cst.SimpleStatementLine)
    return line


def _in_block(item: Projections, names: Mapping[str, str], function: str) -> dict[cst.CSTNode, Change]:
    reads: dict[cst.CSTNode, cst.CSTNode] = {call: cst.Name(names[key]) for key, call in item.calls.items()}
    lines = [item.block[at] for at in _lines(item.block, item.calls)]
    first = _line(names, item, function).with_changes(leading_lines=lines[0].leading_lines)
    made: dict[cst.CSTNode, Change] = {line: replace(line, reads) for line in lines}
    made[lines[0]] = cst.FlattenSentinel([first, replace(lines[0], reads).with_changes(leading_lines=[])])
    return made


def _into_branches(
    group: Sequence[Projections], branches: cst.If, taken: set[str], function: str
) -> dict[cst.CSTNode, Change]:
    query = group[0].query
    assert query is not None
    begins: dict[cst.CSTNode, list[Statement]] = {}
    for item in group:
        key = next(iter(item.calls))  # the query comes first
        names = _names(item, taken) | {key: target(only(query))}
        reads: dict[cst.CSTNode, cst.CSTNode] = {c: cst.Name(names[k]) for k, c in item.calls.items() if k != key}
        suite = next(one for one in _suites(branches) if list(one.body) == list(item.block))
        begins[suite] = [_line(names, item, function), *(replace(line, reads) for line in item.block)]
    return {query: cst.RemovalSentinel.REMOVE, branches: _with_begins(branches, begins, query)}


def _with_begins(
    node: cst.If, begins: Mapping[cst.CSTNode, Sequence[Statement]], query: cst.SimpleStatementLine
) -> cst.If:
    """Return an `if` with what its suites become, and the query first in the others."""
    plain = query.with_changes(leading_lines=[])

    def begun(suite: cst.BaseSuite) -> cst.BaseSuite:
        return suite.with_changes(body=begins.get(suite, [plain, *suite.body]))

    orelse: cst.If | cst.Else
    if isinstance(node.orelse, cst.If):
        orelse = _with_begins(node.orelse, begins, query)
    elif isinstance(node.orelse, cst.Else):
        orelse = node.orelse.with_changes(body=begun(node.orelse.body))
    else:
        orelse = cst.Else(cst.IndentedBlock([plain]))
    return node.with_changes(body=begun(node.body), orelse=orelse)
