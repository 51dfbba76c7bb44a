"""What every spelling of an operator costs on this machine: the table that cost-aware choices are made by."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, ValidationError, convert

from ..errors import MissingDependency, RewriterError
from .machine import Machine, describe
from .plan import Progress, silent
from .serving import summary
from .threads import limit_mindspore, limited

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("spellings.toml")
ROUNDS = 20
WARMUP = 2


class Op(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operator in all its spellings; the head of `spellings.toml` explains the fields."""

    name: str
    sizes: str
    arrays: dict[str, tuple[int, ...]]
    constants: list[str]
    indices: dict[str, tuple[tuple[int, ...], int]] = {}
    setup: str
    tolerance: float
    spellings: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        """Names of what a spelling is called with."""
        return [name for name in (*self.arrays, *self.indices) if name not in self.constants]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    op: list[Op]


@dataclass(frozen=True)
class Cost:
    """What one spelling costs.

    Attributes:
        op: Name of the operator.
        sizes: Its sizes.
        spelling: Name of the spelling.
        code: Its expression.
        eager_ms: Median time in eager mode; None when it cannot run.
        jit_ms: Median time as a STRICT graph; None when it cannot run.
        difference: Largest absolute difference from the first spelling that runs; None when it cannot run.
        wrong: Whether that is more than the operator allows.
        note: Why it cannot run.
    """

    op: str
    sizes: str
    spelling: str
    code: str
    eager_ms: float | None
    jit_ms: float | None
    difference: float | None
    wrong: bool
    note: str


