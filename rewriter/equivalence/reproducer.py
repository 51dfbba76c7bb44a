"""A failing case as a folder that runs on its own: the two files, what they were asked, and a script that shows it.

A folder holds `original.py` and `rewritten.py` (the bytes of the files), `inputs.npz`, `weights.npz`, `config.json`,
and `reproduce.py`, which loads all of that and exits with 1 as long as the files differ. A plain call is repeated with
the recorded arrays; a longer story (training, loading weights …) by `verify`, which draws the same ones from the seed.

Both files are loaded from the folder. What lies in a package needs that package for its relative imports:
`config.json` names the file beside which it is loaded, dotted for an installed one, else by its path.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sysconfig
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import plugins
from ..errors import RewriterError
from ..runtime import loader
from ..source import package_of
from . import compiled, weights
from .adapters import ModelAdapter, find_adapter
from .cases import CALL, Array, Case
from .compiled import Observed
from .policy import Policy
from .run import list_cases
from .scenarios import SCENARIOS
from .statistics import Status
from .subject import Subject
from .verdict import CaseResult, Verdict
from .verify import verify

MOST = 3
"""So many of the failing cases are written by `write_worst`."""

SCRIPT = '''\
"""{case}

Shows how `rewritten.py` differs from `original.py` in this case; exits with 1 when it does, and with 0 when not.
{loading}
"""

import sys
from pathlib import Path

from rewriter.equivalence import reproducer

result = reproducer.read(Path(__file__).resolve().parent).{replay}()
for mode, output in reproducer.outputs(result):
    print(f"{{mode}} {{output.path}}: max absolute difference {{output.absolute.maximum:g}}. {{output.message}}")
for reason in reproducer.reasons(result):
    print(reason)
print(result.status.value)
sys.exit(0 if reproducer.holds(result) else 1)
'''


@dataclass(frozen=True)
class Recorded:
    """What a folder holds.

    Attributes:
        folder: Where it is.
        case: The case, with its recorded inputs.
        seed: Of weights and inputs.
        tolerance: The user's; None for the published one.
        beside: File of the folder → what it is loaded as if it lay beside; empty for a file that is in no package.
        plugins: The plugins that were named.
    """

    folder: Path
    case: Case
    seed: int
    tolerance: float | None
    beside: Mapping[str, str]
    plugins: tuple[str, ...]

    def call(self) -> CaseResult:
        """Make the recorded call on models with the recorded weights, and compare the answers."""
        os.environ.setdefault("GLOG_v", "3")  # MindSpore's own warnings would bury the answer
        one = self._load("original.py")
        other = self._load("rewritten.py")
        adapter = find_adapter(one, self._adapters())
        methods = compiled.find(other, one)
        subject = Subject(adapter, one, other, methods, self.case, Policy(self.tolerance), self.seed)
        if subject.misfits:
            return CaseResult(self.case.id, self.case.model, unverified="; ".join(subject.misfits))
        values = dict(np.load(self.folder / "weights.npz"))
        weights.load(subject.original, values)
        weights.load(subject.rewritten, values)
        return SCENARIOS[self.case.scenario](subject, self.case, Observed())

    def verify(self) -> CaseResult:
        """Run the case as `rewriter verify` does; a file in a package is compared with the original in its place."""
        original = self.beside["original.py"] or self.folder / "original.py"
        rewritten = self.folder / "rewritten.py"
        return verify(
            original,
            rewritten,
            level="full",
            seed=self.seed,
            tolerance=self.tolerance,
            cases=[self.case.id],
            adapters=self._adapters(),
        ).cases[0]

    def _load(self, name: str) -> ModuleType:
        beside = self.beside[name]
        return loader.load(self.folder / name, twin_of=loader.load(beside) if beside else None)

    def _adapters(self) -> tuple[ModelAdapter, ...]:
        return plugins.load(self.plugins).model_adapters()


def read(folder: Path) -> Recorded:
    """Read what `write` left in a folder.

    Raises:
        RewriterError: The folder is none of ours.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        arrays = dict(np.load(folder / "inputs.npz"))
        known = {item.name for item in dataclasses.fields(Case)}
        case = {name: value for name, value in config["case"].items() if name in known}
        inputs = _nested({**arrays, **config["inputs"]})
        beside = {name: config["files"][name]["beside"] for name in ("original.py", "rewritten.py")}
        return Recorded(
            folder, Case(**case, inputs=inputs), config["seed"], config["tolerance"], beside, tuple(config["plugins"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RewriterError(f"{folder}: no reproducer ({type(error).__name__}: {error})") from None


def write(
    verdict: Verdict,
    case_id: str,
    folder: Path,
    *,
    adapters: Sequence[ModelAdapter] = (),
    named: Sequence[str] = (),
) -> Path:
    """Write the reproducer of one case of a verdict.

    The folder appears as a whole or not at all, and takes the place of an older reproducer.

    Args:
        verdict: What `verify` returned in this process.
        case_id: Id of the case.
        folder: The folder to make.
        adapters: Those that `verify` was given.
        named: The plugins that they come from, as `--plugin` takes them.

    Returns:
        The folder.

    Raises:
        RewriterError: There is no such case, or the folder cannot be written, or is something else already.
    """
    cases = list_cases(verdict.original, level="full", seed=verdict.seed, adapters=adapters)
    case = next((case for case in cases if case.id == case_id), None)
    if case is None:
        raise RewriterError(f"no case {case_id} to reproduce", exit_code=1)
    files = _contents(verdict, case, adapters, named)
    try:
        _put(folder, files)
    except OSError as error:
        raise RewriterError(f"{folder}: cannot be written ({error.strerror or error})", exit_code=1) from None
    return folder


def write_worst(
    verdict: Verdict, folder: Path, *, adapters: Sequence[ModelAdapter] = (), named: Sequence[str] = ()
) -> Iterator[tuple[str, Path | RewriterError]]:
    """Write the reproducers of the worst failing cases, at most `MOST`, into folders of their own below `folder`.

    Yields:
        The id of a case, and its folder, or why there is none.
    """
    for case in verdict.failing[:MOST]:
        try:
            yield case.id, write(verdict, case.id, folder / folder_name(case.id), adapters=adapters, named=named)
        except RewriterError as error:
            yield case.id, error


def folder_name(case_id: str) -> str:
    """Return a name for the folder of a case: its id, as far as a file system takes it."""
    name = re.sub(r"[^\w=,.+-]", "_", case_id.replace("/", "__"))
    if len(name) <= 120 and not name.startswith("."):
        return name
    return f"{name[:110].lstrip('.')}-{zlib.crc32(case_id.encode()):08x}"


def outputs(result: CaseResult) -> list[tuple[str, Any]]:
    """Return (mode, comparison) of every output that is not identical."""
    return [
        (mode.mode, item) for mode in result.modes for item in mode.differences if item.status is not Status.IDENTICAL
    ]


def reasons(result: CaseResult) -> list[str]:
    """Return what keeps a promise from holding besides outputs: methods that ran as plain Python, and no verdict."""
    found = [f"{method} ran uncompiled: {why}" for mode in result.modes for method, why in mode.uncompiled]
    return [*found, result.unverified] if result.unverified else found


def holds(result: CaseResult) -> bool:
    """Whether both promises hold in a case: the same answers, and compiled what is said to be."""
    return result.status in (Status.IDENTICAL, Status.EQUIVALENT) and not reasons(result)


def _contents(
    verdict: Verdict, case: Case, adapters: Sequence[ModelAdapter], named: Sequence[str]
) -> dict[str, bytes | dict[str, Array]]:
    """Return file name → what it holds."""
    module = loader.load(verdict.original)
    try:
        model = find_adapter(module, adapters).build(module, case.model, case.settings)
    except Exception as error:
        raise RewriterError(f"{case.model} cannot be built: {type(error).__name__}: {error}", exit_code=1) from None
    if case.dtype:
        weights.cast(model, case.dtype)
    paths = {name: _path(spec) for name, spec in _files(verdict).items()}
    beside = {name: _beside(path) for name, path in paths.items()}
    beside["rewritten.py"] = beside["rewritten.py"] or beside["original.py"]
    leaves = _flat(case.inputs)
    arrays = {name: value for name, value in leaves.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in leaves.items() if name not in arrays}
    described = {item.name: getattr(case, item.name) for item in dataclasses.fields(case) if item.name != "inputs"}
    replay = "call" if case.scenario == CALL and _survives([plain, described]) else "verify"
    config = {
        "case": described,
        "inputs": plain,
        "seed": verdict.seed,
        "tolerance": verdict.tolerance,
        "configuration": _configuration(model),
        "files": {name: {"name": spec, "beside": beside[name]} for name, spec in _files(verdict).items()},
        "plugins": [str(Path(name).resolve()) if Path(name).is_file() else name for name in named],
        "environment": verdict.environment,
    }
    script = SCRIPT.format(case=case.id, replay=replay, loading=_loading(beside, replay))
    return {
        **{name: _bytes(path) for name, path in paths.items()},
        "inputs.npz": arrays,
        "weights.npz": weights.draw(model, verdict.seed),
        "config.json": json.dumps(config, indent=2, default=str).encode(),
        "reproduce.py": script.encode(),
    }


def _files(verdict: Verdict) -> dict[str, str]:
    return {"original.py": verdict.original, "rewritten.py": verdict.rewritten}


def _path(spec: str) -> Path:
    path = loader.source_path(spec)
    if path is None or not path.is_file():
        raise RewriterError(f"{spec}: the file is gone", exit_code=1)
    return path


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RewriterError(f"{path}: cannot be read ({error.strerror or error})", exit_code=1) from None


def _beside(path: Path) -> str:
    """Return what a copy of `path` is to be loaded beside: a dotted name, or a path; empty for a file in no package."""
    package = package_of(path)
    if not package:
        return ""
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")]
    root = path.resolve().parents[len(package.split("."))]
    return f"{package}.{path.stem}" if root in installed else str(path.resolve())


def _loading(beside: Mapping[str, str], replay: str) -> str:
    lines = []
    for name, place in beside.items():
        if place and (name == "rewritten.py" or replay == "call"):
            lines.append(f"`{name}` is imported as a member of the package that holds {place}.")
        elif place:
            lines.append(f"The original is imported from its place: {place}.")
    if replay == "verify":
        lines.append("This case is more than one call, so `rewriter.equivalence.verify` runs it, from the seed.")
    return "\n".join(lines) or "Both files are imported from this folder."


def _configuration(model: Any) -> dict[str, Any]:
    config: Any = getattr(model, "config", None)
    if hasattr(config, "to_dict"):
        return dict(config.to_dict())
    return dict(vars(config)) if hasattr(config, "__dict__") else {}


def _survives(value: Any) -> bool:
    """Whether a value comes back from JSON as it was."""
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError):
        return False


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted key → array, for arrays in nested tuples: `past_key_values.0.1`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, tuple) and value:
            found.update(_flat({f"{name}.{index}": item for index, item in enumerate(value)}))
        else:
            found[name] = value
    return found


def _nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `_flat`."""
    tree: dict[str, Any] = {}
    for name, value in leaves.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return {name: _tuples(value) for name, value in tree.items()}


def _tuples(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return tuple(_tuples(value[key]) for key in sorted(value, key=int))


def _put(folder: Path, files: Mapping[str, bytes | Mapping[str, Array]]) -> None:
    """Make a folder with these files, in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(folder) and (folder.is_symlink() or not (folder / "reproduce.py").is_file()):
        raise RewriterError(
            f"{folder}: is there already, and no reproducer",
            hint="Choose another place with --reproducer.",
            exit_code=1,
        )
    new, old = (folder.with_name(f".rewriter-{uuid.uuid4().hex}") for _ in range(2))
    try:
        new.mkdir()
        for name, content in files.items():
            if isinstance(content, bytes):
                (new / name).write_bytes(content)
            else:
                np.savez(new / name, **content)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
