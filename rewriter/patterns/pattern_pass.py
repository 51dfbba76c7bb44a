"""A pass that is written down as a pattern and its replacement."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import libcst as cst

from ..context import PassContext
from ..passes import Pass
from ..tree import replace, walk
from . import building
from .arguments import Mismatch, Signature, Unclear, bound, parse_signature
from .matching import Bound, literal, match
from .order import why_not
from .search import Place, places
from .template import PatternError, Template, occurrences, parse_all

_ROUNDS, _GROWTH = 100, 500
"""So often is a file gone through, and so much longer may it get by rewriting what an earlier round made: what goes on
after that never ends."""


@dataclass(frozen=True)
class Match:
    """A place that a pattern fits: `match["x"]` is the expression that the wildcard `x` stands for.

    Attributes:
        node: The whole expression.
        wildcards: Wildcard → its expression.
        context: The pass at work: `context.target`, `context.dialect`, `context.qualified_name(node)`.
    """

    node: cst.BaseExpression
    wildcards: Mapping[str, cst.BaseExpression]
    context: PassContext

    def __getitem__(self, name: str) -> cst.BaseExpression:
        return self.wildcards[name]

    def code(self, name: str) -> str:
        """Return the code that a wildcard stands for, as it is written."""
        return self.context.tree.code_for_node(self.wildcards[name])

    def literal(self, name: str) -> Any:
        """Return the number, string, True or False that a wildcard stands for; None for anything else."""
        text = literal(self.wildcards[name])
        return None if text is None else ast.literal_eval(text)


@dataclass(frozen=True)
class _Rule:
    """One spelling of a pattern, with the replacement parsed for it."""

    pattern: Template
    replacement: Template


class PatternPass(Pass):
    """A pass that writes `replacement` where it finds `pattern`.

    A name without a dot is a wildcard: it stands for any expression, and for the same code each time. A dotted name
    is matched by what it stands for, whatever the file calls it. A place is left, with the reason, where the
    replacement could be noticed: an expression would be evaluated twice, not at all or in another order, or a comment
    would go.

    Attributes:
        pattern: An expression, or several with the same replacement.
        replacement: What to write.
        signatures: Like `mindspore.ops.mean(x, axis=None, keep_dims=False)`: calls of these functions match however
            their arguments are given. Those of others must be given as in the pattern.
    """

    pattern: ClassVar[str | tuple[str, ...]]
    replacement: ClassVar[str]
    signatures: ClassVar[tuple[str, ...]] = ()
    _rules: ClassVar[tuple[_Rule, ...]]
    _known: ClassVar[Mapping[str, Signature]]

    def __init_subclass__(cls, **options: Any) -> None:
        """Parse the pattern and its replacement, and refuse what cannot work."""
        super().__init_subclass__(**options)
        if not {"pattern", "replacement", "signatures"} & set(vars(cls)):
            return
        missing = [name for name in ("pattern", "replacement") if not hasattr(cls, name)]
        if missing:
            raise PatternError(f"pattern pass {cls.__name__}: it has no {missing[0]}")
        texts = (cls.pattern,) if isinstance(cls.pattern, str) else tuple(cls.pattern)
        try:
            cls._known = dict(map(parse_signature, cls.signatures))
            cls._rules = tuple(_Rule(*parse_all(text, cls.replacement)) for text in texts)
            for rule in cls._rules:
                _check(rule, cls._rules, cls._known)
        except PatternError as error:
            raise PatternError(f"pattern pass {cls.__name__}: {error.message}", hint=error.hint) from None

    def check(self, match: Match) -> str | None:
        """Return why a place that the pattern fits must stay as it is; None where it need not.

        Args:
            match: What the wildcards stand for there.
        """
        return None

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every place that a pattern may fit, until none is left that it does."""
        tree, longest = context.tree, 0
        for _ in range(_ROUNDS):
            one = _Round(self, self._rules, self._known, context)
            new = one.rewrite(tree)
            if new is tree:
                for skip in one.skipped:
                    context.skipped(*skip)
                return tree
            tree, size = new, len(new.code)
            longest = longest or size + _GROWTH
            if size > longest:
                break
        raise PatternError(f"{self.name}: its replacement makes new places for its pattern without end")


