"""From the arguments of a source call to those of its replacement, by a row of the table.

The plan keeps the arguments in the order in which they were written, so that they are evaluated in that order.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from .table import Api, LiteralKind, Parameter, Row


@dataclass(frozen=True)
class Given:
    """An argument as it was written.

    Attributes:
        text: Its expression as source text.
        keyword: The keyword; empty for a positional argument.
        star: `*` or `**` when it is unpacked.
    """

    text: str
    keyword: str = ""
    star: str = ""


@dataclass(frozen=True)
class Placed:
    """An argument of the replacement.

    Attributes:
        given: Which given arguments it is made of: one, several that become a tuple, or none for a constant.
        keyword: The keyword to write; empty for a positional argument.
        text: What to write in place of the given argument, or the constant; empty to keep what was written.
    """

    given: tuple[int, ...]
    keyword: str = ""
    text: str = ""


class Unmapped(Exception):
    """A call that the row does not map; the message says why, as a user reads it."""


def plan(row: Row, api: Api, arguments: Sequence[Given], *, in_forward: bool = True) -> list[Placed]:
    """Return the arguments of the replacement.

    Args:
        row: The row for the source call.
        api: The facts of `row.to`.
        arguments: What the source call was given, the receiver of a method first.
        in_forward: Whether the call stands in a module's forward method.

    Raises:
        Unmapped: The row does not cover this call.
    """
    bound = _bind(row, arguments)
    _check(row, bound, arguments, in_forward=in_forward)
    passed = _translate(row, bound, arguments)
    passed += _additions(row, bound, arguments)
    return _arrange(api, passed, arguments)


@dataclass
class _Passed:
    """An argument on its way: the parameter of the replacement it is for, and how it was written."""

    to: str
    given: tuple[int, ...]
    by_keyword: bool
    text: str = ""


def _bind(row: Row, arguments: Sequence[Given]) -> dict[str, list[int]]:
    """Return source parameter → indices of the arguments it gets, as Python itself would bind them."""
    if any(argument.star for argument in arguments):
        raise Unmapped("its arguments are unpacked with *, so which is which cannot be seen here")
    bound: dict[str, list[int]] = {}
    slots = [parameter for parameter in row.parameters if parameter.positional]
    by_name = {parameter.name: parameter for parameter in row.parameters if not parameter.variadic}
    position = 0
    for index, argument in enumerate(arguments):
        if argument.keyword:
            if argument.keyword not in by_name or argument.keyword in bound:
                raise Unmapped(f"it has no parameter {argument.keyword}, or has it twice: {row.signature}")
            bound[argument.keyword] = [index]
            continue
        if position >= len(slots):
            raise Unmapped(f"it was given more arguments than it takes: {row.signature}")
        bound.setdefault(slots[position].name, []).append(index)
        position += not slots[position].variadic
    _check_complete(row.parameters, bound, row.signature)
    return bound


def _check_complete(parameters: Sequence[Parameter], bound: dict[str, list[int]], signature: str) -> None:
    for parameter in parameters:
        if parameter.default is None and parameter.name not in bound:
            raise Unmapped(f"{parameter.name} was not given: {signature}")


def _check(row: Row, bound: dict[str, list[int]], arguments: Sequence[Given], *, in_forward: bool) -> None:
    """Raise `Unmapped` for what the row says cannot be replaced."""
    defaults = {parameter.name: parameter.default for parameter in row.parameters}
    texts = {name: arguments[indices[0]].text for name, indices in bound.items()}
    for name, reason in row.refuse.items():
        if name in texts and not same_literal(texts[name], defaults[name]):
            raise Unmapped(f"{name} is passed: {reason}")
    for name, reason in row.require.items():
        if texts.get(name, "None") == "None":
            raise Unmapped(reason)
    for name, reason in row.not_none.items():
        if texts.get(name) == "None":
            raise Unmapped(reason)
    for name, kind in row.only.items():
        if name in texts and not is_literal(texts[name], kind):
            raise Unmapped(f"{name} must be a literal ({kind}) to be sure, and is {texts[name]}")
    for name, values in row.choices.items():
        if name in texts and chosen(values, texts[name]) is None:
            raise Unmapped(f"{name} must be one of {', '.join(values)}, and is {texts[name]}")
    for name, reason in row.forward_only.items():
        if texts.get(name, "None") == "None" and not in_forward:
            raise Unmapped(reason)


def _translate(row: Row, bound: dict[str, list[int]], arguments: Sequence[Given]) -> list[_Passed]:
    """Return the given arguments under the names of the replacement, in the order in which they were written."""
    found = []
    for name, indices in bound.items():
        text = arguments[indices[0]].text
        if name in row.refuse:
            continue
        if name in row.choices:
            replacement = chosen(row.choices[name], text) or ""
            if not replacement:
                continue
            new_text = "" if same_literal(text, replacement) else replacement
        else:
            new_text = as_tuple(text, name) if name in row.as_tuple else ""
        to = row.rename.get(name, name)
        if name == row.pack or not _is_variadic(row, name):
            found.append(_Passed(to, tuple(indices), bool(arguments[indices[0]].keyword), new_text))
        else:
            found.extend(_Passed(to, (index,), False) for index in indices)
    return sorted(found, key=lambda one: one.given)


def _is_variadic(row: Row, name: str) -> bool:
    return any(parameter.variadic and parameter.name == name for parameter in row.parameters)


def _additions(row: Row, bound: dict[str, list[int]], arguments: Sequence[Given]) -> list[_Passed]:
    given = {row.rename.get(name, name) for name in bound}
    found = [_Passed(to, (), True, text) for to, text in row.add.items() if to not in given]
    if len(arguments) > 1 and not all(is_whole(argument.text) for argument in arguments):
        found += [_Passed(to, (), True, text) for to, text in row.add_unless_whole.items() if to not in given]
    return found


def _arrange(api: Api, passed: list[_Passed], arguments: Sequence[Given]) -> list[Placed]:
    """Keep by position what still has its position, and write the rest with keywords."""
    slots = [parameter.name for parameter in api.parameters if parameter.positional]
    variadic = next((parameter.name for parameter in api.parameters if parameter.variadic), "")
    by_position: list[_Passed] = []
    by_keyword: list[_Passed] = []
    waiting = {one.to: one for one in passed if not one.by_keyword and one.to != variadic}
    for name in slots:
        if name == variadic:
            by_position += [one for one in passed if one.to == variadic]
        elif name in waiting:
            by_position.append(waiting.pop(name))
        else:
            break
    placed = {id(one) for one in by_position}
    by_keyword = [one for one in passed if id(one) not in placed]
    _check_order([*by_position, *by_keyword], arguments)
    return [Placed(one.given, "", one.text) for one in by_position] + [
        Placed(one.given, one.to, one.text) for one in by_keyword
    ]


def _check_order(passed: Sequence[_Passed], arguments: Sequence[Given]) -> None:
    """Refuse to change the order in which arguments are evaluated, where that can be told from outside."""
    order = [index for one in passed for index in one.given]
    if order == sorted(order):
        return
    if sum("(" in arguments[index].text for index in order) > 1:
        raise Unmapped("its arguments would be evaluated in another order")


def is_literal(text: str, kind: LiteralKind) -> bool:
    """Return whether `text` is a literal of `kind`: `-1` is an int and a number, `'fro'` a str."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return False
    if isinstance(value, bool):
        return False
    return isinstance(value, _KINDS[kind])