@dataclass(frozen=True)
class Costs:
    """The costs of all spellings, on one machine.

    Attributes:
        machine: Which.
        rounds: Timed calls of each.
        costs: In the order of the table.
    """

    machine: Machine
    rounds: int
    costs: tuple[Cost, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def to_toml(self) -> str:
        """Return it as TOML: `[machine]`, `rounds`, and one `[[cost]]` for each spelling."""
        lines = ["# Written by `rewriter bench --ops`: milliseconds, medians of interleaved rounds.", ""]
        lines += [f"rounds = {self.rounds}", "", "[machine]", *_fields(asdict(self.machine))]
        for cost in self.costs:
            lines += ["", "[[cost]]", *_fields(asdict(cost))]
        return "\n".join(lines) + "\n"


def read(path: Path = TABLE) -> list[Op]:
    """Read a table of spellings.

    Raises:
        RewriterError: It is not one.
    """
    try:
        return convert(tomllib.loads(path.read_text(encoding="utf-8")), _Table).op
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RewriterError(f"{path}: not a table of spellings: {error}") from None


def measure_ops(
    path: Path = TABLE, *, rounds: int = ROUNDS, threads: int | None = None, progress: Progress = silent
) -> Costs:
    """Time every spelling of a table, in eager mode and as a STRICT graph. The table's code is executed.

    Args:
        path: The table.
        rounds: Timed calls of each spelling, which take turns.
        threads: As many threads; None for one per core.
        progress: Told what runs.

    Raises:
        RewriterError: The table cannot be read, or its code is not Python.
        MissingDependency: MindSpore is not installed.
    """
    if importlib.util.find_spec("mindspore") is None:
        raise MissingDependency("mindspore is not installed, and this command runs its operators")
    ops = read(path)
    found: list[Cost] = []
    with limited(threads) as count, tempfile.TemporaryDirectory(prefix="rewriter-ops-") as folder:
        limit_mindspore(count)
        for number, op in enumerate(ops):
            progress(f"{op.name}, {op.sizes}", number / len(ops))
            found.extend(_measure_one(op, Path(folder), number, rounds))
        return Costs(describe(threads), rounds, tuple(found))


@dataclass
class _Running:
    """A spelling in one mode.

    Attributes:
        call: Runs it.
        samples: Times so far, in seconds.
        output: What it returned first; None before.
        note: Why it cannot run.
    """

    call: Callable[[], Any]
    samples: list[float] = field(default_factory=list)
    output: npt.NDArray[Any] | None = None
    note: str = ""

    def begin(self) -> None:
        """Run for the first time, to compile and to see whether it can."""
        try:
            self.output = self.call().asnumpy()
        except Exception as error:  # no kernel, or not a graph: what the table is to say
            self.note = summary(error)[:200]

    def once(self) -> None:
        """Run, and take the time."""
        start = time.perf_counter()
        self.call().asnumpy()
        self.samples.append(time.perf_counter() - start)


def _measure_one(op: Op, folder: Path, number: int, rounds: int) -> list[Cost]:
    values = _draw(op)
    module = _module(op, values, folder / f"spellings_{number}.py")
    try:
        return _timed(op, module, values, rounds)
    finally:
        del sys.modules[module.__name__]


def _timed(op: Op, module: ModuleType, values: Mapping[str, npt.NDArray[Any]], rounds: int) -> list[Cost]:
    import mindspore

    arguments = [mindspore.Tensor(values[name]) for name in op.arguments]
    running: list[tuple[_Running, _Running]] = []
    for index in range(len(op.spellings)):
        function = getattr(module, f"spelling_{index}")
        graph = mindspore.jit(function, fullgraph=True)
        running.append((_bound(function, arguments), _bound(graph, arguments)))
    for item in (mode for pair in running for mode in pair):
        item.begin()
    able = [mode for pair in running for mode in pair if not mode.note]
    for item in able * WARMUP:
        item.call().asnumpy()
    for item in able * rounds:
        item.once()
    first = next((mode.output for pair in running for mode in pair if mode.output is not None), None)
    named = zip(op.spellings.items(), running, strict=True)
    return [_cost(op, name, code, eager, jit, first) for (name, code), (eager, jit) in named]


def _bound(function: Any, arguments: Sequence[Any]) -> _Running:
    return _Running(lambda: function(*arguments))


def _cost(op: Op, name: str, code: str, eager: _Running, jit: _Running, first: npt.NDArray[Any] | None) -> Cost:
    outputs = [mode.output for mode in (eager, jit) if mode.output is not None]
    far = [float(np.max(np.abs(output - first))) for output in outputs] if first is not None else []
    notes = dict.fromkeys(f"{mode}: {item.note}" for mode, item in (("eager", eager), ("jit", jit)) if item.note)
    return Cost(
        op=op.name,
        sizes=op.sizes,
        spelling=name,
        code=code,
        eager_ms=_median_ms(eager.samples),
        jit_ms=_median_ms(jit.samples),
        difference=max(far, default=None),
        wrong=not max(far, default=0.0) <= op.tolerance,  # NaN is wrong, too
        note="; ".join(notes),
    )


def _median_ms(samples: Sequence[float]) -> float | None:
    return round(float(np.median(samples)) * 1e3, 4) if samples else None


def _draw(op: Op) -> dict[str, npt.NDArray[Any]]:
    random = np.random.default_rng(0)
    values: dict[str, npt.NDArray[Any]] = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in op.arrays.items()
    }
    for name, (shape, below) in op.indices.items():
        values[name] = random.integers(0, below, shape)
    return values


def _module(op: Op, values: Mapping[str, npt.NDArray[Any]], path: Path) -> ModuleType:
    """Write the spellings as functions of a file, which the graph compiler can read, and import it."""
    import mindspore

    names = ", ".join(op.arguments)
    lines = ["import mindspore", "from mindspore import mint, nn, ops", "", op.setup.strip(), ""]
    for index, code in enumerate(op.spellings.values()):
        lines += [f"def spelling_{index}({names}):", f"    return {code}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    name = f"rewriter_{path.parent.name.replace('-', '_')}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for constant in op.constants:
        setattr(module, constant, mindspore.Parameter(mindspore.Tensor(values[constant]), name=constant))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RewriterError(f"the spellings of '{op.name}' are not Python: {summary(error)}") from None
    return module


def _fields(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield `key = value` for what TOML can say; it has no null. Its strings and lists are those of JSON here."""
    for key, value in values.items():
        if value is not None:
            spelled = repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
            yield f"{key} = {spelled}"
