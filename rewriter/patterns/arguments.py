"""Which argument of a call answers to which argument of the pattern."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from .template import PatternError

Pairs = list[tuple[cst.BaseExpression, cst.BaseExpression]]


class Mismatch(Exception):
    """The code is something else than the pattern."""


class Unclear(Exception):
    """The code may be what the pattern means; the message says why it is left all the same."""


@dataclass(frozen=True)
class Signature:
    """The parameters of a function, as the author of a pass gives them.

    Attributes:
        text: As it was written.
        positional: The parameters that may be given by position, in order.
        names: Those that may be given by name.
        defaults: Parameter → default, where there is one.
    """

    text: str
    positional: tuple[str, ...]
    names: frozenset[str]
    defaults: Mapping[str, cst.BaseExpression]


def parse_signature(text: str) -> tuple[str, Signature]:
    """Parse `mindspore.ops.mean(x, axis=None, keep_dims=False)` into the qualified name and its parameters.

    Raises:
        PatternError: It is not a signature, or has `*args` or `**kwargs`.
    """
    name, _, rest = text.partition("(")
    try:
        (function,) = ast.parse(f"def f({rest}: pass").body
    except SyntaxError:
        function = None
    if not isinstance(function, ast.FunctionDef) or function.args.vararg or function.args.kwarg:
        raise PatternError(f"signature {text!r}: write it like mindspore.ops.mean(x, axis=None), without * or **")
    args = function.args
    both, by_name = [*args.posonlyargs, *args.args], args.kwonlyargs
    given = list(zip(reversed(both), reversed(args.defaults), strict=False))
    given += [(arg, default) for arg, default in zip(by_name, args.kw_defaults, strict=True) if default is not None]
    return name.strip(), Signature(
        text,
        tuple(arg.arg for arg in both),
        frozenset(arg.arg for arg in (*args.args, *by_name)),
        {arg.arg: cst.parse_expression(ast.unparse(default)) for arg, default in given},
    )


def paired(pattern: Sequence[cst.Arg], code: Sequence[cst.Arg], signature: Signature | None) -> Pairs:
    """Return (expression of the pattern, expression of the code) for every argument.

    Args:
        pattern: The pattern's arguments; none is unpacked.
        code: The call's.
        signature: Of what is called, if it is known. Without it, arguments must be given as in the pattern; names may
            come in any order.

    Raises:
        Mismatch: The call is something else.
        Unclear: Which argument is which cannot be seen, or there is one that the pattern has not.
    """
    if any(arg.star for arg in code):
        raise Unclear("its arguments are unpacked with *, so which is which cannot be seen here")
    if signature is None:
        return _as_written(pattern, code)
    wanted, given = bound(pattern, signature), bound(code, signature)
    pairs: Pairs = []
    for name in [*wanted, *(name for name in given if name not in wanted)]:
        default = signature.defaults.get(name)
        if name not in wanted:
            if default is None or not same_code(given[name], default):
                raise Unclear(f"it is given {name}, which the pattern has not")
        elif name in given:
            pairs.append((wanted[name], given[name]))
        elif default is not None:
            pairs.append((wanted[name], default))
        else:
            raise Mismatch
    return pairs


def bound(arguments: Sequence[cst.Arg], signature: Signature) -> dict[str, cst.BaseExpression]:
    """Return parameter → argument, as Python itself would bind them.

    Raises:
        Unclear: The arguments do not fit the signature.
    """
    found: dict[str, cst.BaseExpression] = {}
    position = 0
    for arg in arguments:
        if arg.keyword is not None:
            name = arg.keyword.value
            fits = name in signature.names
        else:
            fits = position < len(signature.positional)
            name = signature.positional[position] if fits else ""
            position += 1
        if not fits or name in found:
            raise Unclear(f"its arguments do not fit {signature.text}")
        found[name] = arg.value
    return found


def _as_written(pattern: Sequence[cst.Arg], code: Sequence[cst.Arg]) -> Pairs:
    (first, named), (second, given) = _split(pattern), _split(code)
    if len(first) == len(second) and named.keys() == given.keys():
        return [*zip(first, second, strict=True), *((value, given[name]) for name, value in named.items())]
    if len(code) > len(pattern):
        raise Unclear("it has more arguments than the pattern")
    if len(code) < len(pattern):
        raise Unclear("it has fewer arguments than the pattern, and the pass does not give the signature")
    raise Unclear("its arguments are given otherwise than in the pattern, and the pass does not give the signature")


def _split(arguments: Sequence[cst.Arg]) -> tuple[list[cst.BaseExpression], dict[str, cst.BaseExpression]]:
    by_position = [arg.value for arg in arguments if arg.keyword is None]
    return by_position, {arg.keyword.value: arg.value for arg in arguments if arg.keyword is not None}


def same_code(one: cst.BaseExpression, other: cst.BaseExpression) -> bool:
    """Tell whether two expressions are the same but for layout and superfluous parentheses."""
    return meaning(one) == meaning(other)


def meaning(node: cst.CSTNode) -> str:
    """Return what is left of an expression without its layout."""
    return ast.dump(ast.parse(f"(\n{cst.Module([]).code_for_node(node)}\n)", mode="eval"))