class _Round:
    """One look at all places of a tree.

    Attributes:
        skipped: (node, what, reason) for each place that was left.
    """

    def __init__(
        self, item: PatternPass, rules: Sequence[_Rule], known: Mapping[str, Signature], context: PassContext
    ) -> None:
        self._item = item
        self._rules = rules
        self._known = known
        self._context = context
        self.skipped: list[tuple[cst.CSTNode, str, str]] = []

    def rewrite(self, tree: cst.Module) -> cst.Module:
        """Return the tree with every place rewritten that can be; itself where there is none."""
        kinds = tuple({kind for rule in self._rules for kind in _kinds(rule.pattern)})
        can_rebind = self._context.mentions("nonlocal", "global")
        chosen: list[tuple[Place, _Rule, Bound]] = []
        covered: set[int] = set()
        for place in places(tree, kinds):
            if id(place.node) in covered:
                continue
            found = self._match(place)
            if found is None or not self._may(place, *found, can_rebind=can_rebind):
                continue
            chosen.append((place, *found))
            covered |= _structure(place.node, found[1])
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for place, rule, wildcards in reversed(chosen):  # inner ones before those that they are a part of
            first = {name: nodes[0] for name, nodes in wildcards.items()}
            now = {name: replace(node, changes) for name, node in first.items()}
            changes[place.node] = _built(place, rule, first, now, self._context.use)
        for place, rule, _ in chosen:
            self._context.rewritten(place.node, rule.pattern.title, self._item.replacement)
        return replace(tree, changes)

    def _match(self, place: Place) -> tuple[_Rule, Bound] | None:
        """Return the first rule that fits; what is unclear is noted where none does."""
        unclear: tuple[str, str] | None = None
        for rule in self._rules:
            try:
                return rule, match(rule.pattern, place.node, self._context.qualified_name, self._known)
            except Mismatch:
                continue
            except Unclear as error:
                unclear = unclear or (rule.pattern.title, str(error))
        if unclear is not None:
            self.skipped.append((place.node, *unclear))
        return None

    def _may(self, place: Place, rule: _Rule, wildcards: Bound, *, can_rebind: bool) -> bool:
        """Tell whether a place may be rewritten; why not is noted."""
        assert isinstance(place.node, cst.BaseExpression)
        first = {name: nodes[0] for name, nodes in wildcards.items()}
        reason = (
            place.why_not
            or self._item.check(Match(place.node, first, self._context))
            or why_not(_evaluated(place.node, wildcards), _order(rule.replacement), first, can_rebind=can_rebind)
            or self._taken(rule.replacement)
        )
        if not reason and building.lost_comments(place.node, _built(place, rule, first, first, _unimported)):
            reason = "a comment stands in it, which would go"
        if reason:
            self.skipped.append((place.node, rule.pattern.title, reason))
        return not reason

    def _taken(self, replacement: Template) -> str:
        """Return which builtin of the replacement the file has a name of its own for, as a reason."""
        names = (name.removeprefix("builtins.") for name in replacement.named.values() if name.startswith("builtins."))
        taken = [name for name in names if self._context.facts.names.binds(name)]
        return f"the file has a {taken[0]} of its own" if taken else ""


def _built(
    place: Place,
    rule: _Rule,
    wildcards: Mapping[str, cst.BaseExpression],
    now: Mapping[str, cst.BaseExpression],
    use: Callable[[str], str],
) -> cst.BaseExpression:
    """Return what comes to a place.

    Args:
        place: The place.
        rule: The rule that fits there.
        wildcards: Wildcard → its code.
        now: The same, after what is in it was rewritten.
        use: Returns the file's name of a qualified one.
    """
    assert isinstance(place.node, cst.BaseExpression)
    template, new = building.built(rule.replacement, now, use)
    return building.fitted(building.laid_out(new, template, place.node, wildcards), place.node, place.statement)


def _unimported(name: str) -> str:
    return name


def _check(rule: _Rule, every: Sequence[_Rule], known: Mapping[str, Signature]) -> None:
    """Refuse a rule that could not work, or not end.

    Raises:
        PatternError: It could not.
    """
    pattern, replacement = rule.pattern, rule.replacement
    free = set(replacement.wildcards) - set(pattern.wildcards)
    if free:
        raise PatternError(
            f"the replacement {replacement.text!r} has {min(free)}, which the pattern {pattern.text!r} has not",
            hint="A name without a dot is a wildcard; write a function with its module, like mindspore.ops.exp.",
        )
    if isinstance(pattern.node, cst.Name) and pattern.wildcards:
        raise PatternError(f"the pattern {pattern.text!r} is a wildcard and fits everything")
    for call in (node for node in walk(pattern.node) if isinstance(node, cst.Call)):
        signature = known.get(pattern.named.get(call.func, ""))
        if signature is not None:
            try:
                bound(call.args, signature)
            except Unclear as error:
                raise PatternError(f"in the pattern {pattern.text!r}, {error}") from None
    for other in every:
        if any(_fits(other.pattern, node, replacement, known) for node in walk(replacement.node)):
            raise PatternError(
                f"the replacement {replacement.text!r} fits the pattern {other.pattern.text!r} again",
                hint="A second run would change its result. Make the pattern narrower.",
            )


def _fits(pattern: Template, node: cst.CSTNode, within: Template, known: Mapping[str, Signature]) -> bool:
    try:
        match(pattern, node, within.named.get, known)
    except (Mismatch, Unclear):
        return False
    return True


def _kinds(pattern: Template) -> tuple[type[cst.CSTNode], ...]:
    """Return the kinds of nodes that a pattern may fit."""
    if pattern.node in pattern.named:
        return (cst.Name, cst.Attribute)
    return (type(pattern.node),)


def _structure(node: cst.CSTNode, wildcards: Bound) -> set[int]:
    """Return the nodes that go with a match: all but what its wildcards stand for."""
    kept = {id(part) for nodes in wildcards.values() for part in walk(nodes[0])}
    return {id(part) for part in walk(node)} - kept


def _evaluated(node: cst.CSTNode, wildcards: Bound) -> list[str]:
    """Return the wildcards in the order in which the code evaluates them; defaults of a signature come last."""
    at = {id(part): number for number, part in enumerate(walk(node))}
    found = [(at.get(id(part), len(at)), name) for name, parts in wildcards.items() for part in parts]
    return [name for _, name in sorted(found)]


def _order(template: Template) -> list[str]:
    return [name.value for name in occurrences(template)]
