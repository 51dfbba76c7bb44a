"""Executes the rows of the API table in a process of its own and writes what it saw as JSON.

    python mint_runner.py {mindspore|mindnlp} RESULT.json

mindnlp changes MindSpore for the whole process, so each library has its own; and an operator that brings the process
down is a failed test rather than the end of all tests. Functions under jit must lie in a file, so the calls are written
into a module first.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import stand_ins
from documentation import platforms, resolve, signature
from mindspore import Tensor
from mint_cases import FIXTURES, cases
from rewriter_passes.mint.table import Refusal, Row, Table, load

HEADER = """import mindspore
import mindspore as ms
from mindspore import Tensor, mint, nn, ops
{imports}
"""
PARAMETERS = ", ".join(FIXTURES)


def fixtures() -> dict[str, Tensor]:
    """Return the tensors that the examples name; every call makes the same ones."""
    random = np.random.RandomState(0)

    def floats(*shape: int) -> Tensor:
        return Tensor(random.randn(*shape).astype(np.float32))

    made = {
        "x": floats(2, 3, 4),
        "y": floats(2, 3, 4),
        "h": Tensor(random.randn(2, 3, 4).astype(np.float16)),
        "n": Tensor(random.randint(0, 9, (2, 3, 4)).astype(np.int64)),
        "k": Tensor(random.randint(0, 9, (2, 3, 4)).astype(np.int32)),
        "b": Tensor(random.rand(2, 3, 4) > 0.5),
        "m": floats(3, 4),
        "w": floats(5, 4),
        "v": floats(4),
        "c": floats(5),
        "ids": Tensor(np.array([[0, 2, 1], [4, 0, 3]])),
        "ix": Tensor(np.array([0, 2])),
        "img": floats(2, 3, 8, 8),
        "ker": floats(4, 3, 4, 4),
        "lab": Tensor(np.array([0, -100, 2])),
        "one": floats(1, 3, 1),
        "pos": Tensor(np.abs(random.randn(2, 3, 4)).astype(np.float32) + np.float32(0.1)),
    }
    assert tuple(made) == FIXTURES
    return made


class Written:
    """A module of generated functions.

    Args:
        folder: Where to write it.
        functions: Name → the expressions that the function returns.
        setup: Lines that go before.
        imports: Import statements.
    """

    def __init__(self, folder: Path, functions: dict[str, list[str]], setup: list[str], imports: str) -> None:
        text = [HEADER.format(imports=imports), *setup]
        for function, expressions in functions.items():
            body = "".join(f"        {expression},\n" for expression in expressions)
            text.append(f"def {function}({PARAMETERS}):\n    return (\n{body}    )\n")
        (folder / "calls_under_test.py").write_text("\n".join(text), encoding="utf-8")
        self.module = importlib.import_module("calls_under_test")

    def run(self, function: str, *, jit: bool) -> Any:
        """Call a function on fresh tensors; return what it gives, or the error as text."""
        call: Callable[..., Any] = getattr(self.module, function)
        try:
            values = (mindspore.jit(call, fullgraph=True) if jit else call)(*fixtures().values())
            return [_plain(value) for value in values]
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        finally:
            _settle()

    def run_all(self, batches: dict[str, list[str]], *, jit: bool) -> dict[str, Any]:
        """Run functions in batches, which compile faster; one by one where a batch fails."""
        found: dict[str, Any] = {}
        for batch, members in batches.items():
            together = self.run(batch, jit=jit)
            if isinstance(together, str):
                found |= {member: self.run(member, jit=jit) for member in members}
            else:
                found |= {member: part[1] for member, part in zip(members, together, strict=True)}
        return found


def _settle() -> None:
    """Wait for what runs in the background, so that its error is not blamed on the next call."""
    try:
        mindspore.runtime.synchronize()
    except Exception:
        return


def _plain(value: Any) -> Any:
    """Return a result as plain data: type, shape, numbers."""
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, [_plain(one) for one in value]]
    if isinstance(value, Tensor):
        return [str(value.dtype), list(value.shape), value.asnumpy()]
    return [type(value).__name__, repr(value)]


def difference(left: Any, right: Any, row: Row) -> str:
    """Return how two results differ; empty when the row's promise is kept."""
    if isinstance(left, str) or isinstance(right, str):
        return f"{left if isinstance(left, str) else 'ran'} | {right if isinstance(right, str) else 'ran'}"
    return next((text for a, b in zip(left, right, strict=True) if (text := _unlike(a, b, row))), "")