_KINDS: dict[LiteralKind, tuple[type, ...]] = {"int": (int,), "number": (int, float), "str": (str,)}


def same_literal(text: str, default: str | None) -> bool:
    """Return whether `text` is the default, written out."""
    if default is None:
        return False
    try:
        return ast.dump(ast.parse(text.strip(), mode="eval")) == ast.dump(ast.parse(default, mode="eval"))
    except SyntaxError:
        return False


def chosen(values: dict[str, str], text: str) -> str | None:
    """Return the replacement for the literal `text`, quotes of either kind; None when it is not among `values`."""
    return next((new for old, new in values.items() if same_literal(text, old)), None)


def as_tuple(text: str, name: str) -> str:
    """Return what to write so that the argument is a tuple: empty to keep it.

    Raises:
        Unmapped: What is written may be a list at run time.
    """
    node = _expression(text)
    if isinstance(node, ast.Tuple):
        return ""
    if not isinstance(node, ast.List):
        raise Unmapped(f"{name} must be a tuple to be sure, and is {text}")
    inner = text[1:-1].rstrip()
    return f"({inner},)" if len(node.elts) == 1 and not inner.endswith(",") else f"({inner})"


def is_whole(text: str) -> bool:
    """Return whether `text` is certainly a whole number: a literal, a length, a part of a shape, or sums of these."""
    node = _expression(text)
    return node is not None and _is_whole(node)


def _is_whole(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return _is_whole(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv)):
        return _is_whole(node.left) and _is_whole(node.right)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "len"
    if isinstance(node, ast.Subscript):
        return (
            isinstance(node.value, ast.Attribute)
            and node.value.attr == "shape"
            and not isinstance(node.slice, ast.Slice)
        )
    return isinstance(node, ast.Attribute) and node.attr == "ndim"


def _expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(f"(\n{text}\n)", mode="eval").body
    except SyntaxError:
        return None
