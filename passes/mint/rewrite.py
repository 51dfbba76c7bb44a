"""The `mint` pass: framework calls in the spelling that the target runs best, by the API table."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as replace_fields

import libcst as cst

from rewriter import Device, Pass, PassContext, Safety
from rewriter.tree import replace

from .arguments import Unmapped, plan
from .calls import Found, calls, writes_in_place
from .examples import EXAMPLES
from .kernels import load_kernels
from .render import code, given, rewritten_call
from .table import Row, Table, load
from .tensors import Tensors

FRAMEWORK = ("mindspore.ops.", "mindspore.nn.", "mindnlp.core.ops.", "mindnlp.core.nn.")
"""A call of anything here that the table does not know is listed as left alone."""
MINT = "mindspore.mint."
METHOD = "mindspore.Tensor."


class MintPass(Pass):
    """Spell framework calls as `mindspore.mint` where the target has the kernels, or back where it has not.

    A call becomes its replacement in the API table when its arguments map one to one and the replacement is known to
    run on the target: on a CPU by having been run, elsewhere by its documentation. `portable` asks for every device.
    """

    name = "mint"
    safety = Safety.ROUNDING
    examples = EXAMPLES

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of the file."""
        work = _Work(context, load())
        found = calls(context.tree)
        outcomes = {one.call: work.decide(one) for one in reversed(found)}  # inner calls before outer ones
        for one in found:
            _tell(context, one.call, outcomes[one.call])
        extended = work.extended_checks(found)
        for call, (what, note) in extended.items():
            context.rewritten(call, what, note)
        return replace(context.tree, work.changes)


@dataclass(frozen=True)
class _Rewritten:
    what: str
    note: str


@dataclass(frozen=True)
class _Skipped:
    what: str
    reason: str
    missing: bool = False


_Outcome = _Rewritten | _Skipped | None


def _tell(context: PassContext, call: cst.Call, outcome: _Outcome) -> None:
    if isinstance(outcome, _Rewritten):
        context.rewritten(call, outcome.what, outcome.note)
    elif isinstance(outcome, _Skipped) and context.line(call):  # what other passes wrote is no site of the file
        context.skipped(call, outcome.what, outcome.reason, missing=outcome.missing)


class _Work:
    """One file at work.

    Attributes:
        changes: Old call → new call.
    """

    def __init__(self, context: PassContext, table: Table) -> None:
        self.context = context
        self.table = table
        self.changes: dict[cst.CSTNode, cst.CSTNode] = {}
        self._tensors = Tensors(table, context.qualified_name)
        self._layers: dict[str, str] = {}

    def decide(self, found: Found) -> _Outcome:
        """Decide what becomes of a call, and note the change."""
        name = self.context.qualified_name(found.call.func)
        if name is not None:
            return self._by_name(found, self.table.canonical(name))
        if isinstance(found.call.func, cst.Attribute):
            return self._by_method(found, found.call.func)
        return None

    def _by_name(self, found: Found, name: str) -> _Outcome:
        row, refusal = self.table.rows.get(name), self.table.refusal(name)
        if name.startswith(MINT):
            lacks = self._mint_lacks(name)
            if not lacks:
                return None
            missing = self._fails(name)
            if row is None:
                reason = f"{_short(name)} {lacks}, and the API table has nothing in its place"
                return _Skipped(name, reason, missing)
            outcome = self._replaced(found, row, list(found.call.args))
            return replace_fields(outcome, missing=missing) if isinstance(outcome, _Skipped) else outcome
        if row is not None:
            return self._replaced(found, row, list(found.call.args))
        if refusal is not None:
            return _Skipped(name, refusal.why)
        if name.startswith(FRAMEWORK):
            return _Skipped(name, "the API table has no row for it")
        return None

    def _fails(self, name: str) -> bool:
        """Tell whether a call of mint's fails on the target in plain Python, which each graph runs as first."""
        known = self.table.api[name].cpu if name in self.table.api else load_kernels().evidence(name)
        on_cpu = self.context.target.device in (Device.CPU, Device.PORTABLE)
        return on_cpu and known in ("no kernel", "no eager kernel")

    def _mint_lacks(self, name: str) -> str:
        api = self.table.api.get(name)
        if api is None:
            if self.context.target.device is Device.ASCEND:
                return ""
            known = load_kernels().evidence(name)
            if known.startswith("no "):
                return f"has {known} on a CPU"
            return "" if known and self.context.target.device is Device.CPU else "is not known to run there"
        return api.lacks(self.context.target.device, self.context.target.mindspore)

    def _by_method(self, found: Found, func: cst.Attribute) -> _Outcome:
        name = METHOD + func.attr.value
        row, refusal = self.table.rows.get(name), self.table.refusal(name)
        if row is None and refusal is None:
            return None
        certain = (row is not None or _is_text(found.call)) and self._tensors.certain(func.value, found.function)
        if _is_text(found.call) and not certain:
            return None
        if row is None:
            return _Skipped(name, refusal.why if refusal is not None else "")
        if not certain:
            return _Skipped(name, "whether its receiver is a Tensor cannot be seen here")
        return self._replaced(found, row, [cst.Arg(func.value), *found.call.args])

    def _replaced(self, found: Found, row: Row, args: list[cst.Arg]) -> _Outcome:
        target = self.context.target
        lacks = self.table.api[row.to].lacks(target.device, target.mindspore)
        if lacks:
            return _Skipped(row.source, f"{_short(row.to)} {lacks}")
        if row.targets and target.device not in row.targets:
            return _Skipped(row.source, row.elsewhere)
        if row.aliases and writes_in_place(found.function, self.context.tree):
            return _Skipped(row.source, "its replacement may share memory with its argument, which is written to here")
        args = [replace(arg, self.changes) for arg in args]
        in_forward = found.method == self.context.dialect.forward
        try:
            placed = plan(row, self.table.api[row.to], given(args), in_forward=in_forward)
        except Unmapped as why:
            return _Skipped(row.source, str(why))
        function = self.context.use(row.to)
        self.changes[found.call] = rewritten_call(found.call, args, placed, function, self.context.use)
        if row.kind == "layer":
            self._layers[row.source] = row.to
        return _Rewritten(row.source, function)

    def extended_checks(self, found: list[Found]) -> dict[cst.Call, tuple[str, str]]:
        """Let `isinstance(x, nn.Dropout)` hold for the layer that now stands in its place; return what was changed."""
        told: dict[cst.Call, tuple[str, str]] = {}
        for one in found:
            if self.context.qualified_name(one.call.func) != "builtins.isinstance" or len(one.call.args) != 2:
                continue
            kinds = one.call.args[1].value
            listed = [item.value for item in kinds.elements] if isinstance(kinds, cst.Tuple) else [kinds]
            names = [self.context.qualified_name(item) for item in listed]
            missing = [self._layers[name] for name in names if name in self._layers and self._layers[name] not in names]
            if missing:
                texts = [code(item) for item in listed] + [self.context.use(name) for name in missing]
                new = one.call.args[1].with_changes(value=cst.parse_expression(f"({', '.join(texts)})"))
                self.changes[one.call] = one.call.with_changes(args=[replace(one.call.args[0], self.changes), new])
                told[one.call] = ("isinstance", f"also {', '.join(_short(name) for name in missing)}")
        return told


def _short(name: str) -> str:
    return name.removeprefix("mindspore.")


def _is_text(call: cst.Call) -> bool:
    """Return whether a method is called as only strings are: `name.split(".")`."""
    return any(
        isinstance(arg.value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)) for arg in call.args
    )