def _unlike(a: Any, b: Any, row: Row) -> str:
    if isinstance(a[1], list) and len(a) == 2 and len(b) == 2:
        if a[0] != b[0] or len(a[1]) != len(b[1]):
            return f"{a[0]} of {len(a[1])} | {b[0]} of {len(b[1])}"
        return next((text for one, two in zip(a[1], b[1], strict=True) if (text := _unlike(one, two, row))), "")
    if a[:2] != b[:2]:
        return f"{a[:2]} | {b[:2]}"
    if len(a) < 3 or row.random:
        return ""
    if row.safety == "exact":
        same = np.array_equal(a[2], b[2], equal_nan=a[2].dtype.kind == "f")
    else:
        loose = a[2].dtype == np.float16
        same = np.allclose(a[2], b[2], rtol=2e-3 if loose else 2e-6, atol=2e-3 if loose else 2e-6)
    return "" if same else f"values: {a[2].ravel()[:4]} | {b[2].ravel()[:4]}"


def _aliased(module: Written, function: str, call: str) -> bool | str:
    """Return whether writing into the first result of `function`, which is `call`, changes an argument of it."""
    given = fixtures()
    used = [name for name in re.findall(r"\w+", call) if name in given]
    for name in used:
        given[name] = given[name].copy()  # on the device, where a view can be taken
    try:
        result = getattr(module.module, function)(*given.values())[0]
        for part in result if isinstance(result, (tuple, list)) else (result,):
            if part.ndim:  # a scalar cannot be sliced, and no view of one is of interest
                part[:] = 0
                part.asnumpy()
        before = fixtures()
        return any(not np.array_equal(given[name].copy().asnumpy(), before[name].asnumpy()) for name in used)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        _settle()


@dataclass(frozen=True)
class Side:
    """One of the two calls of a row, and what is called in its place.

    Attributes:
        label: `source`, `replaced_eager` or `replaced_jit`; `native` and `native_source` call the real function always.
        replacement: Whether it is the replacement.
        jit: Whether it is compiled, so that it has the cases for that.
        function: The expression to call instead of the qualified name; empty for the name itself.
    """

    label: str
    replacement: bool
    jit: bool
    function: str = ""

    def name(self, row: Row) -> str:
        """Return the name of the generated function."""
        return f"{self.label}_{re.sub(r'[^A-Za-z0-9]', '_', row.source)}"


def sides(row: Row, table: Table) -> list[Side]:
    """Return the functions to generate for a row. A source of mint's own is stood in for like a replacement."""
    found = []
    for label, jit in (("eager", False), ("jit", True)):
        found.append(Side(f"native_{label}", True, jit))
        found.append(Side(f"replaced_{label}", True, jit, stand_in(row.to, table, jit=jit)))
        found.append(Side(f"source_{label}", False, jit, stand_in(row.source, table, jit=jit)))
    return found


def stand_in(name: str, table: Table, *, jit: bool) -> str:
    """Return the stand-in for a function that lacks a kernel here; empty where it has one."""
    if name in table.api and table.api[name].cpu in ("no kernel", "no jit kernel" if jit else "no eager kernel"):
        return f"stand_ins.{'GRAPH' if jit else 'EAGER'}[{name!r}]"
    return ""


def generate(rows: list[Row], table: Table, functions: dict[str, list[str]], setup: list[str]) -> None:
    """Add the functions of every row, and the lines that must come before them."""
    for row in rows:
        for side in sides(row, table):
            name = side.name(row)
            found = [case for case in cases(row, table) if case.compiled or not side.jit]
            texts = [case.replacement if side.replacement else case.source for case in found]
            if side.function:
                setup.append(f"of_{name} = {side.function}")
                texts = [f"of_{name}{text[len(row.to if side.replacement else row.source) :]}" for text in texts]
            if row.kind == "layer":
                texts = [_layer(row, f"{name}_{number}", text, setup) for number, text in enumerate(texts)]
            functions[name] = texts


def _layer(row: Row, name: str, constructor: str, setup: list[str]) -> str:
    """Build a layer once, always from the same seed, and return the call of it."""
    setup.append(f"mindspore.set_seed(1)\n{name} = {constructor}\n{name}.update_parameters_name('{name}.')")
    if row.random:
        setup.append(f"{name}.set_train()")
    return f"{name}({row.call})"


BATCH = 10


