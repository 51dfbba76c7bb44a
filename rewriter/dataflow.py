"""Liveness and definite assignment over the statements of one function.

Textbook backward and forward data-flow (Aho, Lam, Sethi, Ullman: Compilers, ch. 9.2) on structured control flow, so
there is no graph to build: each statement is a function from the set after it to the set before it. Where Python can do
more than is modelled (exceptions, generators), the answer errs on the side of "live" and of "maybe unassigned".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import libcst as cst

from .tree import children, find, is_a

Statements = Sequence[cst.BaseStatement | cst.BaseSmallStatement]
Names = frozenset[str]
NOTHING: Names = frozenset()


def reads(node: cst.CSTNode | None) -> Names:
    """Return the names an expression may read; of an inner function, every name in it."""
    return NOTHING if node is None else _reads(node)


@lru_cache(maxsize=1024)  # passes ask about the same statements again and again
def _reads(node: cst.CSTNode) -> Names:
    if isinstance(node, cst.Name):
        return frozenset((node.value,))
    if isinstance(node, cst.Attribute):
        return reads(node.value)
    if isinstance(node, cst.Arg):
        return reads(node.value)
    if isinstance(node, cst.NamedExpr):
        return reads(node.value)
    if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)):
        return _comprehension_reads(node)
    if isinstance(node, cst.Lambda):
        defaults = (p.default for p in find(node.params, cst.Param))
        return (reads(node.body) - _parameter_names(node.params)).union(*(reads(value) for value in defaults))
    found: set[str] = set()
    for child in children(node):
        found |= reads(child)
    return frozenset(found)


def _comprehension_reads(node: cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp) -> Names:
    bound: set[str] = set()
    found: set[str] = set()
    clause: cst.CompFor | None = node.for_in
    while clause is not None:
        found |= reads(clause.iter) - bound
        bound |= target_names(clause.target)
        for condition in clause.ifs:
            found |= reads(condition.test) - bound
        clause = clause.inner_for_in
    parts = (node.key, node.value) if isinstance(node, cst.DictComp) else (node.elt,)
    for part in parts:
        found |= reads(part) - bound
    return frozenset(found)


def _parameter_names(params: cst.Parameters) -> Names:
    names = {p.name.value for p in (*params.posonly_params, *params.params, *params.kwonly_params)}
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            names.add(star.name.value)
    return frozenset(names)


def parameter_names(function: cst.FunctionDef) -> list[str]:
    """Return the names of all parameters of `function`, in order."""
    params = function.params
    names = [p.name.value for p in (*params.posonly_params, *params.params)]
    if isinstance(params.star_arg, cst.Param):
        names.append(params.star_arg.name.value)
    names += [p.name.value for p in params.kwonly_params]
    if params.star_kwarg is not None:
        names.append(params.star_kwarg.name.value)
    return names


def target_names(target: cst.CSTNode) -> Names:
    """Return the names that an assignment target binds; `x[0]` and `x.a` bind none."""
    if isinstance(target, cst.Name):
        return frozenset((target.value,))
    if isinstance(target, (cst.Tuple, cst.List)):
        return frozenset().union(*(target_names(item.value) for item in target.elements))
    if isinstance(target, cst.StarredElement):
        return target_names(target.value)
    return NOTHING


def _target_reads(target: cst.CSTNode) -> Names:
    if isinstance(target, cst.Name):
        return NOTHING
    if isinstance(target, (cst.Tuple, cst.List)):
        return frozenset().union(*(_target_reads(item.value) for item in target.elements))
    return reads(target)


@dataclass(frozen=True)
class _Effect:
    """What a simple statement reads, and what it certainly binds."""

    reads: Names
    binds: Names


def _effect(statement: cst.CSTNode) -> _Effect:
    if isinstance(statement, cst.Assign):
        binds = frozenset().union(*(target_names(t.target) for t in statement.targets))
        used = reads(statement.value).union(*(_target_reads(t.target) for t in statement.targets))
        return _Effect(used, binds)
    if isinstance(statement, cst.AnnAssign):
        if statement.value is None:
            return _Effect(NOTHING, NOTHING)
        return _Effect(
            reads(statement.value) | _target_reads(statement.target),
            target_names(statement.target),
        )
    if isinstance(statement, cst.AugAssign):
        return _Effect(reads(statement.value) | reads(statement.target), target_names(statement.target))
    if isinstance(statement, (cst.Import, cst.ImportFrom)):
        return _Effect(NOTHING, _import_binds(statement))
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return _Effect(_all_names(statement), frozenset((statement.name.value,)))
    return _Effect(reads(statement), NOTHING)


def _import_binds(statement: cst.Import | cst.ImportFrom) -> Names:
    if isinstance(statement.names, cst.ImportStar):
        return NOTHING
    names: set[str] = set()
    for alias in statement.names:
        if alias.asname is not None:
            names |= target_names(alias.asname.name)
        else:
            names.add(alias.evaluated_name.split(".")[0])
    return frozenset(names)


def _all_names(node: cst.CSTNode) -> Names:
    found: set[str] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, cst.Name):
            found.add(item.value)
        stack.extend(children(item))
    return frozenset(found)


def block(suite: cst.BaseSuite) -> Statements:
    """Return the statements of a suite."""
    return suite.body


def live_before(statements: Statements, after: Names) -> Names:
    """Return the names that may be read from the start of `statements` on, before they are bound anew.

    Args:
        statements: A run of statements of one block.
        after: The names live after them.
    """
    return _Liveness().block(statements, after)


class _Liveness:
    def __init__(self, on_break: Names = NOTHING, on_continue: Names = NOTHING) -> None:
        self.on_break = on_break
        self.on_continue = on_continue

    def block(self, statements: Statements, after: Names) -> Names:
        for statement in reversed(statements):
            after = self.statement(statement, after)
        return after

    def statement(self, node: cst.CSTNode, after: Names) -> Names:
        if isinstance(node, cst.SimpleStatementLine):
            return self.block(node.body, after)
        if isinstance(node, cst.Return):
            return reads(node.value)
        if isinstance(node, cst.Raise):
            return reads(node)
        if isinstance(node, cst.Break):
            return self.on_break
        if isinstance(node, cst.Continue):
            return self.on_continue
        if isinstance(node, cst.If):
            return self._if(node, after)
        if isinstance(node, (cst.For, cst.While)):
            return self._loop(node, after)
        if isinstance(node, cst.With):
            bound = frozenset().union(*(target_names(i.asname.name) for i in node.items if i.asname is not None))
            inner = self.block(block(node.body), after)
            return (inner - bound) | after | frozenset().union(*(reads(i.item) for i in node.items))
        if isinstance(node, (cst.Try, cst.TryStar, cst.Match)):
            # Any prefix of the body may have run: everything it reads is live, and it kills nothing.
            return _all_names(node) | after | self.on_break | self.on_continue
        effect = _effect(node)
        return (after - effect.binds) | effect.reads

    def _if(self, node: cst.If, after: Names) -> Names:
        body = self.block(block(node.body), after)
        if isinstance(node.orelse, cst.If):
            other = self._if(node.orelse, after)
        elif isinstance(node.orelse, cst.Else):
            other = self.block(block(node.orelse.body), after)
        else:
            other = after
        return body | other | reads(node.test)

    def _loop(self, node: cst.For | cst.While, after: Names) -> Names:
        end = self.block(block(node.orelse.body), after) if node.orelse is not None else after
        head = end
        while True:
            inner = _Liveness(on_break=after, on_continue=head).block(block(node.body), head)
            if isinstance(node, cst.For):
                new = end | (inner - target_names(node.target)) | _target_reads(node.target)
            else:
                new = end | inner | reads(node.test)
            if new == head:
                break
            head = head | new
        return head | reads(node.iter) if isinstance(node, cst.For) else head


def maybe_assigned(statements: Statements) -> Names:
    """Return the names that some path through `statements` binds, not counting what nested functions bind."""
    return NOTHING.union(*map(_maybe_bound, statements))


@lru_cache(maxsize=1024)
def _maybe_bound(statement: cst.CSTNode) -> Names:
    found: set[str] = set()
    for node in _binding_nodes(statement):
        if isinstance(node, (cst.Assign, cst.AnnAssign, cst.AugAssign, cst.Import, cst.ImportFrom)):
            found |= _effect(node).binds
        elif isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            found.add(node.name.value)
        elif isinstance(node, (cst.For, cst.NamedExpr)):
            found |= target_names(node.target)
        elif isinstance(node, cst.AsName):
            found |= target_names(node.name)
        elif isinstance(node, (cst.MatchAs, cst.MatchStar)) and node.name is not None:
            found.add(node.name.value)
        elif isinstance(node, cst.MatchMapping) and node.rest is not None:
            found.add(node.rest.value)
    return frozenset(found)


_BINDING = (
    *(cst.Assign, cst.AnnAssign, cst.AugAssign, cst.Import, cst.ImportFrom, cst.FunctionDef, cst.ClassDef),
    *(cst.For, cst.NamedExpr, cst.AsName, cst.MatchAs, cst.MatchStar, cst.MatchMapping),
)


def _binding_nodes(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the nodes of a statement that run in its own scope and may bind a name."""
    if is_a(statement, _BINDING):
        yield statement
    if not is_a(statement, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
        for part in children(statement):
            yield from _binding_nodes(part)


def captured(statements: Statements) -> Names:
    """Return the names that functions, lambdas and generators made in `statements` may read when they run, later on."""
    found: set[str] = set()
    for statement in statements:
        for node in find(statement, (cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.GeneratorExp)):
            found |= _all_names(node)
    return frozenset(found)


def surely_assigned(statements: Statements, before: Names) -> Names | None:
    """Return the names bound on every path that reaches the end of `statements`; None when none reaches it.

    Args:
        statements: A run of statements of one block.
        before: The names bound before them.
    """
    now: Names | None = before
    for statement in statements:
        if now is None:
            return None
        now = _assigned_after(statement, now)
    return now


def _assigned_after(node: cst.CSTNode, before: Names) -> Names | None:
    if isinstance(node, cst.SimpleStatementLine):
        return surely_assigned(node.body, before)
    if isinstance(node, (cst.Return, cst.Raise, cst.Break, cst.Continue)):
        return None
    if isinstance(node, cst.If):
        body = surely_assigned(block(node.body), before)
        if isinstance(node.orelse, cst.If):
            other = _assigned_after(node.orelse, before)
        elif isinstance(node.orelse, cst.Else):
            other = surely_assigned(block(node.orelse.body), before)
        else:
            other = before
        if body is None or other is None:
            return other if body is None else body
        return body & other
    if isinstance(node, cst.Del):
        return before - target_names(node.target)
    if isinstance(node, (cst.For, cst.While, cst.Try, cst.TryStar, cst.Match, cst.With)):
        return before - _deleted(node)  # a context manager may swallow an exception, so `with` binds nothing for sure
    return before | _effect(node).binds


def _deleted(node: cst.CSTNode) -> Names:
    return frozenset().union(*(target_names(item.target) for item in find(node, cst.Del)))
