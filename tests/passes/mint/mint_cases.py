"""The calls that the tests of the API table execute: every example of every row, in the styles in which people call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter_passes.mint.arguments import Given, plan
from rewriter_passes.mint.table import Row, Table

FIXTURES = (
    "x", "y", "h", "n", "k", "b", "m", "w", "v", "c", "ids", "ix", "img", "ker", "lab", "one", "pos"
)  # fmt: skip
"""Names that the examples may use; `mint_runner.fixtures` makes the tensors."""


@dataclass(frozen=True)
class Case:
    """One source call and its replacement.

    Attributes:
        style: How the arguments were written.
        source: The source call; for a layer, the constructor.
        replacement: Its replacement by the table.
        compiled: Whether it is run in jit too. To save time, of the first example of a row two styles are, by position
            and with keywords in another order, and of the others one.
    """

    style: str
    source: str
    replacement: str
    compiled: bool


def cases(row: Row, table: Table) -> list[Case]:
    """Return the calls to execute for `row`, without repetitions."""
    found: dict[str, Case] = {}
    for number, example in enumerate(row.examples):
        for case in _styled(row, table, example, first=number == 0):
            known = found.get(case.source)
            if known is None or case.compiled:
                found[case.source] = case
    return list(found.values())


def _styled(row: Row, table: Table, example: str, *, first: bool) -> Iterator[Case]:
    call = ast.parse(f"f({example})", mode="eval").body
    assert isinstance(call, ast.Call)
    if call.args:
        written = [Given(ast.unparse(value)) for value in call.args]
        written += [Given(ast.unparse(one.value), one.arg or "") for one in call.keywords]
        yield _case(row, table, "as written", written, compiled=True)
        return
    values = {one.arg or "": ast.unparse(one.value) for one in call.keywords}
    for style in row.styles:
        compiled = style == row.styles[0] or (first and style == row.styles[-1])
        yield _case(row, table, style, _arguments(row, values, style), compiled=compiled)


def _arguments(row: Row, values: dict[str, str], style: str) -> list[Given]:
    receiver = [row.parameters[0].name] if row.kind == "method" else []
    by_position = list(receiver)
    if style == "positional":
        for parameter in row.parameters[len(receiver) :]:
            if not parameter.positional or parameter.name not in values:
                break
            by_position.append(parameter.name)
    rest = [parameter.name for parameter in row.parameters if parameter.name in values]
    rest = [name for name in rest if name not in by_position]
    if style == "reordered":
        rest.reverse()
    return [Given(values[name]) for name in by_position] + [Given(values[name], name) for name in rest]


def _case(row: Row, table: Table, style: str, given: list[Given], *, compiled: bool) -> Case:
    placed = plan(row, table.api[row.to], given)
    new = [_written(one.text or _joined(given, one.given), one.keyword) for one in placed]
    old = [_written(one.text, one.keyword) for one in given]
    if row.kind == "method":
        source = f"{old[0]}.{row.source.rpartition('.')[2]}({', '.join(old[1:])})"
    else:
        source = f"{row.source}({', '.join(old)})"
    return Case(style, source, f"{row.to}({', '.join(new)})", compiled)


def _joined(given: list[Given], indices: tuple[int, ...]) -> str:
    texts = [given[index].text for index in indices]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _written(text: str, keyword: str) -> str:
    return f"{keyword}={text}" if keyword else text