def batched(names: list[str], label: str, functions: dict[str, list[str]]) -> dict[str, list[str]]:
    """Add functions that do what several of the generated ones do; return batch → members."""
    batches = {f"{label}_batch_{at}": names[at : at + BATCH] for at in range(0, len(names), BATCH)}
    for batch, members in batches.items():
        functions[batch] = [f"({', '.join(functions[member])},)" for member in members]
    return batches


def execute(rows: list[Row], table: Table, folder: Path, imports: str) -> dict[str, dict[str, Any]]:
    """Execute every row and return row → what was seen; see `main`."""
    functions: dict[str, list[str]] = {}
    setup: list[str] = []
    generate(rows, table, functions, setup)
    plans = {}
    for label, replacement, jit in (
        ("source_eager", False, False), ("source_jit", False, True),
        ("replaced_eager", True, False), ("replaced_jit", True, True),
    ):  # fmt: skip
        wanted = [row for row in rows if replacement or row.source_runs == "eager and jit"]
        names = [Side(label, replacement, jit).name(row) for row in wanted]
        plans[label] = (batched(names, label, functions), jit)
    module = Written(folder, functions, setup, f"import stand_ins\n{imports}")
    results = {}
    for batches, jit in plans.values():
        results |= module.run_all(batches, jit=jit)
    seen = {row.source: _seen(row, table, module, results) for row in rows}
    if "mindnlp" in imports:
        _compare_as_on_ascend(rows, table, module, results, seen)
    return seen


def _compare_as_on_ascend(
    rows: list[Row], table: Table, module: Written, results: dict[str, Any], seen: dict[str, dict[str, Any]]
) -> None:
    """Take the branch that mindnlp takes on Ascend, where it calls mint itself, with stand-ins for what a CPU lacks."""
    from mindnlp import configs

    for name, function in stand_ins.EAGER.items():
        home, _, member = name.rpartition(".")
        setattr(resolve(home), member, function)
    configs.set_pyboost(True)
    for row in rows:
        source = module.run(Side("source_eager", False, False).name(row), jit=False)
        seen[row.source]["ascend"] = difference(source, results[Side("replaced_eager", True, False).name(row)], row)


def _seen(row: Row, table: Table, module: Written, results: dict[str, Any]) -> dict[str, Any]:
    names = {side.label: side.name(row) for side in sides(row, table)}
    seen: dict[str, Any] = {"calls": [case.source for case in cases(row, table)]}
    for mode in ("eager", "jit"):
        source, replaced = results.get(names[f"source_{mode}"]), results[names[f"replaced_{mode}"]]
        if source is None:  # the row says that the source does not run everywhere
            source = module.run(names[f"source_{mode}"], jit=mode == "jit")
            seen[f"source_{mode}"] = source if isinstance(source, str) else "ran"
            if isinstance(source, str):
                source = module.run(names["source_jit"], jit=False)
            if isinstance(source, str):
                seen[mode] = replaced if isinstance(replaced, str) else ""
                continue
        seen[mode] = difference(source, replaced, row)
    lacking = table.api[row.to].cpu
    for mode in ("eager", "jit"):
        if lacking in ("no kernel", f"no {mode} kernel"):
            outcome = module.run(names[f"native_{mode}"], jit=mode == "jit")
            seen[f"native_{mode}"] = outcome if isinstance(outcome, str) else "ran"
    if (
        not lacking.startswith("no ")
        and row.kind != "layer"
        and not row.random
        and not stand_in(row.source, table, jit=False)
    ):
        call = seen["calls"][0]
        seen["aliases"] = [_aliased(module, names[f"{side}_eager"], call) for side in ("source", "replaced")]
    return seen


def weigh(refusals: list[Refusal], folder: Path, imports: str) -> dict[str, str]:
    """Return refusal → what contradicts its evidence; empty when the evidence holds."""
    lines = [HEADER.format(imports=f"import stand_ins\n{imports}")]
    for number, refusal in enumerate(refusals):
        for side, call in enumerate(refusal.differs or refusal.parameters or ()):
            lines.append(f"def call_{number}_{side}({PARAMETERS}):\n    return ({_stood_in(call)},)\n")
    (folder / "evidence_under_test.py").write_text("\n".join(lines), encoding="utf-8")
    module = importlib.import_module("evidence_under_test")
    return {one.source: _contradiction(number, one, module) for number, one in enumerate(refusals)}


