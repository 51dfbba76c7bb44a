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
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import stand_ins
from mindspore import Tensor
from mint_cases import FIXTURES, Case, cases
from rewriter_passes.mint.table import Row, Table, load

HEADER = f"""import mindspore
import mindspore as ms
from mindspore import Tensor, mint, nn, ops
{{imports}}
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
    """A module of generated functions, by name."""

    def __init__(self, folder: Path, name: str, functions: dict[str, list[str]], setup: list[str], imports: str) -> None:
        text = [HEADER.format(imports=imports), *setup]
        for function, expressions in functions.items():
            body = "".join(f"        {expression},\n" for expression in expressions)
            text.append(f"def {function}({PARAMETERS}):\n    return (\n{body}    )\n")
        (folder / f"{name}.py").write_text("\n".join(text), encoding="utf-8")
        self.module = importlib.import_module(name)

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


def _aliased(module: Written, function: str) -> list[bool] | str:
    """Return for each result whether writing into it changes an argument."""
    given = fixtures()
    tensors = {name: one + 0 if one.dtype != mindspore.bool_ else one.copy() for name, one in given.items()}
    try:
        results = getattr(module.module, function)(*tensors.values())
        found = []
        for result in results:
            before = {name: one.copy().asnumpy() for name, one in tensors.items()}
            for part in result if isinstance(result, (tuple, list)) else (result,):
                part[...] = 0
                part.asnumpy()
            found.append(any(not np.array_equal((one.copy()).asnumpy(), before[name]) for name, one in tensors.items()))
        return found
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        _settle()


def expressions(row: Row, found: list[Case], side: str, prefix: str, alias: str) -> tuple[list[str], list[str]]:
    """Return the expressions for one side of the cases, and the lines that must come before them.

    Args:
        row: The row.
        found: Its cases.
        side: `source` or `replacement`.
        prefix: A unique name for this side.
        alias: What to call in place of the replacement's own name.
    """
    texts = [getattr(case, side) for case in found]
    if side == "replacement":
        texts = [alias + text[len(row.to) :] for text in texts]
    if row.kind != "layer":
        return texts, []
    setup = [f"mindspore.set_seed(1)\n{prefix}_{number} = {text}" for number, text in enumerate(texts)]
    if row.random:
        setup += [f"{prefix}_{number}.set_train()" for number in range(len(texts))]
    return [f"{prefix}_{number}({row.call})" for number in range(len(texts))], setup


def stand_in(name: str, table: Table, *, jit: bool) -> str:
    """Return the expression for a replacement on this machine: itself where it runs, else its stand-in."""
    lacking = table.api[name].cpu
    if lacking == "no kernel" or lacking == ("no jit kernel" if jit else "no eager kernel"):
        return f"stand_ins.{'GRAPH' if jit else 'EAGER'}[{name!r}]"
    return name


def _identifier(row: Row) -> str:
    return re.sub(r"\W", "_", row.source)


def execute(rows: list[Row], table: Table, folder: Path, imports: str) -> dict[str, dict[str, Any]]:
    """Execute every row and return row → what was seen."""
    functions: dict[str, list[str]] = {}
    setup: list[str] = []
    for row in rows:
        name, found = _identifier(row), cases(row, table)
        sides = {
            "source": ("source", ""),
            "eager": ("replacement", stand_in(row.to, table, jit=False)),
            "graph": ("replacement", stand_in(row.to, table, jit=True)),
            "native": ("replacement", row.to),
        }
        for label, (side, target) in sides.items():
            alias = f"{label}_of_{name}"
            if side == "replacement":
                setup.append(f"{alias} = {target}")
            functions[f"{label}_{name}"], lines = expressions(row, found, side, f"{label}_layer_{name}", alias)
            setup += lines
    module = Written(folder, "calls_under_test", functions, setup, f"import stand_ins\n{imports}")
    return {row.source: _observe(row, table, module) for row in rows}


def _observe(row: Row, table: Table, module: Written) -> dict[str, Any]:
    name = _identifier(row)
    source, source_jit = module.run(f"source_{name}", jit=False), None
    if row.source_runs == "eager and jit":
        source_jit = module.run(f"source_{name}", jit=True)
    lacking = table.api[row.to].cpu
    eager = module.run(f"eager_{name}", jit=False)
    graph = module.run(f"graph_{name}", jit=True)
    seen: dict[str, Any] = {"calls": [case.source for case in cases(row, table)]}
    if row.source_runs == "neither":
        seen["source_raises"] = isinstance(source, str)
        seen["eager"] = eager if isinstance(eager, str) else ""
        seen["graph"] = graph if isinstance(graph, str) else ""
    else:
        seen["eager"] = difference(source, eager, row)
        seen["graph"] = difference(source if source_jit is None else source_jit, graph, row)
    if row.source_runs == "eager":
        seen["source_jit_raises"] = isinstance(module.run(f"source_{name}", jit=True), str)
    seen["native_eager"] = "" if lacking in ("no jit kernel",) else _error(module, name, lacking, jit=False)
    seen["native_jit"] = "" if lacking in ("no eager kernel",) else _error(module, name, lacking, jit=True)
    if not lacking.startswith("no ") and row.kind != "layer" and not row.random:
        seen["aliases"] = [_aliased(module, f"source_{name}"), _aliased(module, f"eager_{name}")]
    return seen


def _error(module: Written, name: str, lacking: str, *, jit: bool) -> str:
    """Return the error of the replacement itself where the table says that it has no kernel."""
    if not lacking.startswith("no "):
        return ""
    outcome = module.run(f"native_{name}", jit=jit)
    return outcome if isinstance(outcome, str) else "ran"


def main(library: str, result: Path) -> None:
    """Execute the rows of one library and write the result."""
    imports = ""
    if library == "mindnlp":
        from rewriter.runtime import mindnlp_compat

        assert mindnlp_compat.apply()
        imports = "import mindnlp.core.ops\nimport mindnlp.core.nn.functional\nfrom mindnlp import core"
    table = load()
    rows = [row for row in table.rows.values() if row.source.startswith(library + ".")]
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        seen = execute(rows, table, Path(folder), imports)
    result.write_text(json.dumps(seen, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
