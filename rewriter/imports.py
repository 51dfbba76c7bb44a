"""Adding the imports that passes ask for, and dropping those that the rewriting left without a use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from .tree import Names, bound_name, dotted_name, find, identifiers
from .tree import replace as replace_nodes

IMPORTABLE_ROOTS = (
    *("mindspore.mint", "mindspore.ops", "mindspore.nn", "mindnlp.core.nn", "mindnlp.core.ops"),
    "models.common.activations",
)
"""Modules that are imported by `from mindspore import …`; what lies below is reached as attributes."""


@dataclass
class ImportPlan:
    """The imports that a rewritten file needs beyond its own.

    Attributes:
        wanted: Module or member → local name, in the order of asking.
    """

    wanted: dict[str, str] = field(default_factory=dict)

    def copy(self) -> ImportPlan:
        """Return a copy that can be thrown away with a failed pass."""
        return replace(self, wanted=dict(self.wanted))

    def local_name(self, qualified: str, names: Names, tree: cst.Module) -> str:
        """Return the text for `qualified` in the file; see `PassContext.use`."""
        root, rest = _split(qualified)
        local = self.wanted.get(root)
        if local is None:
            local = _already_imported(root, names, tree)
        if local is None:
            local = self.wanted[root] = _free_name(root, tree)
        return f"{local}.{rest}" if rest else local

    def qualified(self, node: cst.CSTNode) -> str | None:
        """Return what an expression stands for by an import that is still to come; see `PassContext.qualified_name`."""
        root, dot, rest = (dotted_name(node) or "").partition(".")
        return next((wanted + dot + rest for wanted, local in self.wanted.items() if local == root), None)

    def apply(self, tree: cst.Module) -> cst.Module:
        """Return `tree` with the wanted imports put after its last import of the same top-level package."""
        statements = [_import_statement(root, local) for root, local in self.wanted.items()]
        if not statements:
            return tree
        body = list(tree.body)
        at = _insertion_point(body, {root.split(".")[0] for root in self.wanted})
        body[at:at] = statements
        return tree.with_changes(body=body)


def drop_unused(tree: cst.Module, original: cst.Module) -> cst.Module:
    """Drop module-level imports that `original` used and `tree` no longer does.

    An import that was unused to begin with stays: somebody may import it from this file.
    """
    before, after = _used(original), _used(tree)
    gone = before - after
    if not gone:
        return tree
    gone -= _string_literals(tree)
    changes: dict[cst.CSTNode, cst.CSTNode | cst.RemovalSentinel] = {}
    for line in tree.body:
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            continue
        statement = line.body[0]
        if not isinstance(statement, (cst.Import, cst.ImportFrom)) or isinstance(statement.names, cst.ImportStar):
            continue
        kept = [alias for alias in statement.names if bound_name(alias) not in gone]
        if len(kept) == len(statement.names):
            continue
        if not kept:
            if any(above.comment is not None for above in line.leading_lines):
                continue  # the comment above may be about more than this line
            changes[line] = cst.RemovalSentinel.REMOVE
        else:
            kept[-1] = kept[-1].with_changes(comma=statement.names[-1].comma)
            changes[statement] = statement.with_changes(names=kept)
    return replace_nodes(tree, changes)


def _split(qualified: str) -> tuple[str, str]:
    for root in IMPORTABLE_ROOTS:
        if qualified == root or qualified.startswith(root + "."):
            return root, qualified[len(root) + 1 :]
    top, _, rest = qualified.partition(".")
    return top, rest


def _already_imported(root: str, names: Names, tree: cst.Module) -> str | None:
    """Return a local name that an unconditional import binds to `root`, and that nothing else binds."""
    plain = {
        bound_name(alias)
        for line in tree.body
        if isinstance(line, cst.SimpleStatementLine)
        for statement in line.body
        if isinstance(statement, (cst.Import, cst.ImportFrom)) and not isinstance(statement.names, cst.ImportStar)
        for alias in statement.names
    }
    return next((local for local, qualified in names.plain.items() if qualified == root and local in plain), None)


def _free_name(root: str, tree: cst.Module) -> str:
    """Choose a local name for `root` that occurs nowhere in the file."""
    taken = identifiers(tree)
    last = root.rsplit(".", 1)[-1]
    candidates = [last, "ms_" + last, *(f"ms_{last}_{number}" for number in range(2, 100))]
    return next(name for name in candidates if name not in taken)


def _import_statement(root: str, local: str) -> cst.SimpleStatementLine:
    module, _, member = root.rpartition(".")
    last = member or root
    alias = f" as {local}" if local != last else ""
    text = f"from {module} import {member}{alias}" if module else f"import {root}{alias}"
    line = cst.parse_statement(text)
    assert isinstance(line, cst.SimpleStatementLine)
    return line


def _insertion_point(body: Sequence[cst.BaseStatement], packages: set[str]) -> int:
    """Return the index after the last plain import of `packages`, else after the last one; above all classes."""
    best, same = 0, 0
    for index, line in enumerate(body):
        if best and isinstance(line, (cst.ClassDef, cst.FunctionDef)):
            break  # its defaults and decorators may need the import already
        if not isinstance(line, cst.SimpleStatementLine):
            continue
        for statement in line.body:
            if isinstance(statement, cst.ImportFrom) and not statement.relative and statement.module is not None:
                module = cst.Module([]).code_for_node(statement.module)
            elif isinstance(statement, cst.Import):
                module = cst.Module([]).code_for_node(statement.names[0].name)
            else:
                if index == 0 and isinstance(statement, cst.Expr):  # the module docstring
                    best = max(best, 1)
                continue
            best = index + 1
            if module.split(".")[0] in packages and module == module.split(".")[0]:
                same = index + 1
    return same or best


def _used(tree: cst.Module) -> set[str]:
    """Return the identifiers used outside import statements."""
    found: set[str] = set()
    for line in tree.body:
        if isinstance(line, cst.SimpleStatementLine) and any(
            isinstance(part, (cst.Import, cst.ImportFrom)) for part in line.body
        ):
            continue
        found |= identifiers(line)
    return found


def _string_literals(tree: cst.Module) -> set[str]:
    """Return short string literals: `__all__` and quoted annotations may name an import."""
    found: set[str] = set()
    for node in find(tree, cst.SimpleString):
        text = node.raw_value
        if len(text) < 200:
            found.update(re.findall(r"\w+", text))
    return found