def _stood_in(call: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = f"mindspore.{match[0]}"
        return f"stand_ins.EAGER[{name!r}]" if name in stand_ins.EAGER else match[0]

    return re.sub(r"\bmint(?:\.\w+)+", replaced, call)


def _contradiction(number: int, refusal: Refusal, module: Any) -> str:
    if refusal.absent:
        return ", ".join(f"{name} exists" for name in refusal.absent if _exists(name))
    if refusal.differs is not None:
        outcomes = [_outcome(getattr(module, f"call_{number}_{side}")) for side in (0, 1)]
        if isinstance(outcomes[0], str):
            return f"the source raises: {outcomes[0]}"
        exact = Row(source="", signature="()", to="", examples=())
        return "" if difference(outcomes[0], outcomes[1], exact) else "the two calls give the same"
    if refusal.parameters is not None:
        names = [{one.name for one in _layer_of(module, number, side).get_parameters()} for side in (0, 1)]
        return "the parameters have the same names" if names[0] == names[1] else ""
    if refusal.attributes:
        source, layer = resolve(refusal.source)(2, 2), resolve(refusal.layer)(2, 2)
        wrong = [name for name in refusal.attributes if not hasattr(source, name) or hasattr(layer, name)]
        return f"{', '.join(wrong)} in both or in neither" if wrong else ""
    if refusal.module:
        return _registers_cells()
    if refusal.docs_only:
        found = platforms(refusal.source)
        return "" if found == {refusal.docs_only.lower()} else f"documented for {sorted(found)}"
    return ""


def _layer_of(module: Any, number: int, side: int) -> Any:
    return getattr(module, f"call_{number}_{side}")(*fixtures().values())[0]


def _outcome(function: Callable[..., Any]) -> Any:
    try:
        return [_plain(value) for value in function(*fixtures().values())]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        _settle()


def _exists(name: str) -> bool:
    try:
        resolve(name)
    except AttributeError:
        return False
    return True


def _registers_cells() -> str:
    """Return what a module of mindnlp does with a cell of mint beyond keeping it as an attribute."""
    from mindnlp.core import nn

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = mindspore.mint.nn.Linear(2, 2)

    holder = Holder()
    holder.train()
    if holder.state_dict() or list(holder.children()):
        return "the module registers the cell"
    return "the cell is told of train()" if holder.layer.training else ""


def _aliases(rows: list[Row], table: Table) -> dict[str, bool]:
    """Return other name of a source → whether it is the same function, for the names that exist."""
    found = {}
    for other, short in table.alias.items():
        for row in rows:
            name = other + row.source.rpartition(".")[2]
            if row.kind == "function" and row.source.rpartition(".")[0] + "." == short and _exists(name):
                found[name] = resolve(name) is resolve(row.source) and table.canonical(name) == row.source
    return found


def main(library: str, result: Path) -> None:
    """Execute the rows and the refusals of one library and write what was seen as JSON.

    rows: for each row
        calls: the source calls
        eager, jit: how the two sides differ; empty when they agree
        native_eager, native_jit: the error of a replacement that is said to lack the kernel, or `ran`
        source_eager, source_jit: the same of a source that does not run everywhere
        aliases: for both sides, whether writing into the result changes an argument
        ascend: how the sides differ when mindnlp takes its branch for Ascend
    signatures: source → its signature as Python reports it
    apis: replacement → its signature and documented platforms
    same_objects: the sources that are their replacement
    aliases: other name of a source → whether it is the same function
    refusals: refusal → what contradicts its evidence
    missing: the sources that do not exist
    """
    imports = ""
    if library == "mindnlp":
        from rewriter.runtime import mindnlp_compat

        assert mindnlp_compat.apply()
        imports = "import mindnlp.core.ops\nimport mindnlp.core.nn.functional\nfrom mindnlp import core"
    table = load()
    rows = [row for row in table.rows.values() if row.source.startswith(library + ".")]
    if library == "mindnlp":  # it patches the methods of Tensor
        rows += [row for row in table.rows.values() if row.kind == "method"]
    refusals = [one for one in table.refusals.values() if one.source.startswith(library + ".")]
    names = [one.source.removesuffix(".*") for one in (*rows, *refusals)]
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        report: dict[str, Any] = {"missing": [name for name in names if not _exists(name)]}
        report["refusals"] = weigh(refusals, Path(folder), imports)
        report["apis"] = {
            name: {"signature": signature(name), "platforms": sorted(platforms(name, api.parameters))}
            for name, api in table.api.items()
        }
        report["signatures"] = {row.source: signature(row.source) for row in rows if _exists(row.source)}
        report["same_objects"] = [row.source for row in rows if resolve(row.source) is resolve(row.to)]
        report["aliases"] = _aliases(rows, table)
        report["rows"] = execute(rows, table, Path(folder), imports)
    result.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
