"""What stands in a line of a file by itself."""

from __future__ import annotations

import libcst as cst


def only(statement: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """Return what stands in a line by itself; None for a compound statement, and for several in one line."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return statement.body[0]
    return None


def target(assignment: cst.CSTNode | None) -> str:
    """Return the one name that an assignment binds; empty where it binds something else, or is none."""
    if not isinstance(assignment, cst.Assign) or len(assignment.targets) != 1:
        return ""
    name = assignment.targets[0].target
    return name.value if isinstance(name, cst.Name) else ""
