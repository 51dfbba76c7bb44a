"""The text of a pattern or replacement, parsed: which names in it are wildcards, and which stand for themselves."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

from ..errors import RewriterError
from ..tree import children, dotted_name

CONSTANTS = frozenset({"None", "True", "False"})
_BUILTINS = frozenset(dir(builtins)) - CONSTANTS

_KINDS = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Arg,
    cst.Subscript,
    cst.SubscriptElement,
    cst.Index,
    cst.Slice,
    cst.UnaryOperation,
    cst.BinaryOperation,
    cst.Comparison,
    cst.ComparisonTarget,
    cst.Tuple,
    cst.List,
    cst.Element,
    cst.Integer,
    cst.Float,
    cst.SimpleString,
    cst.Ellipsis,
    cst.BaseUnaryOp,
    cst.BaseBinaryOp,
    cst.BaseCompOp,
    cst.Colon,
    cst.Dot,
    cst.LeftSquareBracket,
    cst.RightSquareBracket,
    cst.AssignEqual,
)
"""What patterns are made of: every part is evaluated, once, from left to right, and none has names of its own."""


class PatternError(RewriterError):
    """A pattern pass that cannot work; it is refused when its file is loaded."""


@dataclass(frozen=True)
class Template:
    """A parsed pattern or replacement.

    Attributes:
        text: What the author wrote.
        node: The expression.
        named: Node → the qualified name that it stands for. What is below such a node is part of the name.
        wildcards: The other names, each as often as it occurs.
    """

    text: str
    node: cst.BaseExpression
    named: Mapping[cst.CSTNode, str]
    wildcards: Counter[str]

    @property
    def title(self) -> str:
        """What reports call it: the first qualified name in it, else its text."""
        return next(iter(self.named.values()), self.text)

    def fresh(self) -> Template:
        """Return the same on nodes of its own, so that no two places of a tree share one."""
        return _template(self.text, frozenset(self.wildcards))


def parse_all(*texts: str) -> list[Template]:
    """Parse a pattern and its replacement, which share their wildcards.

    A name without a dot is a wildcard, unless it is a builtin that is called (`len(x)`). A dotted name is a qualified
    one, unless it begins with a wildcard (`x.swapaxes(-1, -2)` where `x` stands by itself in one of the texts).

    Raises:
        PatternError: One is not an expression, or has parts that are not evaluated once, from left to right.
    """
    nodes = [_parsed(text) for text in texts]
    wildcards = frozenset(name.value for node in nodes for name in _bare(node))
    return [_template(text, wildcards) for text in texts]


def _template(text: str, wildcards: frozenset[str]) -> Template:
    node = _parsed(text)
    named: dict[cst.CSTNode, str] = {}
    count: Counter[str] = Counter()
    for part in _parts(node, wildcards, named):
        count[part.value] += 1
    return Template(text, node, named, count)


def _parsed(text: str) -> cst.BaseExpression:
    try:
        node = cst.parse_expression(text.strip())
    except cst.ParserSyntaxError:
        raise PatternError(f"pattern {text!r}: not an expression", hint="Write it as Python, on one line.") from None
    _check(node, text)
    return node


def _check(node: cst.CSTNode, text: str) -> None:
    if not isinstance(node, _KINDS) or (isinstance(node, cst.Comparison) and len(node.comparisons) > 1):
        raise PatternError(
            f"pattern {text!r}: it has a {type(node).__name__}, which a pattern may not",
            hint="Calls, operators, subscripts, tuples and literals are taken; for the rest write a visitor pass.",
        )
    if isinstance(node, cst.Arg) and node.star:
        raise PatternError(f"pattern {text!r}: it unpacks arguments with {node.star}, which a pattern may not")
    if isinstance(node, cst.Attribute) and (dotted_name(node) or "").startswith("self."):
        raise PatternError(
            f"pattern {text!r}: an attribute of self has no qualified name", hint="Write a visitor pass for it."
        )
    for part in children(node):
        _check(part, text)


def _bare(node: cst.CSTNode) -> Iterator[cst.Name]:
    """Yield the names that stand by themselves: not the first of a dotted name, not a builtin that is called."""
    if isinstance(node, cst.Name):
        if node.value not in CONSTANTS:
            yield node
    elif isinstance(node, cst.Attribute):
        if dotted_name(node) is None:
            yield from _bare(node.value)
    elif isinstance(node, cst.Call):
        if not is_builtin(node.func):
            yield from _bare(node.func)
        for arg in node.args:
            yield from _bare(arg.value)
    else:
        for part in children(node):
            yield from _bare(part)


def _parts(node: cst.CSTNode, wildcards: frozenset[str], named: dict[cst.CSTNode, str]) -> Iterator[cst.Name]:
    """Yield the wildcards in the order of evaluation, and put what has a qualified name into `named`."""
    if isinstance(node, cst.Name):
        if node.value in wildcards:
            yield node
    elif isinstance(node, cst.Attribute):
        dotted = dotted_name(node)
        if dotted is not None and dotted.partition(".")[0] not in wildcards:
            named[node] = dotted
        else:
            yield from _parts(node.value, wildcards, named)
    elif isinstance(node, cst.Call):
        if is_builtin(node.func):
            named[node.func] = f"builtins.{dotted_name(node.func)}"
        else:
            yield from _parts(node.func, wildcards, named)
        for arg in node.args:
            yield from _parts(arg.value, wildcards, named)
    else:
        for part in children(node):
            yield from _parts(part, wildcards, named)


def is_builtin(function: cst.CSTNode) -> bool:
    """Tell whether what a template calls is a builtin."""
    return isinstance(function, cst.Name) and function.value in _BUILTINS


def occurrences(template: Template) -> list[cst.Name]:
    """Return the wildcards of a template in the order of evaluation, each as often as it occurs."""
    return list(_parts(template.node, frozenset(template.wildcards), {}))
