"""Writing a replacement call: the arguments keep their formatting and comments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from .arguments import Given, Placed

_SPACE = cst.SimpleWhitespace(" ")
_NONE = cst.SimpleWhitespace("")
_EQUAL = cst.AssignEqual(whitespace_before=_NONE, whitespace_after=_NONE)
_COMMA = cst.Comma(whitespace_after=_SPACE)
_MODULE = cst.Module([])


def given(args: Sequence[cst.Arg]) -> list[Given]:
    """Return the arguments of a call as plain text."""
    return [Given(code(arg.value), arg.keyword.value if arg.keyword is not None else "", arg.star) for arg in args]


def code(node: cst.CSTNode) -> str:
    """Return the source text of a node."""
    return _MODULE.code_for_node(node)


def rewritten_call(
    call: cst.Call, args: Sequence[cst.Arg], placed: Sequence[Placed], function: str, use: Callable[[str], str]
) -> cst.Call:
    """Return the replacement of `call`.

    Args:
        call: The source call.
        args: Its arguments, the receiver of a method first.
        placed: What becomes of them.
        function: The text that names the replacement in the file.
        use: Returns the text that names something of MindSpore in the file.
    """
    new = [_argument(one, args, use) for one in placed]
    name = cst.parse_expression(function).with_changes(lpar=call.func.lpar, rpar=call.func.rpar)
    return call.with_changes(func=name, args=_separated(new, args))


def _argument(placed: Placed, args: Sequence[cst.Arg], use: Callable[[str], str]) -> cst.Arg:
    if not placed.given:
        text = use(placed.text) if placed.text.startswith("mindspore.") else placed.text
        return cst.Arg(_constant(text), keyword=cst.Name(placed.keyword), equal=_EQUAL)
    arg = args[placed.given[0]]
    if len(placed.given) > 1:
        last = args[placed.given[-1]]
        arg = cst.Arg(_tuple([args[index] for index in placed.given]), comma=last.comma)
    elif placed.text:
        arg = arg.with_changes(value=_constant(placed.text))
    if not placed.keyword:
        return arg
    equal = arg.equal if arg.keyword is not None else _EQUAL
    return arg.with_changes(keyword=cst.Name(placed.keyword), equal=equal)


def _constant(text: str) -> cst.BaseExpression:
    value = cst.parse_expression(text)
    if isinstance(value, cst.SimpleString) and value.quote == "'":
        return value.with_changes(value=f'"{value.raw_value}"')
    return value


def _tuple(args: Sequence[cst.Arg]) -> cst.Tuple:
    elements = [cst.Element(arg.value, comma=arg.comma) for arg in args[:-1]]
    elements.append(cst.Element(args[-1].value))
    return cst.Tuple(elements, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _separated(new: Sequence[cst.Arg], old: Sequence[cst.Arg]) -> list[cst.Arg]:
    """Set the commas: as between the old arguments, and at the end as at the old end."""
    if not new:
        return []
    between = next((arg.comma for arg in old[:-1] if isinstance(arg.comma, cst.Comma)), _COMMA)
    end = old[-1].comma if old else cst.MaybeSentinel.DEFAULT
    last_of_old = old[-1] if old else None
    result = []
    for index, arg in enumerate(new):
        if index == len(new) - 1:
            result.append(arg.with_changes(comma=end))
        elif not isinstance(arg.comma, cst.Comma) or (last_of_old is not None and arg.comma is last_of_old.comma):
            result.append(arg.with_changes(comma=between, whitespace_after_arg=_NONE))
        else:
            result.append(arg)
    if last_of_old is not None and not isinstance(end, cst.Comma):
        result[-1] = result[-1].with_changes(whitespace_after_arg=last_of_old.whitespace_after_arg)
    return result
